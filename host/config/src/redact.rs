//! Takes secrets out of a document before it is shown. Three things mark a secret: the known keys, the channel's own
//! list of secret keys, and a key's name where nobody knows the key.

use serde_json::Value;

use crate::basis::ChannelSchemas;
use crate::path::KeyPath;
use crate::secret_ref::{REDACTED, SecretRef};
use crate::sections::ROOT;
use crate::shape::Shape;

/// Ends of key names, lower case and without `_` and `-`, that mark a secret.
const SECRET_ENDS: &[&str] = &[
    "token",
    "password",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "authorization",
    "credential",
    "credentials",
    "cookie",
];

/// The value at `path` of a document, with secrets replaced by `__OPENCLAW_REDACTED__`. References to secrets stay:
/// they are no secrets, and people need to see them.
#[must_use]
pub(crate) fn redact(value: &Value, path: &KeyPath, schemas: &ChannelSchemas) -> Value {
    walk(value, path, schemas, is_secret_place(path, schemas))
}

fn walk(value: &Value, path: &KeyPath, schemas: &ChannelSchemas, secret: bool) -> Value {
    match value {
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, inner)| {
                let place = path.key(key);
                // A reference {source, provider, id} stands in a secret's place without being one.
                let inner_secret = is_secret_place(&place, schemas);
                (key.clone(), walk(inner, &place, schemas, inner_secret))
            });
            Value::Object(pairs.collect())
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(n, item)| walk(item, &path.index(n), schemas, secret)).collect()
        }
        Value::String(text) if secret && !text.is_empty() && !is_reference(text) => Value::from(REDACTED),
        Value::Number(_) if secret => Value::from(REDACTED),
        other => other.clone(),
    }
}

/// Whether the value at this place is a secret.
pub(crate) fn is_secret_place(path: &KeyPath, schemas: &ChannelSchemas) -> bool {
    let keys = path.keys();
    let Some(last) = keys.last() else { return false };
    // What a provider's program is given beside `passEnv` is as secret as what it returns, whatever its name.
    let handed_over = matches!(keys.as_slice(), ["secrets", "providers", _, "env", _]);
    handed_over || is_resolved_place(path, schemas) || has_secret_name(last)
}

/// Whether a reference at this place is resolved on use: the value is a secret by the known keys, and not by its name.
pub(crate) fn is_resolved_place(path: &KeyPath, schemas: &ChannelSchemas) -> bool {
    let keys = path.keys();
    let Some(last) = keys.last() else { return false };
    let listed = match keys.as_slice() {
        ["channels", channel, ..] => {
            schemas.get(*channel).is_some_and(|schema| schema.secrets.iter().any(|secret| secret == last))
        }
        _ => false,
    };
    listed || matches!(ROOT.at(path), Some(Shape::Secret))
}

fn has_secret_name(key: &str) -> bool {
    let plain: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    SECRET_ENDS.iter().any(|end| plain.ends_with(end))
}

fn is_reference(text: &str) -> bool {
    SecretRef::short(text).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::basis::testing::channel;

    #[test]
    fn hides_secrets_and_nothing_else() {
        let chat = channel(json!(true), &["pin"]);
        let schemas = ChannelSchemas::from([("chat".to_owned(), chat)]);
        let document = json!({
            "gateway": {"port": 1, "auth": {"mode": "token", "token": "t", "password": ""}, "token": "old"},
            "models": {"providers": {"p": {"apiKey": "${KEY}", "headers": {"x-any": "v"}, "models": [{"maxTokens": 5}]}}},
            "channels": {"chat": {"pin": 1234, "botToken": "b", "tokenFile": "/f", "accounts": {"a": {"pin": "x"}}}},
            "hooks": {"token": {"source": "env", "provider": "default", "id": "T"}, "api_key": ["k1"], "pin": 7},
            "secrets": {"providers": {"vault": {"source": "exec", "command": "/v", "args": ["a"], "env": {"LOGIN": "x"},
                "passEnv": ["P"]}}},
        });
        let expected = json!({
            "gateway": {"port": 1, "auth": {"mode": "token", "token": REDACTED, "password": ""}, "token": REDACTED},
            "models": {"providers": {"p": {"apiKey": "${KEY}", "headers": {"x-any": REDACTED}, "models": [{"maxTokens": 5}]}}},
            "channels": {"chat": {"pin": REDACTED, "botToken": REDACTED, "tokenFile": "/f", "accounts": {"a": {"pin": REDACTED}}}},
            "hooks": {"token": {"source": "env", "provider": "default", "id": "T"}, "api_key": [REDACTED], "pin": 7},
            "secrets": {"providers": {"vault": {"source": "exec", "command": "/v", "args": ["a"], "env": {"LOGIN": REDACTED},
                "passEnv": ["P"]}}},
        });
        assert_eq!(redact(&document, &KeyPath::root(), &schemas), expected);
        let path: KeyPath = "channels.chat.accounts.a.pin".parse().unwrap();
        assert_eq!(redact(&json!("x"), &path, &schemas), json!(REDACTED));
    }
}
