use serde_json::json;

use super::*;
use crate::basis::PluginSchemas;
use crate::basis::testing::{channel, judged, plugins};
use crate::json5;
use crate::path::KeyPath;

fn schemas() -> PluginSchemas {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.invalid/chat",
        "title": "Chat",
        "type": "object",
        "additionalProperties": false,
        "required": ["token"],
        "dependentRequired": {"rooms": ["limit"]},
        "properties": {
            "token": {"$ref": "#/$defs/secret", "title": "Token", "description": "From the vendor."},
            "limit": {"type": "integer"},
            "policy": {"enum": ["open", "closed"]},
            "rooms": {"type": "object", "additionalProperties": {"$ref": "#/$defs/room"}}
        },
        "$defs": {
            "secret": {"type": ["string", "object"]},
            "room": {
                "type": "object",
                "additionalProperties": false,
                "properties": {"mute": {"type": "boolean"}, "inner": {"$ref": "#/$defs/room"}}
            }
        }
    });
    plugins([("chat", channel(schema, &["token"])), ("free", channel(json!(true), &[]))])
}

#[test]
fn the_schema_is_a_valid_one() {
    let schema = json_schema(&schemas().channels);
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap();
    assert_eq!(schema["title"], "openclaw.json");
    assert_eq!(schema["properties"]["gateway"]["properties"]["port"]["maximum"], 65_535);
}

#[test]
fn schema_and_validation_agree() {
    let schemas = schemas();
    let validator = jsonschema::draft202012::new(&json_schema(&schemas.channels)).unwrap();
    let check = |text: &str, good: bool| {
        let document = json5::parse(text).unwrap().to_value();
        let report = judged(text, &schemas);
        assert_eq!(report.issues.is_empty(), good, "{text}: {:?}", report.issues);
        let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
        assert_eq!(errors.is_empty(), good, "{text}: {errors:?}");
    };
    for good in [
        "{}",
        "{$schema: 'x', meta: {any: 1}, tools: {newer: 1}}",
        "{gateway: {port: 1, auth: {token: {source: 'env', id: 'T'}}, token: 5, tls: {more: true}}}",
        "{agents: {defaults: {model: 'a/b', fastModeDefault: 'auto'}, list: [{id: 'a', model: {primary: 'a/b'}}]}}",
        "{cron: {sessionRetention: false}, session: {maintenance: {maxDiskBytes: '1gb', preserveRecent: 3}}}",
        "{secrets: {providers: {a: {source: 'env'}, b: {source: 'file', path: '/s', mode: 'json'}}}}",
        "{broadcast: {strategy: 'parallel', room: ['a'], other: {agents: ['a'], maxTurns: 32}}}",
        "{models: {providers: {p: {request: {auth: {mode: 'header', headerName: 'x', value: 'v'}}, \
         models: [{id: 'm', compat: {x: 1}, thinkingLevelMap: {off: null}, cost: {input: 0.5}}]}}}}",
        "{channels: {chat: {token: 't', enabled: true, name: 'n', limit: 1, rooms: {r: {inner: {mute: true}}}}, other: {x: 1, enabled: false}}}",
        "{channels: {chat: {limit: 1, defaultAccount: 'a', accounts: {a: {rooms: {}, token: 't', name: 'n'}}}, free: {x: [1]}}}",
        "{channels: {defaults: {groupPolicy: 'open'}, modelByChannel: {chat: {r: 'a/b'}}}}",
    ] {
        check(good, true);
    }
    for bad in [
        "{bogus: 1}",
        "[]",
        "{gateway: {port: 0}}",
        "{gateway: {port: '1'}}",
        "{gateway: {bogus: 1}}",
        "{gateway: {mode: 'x'}}",
        "{gateway: {auth: {token: 5}}}",
        "{gateway: {auth: {token: {source: 'x', id: 'T'}}}}",
        "{agents: {defaults: {model: ['a']}}}",
        "{agents: {defaults: {model: {primry: 'a'}}}}",
        "{agents: {defaults: {fastModeDefault: 'sometimes'}}}",
        "{cron: {sessionRetention: true}}",
        "{diagnostics: {otel: {sampleRate: 1.5}}}",
        "{agents: {defaults: {mediaMaxMb: 0}}}",
        "{secrets: {providers: {a: {source: 'file'}}}}",
        "{secrets: {providers: {a: {source: 'x'}}}}",
        "{secrets: {providers: {a: {}}}}",
        "{secrets: {providers: {a: {source: 'env', path: '/x'}}}}",
        "{broadcast: {room: 'a'}}",
        "{models: {providers: {p: {models: [{name: 'x'}]}}}}",
        "{hooks: {bogus: 1}}",
        "{channels: {chat: {limit: 1}}}",
        "{channels: {chat: {limit: 1, accounts: {}}}}",
        "{channels: {chat: {token: 't', rooms: {}}}}",
        "{channels: {chat: {token: 't', tokn: 1}}}",
        "{channels: {chat: {token: 't', accounts: {a: {limit: 'x'}}}}}",
        "{channels: {chat: {token: 't', rooms: {r: {inner: {mut: true}}}}}}",
        "{channels: {other: 5}}",
        "{channels: {defaults: {groupPolicy: 'x'}}}",
    ] {
        check(bad, false);
    }
}

#[test]
fn a_lookup_tells_one_place_and_what_is_below() {
    let schema = Schema::of(&schemas().channels);
    let at = |path: &str| schema.lookup(&path.parse().unwrap()).map(|found| json!(found));
    let help = "The TCP port for everything that the gateway serves. Default: 18789.";
    assert_eq!(
        at("gateway.port").unwrap(),
        json!({
            "path": "gateway.port",
            "schema": {"type": "integer", "minimum": 1, "maximum": 65_535, "description": help},
            "hint": {"help": help, "advanced": false},
            "hintPath": "gateway.port",
            "children": []
        })
    );
    let model = at("models.providers.p.models[0]").unwrap();
    assert_eq!(model["path"], "models.providers.p.models[0]");
    assert_eq!(
        model["children"][0],
        json!({
            "key": "id", "path": "models.providers.p.models[0].id", "type": "string", "required": true,
            "hasChildren": false, "hint": {"help": "The provider's own id of the model.", "advanced": false},
            "hintPath": "models.providers.*.models[].id"
        })
    );
    let token = at("channels.chat.accounts.a.token").unwrap();
    assert_eq!(token["schema"]["type"], json!(["string", "object"]));
    let hint = json!({"label": "Token", "help": "From the vendor.", "sensitive": true, "advanced": false});
    assert_eq!(token["hint"], hint);
    assert_eq!(at("channels.chat.policy").unwrap()["schema"]["type"], "string");
    assert_eq!(at("gateway.auth.token").unwrap()["schema"]["type"], json!(["string", "object"]));
    assert_eq!(at("agents.defaults.model.primary").unwrap()["schema"]["type"], "string");
    assert_eq!(at("channels.chat.rooms.r.inner.inner.mute").unwrap()["schema"]["type"], "boolean");
    assert_eq!(at("tools.web").unwrap()["hint"], json!(null));
    assert_eq!(at("tools").unwrap()["hint"], json!({"help": NOT_USED, "advanced": true}));
    assert_eq!(at("models.providers.p.models[0].compat.anything.more").unwrap()["children"], json!([]));
    assert!(at("canvasHost.port").is_some(), "nobody judges it");
    assert_eq!(at("gateway.bogus"), None);
    assert_eq!(at("channels.chat.bogus"), None);
    assert_eq!(at("models.providers.*.models.*.id").unwrap()["hintPath"], "models.providers.*.models[].id");
    let root = schema.lookup(&KeyPath::root()).unwrap();
    assert!(root.children.iter().any(|child| child.path == "gateway" && child.has_children));
}

#[test]
fn hints_mark_every_secret() {
    let hints = Schema::of(&schemas().channels).hints();
    let sensitive = |path: &str| assert_eq!(hints[path]["sensitive"], true, "{path}");
    sensitive("gateway.auth.token");
    sensitive("models.providers.*.apiKey");
    sensitive("models.providers.*.headers.*");
    sensitive("hooks.token");
    sensitive("channels.chat.token");
    sensitive("channels.chat.accounts.*.token");
    assert_eq!(hints["gateway.push"], json!({"help": NOT_USED, "advanced": true}));
    assert!(!hints.contains_key("gateway.push.apns"), "nothing to say");
}
