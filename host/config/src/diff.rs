//! What differs between two configurations, for reload plans and for people, who see everything but secrets.

use std::ops::Range;
use std::time::Duration;

use serde_json::Value;
use similar::TextDiff;

use crate::json5::{self, Kind, Node};
use crate::patch::same;
use crate::path::KeyPath;
use crate::secret_ref::REDACTED;
use crate::substitute::is_variable_name;

/// How long lines are compared before a longer difference than the shortest will do.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places where the documents differ: the leaves of objects, and lists as a whole. Sorted.
#[must_use]
pub fn changed_paths(old: &Value, new: &Value) -> Vec<KeyPath> {
    let mut paths = Vec::new();
    collect(&KeyPath::root(), Some(old), Some(new), &mut paths);
    paths.sort();
    paths
}

fn collect(path: &KeyPath, old: Option<&Value>, new: Option<&Value>, into: &mut Vec<KeyPath>) {
    if let (Some(old), Some(new)) = (old, new)
        && same(old, new)
    {
        return;
    }
    let (from, to) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
    let before = into.len();
    // An object against a scalar is a change of the place itself; against nothing, of all that is in it.
    if (from.is_some() || old.is_none()) && (to.is_some() || new.is_none()) {
        for (key, value) in from.into_iter().flatten() {
            collect(&path.key(key), Some(value), to.and_then(|to| to.get(key)), into);
        }
        for (key, value) in
            to.into_iter().flatten().filter(|(key, _)| !from.is_some_and(|from| from.contains_key(*key)))
        {
            collect(&path.key(key), None, Some(value), into);
        }
    }
    if into.len() == before {
        into.push(path.clone());
    }
}

/// The lines that differ, with three lines around them, in the unified format; empty when none do. The texts must be
/// fit for showing: see [`redacted_text`] and [`redacted_diff`].
#[must_use]
pub fn unified(old_text: &str, new_text: &str, name: &str) -> String {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old_text, new_text);
    diff.unified_diff().context_radius(3).header(name, &format!("{name} (new)")).to_string()
}

/// [`unified`] of two configurations without their secrets. A secret that is another one in the new text is marked
/// there, so that its line is among those that differ. `None` when one of the texts is not JSON5.
#[must_use]
pub fn redacted_diff(
    old_text: &str,
    new_text: &str,
    name: &str,
    is_secret: impl Fn(&KeyPath) -> bool,
) -> Option<String> {
    let old = json5::document(old_text).ok()?.to_value();
    let is_other = |path: &KeyPath, value: &Value| path.find(&old).is_some_and(|old| old != value);
    Some(unified(&redacted_text(old_text, &is_secret)?, &redact(new_text, &is_secret, is_other)?, name))
}

/// The text with a placeholder for each secret, and otherwise byte for byte. `is_secret` tells for a path whether a
/// secret stands there; entries of a list, and of an object that is no reference, are what the list or object is.
/// References to secrets stay. `None` when the text is not JSON5: nobody knows then what in it is a secret.
///
/// Comments stay, too: what a person put into one is shown.
#[must_use]
pub fn redacted_text(text: &str, is_secret: impl Fn(&KeyPath) -> bool) -> Option<String> {
    redact(text, &is_secret, |_, _| false)
}

fn redact(
    text: &str,
    is_secret: &impl Fn(&KeyPath) -> bool,
    is_other: impl Fn(&KeyPath, &Value) -> bool,
) -> Option<String> {
    let root = json5::document(text).ok()?;
    let mut found = Vec::new();
    secrets(&root, &KeyPath::root(), false, is_secret, &mut |path, node| {
        found.push((node.span.start..node.span.end, is_other(path, &node.to_value())));
    });
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for (Range { start, end }, is_other) in found {
        shown.push_str(text.get(at..start)?);
        shown.push_str(&format!("\"{REDACTED}{}\"", if is_other { " (changed)" } else { "" }));
        at = end;
    }
    shown.push_str(text.get(at..)?);
    Some(shown)
}

/// Calls `found` for each secret, in the order of the text.
fn secrets(
    node: &Node,
    path: &KeyPath,
    inherited: bool,
    is_secret: &impl Fn(&KeyPath) -> bool,
    found: &mut impl FnMut(&KeyPath, &Node),
) {
    let secret = inherited || is_secret(path);
    match &node.kind {
        Kind::Object(members) => {
            let inherited = secret && !is_reference(node);
            for member in members {
                secrets(&member.value, &path.key(&member.key), inherited, is_secret, found);
            }
        }
        Kind::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                secrets(&item.value, &path.index(n), secret, is_secret, found);
            }
        }
        Kind::String(text) if secret && !text.is_empty() && !is_variable(text) => found(path, node),
        Kind::Number(_) if secret => found(path, node),
        Kind::String(_) | Kind::Number(_) | Kind::Null | Kind::Bool(_) => {}
    }
}

/// `{source, provider, id}`, without anything else that could be a secret itself.
fn is_reference(node: &Node) -> bool {
    let Kind::Object(members) = &node.kind else { return false };
    let is_text =
        |key: &str| node.member(key).is_some_and(|member| matches!(member.value.kind, Kind::String(_)));
    is_text("source")
        && is_text("id")
        && members.iter().all(|member| matches!(member.key.as_str(), "source" | "provider" | "id"))
}

fn is_variable(text: &str) -> bool {
    text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).is_some_and(is_variable_name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_secret(path: &KeyPath) -> bool {
        path.keys().last().is_some_and(|key| key.ends_with("oken") || *key == "keys")
    }

    #[test]
    fn names_the_leaves_that_differ() {
        let check = |old: Value, new: Value, expected: &[&str]| {
            let paths: Vec<_> = changed_paths(&old, &new).iter().map(ToString::to_string).collect();
            assert_eq!(paths, expected);
        };
        check(json!({"b": 1, "a": {"x": 1, "y": 2}}), json!({"a": {"y": 3, "x": 1}, "b": 2}), &["a.y", "b"]);
        check(json!({}), json!({"a": {"b": {"c": 1}, "d": {}}}), &["a.b.c", "a.d"]);
        check(json!({"a": {"b": {"c": 1}}}), json!({}), &["a.b.c"]);
        check(json!({"a": {"b": 1}}), json!({"a": {}}), &["a.b"]);
        check(json!({"a": {}}), json!({}), &["a"]);
        check(json!({"a": {"b": 1}}), json!({"a": 1}), &["a"]);
        check(json!({"a": [{"b": 1}]}), json!({"a": [{"b": 2}]}), &["a"]);
        check(json!({"a": null}), json!({"a": {"b": 1}}), &["a"]);
        check(json!({"a": 1, "b": [2.0]}), json!({"b": [2], "a": 1.0}), &[]);
        check(json!(1), json!({}), &["<root>"]);
    }

    #[test]
    fn hides_secrets_where_they_stand() {
        let check = |text: &str, expected: &str| {
            let expected = expected.replace('#', "\"__OPENCLAW_REDACTED__\"");
            assert_eq!(redacted_text(text, is_secret), Some(expected), "{text}");
        };
        check(
            "\u{feff}{ token : 'a b', /* c */\r\n 'botToken': 0x7, port: 1 } // end",
            "\u{feff}{ token : #, /* c */\r\n 'botToken': #, port: 1 } // end",
        );
        check(
            "{token: '', aToken: null, bToken: true, cToken: \"${VAR}\", dToken: 'x${VAR}'}",
            "{token: '', aToken: null, bToken: true, cToken: \"${VAR}\", dToken: #}",
        );
        check(
            "{token: {source: 'env', provider: 'default', id: 'T'}}",
            "{token: {source: 'env', provider: 'default', id: 'T'}}",
        );
        check("{token: {source: 'env', id: 'T', value: 's'}}", "{token: {source: #, id: #, value: #}}");
        check("{keys: ['a', [1], {name: 'n'}, '${K}']}", "{keys: [#, [#], {name: #}, '${K}']}");
        check(" // nothing", " // nothing");
        assert_eq!(redacted_text("{token: 'a'", is_secret), None);
    }

    #[test]
    fn shows_the_lines_that_differ() {
        let old = "{\n  a: 1,\n  b: 2,\n  c: 3,\n  d: 4,\n  e: 5,\n  token: 'x',\n}\n";
        let new = old.replace("e: 5", "e: 6");
        assert_eq!(
            redacted_diff(old, &new, "openclaw.json", is_secret).unwrap(),
            "--- openclaw.json\n+++ openclaw.json (new)\n@@ -3,6 +3,6 @@\n   b: 2,\n   c: 3,\n   d: 4,\n-  e: 5,\n+  e: 6,\n   token: \"__OPENCLAW_REDACTED__\",\n }\n"
        );
        assert_eq!(redacted_diff(old, old, "openclaw.json", is_secret).unwrap(), "");
        assert_eq!(redacted_diff("{", old, "openclaw.json", is_secret), None);
    }

    #[test]
    fn a_secret_that_changed_shows_as_changed() {
        let diff = redacted_diff(
            "{\n  token: 'x',\n  aToken: 'same',\n}\n",
            "{\n  token: 'y',\n  aToken: \"same\",\n  bToken: 'new',\n}\n",
            "c",
            is_secret,
        );
        assert_eq!(
            diff.unwrap(),
            "--- c\n+++ c (new)\n@@ -1,4 +1,5 @@\n {\n-  token: \"__OPENCLAW_REDACTED__\",\n+  token: \"__OPENCLAW_REDACTED__ (changed)\",\n   aToken: \"__OPENCLAW_REDACTED__\",\n+  bToken: \"__OPENCLAW_REDACTED__\",\n }\n"
        );
    }
}
