//! Reading the file for use: the text, the verdict on it, and at a start the choice between it and the last one that
//! was good.

use crate::ConfigError;
use crate::basis::Basis;
use crate::guard::{Objection, Standing, objections};
use crate::include::Included;
use crate::last_good::{LastGood, is_kept, last_good};
use crate::read::{Fingerprint, Observed, Source, hash};
use crate::report::Report;
use crate::validate::validate;

/// The file and the verdict on it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `None` when there is no file: an empty configuration.
    pub source: Option<Source>,
    /// The verdict.
    pub report: Report,
}

/// What a start goes on with.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The file, or what was good before it.
    pub loaded: Loaded,
    /// The file itself is not used.
    pub refused: Option<Refused>,
}

/// A file that is not used, and what is used in its place.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Why.
    pub objections: Vec<Objection>,
    /// Which file it was; `None` when there was none.
    pub fingerprint: Option<Fingerprint>,
    /// What is used.
    pub good: LastGood,
}

impl Loaded {
    /// A text that was read, with the verdict on it.
    #[must_use]
    pub fn of(source: Option<Source>, basis: &Basis<'_>) -> Self {
        let report = validate(source.as_ref().map_or("{}", |source| source.text.as_str()), basis);
        Self { source, report }
    }

    /// For comparing the next one with it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing::of(self.text(), &self.report)
    }

    /// The text; empty when there is no file.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.as_ref().map_or("", |source| source.text.as_str())
    }

    /// Changes with any of the files: of one file alone its hash, of no file empty.
    #[must_use]
    pub fn revision(&self) -> String {
        let own = self.source.as_ref().map(|source| source.hash.as_str()).unwrap_or_default();
        revision(own, &self.report.included)
    }
}

/// [`Loaded::revision`] from the hash of the file itself and what it includes.
pub(crate) fn revision(own: &str, included: &[Included]) -> String {
    if included.is_empty() {
        return own.to_owned();
    }
    let included = included.iter().map(|included| included.source.hash.as_str());
    hash(&std::iter::once(own).chain(included).collect::<Vec<_>>().join("\n"))
}

/// Reads and judges the file.
///
/// # Errors
/// When there is a file that cannot be read. A file with wrong content is no error here: the report says what is wrong.
pub fn load(basis: &Basis<'_>) -> Result<Loaded, ConfigError> {
    Ok(Loaded::of(Source::read(basis.config)?, basis))
}

/// Reads the file for a start: what was good before stands in for a file that is refused. Nothing is written. A missing
/// `gateway.mode` is no objection when `without_mode`, since the operator has said so.
///
/// # Errors
/// When the file cannot be read and there is nothing to use in its place. A file with faults and nothing to use in its
/// place is returned as it is, for the start to refuse.
pub fn load_for_start(basis: &Basis<'_>, without_mode: bool) -> Result<Chosen, ConfigError> {
    let Observed { fingerprint, source } = Observed::read(basis.config);
    let good;
    let (loaded, mut objections) = match source {
        // No file is an empty configuration, and somebody may have wanted that.
        Ok(None) => return Ok(Chosen { loaded: Loaded::of(None, basis), refused: None }),
        Ok(Some(source)) => {
            let loaded = Loaded::of(Some(source), basis);
            // What the gateway ran with last has lost nothing, and needs no second verdict.
            if loaded.report.is_valid() && is_kept(basis.config, &loaded) {
                return Ok(Chosen { loaded, refused: None });
            }
            good = last_good(basis);
            let before = good.as_ref().map(LastGood::standing);
            let objections = objections(before, loaded.text(), &loaded.report);
            (Ok(loaded), objections)
        }
        Err(error) => {
            good = last_good(basis);
            let why = error.to_string();
            (Err(error), vec![Objection::Unreadable(why)])
        }
    };
    if without_mode {
        objections.retain(|objection| *objection != Objection::ModeRemoved);
    }
    match good {
        Some(good) if !objections.is_empty() => {
            let loaded = good.loaded.clone();
            Ok(Chosen { loaded, refused: Some(Refused { objections, fingerprint, good }) })
        }
        _ => Ok(Chosen { loaded: loaded?, refused: None }),
    }
}
