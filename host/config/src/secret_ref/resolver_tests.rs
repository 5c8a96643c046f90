use serde_json::{Value, json};

use super::*;
use crate::secret_ref::resolve_secret;

fn env() -> BTreeMap<String, String> {
    let vars = [("KEY", "from-env"), ("BLANK", " "), ("NESTED", "$KEY"), ("MARK", REDACTED)];
    vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn resolve(secrets: &Value, value: &Value) -> Result<Option<String>, String> {
    let document = json!({"secrets": secrets, "env": {"vars": {"LOW": "from-file", "KEY": "never"}}});
    let (config, env) = (Config::from_value(&document), env());
    let resolver = SecretResolver::new(&config, &env, Path::new("/home/x"));
    resolve_secret(value, &resolver, "a.b")
        .map(|found| found.map(|secret| secret.expose().to_owned()))
        .map_err(|error| error.to_string())
}

fn check(value: &Value, expected: Result<Option<&str>, &str>) {
    let found = resolve(&json!({}), value);
    assert_eq!(found.as_ref().map(Option::as_deref).map_err(String::as_str), expected, "{value}");
}

#[test]
fn resolves_each_spelling() {
    check(&json!("plain"), Ok(Some("plain")));
    check(&json!(" padded "), Ok(Some("padded")));
    for spelled in [json!("${KEY}"), json!("$KEY"), json!({"source": "env", "id": "KEY"})] {
        check(&spelled, Ok(Some("from-env")));
    }
    check(&json!({"source": "env", "provider": "default", "id": "LOW"}), Ok(Some("from-file")));
    check(&json!("$NESTED"), Ok(Some("$KEY")));
    for nothing in ["", "  ", "undefined", "null"] {
        check(&json!(nothing), Ok(None));
    }
    check(&Value::Null, Ok(None));
}

#[test]
fn what_has_no_value_is_told_with_its_place() {
    let missing = |name: &str| {
        format!("environment variable {name} is not set (export {name}, or put the value at a.b)")
    };
    check(&json!("${NOPE}"), Err(&missing("NOPE")));
    check(&json!("${BLANK}"), Err(&missing("BLANK")));
    let redacted = "a.b holds the placeholder __OPENCLAW_REDACTED__ instead of a secret (openclaw config set a.b <value>)";
    check(&json!(REDACTED), Err(redacted));
    check(&json!("$MARK"), Err(redacted));
    check(&json!(7), Err("a.b: is neither a string nor a reference {source, provider, id}"));
    let told = |value: &Value, words: &str| {
        let error = resolve(&json!({}), value).unwrap_err();
        assert!(error.starts_with("a.b") && error.contains(words), "{error}");
    };
    told(&json!("secretref-env:KEY"), "write {source: \"env\", provider: \"default\", id: \"KEY\"}");
    told(&json!({"source": "env", "id": "key"}), "a name in capital letters");
    told(&json!({"source": "store", "id": "KEY"}), "this gateway has no store of secrets yet");
    told(
        &json!({"source": "exec", "provider": "vault", "id": "x"}),
        "there is no secrets.providers.vault: add it",
    );
    told(&json!({"source": "file", "id": "/x"}), "{source: \"file\", path:");
    told(&json!({"source": "env", "provider": "team", "id": "KEY"}), "{source: \"env\"}");
}

#[test]
fn the_provider_is_the_references_own_or_the_default_of_its_source() {
    let secrets = json!({
        "providers": {
            "strict": {"source": "env", "allowlist": ["LOW"]},
            "disk": {"source": "file", "path": "/nowhere/x"},
            "main": {"source": "file", "path": "/nowhere/main"},
        },
        "defaults": {"env": "strict", "file": "main"},
    });
    let check = |reference: &Value, words: &str| {
        let found = resolve(&secrets, reference);
        let shown = found.map_or_else(|error| error, Option::unwrap_or_default);
        assert!(shown.contains(words), "{shown}");
    };
    check(&json!({"source": "env", "id": "LOW"}), "from-file");
    check(&json!({"source": "env", "id": "KEY"}), "secrets.providers.strict.allowlist does not name");
    check(&json!("$KEY"), "secrets.providers.strict.allowlist does not name");
    check(&json!({"source": "file", "id": "/k"}), "/nowhere/main does not exist");
    check(&json!({"source": "file", "provider": "disk", "id": "/k"}), "/nowhere/x does not exist");
    check(
        &json!({"source": "exec", "provider": "disk", "id": "k"}),
        "is of source \"file\": name one of source \"exec\"",
    );
    let taken = json!({"providers": {"default": {"source": "file", "path": "/x"}}});
    assert_eq!(resolve(&taken, &json!("$KEY")), Ok(Some("from-env".to_owned())), "the built-in one stays");
    let named = json!({"defaults": {"env": "team"}});
    let reference = json!({"source": "env", "provider": "team", "id": "KEY"});
    assert_eq!(resolve(&named, &reference), Ok(Some("from-env".to_owned())));
}
