//! The last configuration that the gateway ran with, kept beside each file of it as `<file>.last-good`, and put back when
//! a file is refused. What is put back is judged first, by today's plugins: an old copy is no better than what it says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ConfigError;
use crate::basis::Basis;
use crate::guard::{Standing, objections};
use crate::load::Loaded;
use crate::path::KeyPath;
use crate::read::{Fingerprint, Observed, Source};
use crate::secret_ref::REDACTED;
use crate::write::{replace_rejected, update, write_private};

/// How often an included file's copy may bring in further files (the limit of nesting).
const MAX_ROUNDS: usize = 11;

/// A configuration that can be put back.
#[derive(Clone, Debug)]
pub struct LastGood {
    /// What it says.
    pub loaded: Loaded,
}

/// What became of a configuration that was to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is on disk now.
    Written,
    /// It was there already.
    Unchanged,
    /// It holds a placeholder instead of a secret at this place; putting it back would lose the secret.
    Placeholder(KeyPath),
}

/// One file that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The file.
    pub file: PathBuf,
    /// Where the refused content is kept; `None` when there was none.
    pub rejected: Option<PathBuf>,
}

impl LastGood {
    /// For comparing the next one with it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.loaded.standing()
    }
}

/// Where the good copy of a file is kept.
#[must_use]
pub fn last_good_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".last-good");
    PathBuf::from(name)
}

/// The configuration that was kept, if it is still one that the gateway can run with.
#[must_use]
pub fn last_good(basis: &Basis<'_>) -> Option<LastGood> {
    // A copy that cannot be read is as good as none.
    let source = Source::read(&last_good_path(basis.config)).ok()??;
    let mut drafts = BTreeMap::new();
    for _ in 0..MAX_ROUNDS {
        let loaded = Loaded::of(Some(source.clone()), &Basis { drafts: &drafts, ..*basis });
        let copy = |file: &PathBuf| Some((file.clone(), Source::read(&last_good_path(file)).ok()??.text));
        let missing = loaded.report.wanted.iter().filter(|file| !drafts.contains_key(*file));
        let found: BTreeMap<PathBuf, String> = missing.filter_map(copy).collect();
        if found.is_empty() {
            let good = objections(None, loaded.text(), &loaded.report).is_empty();
            return good.then_some(LastGood { loaded });
        }
        drafts.extend(found);
    }
    None
}

/// Whether this very configuration is the one that is kept, file by file.
#[must_use]
pub fn is_kept(config: &Path, loaded: &Loaded) -> bool {
    files(config, loaded)
        .all(|(file, source)| Fingerprint::of(&last_good_path(file)) == Some(source.fingerprint()))
}

/// The files of a configuration: those that it includes, then the configuration file itself.
fn files<'l>(config: &'l Path, loaded: &'l Loaded) -> impl Iterator<Item = (&'l Path, &'l Source)> {
    let included = loaded.report.included.iter().map(|included| (included.path.as_path(), &included.source));
    included.chain(loaded.source.as_ref().map(|source| (config, source)))
}

/// Keeps a configuration that the gateway runs with.
///
/// # Errors
/// When a copy cannot be written; the older one is still there then.
pub fn keep(config: &Path, loaded: &Loaded) -> Result<Kept, ConfigError> {
    if let Some(place) = placeholder(&loaded.report.document, &KeyPath::root()) {
        return Ok(Kept::Placeholder(place));
    }
    let mut kept = Kept::Unchanged;
    // The files that it refers to come first, so that the copy is whole once it is there.
    for (file, source) in files(config, loaded) {
        let copy = last_good_path(file);
        if Fingerprint::of(&copy) != Some(source.fingerprint()) {
            write_private(&copy, &source.text)?;
            kept = Kept::Written;
        }
    }
    Ok(kept)
}

/// Puts a good configuration back, file by file where they differ. `judged` is the file that was refused: another one
/// that has come meanwhile stays. `stamp` is the time for the names of what is set aside.
///
/// # Errors
/// The first file that cannot be put back.
pub fn restore(
    config: &Path,
    judged: Option<&Fingerprint>,
    good: &LastGood,
    stamp: &str,
) -> Result<Vec<Restored>, ConfigError> {
    let mut restored = Vec::new();
    for included in &good.loaded.report.included {
        let now = Observed::read(&included.path).fingerprint;
        restored.extend(put_back(&included.path, now.as_ref(), &included.source, stamp)?);
    }
    if let Some(source) = &good.loaded.source {
        restored.extend(put_back(config, judged, source, stamp)?);
    }
    Ok(restored)
}

fn put_back(
    file: &Path,
    judged: Option<&Fingerprint>,
    good: &Source,
    stamp: &str,
) -> Result<Option<Restored>, ConfigError> {
    let rejected = match judged {
        Some(judged) if *judged == good.fingerprint() => return Ok(None),
        Some(judged) => Some(replace_rejected(file, judged, &good.text, stamp)?),
        None => {
            update(file, None, |now| match now {
                None => Ok(good.text.clone()),
                Some(_) => Err(ConfigError::Changed { path: file.to_owned() }),
            })?;
            None
        }
    };
    Ok(Some(Restored { file: file.to_owned(), rejected }))
}

/// The first place with the placeholder of `config get`.
fn placeholder(value: &Value, path: &KeyPath) -> Option<KeyPath> {
    match value {
        Value::String(text) => text.contains(REDACTED).then(|| path.clone()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(n, item)| placeholder(item, &path.index(n)))
        }
        Value::Object(map) => map.iter().find_map(|(key, value)| placeholder(value, &path.key(key))),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
#[path = "last_good_tests.rs"]
mod tests;
