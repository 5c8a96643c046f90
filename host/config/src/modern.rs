//! Older spellings in the file itself, written anew on request. The file means the same afterwards, or nothing is
//! written; what stands in an included file is left to a person.

use crate::ConfigError;
use crate::basis::Basis;
use crate::change::{ChangeOptions, Changed, Draft, make};
use crate::diff::changed_paths;
use crate::edit;
use crate::json5;
use crate::load::load;
use crate::migrate::{Moved, migrate};
use crate::patch::document_edits;
use crate::validate::validate;

/// What was done about older spellings.
#[derive(Clone, Debug, Default)]
pub struct Modernized {
    /// Written anew in the configuration file.
    pub moved: Vec<Moved>,
    /// Left as they are, in included files.
    pub by_hand: Vec<Moved>,
    /// The write; `None` when nothing was to be written.
    pub changed: Option<Changed>,
}

/// Writes the older spellings of the configuration file as those of today. Everything else in it stays as it is
/// written; comments inside a value that moves are only in the backup afterwards.
///
/// # Errors
/// When the file cannot be read or written, and [`ConfigError::Included`] when an included file decides what an older
/// spelling means, so that only a person can move it.
pub fn modernize(basis: &Basis<'_>, options: &ChangeOptions) -> Result<Modernized, ConfigError> {
    let report = load(basis)?.report;
    let (moved, by_hand): (Vec<Moved>, Vec<Moved>) =
        report.moved.into_iter().partition(|moved| moved.place.file.is_none());
    let Some(first) = moved.first() else {
        return Ok(Modernized { by_hand, ..Modernized::default() });
    };
    let changed = make(basis, options, |old| {
        let tree = json5::document(old)
            .map_err(|cause| ConfigError::Syntax { path: basis.config.to_owned(), cause })?;
        let mut modern = tree.clone();
        migrate(&mut modern, &basis.plugins.channels);
        let edits = document_edits(&tree.to_value(), &modern.to_value());
        let text = edit::apply(old, &edits)?;
        let (before, after) = (validate(old, basis), validate(&text, basis));
        let left = after.moved.iter().any(|moved| moved.place.file.is_none());
        if left || !changed_paths(&before.document, &after.document).is_empty() {
            return Err(ConfigError::Included { path: first.from.clone() });
        }
        Ok(Draft { file: None, text, edits: edits.len() })
    })?;
    Ok(Modernized { moved, by_hand, changed: Some(changed) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::basis::testing::plugins;
    use crate::write::Written;

    fn run(file: &Path) -> Result<Modernized, ConfigError> {
        let env: BTreeMap<String, String> = BTreeMap::new();
        modernize(&Basis::new(file, &plugins([]), &env), &ChangeOptions::default())
    }

    #[test]
    fn only_the_older_spellings_change() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("openclaw.json");
        let old = "{\n  // mine\n  agent: { model: 'a/b' },\n  gateway: { mode: 'local', bind: 'localhost' }, // odd\n  \
                   session: { idleMinutes: 5 },\n}\n";
        std::fs::write(&file, old).unwrap();
        let done = run(&file).unwrap();
        let said: Vec<String> = done.moved.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "Moved agent → agents.defaults.",
                "Moved session.idleMinutes → session.reset.idleMinutes.",
                "Rewrote gateway.bind in its newer form."
            ]
        );
        assert!(matches!(done.changed.unwrap().written, Written::Replaced { .. }));
        let new = std::fs::read_to_string(&file).unwrap();
        for kept in ["// mine", "gateway: { mode: 'local', bind: \"loopback\" }, // odd"] {
            assert!(new.contains(kept), "{new}");
        }
        assert!(!new.contains("agent:") && new.contains("defaults"), "{new}");
        assert!(run(&file).unwrap().changed.is_none(), "there is nothing left");
    }

    #[test]
    fn an_included_file_is_left_to_a_person() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("openclaw.json");
        let text = "{session: {$include: 's.json'}, gateway: {mode: 'local'}}";
        std::fs::write(&file, text).unwrap();
        std::fs::write(dir.path().join("s.json"), "{\n  idleMinutes: 5}").unwrap();
        let done = run(&file).unwrap();
        assert!(done.changed.is_none() && done.moved.is_empty());
        let [left] = done.by_hand.as_slice() else { panic!("{done:?}") };
        assert_eq!((left.from.as_str(), left.place.line), ("session.idleMinutes", 2));
        // The newer spelling is in an included file and wins: moving the older one over it would change what counts.
        std::fs::write(&file, "{agent: {model: 'a/b'}, agents: {$include: 's.json'}}").unwrap();
        std::fs::write(dir.path().join("s.json"), "{defaults: {model: 'c/d'}}").unwrap();
        assert!(matches!(run(&file), Err(ConfigError::Included { .. })));
    }
}
