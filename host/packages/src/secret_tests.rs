use serde_json::json;

use super::*;

const MANIFEST: &str = r#"
[plugin]
id = "chat"
kind = "channel"
version = "1.0.0"
wit = "openclaw:plugin@0.1.0"
license = "MIT"
label = "Chat"
[[secret]]
name = "botToken"
config = "botToken"
config-file = "tokenFile"
env = "CHAT_TOKEN"
[channel]
text-limit = 1
text-unit = "bytes"
sender-id-line = "{id}"
sender-id-label = "id"
"#;

/// Takes `text` of the section as it is, and knows one variable.
struct Lookup;

impl SecretLookup for Lookup {
    fn config(&self, key: &str, value: &Value) -> Result<Option<Secret>, String> {
        match value.as_str() {
            Some("") => Ok(None),
            Some(text) => Ok(Some(Secret::from(text))),
            None => Err(format!("{key} is odd")),
        }
    }

    fn env(&self, name: &str) -> Option<Secret> {
        (name == "CHAT_TOKEN").then(|| Secret::from("from-env"))
    }
}

fn collect(section: &Value, default_account: bool) -> Result<String, String> {
    let manifest = Manifest::parse(MANIFEST, "plugin.toml").unwrap();
    AccountSecrets::collect(&manifest, section, default_account, &Lookup)
        .map(|secrets| secrets.get("botToken").unwrap().expose().to_owned())
        .map_err(|problem| problem.to_string())
}

#[test]
fn a_file_beats_the_section_which_beats_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, " from-file\n").unwrap();
    assert_eq!(collect(&json!({"botToken": "b", "tokenFile": file}), true), Ok("from-file".to_owned()));
    assert_eq!(collect(&json!({"botToken": "b"}), true), Ok("b".to_owned()));
    assert_eq!(collect(&json!({"botToken": ""}), true), Ok("from-env".to_owned()));
    assert_eq!(collect(&json!({}), true), Ok("from-env".to_owned()));
    let missing = "botToken is missing: set botToken in the configuration, or point tokenFile at a file, or export CHAT_TOKEN";
    assert_eq!(collect(&json!({}), false), Err(missing.to_owned()));
    assert_eq!(collect(&json!({"botToken": 5}), true), Err("botToken is odd".to_owned()));
}

#[test]
fn only_a_plain_small_file_holds_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link, big, empty) =
        (dir.path().join("real"), dir.path().join("link"), dir.path().join("big"), dir.path().join("empty"));
    std::fs::write(&real, "x").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    std::fs::write(&big, vec![b'x'; 65_537]).unwrap();
    std::fs::write(&empty, "\n").unwrap();
    let check = |file: &Path, expected: &str| {
        let error = collect(&json!({"tokenFile": file}), true).unwrap_err();
        assert!(error.starts_with("tokenFile names ") && error.contains(expected), "{error}");
    };
    check(&link, "is not a regular file");
    check(dir.path(), "is not a regular file");
    check(&big, "is too long");
    check(&empty, "is empty");
    check(&dir.path().join("none"), "cannot be read");
}
