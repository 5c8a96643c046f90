//! Changes to the text itself: values are set or removed by replacing ranges of bytes, so that comments, order, quotes
//! and every byte outside survive. The result is parsed again and compared with what was intended before anybody may
//! write it.

mod between;
mod splice;

use std::ops::Range;

use serde_json::{Map, Value};

pub(crate) use between::between;

use crate::ConfigError;
use crate::json5::{self, MAX_BYTES, MAX_DEPTH, Node};
use crate::path::{KeyPath, Step};
use splice::Editor;

/// One change of meaning.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// The value stands at the path afterwards; objects and lists on the way that are missing are made. Where an object
    /// or a list stands already, only the parts of it that differ are written.
    Set {
        /// Where.
        path: KeyPath,
        /// What.
        value: Value,
    },
    /// Nothing stands at the path afterwards.
    Remove {
        /// Where.
        path: KeyPath,
    },
}

impl Edit {
    /// Where.
    #[must_use]
    pub fn path(&self) -> &KeyPath {
        match self {
            Self::Set { path, .. } | Self::Remove { path } => path,
        }
    }

    /// The same change at another place.
    pub(crate) fn at(self, path: KeyPath) -> Self {
        match self {
            Self::Set { value, .. } => Self::Set { path, value },
            Self::Remove { .. } => Self::Remove { path },
        }
    }

    /// Makes the change in a value.
    pub(crate) fn make_in(&self, document: &mut Value) {
        match self {
            Self::Set { path, value } => put(document, path.steps(), value),
            Self::Remove { path } => take(document, path.steps()),
        }
    }
}

/// A replacement of some bytes.
struct Change {
    range: Range<usize>,
    text: String,
}

/// Makes all changes, in their order. A text of blanks and comments is an empty configuration. A change that is no
/// change (a value that is there already, a removal of something absent) leaves every byte as it is.
///
/// # Errors
/// When the text is not JSON5, a path leads through a scalar or beyond the end of a list, or the result would be too
/// large or too deep to be read again.
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, ConfigError> {
    let mut draft = Draft::of(text)?;
    for edit in edits {
        match edit {
            Edit::Set { path, value } => draft.set(path, value)?,
            Edit::Remove { path } => draft.remove(path)?,
        }
    }
    draft.finish()
}

/// A text on its way from the old to the new one.
struct Draft {
    text: String,
    root: Node,
    /// What the text has to mean. It is changed beside the text and never read from it.
    intended: Value,
    /// The last change that was made.
    last: Option<KeyPath>,
}

impl Draft {
    fn of(text: &str) -> Result<Self, ConfigError> {
        let root = json5::document(text)
            .map_err(|cause| ConfigError::Syntax { path: "openclaw.json".into(), cause })?;
        Ok(Self { text: text.to_owned(), intended: root.to_value(), root, last: None })
    }

    fn set(&mut self, path: &KeyPath, value: &Value) -> Result<(), ConfigError> {
        if path.steps().len() + height(value, MAX_DEPTH + 1) > MAX_DEPTH {
            let problem = "it would be nested deeper than 128 levels".to_owned();
            return Err(ConfigError::InvalidValue { path: path.to_string(), problem });
        }
        match path.find(&self.intended) {
            Some(old) if old == value => return Ok(()),
            Some(old) => {
                for edit in between(path, old, value, |a, b| a == b) {
                    match edit {
                        Edit::Set { path, value } => self.set_one(&path, &value)?,
                        Edit::Remove { path } => self.remove_one(&path)?,
                    }
                }
            }
            None => self.set_one(path, value)?,
        }
        put(&mut self.intended, path.steps(), value);
        Ok(())
    }

    fn remove(&mut self, path: &KeyPath) -> Result<(), ConfigError> {
        if path.find(&self.intended).is_some() {
            self.remove_one(path)?;
            take(&mut self.intended, path.steps());
        }
        Ok(())
    }

    fn set_one(&mut self, path: &KeyPath, value: &Value) -> Result<(), ConfigError> {
        let changes = Editor::new(&self.text, &self.root).set(&self.root, path, value)?;
        self.replace(changes, path)
    }

    fn remove_one(&mut self, path: &KeyPath) -> Result<(), ConfigError> {
        let changes = Editor::new(&self.text, &self.root).remove(&self.root, path);
        self.replace(changes, path)
    }

    fn replace(&mut self, mut changes: Vec<Change>, path: &KeyPath) -> Result<(), ConfigError> {
        changes.sort_by_key(|change| std::cmp::Reverse(change.range.start));
        for change in changes {
            self.text.replace_range(change.range, &change.text);
        }
        if self.text.len() > MAX_BYTES {
            let problem = "the file would be longer than 8 MiB".to_owned();
            return Err(ConfigError::InvalidValue { path: path.to_string(), problem });
        }
        self.root = json5::document(&self.text)
            .map_err(|_not_json5_any_more| ConfigError::EditMismatch { path: path.to_string() })?;
        self.last = Some(path.clone());
        Ok(())
    }

    fn finish(self) -> Result<String, ConfigError> {
        match self.last {
            Some(path) if self.root.to_value() != self.intended => {
                Err(ConfigError::EditMismatch { path: path.to_string() })
            }
            _ => Ok(self.text),
        }
    }
}

/// How many containers are nested in a value; no more than `limit` are counted.
fn height(value: &Value, limit: usize) -> usize {
    let Some(rest) = limit.checked_sub(1) else { return 0 };
    match value {
        Value::Array(items) => 1 + items.iter().map(|item| height(item, rest)).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(|item| height(item, rest)).max().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// `value` inside the objects and lists that `steps` name.
fn build(steps: &[Step], value: &Value) -> Value {
    steps.iter().rev().fold(value.clone(), |inner, step| match step {
        Step::Key(key) => Value::Object(Map::from_iter([(key.clone(), inner)])),
        Step::Index(_) => Value::Array(vec![inner]),
    })
}

/// The same change on values, for comparison.
fn put(at: &mut Value, steps: &[Step], value: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *at = value.clone();
        return;
    };
    match (at, step) {
        (Value::Object(map), Step::Key(key)) => match map.get_mut(key) {
            Some(next) => put(next, rest, value),
            None => {
                map.insert(key.clone(), build(rest, value));
            }
        },
        (Value::Array(items), step) => match step.as_index() {
            Some(index) if index < items.len() => {
                if let Some(next) = items.get_mut(index) {
                    put(next, rest, value);
                }
            }
            _ => items.push(build(rest, value)),
        },
        (at, _) => *at = build(steps, value),
    }
}

fn take(at: &mut Value, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else { return };
    match (at, step) {
        (Value::Object(map), Step::Key(key)) if rest.is_empty() => {
            map.shift_remove(key);
        }
        (Value::Object(map), Step::Key(key)) => {
            if let Some(next) = map.get_mut(key) {
                take(next, rest);
            }
        }
        (Value::Array(items), step) => match step.as_index().filter(|index| *index < items.len()) {
            Some(index) if rest.is_empty() => {
                items.remove(index);
            }
            Some(index) => {
                if let Some(next) = items.get_mut(index) {
                    take(next, rest);
                }
            }
            None => {}
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests;
