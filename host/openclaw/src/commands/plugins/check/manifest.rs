//! What the manifest says beside what its schema and `Cargo.toml` say.

use std::path::Path;

use openclaw_packages::{Manifest, Origin, PublicKey, Verify, WIT_VERSIONS};
use serde_json::Value;

use super::finding::{Finding, line_of};

const MANIFEST: &str = "plugin.toml";

/// Adds what is wrong. `text` is the manifest as it was written.
pub(super) fn review(folder: &Path, text: &str, manifest: &Manifest, findings: &mut Vec<Finding>) {
    contract(text, manifest, findings);
    licence(folder, text, manifest, findings);
    let (file, schema) = match &manifest.config {
        None => (MANIFEST, None),
        Some(config) => match read_schema(folder, &config.schema) {
            Ok(schema) => (config.schema.as_str(), Some(schema)),
            Err(finding) => {
                findings.push(*finding);
                return;
            }
        },
    };
    if let Some(schema) = &schema {
        schema_itself(file, schema, manifest, findings);
    }
    keys(text, file, manifest, schema.as_ref(), findings);
}

fn contract(text: &str, manifest: &Manifest, findings: &mut Vec<Finding>) {
    let Some(current) = WIT_VERSIONS.last().filter(|current| **current != manifest.plugin.wit) else {
        return;
    };
    let problem =
        format!("plugin.wit: {} is the contract before the current one, {current}", manifest.plugin.wit);
    let finding = Finding::warning("PLUGIN_CONTRACT_OLD", MANIFEST, problem, format!("wit = \"{current}\""));
    findings.push(finding.at(line_of(text, "plugin.wit")));
}

fn licence(folder: &Path, text: &str, manifest: &Manifest, findings: &mut Vec<Finding>) {
    let own = &manifest.plugin.license;
    let word = |word: &str| {
        let plain = word.trim_matches(['(', ')']);
        !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+:".contains(&b))
    };
    let words: Vec<&str> = own.split_whitespace().collect();
    // Names and the words between them take turns.
    let joins = words.iter().skip(1).step_by(2).all(|join| ["AND", "OR", "WITH"].contains(join));
    if !(words.iter().all(|text| word(text)) && words.len() % 2 == 1 && joins) {
        let problem = format!("plugin.license: \"{own}\" is not an SPDX expression");
        let finding = Finding::warning(
            "PLUGIN_LICENCE_UNKNOWN",
            MANIFEST,
            problem,
            "license = \"MIT OR Apache-2.0\", or another of spdx.org/licenses",
        );
        findings.push(finding.at(line_of(text, "plugin.license")));
    }
    let Ok(cargo) = std::fs::read_to_string(folder.join("Cargo.toml")) else { return };
    for (key, own) in [("license", own), ("version", &manifest.plugin.version)] {
        let Some((line, theirs)) = package_value(&cargo, key).filter(|(_, theirs)| theirs != own) else {
            continue;
        };
        let problem = format!("package.{key} is \"{theirs}\", and plugin.{key} in plugin.toml is \"{own}\"");
        let finding =
            Finding::warning("PLUGIN_CARGO_DIFFERS", "Cargo.toml", problem, format!("{key} = \"{own}\""));
        findings.push(finding.at(Some(line)));
    }
}

/// A text of `[package]` in a `Cargo.toml`, or of `[workspace.package]`, with its line.
fn package_value(cargo: &str, key: &str) -> Option<(usize, String)> {
    ["[package]", "[workspace.package]"].iter().find_map(|table| value_in(cargo, table, key))
}

fn value_in(cargo: &str, table: &str, key: &str) -> Option<(usize, String)> {
    let lines = cargo.lines().enumerate().skip_while(|(_, line)| line.trim() != table).skip(1);
    let mut lines = lines.take_while(|(_, line)| !line.trim_start().starts_with('['));
    lines.find_map(|(at, line)| {
        let (left, right) = line.split_once('=')?;
        let value = right.trim().strip_prefix('"')?.split('"').next()?;
        (left.trim() == key).then(|| (at + 1, value.to_owned()))
    })
}

fn read_schema(folder: &Path, name: &str) -> Result<Value, Box<Finding>> {
    let fix = "write a JSON Schema of draft 2020-12";
    let text = std::fs::read_to_string(folder.join(name))
        .map_err(|error| Box::new(Finding::error("PLUGIN_UNREADABLE", name, error.to_string(), fix)))?;
    serde_json::from_str(&text).map_err(|error: serde_json::Error| {
        Box::new(Finding::error("PLUGIN_SCHEMA_INVALID", name, error.to_string(), fix).at(Some(error.line())))
    })
}

fn schema_itself(file: &str, schema: &Value, manifest: &Manifest, findings: &mut Vec<Finding>) {
    if let Some(problem) = openclaw_config::schema_problem(schema) {
        findings.push(Finding::error(
            "PLUGIN_SCHEMA_INVALID",
            file,
            problem,
            "write a JSON Schema of draft 2020-12",
        ));
        return;
    }
    // In a provider's section stand keys of the host's own, too.
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if manifest.provider.is_none() && !closed {
        let problem = "keys that are not listed are let through, so that nobody is told of a misspelt one";
        findings.push(Finding::warning(
            "PLUGIN_SCHEMA_OPEN",
            file,
            problem,
            "\"additionalProperties\": false",
        ));
    }
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let says = |property: &Value, word: &str| property.get(word).is_some();
    // The host knows two of them itself, and an object is told by what is in it.
    let bare = properties.filter(|(key, property)| {
        let told = ["description", "$ref", "properties"].iter().any(|word| says(property, word));
        !told && !["enabled", "name"].contains(&key.as_str())
    });
    let bare: Vec<&str> = bare.map(|(key, _)| key.as_str()).collect();
    if let Some(first) = bare.first() {
        let problem = format!(
            "forms and documentation are made of descriptions, and these have none: {}",
            bare.join(", ")
        );
        let fix = format!("\"{first}\": {{\"description\": \"…\", …}}");
        findings.push(Finding::warning("PLUGIN_SCHEMA_UNDESCRIBED", file, problem, fix));
    }
}

/// Every key of the section that the manifest names is one that the schema allows.
fn keys(text: &str, file: &str, manifest: &Manifest, schema: Option<&Value>, findings: &mut Vec<Finding>) {
    for (place, key) in named(manifest) {
        let properties = schema.and_then(|schema| schema.get("properties"));
        if properties.and_then(|properties| properties.get(&key)).is_some() {
            continue;
        }
        let closed =
            schema.is_some_and(|schema| schema.get("additionalProperties") == Some(&Value::Bool(false)));
        let problem = match schema {
            Some(_) => format!("{place} names the key \"{key}\", which {file} does not have"),
            None => format!("{place} names the key \"{key}\", and there is no schema that describes it"),
        };
        let fix = format!(
            "\"{key}\": {{\"description\": \"…\", \"type\": \"string\"}} in the properties of the schema"
        );
        let code = "PLUGIN_CONFIG_KEY_UNDECLARED";
        let finding = if closed {
            Finding::error(code, MANIFEST, problem, fix)
        } else {
            Finding::warning(code, MANIFEST, problem, fix)
        };
        findings.push(finding.at(line_of(text, &place)));
    }
}

/// The keys of the section that the manifest names, with where it does.
fn named(manifest: &Manifest) -> Vec<(String, String)> {
    let mut named: Vec<(String, String)> = Vec::new();
    let mut add = |place: String, key: &str| named.push((place, key.to_owned()));
    for (n, secret) in manifest.secrets.iter().enumerate() {
        // A provider's key stands in the host's own part of its section.
        if manifest.provider.is_none() {
            secret.config.iter().for_each(|key| add(format!("secret[{n}].config"), key));
        }
        secret.config_file.iter().for_each(|key| add(format!("secret[{n}].config-file"), key));
    }
    let configured = |origin: &Origin| match origin {
        Origin::Configured(configured) => Some(configured.config.clone()),
        Origin::Fixed(_) => None,
    };
    for (n, http) in manifest.http.iter().enumerate() {
        configured(&http.origin).iter().for_each(|key| add(format!("http[{n}].origin"), key));
    }
    for (n, socket) in manifest.websockets.iter().enumerate() {
        configured(&socket.url).iter().for_each(|key| add(format!("websocket[{n}].url"), key));
    }
    for (n, process) in manifest.processes.iter().enumerate() {
        add(format!("process[{n}].config"), &process.config);
        process.options.iter().for_each(|option| add(format!("process[{n}].option"), &option.config));
    }
    for (n, route) in manifest.webhooks.iter().enumerate() {
        if let Verify::Ed25519(recipe) = &route.verify
            && let PublicKey::Config(key) = &recipe.public_key
        {
            add(format!("webhook[{n}].verify"), key);
        }
    }
    if let Some(channel) = &manifest.channel {
        let policy = &channel.policy;
        let pointers = [
            ("dm-policy", &policy.dm_policy),
            ("allow-from", &policy.allow_from),
            ("group-policy", &policy.group_policy),
            ("group-allow-from", &policy.group_allow_from),
            ("groups", &policy.groups),
            ("mention-patterns", &policy.mention_patterns),
            ("history-limit", &policy.history_limit),
            ("dm-history-limit", &policy.dm_history_limit),
            ("dms", &policy.dms),
            ("text-limit", &policy.text_limit),
        ];
        for (name, pointer) in pointers {
            let first = pointer.as_ref().and_then(|pointer| pointer.split('/').nth(1));
            first.iter().for_each(|key| add(format!("channel.policy.{name}"), key));
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[plugin]
id = "chat"
kind = "channel"
version = "1.0.0"
wit = "openclaw:plugin@0.2.0"
license = "MIT OR Apache-2.0"
label = "Chat"
[config]
schema = "s.json"
[[secret]]
name = "token"
config = "token"
[channel]
text-limit = 4000
text-unit = "chars"
sender-id-line = "{id}"
sender-id-label = "id"
[channel.policy]
dm-policy = "/dmPolicy"
"#;

    fn found(text: &str, schema: &str, cargo: &str) -> Vec<(&'static str, Option<usize>)> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("s.json"), schema).unwrap();
        std::fs::write(dir.path().join("Cargo.toml"), cargo).unwrap();
        let mut findings = Vec::new();
        review(dir.path(), text, &Manifest::parse(text, MANIFEST).unwrap(), &mut findings);
        findings.iter().map(|finding| (finding.code, finding.line)).collect()
    }

    const GOOD: &str = r#"{"type": "object", "additionalProperties": false,
        "properties": {"token": {"description": "d"}, "dmPolicy": {"description": "d"}}}"#;
    const CARGO: &str = "[package]\nname = \"x\"\nversion = \"1.0.0\"\nlicense = \"MIT OR Apache-2.0\"\n";

    #[test]
    fn each_finding_has_its_code_and_its_line() {
        let check = |text: &str, schema: &str, cargo: &str, expected: &[(&'static str, Option<usize>)]| {
            assert_eq!(found(text, schema, cargo), expected);
        };
        check(TEXT, GOOD, CARGO, &[]);
        check(&TEXT.replace("0.2.0", "0.1.0"), GOOD, CARGO, &[("PLUGIN_CONTRACT_OLD", Some(6))]);
        check(
            &TEXT.replace("MIT OR Apache-2.0", "free for all"),
            GOOD,
            "",
            &[("PLUGIN_LICENCE_UNKNOWN", Some(7))],
        );
        check(TEXT, GOOD, &CARGO.replace("1.0.0", "1.0.1"), &[("PLUGIN_CARGO_DIFFERS", Some(3))]);
        let workspace = CARGO.replace("version = \"1.0.0\"", "version.workspace = true")
            + "[workspace.package]\nversion = \"2.0.0\"\n";
        check(TEXT, GOOD, &workspace, &[("PLUGIN_CARGO_DIFFERS", Some(6))]);
        check(TEXT, "{", CARGO, &[("PLUGIN_SCHEMA_INVALID", Some(1))]);
        check(
            TEXT,
            r#"{"type": "objekt"}"#,
            CARGO,
            &[
                ("PLUGIN_SCHEMA_INVALID", None),
                ("PLUGIN_CONFIG_KEY_UNDECLARED", Some(13)),
                ("PLUGIN_CONFIG_KEY_UNDECLARED", Some(20)),
            ],
        );
        check(
            TEXT,
            &GOOD.replace("\"dmPolicy\"", "\"dm\""),
            CARGO,
            &[("PLUGIN_CONFIG_KEY_UNDECLARED", Some(20))],
        );
        check(TEXT, &GOOD.replace("false", "true"), CARGO, &[("PLUGIN_SCHEMA_OPEN", None)]);
        check(
            TEXT,
            &GOOD.replace("\"token\": {\"description\": \"d\"}", "\"token\": {}"),
            CARGO,
            &[("PLUGIN_SCHEMA_UNDESCRIBED", None)],
        );
    }
}
