//! Secrets as the file spells them: a string, `${VAR}`, `$VAR`, or a reference `{source, provider, id}`. Reading the file
//! never resolves them; whoever needs the value does, at that moment, with a [`SecretResolver`].

mod error;
mod exec;
mod file;
mod reference;
mod resolver;
mod section;

use openclaw_secrets::Secret;
use serde_json::Value;

pub use error::SecretError;
pub(crate) use reference::{DEFAULT_PROVIDER, is_env_id, retired};
pub use reference::{SecretRef, SecretSource};
pub use resolver::SecretResolver;
pub(crate) use section::check;

/// What `config get` prints in place of a secret. Writing it back would destroy the secret, so it is refused.
pub const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// A secret as it stands in the file.
#[derive(Clone, Debug)]
pub enum SecretInput {
    /// The value itself.
    Literal(Secret),
    /// Where the value is.
    Reference(SecretRef),
}

impl SecretInput {
    /// Reads the spelling. `None` when it is neither a string nor a valid reference.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        Self::parse(value).ok()
    }

    /// As [`SecretInput::from_value`].
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => match (SecretRef::short(text), retired(text)) {
                (Some(reference), _) => Ok(Self::Reference(reference)),
                (None, Some(advice)) => Err(advice),
                (None, None) => Ok(Self::Literal(Secret::from(text.as_str()))),
            },
            Value::Object(map) => SecretRef::parse(map).map(Self::Reference),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err("is neither a string nor a reference {source, provider, id}".to_owned())
            }
        }
    }

    /// The value, or `None` when the file holds a word for "nothing" (blank, `undefined`, `null`). Blocks while a file is
    /// read or a program runs, for at most the provider's timeout.
    ///
    /// # Errors
    /// When it refers to something that is not there; `place` is the path that the error names.
    pub fn resolve(&self, secrets: &SecretResolver<'_>, place: &str) -> Result<Option<Secret>, SecretError> {
        match self {
            Self::Literal(secret) if secret.expose() == REDACTED => {
                Err(SecretError::Redacted { place: place.to_owned() })
            }
            Self::Literal(secret) => Ok(present(secret.expose()).map(Secret::from)),
            Self::Reference(reference) => secrets.find(reference, place).map(Some),
        }
    }
}

/// Resolves the secret that stands at `place` of a channel's or provider's section.
///
/// # Errors
/// As [`SecretInput::resolve`], and when the value is not a secret at all.
pub fn resolve_secret(
    value: &Value,
    secrets: &SecretResolver<'_>,
    place: &str,
) -> Result<Option<Secret>, SecretError> {
    if value.is_null() {
        return Ok(None);
    }
    SecretInput::parse(value)
        .map_err(|advice| SecretError::Malformed { place: place.to_owned(), advice })?
        .resolve(secrets, place)
}

/// The text without surrounding blanks, unless it is a word that means "no value": scripts that print an unset
/// JavaScript variable leave `undefined` or `null` behind.
#[must_use]
pub fn present(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text != "undefined" && text != "null").then_some(text)
}
