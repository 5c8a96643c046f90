//! The references to secrets that a document holds, and whether those that a change touches have a value. A value that
//! is found is dropped at once.

use std::path::Path;

use serde_json::Value;

use crate::basis::Basis;
use crate::change::Changed;
use crate::path::{KeyPath, Step};
use crate::redact::is_resolved_place;
use crate::secret_ref::{SecretError, SecretInput, SecretRef, SecretResolver, SecretSource};

/// What became of the references that a change touches.
#[derive(Clone, Debug, Default)]
pub struct CheckedReferences {
    /// How many were resolved, with or without success.
    pub checked: usize,
    /// How many were not, because that would run a program.
    pub skipped_exec: usize,
    /// Those without a value, and why.
    pub failures: Vec<(SecretRef, SecretError)>,
}

/// Resolves the references that a change adds or changes, and those of a provider that it changes. Programs are run
/// only if `allow_exec`. Blocks for as long as files and programs take.
#[must_use]
pub fn check_references(
    basis: &Basis<'_>,
    changed: &Changed,
    home: &Path,
    allow_exec: bool,
) -> CheckedReferences {
    let mut result = CheckedReferences::default();
    let report = &changed.loaded.report;
    let Some(config) = &report.config else { return result };
    let mut found = Vec::new();
    collect(&report.document, &KeyPath::root(), basis, &mut found);
    let providers = KeyPath::from_keys(&["secrets", "providers"]);
    let touched = |place: &KeyPath, reference: &SecretRef| {
        let provider = providers.key(config.secrets.meant_by(reference.source, &reference.provider));
        let concerns = |path: &KeyPath, place: &KeyPath| path.starts_with(place) || place.starts_with(path);
        changed.paths.iter().any(|path| concerns(path, place) || concerns(path, &provider))
    };
    let resolver = SecretResolver::new(config, basis.env, home);
    for (place, reference) in found.into_iter().filter(|(place, reference)| touched(place, reference)) {
        if reference.source == SecretSource::Exec && !allow_exec {
            result.skipped_exec += 1;
            continue;
        }
        result.checked += 1;
        let input = SecretInput::Reference(reference.clone());
        if let Err(error) = input.resolve(&resolver, &place.to_string()) {
            result.failures.push((reference, error));
        }
    }
    result
}

fn collect(value: &Value, path: &KeyPath, basis: &Basis<'_>, found: &mut Vec<(KeyPath, SecretRef)>) {
    let is_secret =
        matches!(path.steps().last(), Some(Step::Key(_))) && is_resolved_place(path, &basis.plugins.channels);
    if is_secret && let Some(SecretInput::Reference(reference)) = SecretInput::from_value(value) {
        found.push((path.clone(), reference));
        return;
    }
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(value, &path.key(key), basis, found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| collect(item, &path.index(n), basis, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::basis::testing::{channel, plugins};
    use crate::{Ask, ChangeOptions, change};

    #[test]
    fn what_a_change_touches_is_resolved() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("openclaw.json");
        let text = "{gateway: {mode: 'local', auth: {token: '${GONE}'}},
            channels: {chat: {token: {source: 'exec', provider: 'p', id: 'x'}}},
            secrets: {providers: {p: {source: 'exec', command: '/nowhere/program'}}}}";
        std::fs::write(&file, text).unwrap();
        let plugins = plugins([("chat", channel(json!({}), &["token"]))]);
        let env = BTreeMap::from([("THERE".to_owned(), "secret".to_owned())]);
        let basis = Basis::new(&file, &plugins, &env);
        let check = |path: &str, value: Value, allow_exec: bool, expected: (usize, usize, usize)| {
            let ask = Ask::Set { path: path.parse().unwrap(), value, replace: true };
            let options = ChangeOptions { dry_run: true, ..ChangeOptions::default() };
            let changed = change(&basis, &[ask], &options).unwrap();
            let result = check_references(&basis, &changed, dir.path(), allow_exec);
            assert_eq!((result.checked, result.skipped_exec, result.failures.len()), expected, "{path}");
        };
        check("gateway.port", json!(5), false, (0, 0, 0));
        check("gateway.auth.token", json!("${THERE}"), false, (1, 0, 0));
        check("gateway.auth.token", json!({"source": "env", "id": "GONE2"}), false, (1, 0, 1));
        check("gateway.auth.token", json!("a literal"), false, (0, 0, 0));
        check("channels.chat.token.id", json!("y"), false, (0, 1, 0));
        check("channels.chat.token.id", json!("y"), true, (1, 0, 1));
        check("secrets.providers.p.timeoutMs", json!(5), false, (0, 1, 0));
        check("secrets.providers.q", json!({"source": "env"}), false, (0, 0, 0));
    }
}
