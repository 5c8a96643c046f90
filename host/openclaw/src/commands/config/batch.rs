//! `--batch-json` and `--batch-file`: many values for one write, as a list of `{path, value}`, `{path, ref}` or
//! `{path, provider}`. No complaint shows a value.

use openclaw_config::{Ask, KeyPath};
use serde_json::Value;

use super::builder::{provider_place, reference};
use crate::error::CliError;

/// What a batch asks for.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) asks: Vec<Ask>,
    /// How the values were given: `json`, `builder` or both.
    pub(super) modes: Vec<&'static str>,
}

/// How the values of a batch are put into the file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How {
    pub(super) merge: bool,
    pub(super) replace: bool,
}

/// Reads a batch; `name` is what to call it in a complaint.
pub(super) fn read(text: &str, name: &str, how: How) -> Result<Batch, CliError> {
    if text.trim().is_empty() {
        return Err(CliError::invalid(format!("{name} is empty; leave it out to set one path")));
    }
    let list: Value = serde_json::from_str(text)
        .map_err(|error| CliError::invalid(format!("{name} is not valid JSON: {error}")))?;
    let Value::Array(entries) = list else {
        return Err(CliError::invalid(format!("{name} is a list of {{path, value}}, and this is none")));
    };
    if entries.is_empty() {
        return Err(CliError::invalid(format!("{name} has no entries")));
    }
    let mut batch = Batch { asks: Vec::new(), modes: Vec::new() };
    for (n, entry) in entries.into_iter().enumerate() {
        let (ask, mode) = read_entry(entry, how)
            .map_err(|error| CliError::invalid(format!("{name}, entry {}: {error}", n + 1)))?;
        batch.asks.push(ask);
        if !batch.modes.contains(&mode) {
            batch.modes.push(mode);
        }
    }
    Ok(batch)
}

fn read_entry(entry: Value, how: How) -> Result<(Ask, &'static str), CliError> {
    let Value::Object(mut entry) = entry else {
        return Err(CliError::invalid("an entry is an object with path and one of value, ref or provider"));
    };
    let path: KeyPath = match entry.remove("path") {
        Some(Value::String(path)) => path.parse()?,
        _ => return Err(CliError::invalid("its path is missing, or no text")),
    };
    let given = (entry.remove("value"), entry.remove("ref"), entry.remove("provider"));
    if let Some(key) = entry.keys().next() {
        return Err(CliError::invalid(format!("an entry has no key \"{key}\"")));
    }
    let set = |path, value| Ask::Set { path, value, replace: how.replace };
    match given {
        (Some(value), None, None) if how.merge && (value.is_object() || value.is_array()) => {
            Ok((Ask::Merge { path, value }, "json"))
        }
        (Some(value), None, None) => Ok((set(path, value), "json")),
        (None, Some(value), None) => Ok((set(path, reference(&value)?), "builder")),
        (None, None, Some(provider)) => {
            provider_place(&path)?;
            Ok((set(path, provider), "builder"))
        }
        _ => Err(CliError::invalid("an entry has exactly one of value, ref and provider")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_entry_becomes_one_change() {
        let text = r#"[
            {"path": "gateway.port", "value": 5},
            {"path": "secrets.providers.default", "provider": {"source": "env"}},
            {"path": "channels.chat.token", "ref": {"source": "env", "id": "TOKEN"}}
        ]"#;
        let batch = read(text, "--batch-json", How::default()).unwrap();
        assert_eq!(batch.modes, ["json", "builder"]);
        let set = |path: &str, value: Value| Ask::Set { path: path.parse().unwrap(), value, replace: false };
        assert_eq!(
            batch.asks,
            [
                set("gateway.port", json!(5)),
                set("secrets.providers.default", json!({"source": "env"})),
                set("channels.chat.token", json!({"source": "env", "provider": "default", "id": "TOKEN"})),
            ]
        );
    }

    #[test]
    fn merging_is_for_what_can_be_merged() {
        let text = r#"[{"path": "a", "value": {"b": 1}}, {"path": "c", "value": 1}]"#;
        let batch = read(text, "x", How { merge: true, replace: false }).unwrap();
        assert!(matches!(batch.asks.as_slice(), [Ask::Merge { .. }, Ask::Set { .. }]));
    }

    #[test]
    fn a_complaint_names_the_entry_and_no_value() {
        let check = |text: &str, expected: &str| {
            assert_eq!(read(text, "--batch-json", How::default()).unwrap_err().to_string(), expected);
        };
        check(" ", "--batch-json is empty; leave it out to set one path");
        check("[]", "--batch-json has no entries");
        check("{}", "--batch-json is a list of {path, value}, and this is none");
        check("[1, 'x']", "--batch-json is not valid JSON: expected value at line 1 column 5");
        check(
            "[\"secret\"]",
            "--batch-json, entry 1: an entry is an object with path and one of value, ref or provider",
        );
        check("[{\"value\": 1}]", "--batch-json, entry 1: its path is missing, or no text");
        check(
            r#"[{"path": "a", "value": 1}, {"path": "b", "value": "secret", "ref": {}}]"#,
            "--batch-json, entry 2: an entry has exactly one of value, ref and provider",
        );
        check(r#"[{"path": "a", "values": 1}]"#, "--batch-json, entry 1: an entry has no key \"values\"");
        check(
            r#"[{"path": "a.b", "provider": {"source": "env"}}]"#,
            "--batch-json, entry 1: a provider of secrets stands at secrets.providers.<name>, not at a.b",
        );
    }
}
