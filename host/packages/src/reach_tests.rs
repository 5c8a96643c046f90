use super::*;

const MANIFEST: &str = r#"
[plugin]
id = "chat"
kind = "channel"
version = "1.0.0"
wit = "openclaw:plugin@0.2.0"
license = "MIT"
label = "Chat"
[channel]
text-limit = 10
text-unit = "chars"
sender-id-line = "id: {id}"
sender-id-label = "chatUserId"
[[secret]]
name = "token"
config = "token"
env = "CHAT_TOKEN"
[[http]]
name = "api"
origin = "https://api.chat.example"
hosts = ["*.chat.example"]
paths = ["/v1/*"]
methods = ["GET"]
headers = { authorization = "Bot {token}" }
[[websocket]]
name = "gateway"
url = { config = "gatewayUrl", default = "wss://gateway.chat.example" }
[[websocket.inject]]
when = "/op"
equals = 2
set = "/d/token"
secret = "token"
[[webhook]]
name = "events"
path = "/events"
verify = { hmac-sha256 = { header = "x-sig", secret = "token" } }
[[process]]
name = "rpc"
config = "cliPath"
args = ["rpc"]
[limits]
memory = 1000000
"#;

fn reach(text: &str) -> Reach {
    Reach::of(&Manifest::parse(text, "plugin.toml").unwrap_or_else(|error| panic!("{error}")))
}

fn widened(from: &str, to: &str) -> Vec<String> {
    assert!(MANIFEST.contains(from), "{from}");
    let newer = reach(&MANIFEST.replacen(from, to, 1));
    reach(MANIFEST).widened_by(&newer).iter().map(ToString::to_string).collect()
}

#[test]
fn the_reach_reads_as_sentences() {
    let text: Vec<String> = reach(MANIFEST).facts().iter().map(ToString::to_string).collect();
    for expected in [
        "plugs in as a channel",
        "sends GET requests to https://api.chat.example/v1/*",
        "sends GET requests to *.chat.example/v1/*",
        "has the gateway send the secret \"token\" to *.chat.example (in the header authorization)",
        "holds websocket connections to wss://gateway.chat.example",
        "holds websocket connections to the address in gatewayUrl",
        "has the gateway send the secret \"token\" to wss://gateway.chat.example (in frames with /op = 2, at /d/token)",
        "has the gateway read the environment variable CHAT_TOKEN",
        "receives POST requests at its webhook /events, checked by an HMAC of \"{body}\" with \"token\" in x-sig",
        "starts the program that cliPath names, outside the sandbox, with rpc",
        "uses up to 1000000 bytes of memory",
    ] {
        assert!(text.iter().any(|line| line == expected), "{expected}\n{text:#?}");
    }
}

#[test]
fn a_wider_wish_is_always_shown() {
    let check =
        |from: &str, to: &str, expected: &[&str]| assert_eq!(widened(from, to), expected, "{from} -> {to}");
    check(
        "methods = [\"GET\"]",
        "methods = [\"GET\", \"DELETE\"]",
        &[
            "sends DELETE requests to https://api.chat.example/v1/*",
            "sends DELETE requests to *.chat.example/v1/*",
        ],
    );
    check(
        "paths = [\"/v1/*\"]",
        "",
        &["sends GET requests to https://api.chat.example/*", "sends GET requests to *.chat.example/*"],
    );
    check(
        "equals = 2",
        "equals = 6",
        &[
            "has the gateway send the secret \"token\" to wss://gateway.chat.example (in frames with /op = 6, at /d/token)",
            "has the gateway send the secret \"token\" to the address in gatewayUrl (in frames with /op = 6, at /d/token)",
        ],
    );
    check(
        "args = [\"rpc\"]",
        "args = [\"-c\", \"x\"]",
        &["starts the program that cliPath names, outside the sandbox, with -c x"],
    );
    check("memory = 1000000", "memory = 1000001", &["uses up to 1000001 bytes of memory"]);
    check(
        "env = \"CHAT_TOKEN\"",
        "env = \"HOME_TOKEN\"",
        &["has the gateway read the environment variable HOME_TOKEN"],
    );
    check(
        "header = \"x-sig\"",
        "header = \"x-other\"",
        &[
            "receives POST requests at its webhook /events, checked by an HMAC of \"{body}\" with \"token\" in x-other",
        ],
    );
    assert_eq!(
        widened("origin = \"https://api.chat.example\"", "origin = \"https://evil.example\"").len(),
        2
    );
}

#[test]
fn a_narrower_wish_needs_no_yes() {
    for (from, to) in [
        ("hosts = [\"*.chat.example\"]", ""),
        ("hosts = [\"*.chat.example\"]", "hosts = [\"*.eu.chat.example\", \"cdn.chat.example\"]"),
        ("paths = [\"/v1/*\"]", "paths = [\"/v1/users\", \"/v1/a/*\"]"),
        ("memory = 1000000", "memory = 999999"),
        ("version = \"1.0.0\"", "version = \"1.1.0\""),
        ("[[process]]\nname = \"rpc\"\nconfig = \"cliPath\"\nargs = [\"rpc\"]\n", ""),
        ("headers = { authorization = \"Bot {token}\" }", ""),
    ] {
        assert_eq!(widened(from, to), Vec::<String>::new(), "{from} -> {to}");
    }
}
