//! What a command asks for, before anybody knows what the file says: values as they were typed, and the places that
//! must not be emptied by accident.

use serde_json::{Map, Value};

use crate::ConfigError;
use crate::basis::ChannelSchemas;
use crate::edit::Edit;
use crate::json5::{self, SyntaxError};
use crate::known::wants_text;
use crate::patch::{PatchOptions, merge_patch, restore_redacted};
use crate::path::{KeyPath, PathPattern, Step};
use crate::secret_ref::REDACTED;

/// Maps and lists that people add entries to. A value that would drop one of them has to be meant.
const PROTECTED: &[&[&str]] = &[
    &["agents", "defaults", "models"],
    &["agents", "entries"],
    &["models", "providers"],
    &["models", "providers", "*"],
    &["models", "providers", "*", "models"],
    &["plugins", "entries"],
    &["auth", "profiles"],
];

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// The value shall stand at the path.
    Set {
        /// Where.
        path: KeyPath,
        /// What.
        value: Value,
        /// Entries of a protected map may go.
        replace: bool,
    },
    /// The value shall be merged into what stands at the path.
    Merge {
        /// Where.
        path: KeyPath,
        /// What.
        value: Value,
    },
    /// Nothing shall stand at the path.
    Remove {
        /// Where.
        path: KeyPath,
    },
    /// A merge patch of the whole document.
    Patch {
        /// Objects merge, `null` removes.
        patch: Value,
        /// What replaces instead.
        replace_paths: Vec<PathPattern>,
        /// Lists of objects with an `id` are merged by it, and no list loses an entry unasked.
        merge_by_id: bool,
    },
}

impl Ask {
    /// The edits that this means for a document.
    ///
    /// # Errors
    /// When there is nothing to remove, something would be lost unasked, or a placeholder stands for no secret.
    pub(crate) fn edits(&self, document: &Value) -> Result<Vec<Edit>, ConfigError> {
        match self {
            Self::Set { path, value, replace } => {
                if !replace && let Some(lost) = lost_entry(path, value, document) {
                    return Err(ConfigError::WouldDrop { path: path.to_string(), entry: lost });
                }
                let value = restore_redacted(value, path.find(document).unwrap_or(&Value::Null));
                let value = value.map_err(|_| placeholder(path))?;
                Ok(vec![Edit::Set { path: path.clone(), value }])
            }
            Self::Merge { path, value } => {
                let old = path.find(document);
                let objects = value.is_object() && old.is_none_or(Value::is_object);
                let lists = value.is_array() && old.is_none_or(Value::is_array);
                // No patch reaches into a list.
                let reachable = path.steps().iter().all(|step| matches!(step, Step::Key(_)));
                if !reachable || !(objects || lists) {
                    let problem = "--merge needs an object, or a list whose entries have an id".to_owned();
                    return Err(ConfigError::InvalidValue { path: path.to_string(), problem });
                }
                let patch = path.keys().into_iter().rev().fold(value.clone(), |inner, key| {
                    Value::Object(Map::from_iter([(key.to_owned(), inner)]))
                });
                merge_patch(document, &patch, &PatchOptions { replace_paths: Vec::new(), merge_by_id: true })
            }
            Self::Remove { path } => match path.find(document) {
                Some(_) => Ok(vec![Edit::Remove { path: path.clone() }]),
                None => Err(ConfigError::NothingToRemove { path: path.to_string() }),
            },
            Self::Patch { patch, replace_paths, merge_by_id } => {
                let options =
                    PatchOptions { replace_paths: replace_paths.clone(), merge_by_id: *merge_by_id };
                merge_patch(document, patch, &options)
            }
        }
    }
}

fn placeholder(path: &KeyPath) -> ConfigError {
    ConfigError::InvalidValue {
        path: path.to_string(),
        problem: format!("{REDACTED} is what `config get` shows instead of a secret, not a value"),
    }
}

/// An entry of a protected map or list that would be gone if `value` stood at `path`.
fn lost_entry(path: &KeyPath, value: &Value, document: &Value) -> Option<String> {
    let keys = path.keys();
    let is_protected = |place: &&&[&str]| {
        place.len() == keys.len() && place.iter().zip(&keys).all(|(want, key)| *want == "*" || want == key)
    };
    PROTECTED.iter().find(is_protected)?;
    match (path.find(document)?, value) {
        (Value::Object(old), new) => old.keys().find(|key| new.get(key.as_str()).is_none()).cloned(),
        (Value::Array(old), new) => {
            let id = |entry: &Value| entry.get("id").and_then(Value::as_str).map(str::to_owned);
            let kept: Vec<String> = new.as_array().into_iter().flatten().filter_map(id).collect();
            old.iter().filter_map(id).find(|id| !kept.contains(id))
        }
        _ => None,
    }
}

/// Reads a value from the command line: JSON5, else text. Where the file wants text, a bare word is text even if it
/// could be read as a number.
pub fn read_value(
    raw: &str,
    path: &KeyPath,
    strict: bool,
    channels: &ChannelSchemas,
) -> Result<Value, ConfigError> {
    let invalid = |problem: String| ConfigError::InvalidValue { path: path.to_string(), problem };
    let value = if strict {
        serde_json::from_str(raw).map_err(|error| invalid(format!("not valid JSON: {error}")))?
    } else {
        match json5::parse(raw) {
            Ok(node) => match node.to_value() {
                Value::Number(_) | Value::Bool(_) | Value::Null if wants_text(path, channels) => {
                    Value::from(raw)
                }
                value => value,
            },
            Err(_) => Value::from(raw),
        }
    };
    if value.to_string().contains(REDACTED) {
        return Err(invalid(format!(
            "{REDACTED} is what `config get` shows instead of a secret, not a value"
        )));
    }
    Ok(value)
}

/// Reads a text that is meant to be a whole document or a patch of one: JSON5, and nothing else.
///
/// # Errors
/// Where and why it is not JSON5.
pub fn read_document(text: &str) -> Result<Value, SyntaxError> {
    json5::parse(text).map(|node| node.to_value())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_protected_map_keeps_its_entries_unless_it_is_meant() {
        let document = json!({
            "models": {"providers": {"a": {"baseUrl": "x", "models": [{"id": "m"}, {"id": "n"}]}, "b": {}}},
            "messages": {"x": 1, "y": 2},
        });
        let check = |path: &str, value: Value, lost: Option<&str>| {
            let path: KeyPath = path.parse().unwrap();
            assert_eq!(lost_entry(&path, &value, &document).as_deref(), lost, "{path}");
        };
        check("models.providers", json!({"a": 1}), Some("b"));
        check("models.providers", json!({"a": 1, "b": 2, "c": 3}), None);
        check("models.providers.a", json!({"models": []}), Some("baseUrl"));
        check("models.providers.a.models", json!([{"id": "n"}]), Some("m"));
        check("models.providers.a.models", json!([{"id": "n"}, {"id": "m"}]), None);
        check("messages", json!({}), None);
        let asked = Ask::Set { path: "models.providers".parse().unwrap(), value: json!({}), replace: true };
        assert_eq!(asked.edits(&document).unwrap().len(), 1);
    }

    #[test]
    fn merging_adds_and_keeps() {
        let document = json!({"a": {"m": [{"id": "x", "n": 1}], "k": {"p": 1}}});
        let edits =
            |path: &str, value: Value| Ask::Merge { path: path.parse().unwrap(), value }.edits(&document);
        assert_eq!(
            edits("a.k", json!({"q": 2})).unwrap(),
            [Edit::Set { path: "a.k.q".parse().unwrap(), value: json!(2) }]
        );
        assert_eq!(
            edits("a.m", json!([{"id": "y"}])).unwrap(),
            [Edit::Set { path: "a.m[1]".parse().unwrap(), value: json!({"id": "y"}) }]
        );
        assert!(edits("a.k", json!(5)).unwrap_err().to_string().contains("--merge needs an object"));
        assert!(edits("a.m[0]", json!({"n": 2})).is_err());
    }
}
