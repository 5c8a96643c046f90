//! The tables of what a component may reach: what they may say, and what each fault reads like.

use super::*;

const MANIFEST: &str = r#"
[plugin]
id = "chat"
kind = "channel"
version = "1.0.0"
wit = "openclaw:plugin@0.2.0"
license = "MIT"
label = "Chat"

[[secret]]
name = "token"
config = "token"
auto-generate = { bytes = 32 }
validate = { grant = "api", path = "/users/@me" }

[[http]]
name = "api"
origin = "https://api.chat.example"
hosts = ["*.chat.example"]
paths = ["/users/*", "/me"]
query = { key = "{token}" }
methods = ["GET"]

[[websocket]]
name = "gateway"
url = { config = "gatewayUrl", default = "wss://gateway.chat.example/v1" }
hosts = ["*.chat.example"]
max-frame = 65536
max-connections = 2
[[websocket.inject]]
when = "/op"
equals = 2
set = "/d/token"
secret = "token"

[[webhook]]
name = "events"
path = "/events"
methods = ["POST"]
verify = { hmac-sha256 = { header = "x-sig", secret = "token", timestamp-header = "x-time", signs = "v0:{timestamp}:{body}" } }
challenge = { echo = "hub.challenge", token = "hub.verify_token", secret = "token" }

[[webhook]]
name = "other"
path = "/other"
verify = { shared-token = { header = "x-token", secret = "token" } }

[[process]]
name = "rpc"
config = "cliPath"
args = ["rpc"]
[[process.option]]
flag = "--db"
config = "dbPath"

[limits]
memory = 1048576
sockets = 2

[channel]
text-limit = 1
text-unit = "bytes"
sender-id-line = "{id}"
sender-id-label = "id"
"#;

#[test]
fn every_table_is_read() {
    let chat = Manifest::parse(MANIFEST, "f").unwrap_or_else(|error| panic!("{error}"));
    let socket = &chat.websockets[0];
    assert_eq!((socket.max_connections, socket.inject[0].equals.as_i64()), (2, Some(2)));
    assert!(matches!(&chat.webhooks[0].verify, Verify::HmacSha256(recipe) if recipe.max_age == 300));
    assert_eq!(chat.webhooks[1].allowed_methods(), ["POST"]);
    assert_eq!(chat.processes[0].options[0].config, "dbPath");
    assert_eq!((chat.limits.sockets, chat.limits.requests_per_minute), (2, 600));
    assert_eq!(chat.secrets[0].auto_generate, Some(AutoGenerate { bytes: 32 }));
    assert_eq!(chat.secrets[0].validate.as_ref().map(|validate| validate.expect), Some(200));
}

#[test]
fn every_fault_of_a_table_names_key_and_fix() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(MANIFEST.contains(from), "{from}");
        let error = Manifest::parse(&MANIFEST.replacen(from, to, 1), "f").unwrap_err();
        assert_eq!(error.code(), "PLUGIN_MANIFEST_INVALID");
        assert!(error.to_string().contains(expected), "{from} -> {to}: {error}");
    };
    check("version = \"1.0.0\"", "version = \"one\"", "plugin.version: \"one\" is not a version");
    check("label = \"Chat\"", "label = \" \"", "plugin.label: is empty");
    check("bytes = 32", "bytes = 8", "secret[0].auto-generate.bytes: 8 is not between 16 and 64");
    check(
        "grant = \"api\"",
        "grant = \"apo\"",
        "secret[0].validate.grant: \"apo\" is not the name of an [[http]] entry",
    );
    check("path = \"/users/@me\"", "path = \"users\"", "secret[0].validate.path: does not begin with /");
    check("\"*.chat.example\"", "\"*.example\"", "is not a host or *.suffix with at least two labels");
    check("\"*.chat.example\"", "\"*\"", "is not a host or *.suffix with at least two labels");
    check("\"/users/*\"", "\"/users*\"", "http[0].paths: \"/users*\" has a * that is no whole segment");
    check("key = \"{token}\"", "key = \"{other}\"", "http[0].query: {other} is not a declared secret");
    check(
        "\"wss://gateway",
        "\"ws://gateway",
        "websocket[0].url.default: is not wss (fix: write wss://host/path)",
    );
    check("max-frame = 65536", "max-frame = 0", "websocket[0].max-frame: 0 is not between 1 and 16777216");
    check(
        "equals = 2",
        "equals = 2.5",
        "websocket[0].inject[0].equals: is neither a string nor a whole number",
    );
    check(
        "set = \"/d/token\"",
        "set = \"/op/x\"",
        "websocket[0].inject[0].set: would change what \"when\" looks at",
    );
    check(
        "secret = \"token\"",
        "secret = \"tokem\"",
        "websocket[0].inject[0].secret: {tokem} is not a declared secret",
    );
    check("path = \"/events\"", "path = \"/e v\"", "webhook[0].path: holds more than");
    check("path = \"/events\"", "path = \"/other\"", "webhook[1].path: \"/other\" occurs twice");
    check("methods = [\"POST\"]", "methods = [\"DELETE\"]", "webhook[0].methods: \"DELETE\" is not a method");
    check(
        ":{timestamp}",
        "",
        "webhook[0].verify.hmac-sha256.signs: and timestamp-header do not fit together",
    );
    check("{body}", "{boy}", "webhook[0].verify.hmac-sha256.signs: does not contain {body} once");
    check(
        "header = \"x-sig\"",
        "header = \"x sig\"",
        "webhook[0].verify.hmac-sha256.header: \"x sig\" is not a header name",
    );
    check(
        "header = \"x-token\"",
        "query = \"t\", header = \"x\"",
        "webhook[1].verify.shared-token: has to stand in one place",
    );
    check("verify = { shared", "verify = { any = {}, shared", "wanted exactly 1 element");
    check("config = \"cliPath\"", "config = \"\"", "process[0].config: is empty");
    check("args = [\"rpc\"]", "args = [\"\"]", "process[0].args: one is empty");
    check("memory = 1048576", "memory = 0", "limits.memory: 0 is not between 1 and 1073741824");
    check("sockets = 2", "socket = 2", "unknown field `socket`");
    let provider = MANIFEST.replace("kind = \"channel\"", "kind = \"provider\"");
    let (head, _) = provider.split_once("[channel]").unwrap();
    let error = Manifest::parse(&format!("{head}[provider]\napi = [\"x\"]"), "f").unwrap_err().to_string();
    assert!(error.contains("websocket: a provider is a pure function"), "{error}");
}

#[test]
fn an_address_in_the_environment_counts_where_the_section_names_none() {
    let text = MANIFEST
        .replace(
            "origin = \"https://api.chat.example\"\nhosts = [\"*.chat.example\"]",
            "origin = { config = \"root\", env = \"CHAT_URL\" }",
        )
        .replace("config = \"gatewayUrl\"", "config = \"gatewayUrl\", env = \"CHAT_URL\"");
    let manifest = Manifest::parse(&text, "plugin.toml").unwrap();
    let env = |name: &str| (name == "CHAT_URL").then(|| "http://127.0.0.1:4000".to_owned());
    let seen = manifest.with_environment(&serde_json::json!({ "root": " " }), env);
    assert_eq!(
        seen,
        serde_json::json!({ "root": "http://127.0.0.1:4000", "gatewayUrl": "ws://127.0.0.1:4000" })
    );
    let own = serde_json::json!({ "root": "https://own.example", "gatewayUrl": "wss://own.example" });
    assert_eq!(manifest.with_environment(&own, env), own);
    let nothing = serde_json::json!({});
    assert_eq!(manifest.with_environment(&nothing, |_| None), nothing);
}
