//! The grammar of a reference `{source, provider, id}` and of its short spellings `${NAME}` and `$NAME`
//! (openclaw-compat §5.1). Says what to write instead of what is wrong; never looks whether the secret exists.

use serde_json::{Map, Value};

use crate::substitute::is_variable_name;

/// The provider that a reference without one means.
pub(crate) const DEFAULT_PROVIDER: &str = "default";
/// The id in a file that holds one value and nothing else.
pub(crate) const SINGLE_VALUE: &str = "value";
/// Marks that older programs left in place of a reference. They are no secrets, and taking one for a secret would send
/// it to a vendor.
const RETIRED: &[&str] = &["secretref-env:", "__env__:"];

/// Where a referenced secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment.
    Env,
    /// A file, named by a provider.
    File,
    /// A program that prints it, named by a provider.
    Exec,
    /// The original's own store of secrets.
    Store,
}

impl SecretSource {
    const ALL: [Self; 4] = [Self::Env, Self::File, Self::Exec, Self::Store];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::File => "file",
            Self::Exec => "exec",
            Self::Store => "store",
        }
    }
}

/// A reference to a secret. It is none itself and may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRef {
    /// Where the secret is.
    pub source: SecretSource,
    /// A name in `secrets.providers`, or `default`.
    pub provider: String,
    /// The secret's name there: a variable, a JSON pointer, `value`, or what the program understands.
    pub id: String,
}

impl SecretRef {
    /// The reference to a variable.
    #[must_use]
    pub fn env(name: &str) -> Self {
        Self { source: SecretSource::Env, provider: DEFAULT_PROVIDER.to_owned(), id: name.to_owned() }
    }

    /// Reads `${NAME}` or `$NAME`, where that is the whole text.
    pub(crate) fn short(text: &str) -> Option<Self> {
        let text = text.trim();
        let braced = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        match braced {
            Some(name) => is_variable_name(name).then(|| Self::env(name)),
            None => text.strip_prefix('$').filter(|name| is_env_id(name)).map(Self::env),
        }
    }

    /// Reads the object.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, String> {
        if let Some(key) = map.keys().find(|key| !["source", "provider", "id"].contains(&key.as_str())) {
            return Err(format!("a reference has the keys source, provider and id, and not \"{key}\""));
        }
        let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::trim);
        let source = SecretSource::ALL.into_iter().find(|source| text("source") == Some(source.as_str()));
        let (Some(source), Some(id)) = (source, text("id")) else {
            return Err(
                "expected a string or {source: \"env\"|\"file\"|\"exec\"|\"store\", provider: \"default\", \
                        id: \"…\"}"
                    .to_owned(),
            );
        };
        let provider = match map.get("provider") {
            None => DEFAULT_PROVIDER,
            Some(provider) => provider.as_str().unwrap_or_default().trim(),
        };
        if !is_provider_name(provider) {
            return Err(provider_advice(provider));
        }
        check_id(source, id)?;
        Ok(Self { source, provider: provider.to_owned(), id: id.to_owned() })
    }
}

/// What to write in place of a mark that older programs left; `None` for any other text.
pub(crate) fn retired(text: &str) -> Option<String> {
    let name = RETIRED.iter().find_map(|mark| text.trim().strip_prefix(mark))?;
    let name = if is_env_id(name) { name } else { "NAME" };
    Some(format!(
        "this spelling of a reference is retired; write {{source: \"env\", provider: \"default\", id: \"{name}\"}}"
    ))
}

fn check_id(source: SecretSource, id: &str) -> Result<(), String> {
    match source {
        SecretSource::Env | SecretSource::Store if !is_env_id(id) => Err(format!(
            "the id of a reference to source \"{}\" is a name in capital letters (^[A-Z][A-Z0-9_]{{0,127}}$), for \
             instance \"SERVICE_API_KEY\"",
            source.as_str()
        )),
        SecretSource::File if !is_file_id(id) => Err("the id of a reference to source \"file\" is a JSON pointer, \
             for instance \"/service/apiKey\" (write ~1 for / and ~0 for ~ in a key), or \"value\" for a file that \
             holds nothing else"
            .to_owned()),
        SecretSource::Exec if !is_exec_id(id) => Err("the id of a reference to source \"exec\" is made of letters, \
             digits and . _ : / # - (^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,255}$) without . or .. between slashes, for \
             instance \"vault/service/api-key\""
            .to_owned()),
        _ => Ok(()),
    }
}

/// The advice for a provider's name that is none.
pub(crate) fn provider_advice(name: &str) -> String {
    format!(
        "\"{name}\" cannot name a provider: use small letters, digits, _ and - (^[a-z][a-z0-9_-]{{0,63}}$), for \
         instance \"default\""
    )
}

/// `^[a-z][a-z0-9_-]{0,63}$`
pub(crate) fn is_provider_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

/// `^[A-Z][A-Z0-9_]{0,127}$`
pub(crate) fn is_env_id(id: &str) -> bool {
    id.len() <= 128 && !id.starts_with('_') && is_variable_name(id)
}

fn is_file_id(id: &str) -> bool {
    let escaped = |segment: &str| {
        segment.split('~').skip(1).all(|after| after.starts_with('0') || after.starts_with('1'))
    };
    id == SINGLE_VALUE || id.strip_prefix('/').is_some_and(|rest| rest.split('/').all(escaped))
}

fn is_exec_id(id: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b'#' | b'-');
    id.len() <= 256
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.bytes().all(allowed)
        && !id.split('/').any(|segment| segment == "." || segment == "..")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_spellings_name_a_variable() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(SecretRef::short(text).map(|found| found.id).as_deref(), expected, "{text}");
        };
        check("${SERVICE_KEY}", Some("SERVICE_KEY"));
        check(" $SERVICE_KEY ", Some("SERVICE_KEY"));
        check("${_X}", Some("_X"));
        check("$_X", None);
        check("$service", None);
        check("$5Ecret", None);
        check("x${KEY}", None);
        check("$${KEY}", None);
        check("$", None);
    }

    #[test]
    fn each_source_has_its_own_ids() {
        let check = |source: &str, id: &str, valid: bool| {
            let value = json!({"source": source, "provider": "default", "id": id});
            assert_eq!(SecretRef::parse(value.as_object().unwrap()).is_ok(), valid, "{source} {id}");
        };
        check("env", "KEY_1", true);
        check("env", "key", false);
        check("env", "_KEY", false);
        check("env", "1KEY", false);
        check("env", &"K".repeat(128), true);
        check("env", &"K".repeat(129), false);
        check("store", "KEY", true);
        check("store", "a/b", false);
        check("file", "/a/b~1c~0d/0", true);
        check("file", "/", true);
        check("file", "value", true);
        check("file", "a/b", false);
        check("file", "/a~2", false);
        check("file", "/a~", false);
        check("exec", "vault/service#key", true);
        check("exec", "a..b/c", true);
        check("exec", "a/../b", false);
        check("exec", "a/.", false);
        check("exec", "/a", false);
        check("exec", "a b", false);
        check("exec", "", false);
        check("exec", &"x".repeat(256), true);
        check("exec", &"x".repeat(257), false);
        check("vault", "x", false);
    }

    #[test]
    fn errors_say_what_to_write() {
        let check = |value: Value, words: &str| {
            let error = SecretRef::parse(value.as_object().unwrap()).unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        check(json!({"source": "env", "id": "key"}), "for instance \"SERVICE_API_KEY\"");
        check(json!({"source": "env", "provider": "Main", "id": "KEY"}), "\"Main\" cannot name a provider");
        check(json!({"source": "env", "provider": 5, "id": "KEY"}), "cannot name a provider");
        check(json!({"source": "env", "id": "KEY", "key": "x"}), "not \"key\"");
        check(json!({"id": "KEY"}), "expected a string or {source:");
        check(json!({"source": "file", "id": "x"}), "\"/service/apiKey\"");
        assert!(retired("secretref-env:KEY").unwrap().contains("id: \"KEY\""));
        assert!(retired("__env__:k").unwrap().contains("id: \"NAME\""));
        assert_eq!(retired("sk-1"), None);
        let filled = SecretRef::parse(json!({"source": "exec", "id": "a"}).as_object().unwrap()).unwrap();
        assert_eq!(filled.provider, "default");
    }
}
