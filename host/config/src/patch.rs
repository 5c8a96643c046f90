//! From one document to another: JSON merge patches (RFC 7396), and the edits that a new document means. It works on
//! values; the text and the rules for what may stand in it are not its business.

use serde_json::{Map, Value};

use crate::ConfigError;
use crate::edit::{Edit, between};
use crate::path::{KeyPath, PathPattern};
use crate::secret_ref::REDACTED;

/// How a patch is read.
#[derive(Clone, Debug, Default)]
pub struct PatchOptions {
    /// What the patch has at these places is the whole new value there: an object is not merged, and entries of a list
    /// may go.
    pub replace_paths: Vec<PathPattern>,
    /// Lists of objects that all have an `id` are merged by it, and no entry of any list goes unless the list itself is
    /// one of `replace_paths`: a client that saw a shortened list must not shorten it by writing it back.
    pub merge_by_id: bool,
}

/// The edits that a merge patch means for the document: objects merge, `null` deletes, all else replaces. What the
/// patch does not change gives no edit, and neither does deleting what is not there. Placeholders of secrets in the
/// patch mean the secrets of the document, as in [`restore_redacted`].
///
/// # Errors
/// When the patch is not an object, a placeholder has no secret behind it, or entries of a list would go that must not.
pub fn merge_patch(
    document: &Value,
    patch: &Value,
    options: &PatchOptions,
) -> Result<Vec<Edit>, ConfigError> {
    let invalid = |path: &KeyPath, problem: &str| ConfigError::InvalidValue {
        path: path.to_string(),
        problem: problem.to_owned(),
    };
    let root = KeyPath::root();
    if !patch.is_object() {
        return Err(invalid(&root, "a merge patch is an object"));
    }
    let patch = restore_redacted(patch, document).map_err(|path| invalid(&path, NOTHING_BEHIND))?;
    let merged = options.merge(&root, Some(document), &patch);
    if options.merge_by_id
        && let Some(path) = options.dropped(&root, document, Some(&merged))
    {
        return Err(invalid(
            &path,
            "the patch would drop entries of this list (name it in replacePaths to mean that)",
        ));
    }
    Ok(document_edits(document, &merged))
}

const NOTHING_BEHIND: &str = "it holds the placeholder __OPENCLAW_REDACTED__, and the file has no secret there that it could stand for";

/// The edits that turn one document into the other, as few and small as the text allows, so that comments survive a
/// new document. Numbers of the same size are the same, as `1` and `1.0`: other programs cannot tell them apart.
#[must_use]
pub fn document_edits(old: &Value, new: &Value) -> Vec<Edit> {
    between(&KeyPath::root(), old, new, same)
}

/// `new` with each placeholder replaced by what stands at its place in `current`. Entries of a list are found again by
/// their `id`, or else by their position, as long as the list did not become shorter.
///
/// # Errors
/// The place of a placeholder that stands for nothing, or of a text that only contains one.
pub fn restore_redacted(new: &Value, current: &Value) -> Result<Value, KeyPath> {
    restore(&KeyPath::root(), new, Some(current))
}

fn restore(path: &KeyPath, new: &Value, current: Option<&Value>) -> Result<Value, KeyPath> {
    match new {
        Value::String(text) if text.contains(REDACTED) => match current {
            Some(Value::Null) | None => Err(path.clone()),
            Some(Value::String(real)) if real.contains(REDACTED) => Err(path.clone()),
            Some(real) if text == REDACTED => Ok(real.clone()),
            Some(_) => Err(path.clone()),
        },
        Value::Object(map) => {
            let restored = map.iter().map(|(key, value)| {
                let before = current.and_then(|current| current.get(key));
                Ok((key.clone(), restore(&path.key(key), value, before)?))
            });
            restored.collect::<Result<_, _>>().map(Value::Object)
        }
        Value::Array(items) => {
            let before = current.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let restored = items.iter().enumerate().map(|(n, item)| {
                let same = match id_of(item) {
                    Some(id) => before.iter().find(|before| id_of(before) == Some(id)),
                    // Nobody knows which entries are gone: a secret must not get to the wrong one.
                    None if items.len() < before.len() => None,
                    None => before.get(n),
                };
                restore(&path.index(n), item, same)
            });
            restored.collect::<Result<_, _>>().map(Value::Array)
        }
        other => Ok(other.clone()),
    }
}

impl PatchOptions {
    fn replaces(&self, path: &KeyPath) -> bool {
        self.replace_paths.iter().any(|pattern| pattern.matches(path))
    }

    /// The patched value at `path`.
    fn merge(&self, path: &KeyPath, old: Option<&Value>, patch: &Value) -> Value {
        match (old, patch) {
            (old, Value::Object(patch)) => {
                let kept = old.and_then(Value::as_object).filter(|_| !self.replaces(path));
                let mut merged = kept.cloned().unwrap_or_else(Map::new);
                for (key, value) in patch {
                    if value.is_null() {
                        merged.shift_remove(key);
                    } else {
                        let value = self.merge(&path.key(key), merged.get(key), value);
                        merged.insert(key.clone(), value);
                    }
                }
                Value::Object(merged)
            }
            (Some(Value::Array(old)), Value::Array(new))
                if self.merge_by_id && have_ids(old) && have_ids(new) && !self.replaces(path) =>
            {
                let mut merged = old.clone();
                for item in new {
                    match merged.iter_mut().enumerate().find(|(_, old)| id_of(old) == id_of(item)) {
                        Some((n, old)) => *old = self.merge(&path.index(n), Some(old), item),
                        None => merged.push(self.merge(&path.index(merged.len()), None, item)),
                    }
                }
                Value::Array(merged)
            }
            _ => patch.clone(),
        }
    }

    /// The first list of which entries are gone without being meant to. `new` is what stands there now.
    fn dropped(&self, path: &KeyPath, old: &Value, new: Option<&Value>) -> Option<KeyPath> {
        match (old, new) {
            (Value::Object(old), new) => old.iter().find_map(|(key, value)| {
                self.dropped(&path.key(key), value, new.and_then(|new| new.get(key)))
            }),
            (Value::Array(_), _) if self.replaces(path) => None,
            (Value::Array(old), Some(Value::Array(new))) => {
                let by_id = have_ids(old) && have_ids(new);
                old.iter().enumerate().find_map(|(n, item)| {
                    let is_gone = || path.clone();
                    let found = match item {
                        _ if by_id => new.iter().find(|new| id_of(new) == id_of(item)),
                        _ if new.len() < old.len() => None,
                        Value::Object(_) | Value::Array(_) => new.get(n),
                        scalar => new.iter().find(|new| same(new, scalar)),
                    };
                    match found {
                        Some(new) => self.dropped(&path.index(n), item, Some(new)),
                        None => Some(is_gone()),
                    }
                })
            }
            (Value::Array(_), _) => Some(path.clone()),
            _ => None,
        }
    }
}

/// What names an entry of a list.
fn id_of(item: &Value) -> Option<&Value> {
    item.get("id").filter(|id| id.is_string() || id.is_number())
}

/// Whether each entry is an object with an `id` of its own.
fn have_ids(items: &[Value]) -> bool {
    let mut ids = std::collections::HashSet::new();
    items.iter().all(|item| id_of(item).is_some_and(|id| ids.insert(id.to_string())))
}

/// Whether two values are one for every reader.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() != b.is_f64() => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests;
