//! The edits that lead from one value to another, few and small, so that what stays the same stays as it is written.

use serde_json::Value;

use super::Edit;
use crate::path::KeyPath;

/// The edits that turn `old`, which stands at `path`, into `new`. `same` says which values need no edit.
///
/// The order of an object's keys has no meaning and is not touched. An entry of a list is the same entry when it has
/// the same `id`, or else the same value.
pub(crate) fn between(
    path: &KeyPath,
    old: &Value,
    new: &Value,
    same: impl Fn(&Value, &Value) -> bool,
) -> Vec<Edit> {
    let mut edits = Vec::new();
    Between { same, edits: &mut edits }.value(path, old, new);
    edits
}

struct Between<'e, F> {
    same: F,
    edits: &'e mut Vec<Edit>,
}

impl<F: Fn(&Value, &Value) -> bool> Between<'_, F> {
    fn value(&mut self, path: &KeyPath, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                for (key, value) in new {
                    let place = path.key(key);
                    match old.get(key) {
                        Some(before) => self.value(&place, before, value),
                        None => self.set(place, value),
                    }
                }
                // Last, so that a new neighbour can be written like an old one.
                for key in old.keys().filter(|key| !new.contains_key(*key)) {
                    self.remove(path.key(key));
                }
            }
            (Value::Array(old), Value::Array(new)) => self.list(path, old, new),
            _ if (self.same)(old, new) => {}
            _ => self.set(path.clone(), new),
        }
    }

    fn list(&mut self, path: &KeyPath, old: &[Value], new: &[Value]) {
        let mut gone = Vec::new();
        let mut at = 0;
        let mut rest = new;
        // As long as each new entry is found among the old ones, those between were removed.
        while let Some((first, others)) = rest.split_first() {
            let found = old.iter().enumerate().skip(at).find(|(_, before)| self.is_same_entry(before, first));
            let Some((n, before)) = found else { break };
            gone.extend(at..n);
            self.value(&path.index(n), before, first);
            at = n + 1;
            rest = others;
        }
        // From there on entries are told apart by their position alone.
        let paired = rest.len().min(old.len() - at);
        for (n, (before, value)) in old.iter().enumerate().skip(at).zip(rest).map(|((n, a), b)| (n, (a, b))) {
            self.value(&path.index(n), before, value);
        }
        for (n, value) in rest.iter().skip(paired).enumerate() {
            self.set(path.index(old.len() + n), value);
        }
        gone.extend(at + paired..old.len());
        // From the end, so that the indices of the others stay right.
        for n in gone.into_iter().rev() {
            self.remove(path.index(n));
        }
    }

    fn is_same_entry(&self, old: &Value, new: &Value) -> bool {
        match (old.get("id"), new.get("id")) {
            (Some(old), Some(new)) => old == new,
            _ => (self.same)(old, new),
        }
    }

    fn set(&mut self, path: KeyPath, value: &Value) {
        self.edits.push(Edit::Set { path, value: value.clone() });
    }

    fn remove(&mut self, path: KeyPath) {
        self.edits.push(Edit::Remove { path });
    }
}
