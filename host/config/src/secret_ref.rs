//! Secrets as the file spells them: a string, `${VAR}`, or a reference `{source, provider, id}`. Reading the file
//! never resolves them; whoever needs the value does, at that moment.

use openclaw_secrets::Secret;
use serde_json::Value;

use crate::env::Env;

/// What `config get` prints in place of a secret. Writing it back would destroy the secret, so it is refused.
pub const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// A secret as it stands in the file.
#[derive(Clone, Debug)]
pub enum SecretInput {
    /// The value itself.
    Literal(Secret),
    /// The name of an environment variable: `{source: "env", id}` or a whole `"${VAR}"`.
    Env(String),
    /// A reference to a store that this gateway cannot read yet: the `source`.
    Unsupported(String),
}

/// Why a configured secret has no value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// The variable is not set, or blank.
    #[error("environment variable {name} is not set (export {name}, or put the value at {place})")]
    MissingEnv {
        /// The variable.
        name: String,
        /// The path in the file that refers to it.
        place: String,
    },
    /// `file`, `exec` and `store` references.
    #[error(
        "{place} refers to a secret of source \"{source_kind}\", which this gateway cannot read yet (use source \"env\")"
    )]
    UnsupportedSource {
        /// The `source` of the reference.
        source_kind: String,
        /// The path in the file.
        place: String,
    },
    /// The placeholder of `config get` stands where the secret was.
    #[error(
        "{place} holds the placeholder __OPENCLAW_REDACTED__ instead of a secret (openclaw config set {place} <value>)"
    )]
    Redacted {
        /// The path in the file.
        place: String,
    },
    /// Neither a string nor a reference.
    #[error("{place} is neither a string nor a reference {{source, provider, id}}")]
    Malformed {
        /// The path in the file.
        place: String,
    },
}

impl SecretInput {
    /// Reads the spelling. `None` when it is neither a string nor a reference.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(match whole_variable(text) {
                Some(name) => Self::Env(name.to_owned()),
                None => Self::Literal(Secret::from(text.as_str())),
            }),
            Value::Object(map) => {
                let source = map.get("source")?.as_str()?;
                let id = map.get("id")?.as_str()?;
                Some(if source == "env" {
                    Self::Env(id.to_owned())
                } else {
                    Self::Unsupported(source.to_owned())
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        }
    }

    /// The value, or `None` when the file holds a word for "nothing" (blank, `undefined`, `null`).
    ///
    /// # Errors
    /// When it refers to something that is not there; `place` is the path that the error names.
    pub fn resolve(&self, env: &dyn Env, place: &str) -> Result<Option<Secret>, SecretError> {
        match self {
            Self::Literal(secret) if secret.expose() == REDACTED => {
                Err(SecretError::Redacted { place: place.to_owned() })
            }
            Self::Literal(secret) => Ok(present(secret.expose()).map(Secret::from)),
            Self::Env(name) => match env.var(name) {
                Some(value) => present(&value)
                    .map(|value| Some(Secret::from(value)))
                    .ok_or_else(|| SecretError::MissingEnv { name: name.clone(), place: place.to_owned() }),
                None => Err(SecretError::MissingEnv { name: name.clone(), place: place.to_owned() }),
            },
            Self::Unsupported(source) => {
                Err(SecretError::UnsupportedSource { source_kind: source.clone(), place: place.to_owned() })
            }
        }
    }
}

/// Resolves the secret that stands at `place` of a channel's or provider's section.
///
/// # Errors
/// As [`SecretInput::resolve`], and when the value is not a secret at all.
pub fn resolve_secret(value: &Value, env: &dyn Env, place: &str) -> Result<Option<Secret>, SecretError> {
    if value.is_null() {
        return Ok(None);
    }
    SecretInput::from_value(value)
        .ok_or_else(|| SecretError::Malformed { place: place.to_owned() })?
        .resolve(env, place)
}

/// The text without surrounding blanks, unless it is a word that means "no value": scripts that print an unset
/// JavaScript variable leave `undefined` or `null` behind.
#[must_use]
pub fn present(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text != "undefined" && text != "null").then_some(text)
}

/// The name in a text that is one `${NAME}` and nothing else.
fn whole_variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    crate::substitute::is_variable_name(name).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn check(value: &Value, expected: Result<Option<&str>, SecretError>) {
        let env =
            BTreeMap::from([("KEY".to_owned(), "from-env".to_owned()), ("BLANK".to_owned(), " ".to_owned())]);
        let found =
            resolve_secret(value, &env, "a.b").map(|found| found.map(|secret| secret.expose().to_owned()));
        assert_eq!(found, expected.map(|text| text.map(str::to_owned)), "{value}");
    }

    #[test]
    fn resolves_each_spelling() {
        let missing = |name: &str| SecretError::MissingEnv { name: name.to_owned(), place: "a.b".to_owned() };
        check(&json!("plain"), Ok(Some("plain")));
        check(&json!(" padded "), Ok(Some("padded")));
        check(&json!("${KEY}"), Ok(Some("from-env")));
        check(&json!({"source": "env", "provider": "default", "id": "KEY"}), Ok(Some("from-env")));
        for nothing in ["", "  ", "undefined", "null"] {
            check(&json!(nothing), Ok(None));
        }
        check(&Value::Null, Ok(None));
        check(&json!("${NOPE}"), Err(missing("NOPE")));
        check(&json!("${BLANK}"), Err(missing("BLANK")));
        check(&json!(REDACTED), Err(SecretError::Redacted { place: "a.b".to_owned() }));
        check(&json!(7), Err(SecretError::Malformed { place: "a.b".to_owned() }));
        check(
            &json!({"source": "exec", "provider": "default", "id": "x"}),
            Err(SecretError::UnsupportedSource { source_kind: "exec".to_owned(), place: "a.b".to_owned() }),
        );
    }
}
