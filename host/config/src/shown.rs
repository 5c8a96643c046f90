//! The file as clients of a gateway see it: its text and its values, with a placeholder for each secret. What a client
//! sees it can hand back: the placeholders become the secrets again (`patch::restore_redacted`).

use serde_json::{Map, Value};

use crate::basis::Basis;
use crate::diff::redacted_text;
use crate::include::compose;
use crate::json5;
use crate::load::Loaded;
use crate::path::KeyPath;
use crate::redact::{is_secret_place, redact};
use crate::secret_ref::REDACTED;

/// The file without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its text; `None` when there is no file, or it has no structure: nobody knows then what in it is a secret.
    pub raw: Option<String>,
    /// What it says itself; `null` when it has no structure.
    pub parsed: Value,
    /// What it says together with the files that it includes. Variables stay as they are written.
    pub config: Value,
}

/// The file without its secrets: those at places that hold secrets, and every text for which `holds_secret` is true,
/// wherever it stands. Comments and keys stay as they are.
#[must_use]
pub fn shown(loaded: &Loaded, basis: &Basis<'_>, holds_secret: impl Fn(&str) -> bool) -> Shown {
    let channels = &basis.plugins.channels;
    let Some(source) = &loaded.source else {
        let empty = Value::Object(Map::new());
        return Shown { raw: None, parsed: empty.clone(), config: empty };
    };
    let Ok(own) = json5::document(&source.text) else {
        return Shown { raw: None, parsed: Value::Null, config: Value::Null };
    };
    let own = own.to_value();
    let hides = |path: &KeyPath| {
        let text = || path.find(&own).and_then(Value::as_str);
        is_secret_place(path, channels) || text().is_some_and(&holds_secret)
    };
    let without = |value: &Value| hide(redact(value, &KeyPath::root(), channels), &holds_secret);
    let config = compose(&source.text, basis).map(|composed| without(&composed.root.to_value()));
    Shown {
        raw: redacted_text(&source.text, hides),
        parsed: without(&own),
        config: config.unwrap_or(Value::Null),
    }
}

/// Puts the placeholder in the place of every text that holds a secret. A part of a text would not do: nothing could
/// turn it back.
fn hide(value: Value, holds_secret: &impl Fn(&str) -> bool) -> Value {
    match value {
        Value::String(text) if holds_secret(&text) => Value::from(REDACTED),
        Value::Array(items) => items.into_iter().map(|item| hide(item, holds_secret)).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, inner)| (key, hide(inner, holds_secret))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::basis::testing::{channel, plugins};
    use crate::{ChangeOptions, load, replace};

    #[test]
    fn what_is_shown_can_be_handed_back() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("openclaw.json");
        let text = "{ // kept\n  gateway: { auth: { token: 'hidden' } },\n  meta: { at: 'http://u:known@h' },\n  channels: { $include: 'chat.json' },\n}\n";
        std::fs::write(&config, text).unwrap();
        std::fs::write(dir.path().join("chat.json"), "{chat: {pin: 'also', limit: 3}}").unwrap();
        let plugins = plugins([("chat", channel(json!(true), &["pin"]))]);
        let env: BTreeMap<String, String> = BTreeMap::new();
        let basis = Basis::new(&config, &plugins, &env);
        let seen = shown(&load(&basis).unwrap(), &basis, |text| text.contains("known"));
        let raw = text.replace("'hidden'", "\"__OPENCLAW_REDACTED__\"");
        let raw = raw.replace("'http://u:known@h'", "\"__OPENCLAW_REDACTED__\"");
        assert_eq!(seen.raw.as_deref(), Some(raw.as_str()));
        assert_eq!(seen.parsed["meta"], json!({"at": REDACTED}));
        assert_eq!(seen.parsed["channels"], json!({"$include": "chat.json"}));
        assert_eq!(seen.config["channels"], json!({"chat": {"pin": REDACTED, "limit": 3}}));
        let changed = replace(&basis, &raw.replace("kept", "kept too"), &ChangeOptions::default()).unwrap();
        assert!(changed.paths.is_empty());
        let now = std::fs::read_to_string(&config).unwrap();
        assert!(
            now.contains("kept too") && now.contains("hidden") && now.contains("http://u:known@h"),
            "{now}"
        );
    }

    #[test]
    fn a_text_without_structure_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let (config, plugins) = (dir.path().join("openclaw.json"), plugins([]));
        let env: BTreeMap<String, String> = BTreeMap::new();
        let basis = Basis::new(&config, &plugins, &env);
        let at = || shown(&load(&basis).unwrap(), &basis, |_| false);
        assert_eq!(at(), Shown { raw: None, parsed: json!({}), config: json!({}) });
        std::fs::write(&config, "{token: 'x'").unwrap();
        assert_eq!(at(), Shown { raw: None, parsed: Value::Null, config: Value::Null });
    }
}
