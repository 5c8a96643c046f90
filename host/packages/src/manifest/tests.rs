use super::*;

const CHANNEL: &str = r#"
[plugin]
id = "chat"
kind = "channel"
version = "1.0.0"
wit = "openclaw:plugin@0.1.0"
license = "MIT"
label = "Chat"

[config]
schema = "config.schema.json"

[[config.moved]]
from = "/dm/policy"
to = "/dmPolicy"

[[config.moved]]
from = "/live"
to = "/live/mode"
when = "boolean"
values = { true = "partial", false = "off" }

[[config.moved]]
from = "/spaces/*/rooms/*/allow"
to = "/spaces/*/rooms/*/enabled"

[[secret]]
name = "botToken"
prompt = "Paste the token"
help-url = "https://chat.example/token"
config = "botToken"
config-file = "tokenFile"
env = "CHAT_BOT_TOKEN"

[[http]]
name = "api"
origin = { config = "apiRoot", default = "https://api.chat.example" }
path-prefix = "/bot{botToken}"
methods = ["GET", "POST"]
max-body = 1048576
max-response = 4194304
single-flight = ["/getUpdates"]

[channel]
text-limit = 4000
text-unit = "utf16"
sender-id-line = "Your user id: {id}"
sender-id-label = "chatUserId"
mode = "polling"
missing-secret = "set channels.chat.botToken"
thread-word = "strand"

[channel.policy]
dm-policy = "/dmPolicy"
allow-from = "/allowFrom"
groups = "/groups"
sender-prefixes = ["chat:"]
"#;

const PROVIDER: &str = r#"
[plugin]
id = "shim"
kind = "provider"
version = "1.0.0"
wit = "openclaw:plugin@0.1.0"
license = "MIT"
label = "Shim"

[[secret]]
name = "apiKey"
config = "apiKey"
optional = true

[[http]]
name = "api"
origin = { config = "baseUrl" }
headers = { authorization = "Bearer {apiKey}" }

[provider]
api = ["openai-completions"]

[[provider.known]]
id = "cloud"
base-url = "https://api.cloud.example/v1"
env = ["CLOUD_KEY"]
default-model = "big"
compat = { maxTokensField = "max_tokens" }

[[provider.local]]
id = "here"
base-url = "http://127.0.0.1:1234/v1"
"#;

fn refused(text: &str) -> String {
    Manifest::parse(text, "chat/plugin.toml").unwrap_err().to_string()
}

#[test]
fn reads_a_channel_and_a_provider() {
    let chat = Manifest::parse(CHANNEL, "f").unwrap();
    assert_eq!((chat.plugin.kind, chat.http[0].max_body), (Kind::Channel, 1_048_576));
    assert_eq!(chat.secret_keys().collect::<Vec<_>>(), ["botToken"]);
    let [plain, mapped, deep] = chat.moved() else { panic!("{:?}", chat.moved()) };
    assert_eq!((plain.from.as_str(), plain.to.as_str(), plain.when), ("/dm/policy", "/dmPolicy", None));
    assert!(plain.values.is_empty() && deep.values.is_empty());
    assert_eq!((mapped.when, &mapped.values["false"]), (Some(ValueType::Boolean), &"off".into()));
    let words = chat.channel.unwrap();
    assert_eq!(
        (words.text_unit, words.thread_word.as_str(), words.group_drop.as_str()),
        (TextUnit::Utf16, "strand", "drop group message")
    );
    let shim = Manifest::parse(PROVIDER, "f").unwrap();
    assert!(shim.moved().is_empty());
    assert_eq!(shim.http[0].max_response, 8 * 1024 * 1024);
    let provider = shim.provider.unwrap();
    assert_eq!(provider.known[0].compat["maxTokensField"], "max_tokens");
    assert_eq!((provider.known[0].env[0].as_str(), provider.local[0].id.as_str()), ("CLOUD_KEY", "here"));
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    let error = refused(&CHANNEL.replace("text-unit", "text-units"));
    assert!(
        error.starts_with("chat/plugin.toml: ") && error.contains("text-units") && error.contains("line "),
        "{error}"
    );
    let error =
        refused(&CHANNEL.replace("path-prefix = \"/bot{botToken}\"", "path-prefix = \"/bot{botToken\""));
    assert!(error.contains("without its }"), "{error}");
}

#[test]
fn every_fault_names_file_key_and_fix() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(CHANNEL.contains(from), "{from}");
        let error = refused(&CHANNEL.replacen(from, to, 1));
        assert_eq!(error, format!("chat/plugin.toml: {expected}"));
    };
    check(
        "id = \"chat\"",
        "id = \"Chat\"",
        "plugin.id: \"Chat\" is not an id (fix: use at most 64 of a-z, 0-9 and -)",
    );
    check(
        "plugin@0.1.0",
        "plugin@9.0.0",
        "plugin.wit: \"openclaw:plugin@9.0.0\" is not a contract of this host, \"openclaw:plugin@0.1.0\" or \"openclaw:plugin@0.2.0\" \
         (fix: build the plugin with the SDK of this host's version)",
    );
    check(
        "config.schema.json",
        "../x.json",
        "config.schema: is not a plain file name (fix: put the schema beside plugin.toml)",
    );
    check(
        "\"/dm/policy\"",
        "\"dm.policy\"",
        "config.moved[0].from: \"dm.policy\" is not a JSON pointer (fix: write /key or /key/*/inner, with ~1 for / and ~0 for ~)",
    );
    check(
        "\"/dmPolicy\"",
        "\"/dm~2Policy\"",
        "config.moved[0].to: \"/dm~2Policy\" is not a JSON pointer (fix: write /key or /key/*/inner, with ~1 for / and ~0 for ~)",
    );
    check(
        "\"/dmPolicy\"",
        "\"/dm/policy\"",
        "config.moved[0].to: \"/dm/policy\" is where the old value stands (fix: name the new place)",
    );
    check(
        "\"/dmPolicy\"",
        "\"/dm\"",
        "config.moved[0].to: \"/dm\" is where the old value stands (fix: name the new place)",
    );
    check(
        "rooms/*/enabled",
        "rooms/enabled",
        "config.moved[2].to: has another number of * than from (fix: repeat the * of from in the same order)",
    );
    check(
        "when = \"boolean\"",
        "when = \"object\"",
        "config.moved[1].values: lists and objects have no names (fix: leave it out, or choose another type)",
    );
    check("https://api", "http://api", "http[0].origin.default: is not https (fix: write https://host)");
    check(
        "/bot{botToken}",
        "bot{botToken}",
        "http[0].path-prefix: does not begin with / (fix: write /segment{secret}, without a final /)",
    );
    check(
        "/bot{botToken}",
        "/bot{other}",
        "http[0].path-prefix/headers: {other} is not a declared secret (fix: add a [[secret]] with that name)",
    );
    check(
        "\"POST\"",
        "\"CONNECT\"",
        "http[0].methods: \"CONNECT\" is not a method that a component can use (fix: use GET, HEAD, POST, PUT, PATCH, DELETE)",
    );
    check(
        "max-body = 1048576",
        "max-body = 0",
        "http[0].max-body: 0 is not between 1 and 268435456 (fix: state the largest transfer in bytes)",
    );
    check(
        "\"/getUpdates\"",
        "\"getUpdates\"",
        "http[0].single-flight: \"getUpdates\" does not begin with / (fix: write /path)",
    );
    check(
        "kind = \"channel\"",
        "kind = \"provider\"",
        "plugin.kind: is \"provider\", which needs the table [provider] and no other (fix: add the table, or change the kind)",
    );
    check("text-limit = 4000", "text-limit = 0", "channel.text-limit: is 0 (fix: state the vendor's limit)");
    check(
        "\"strand\"",
        "\"a:b\"",
        "channel.thread-word: \"a:b\" cannot stand in a session key (fix: use at most 32 of a-z, 0-9 and -)",
    );
    check(
        "\"/allowFrom\"",
        "\"allowFrom\"",
        "channel.policy.allow-from: is not a JSON pointer (fix: write /key or /key/inner)",
    );
    let error = refused(&PROVIDER.replace("https://api.cloud", "http://api.cloud"));
    assert!(error.contains("provider.known[0].base-url: is not https"), "{error}");
}

#[test]
fn the_number_of_moves_is_bounded() {
    let moves = |count: usize| {
        let moves = (0..count).map(|n| format!("[[config.moved]]\nfrom = \"/old{n}\"\nto = \"/new{n}\"\n"));
        let table = "[config]\nschema = \"config.schema.json\"\n";
        PROVIDER.replace("[provider]\n", &format!("{table}{}[provider]\n", moves.collect::<String>()))
    };
    assert_eq!(Manifest::parse(&moves(64), "f").unwrap().moved().len(), 64);
    assert!(refused(&moves(65)).contains("config.moved: there are 65, and at most 64 may be"));
}
