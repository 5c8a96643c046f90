//! Changing the file by command: what is asked for becomes edits of the file that holds the place, the result is judged
//! as a start would judge it, and only then is anything written. Rules of writing are `write`'s, verdicts `guard`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ConfigError;
use crate::ask::Ask;
use crate::basis::Basis;
use crate::diff::{changed_paths, redacted_diff};
use crate::edit::{self, Edit};
use crate::env::Env;
use crate::guard::{Objection, Standing, losses, tokens};
use crate::include::{Composed, Home, compose};
use crate::json5;
use crate::last_good::keep;
use crate::load::{self, Loaded};
use crate::patch::{document_edits, restore_redacted};
use crate::path::KeyPath;
use crate::read::{Source, hash};
use crate::redact::is_secret_place;
use crate::reload::{Effect, Plan};
use crate::report::{Issue, Owner, Report};
use crate::validate::validate;
use crate::write::{Written, save_rejected, update};

/// Says that a deployment system owns the file. `OPENCLAW_NIX_MODE` implies it.
const READ_ONLY: &[&str] = &["OPENCLAW_CONFIG_READONLY", "OPENCLAW_NIX_MODE"];

/// How a change is made.
#[derive(Clone, Debug, Default)]
pub struct ChangeOptions {
    /// Judge and compare, and write nothing.
    pub dry_run: bool,
    /// The operator means it: the file may become much smaller.
    pub force: bool,
    /// The revision of the files that the caller has seen ([`Loaded::revision`]); empty for no file.
    pub base: Option<String>,
    /// What has to stand at a place before anything is changed; `None` for nothing at all.
    pub expect: Option<(KeyPath, Option<Value>)>,
    /// The time for the name of a refused text.
    pub stamp: String,
}

/// What a change did, or would do.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The file has another text now, or would have.
    pub changed: bool,
    /// How many edits of the text it took.
    pub edits: usize,
    /// The places that have another value.
    pub paths: Vec<KeyPath>,
    /// What a running gateway makes of it.
    pub effect: Effect,
    /// Those of the places that only a restart makes it take up.
    pub restart: Vec<KeyPath>,
    /// New faults that keep one part out, each as `path: message`.
    pub warnings: Vec<String>,
    /// The text before and after, as lines that differ, without secrets.
    pub diff: String,
    /// The file that holds the place: the configuration file or one that it includes.
    pub file: PathBuf,
    /// What happened to it.
    pub written: Written,
    /// The configuration as it is now.
    pub loaded: Loaded,
}

/// Whether a deployment system owns the file, so that nobody here may write it.
#[must_use]
pub fn is_read_only(env: &dyn Env) -> bool {
    READ_ONLY.iter().any(|name| env.var(name).as_deref() == Some("1"))
}

impl Effect {
    /// The sentence for people who changed something in the file.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::None => "No gateway restart needed.",
            Self::Hot => "Change will apply without restarting the gateway.",
            Self::Restart => "Restart the gateway to apply.",
        }
    }
}

/// Does what is asked, in this order, in one write.
///
/// # Errors
/// When something cannot be done, the file would get a fault that concerns the gateway and that it did not have before,
/// or it would lose what no file may lose. The file is unchanged then; a text that would have lost something is kept
/// beside it for inspection.
pub fn change(basis: &Basis<'_>, asks: &[Ask], options: &ChangeOptions) -> Result<Changed, ConfigError> {
    make(basis, options, |old| {
        let composed = composed(old, basis)?;
        let mut document = composed.root.to_value();
        let mut edits = Vec::new();
        for ask in asks {
            for edit in ask.edits(&document)? {
                edit.make_in(&mut document);
                edits.push(edit);
            }
        }
        placed(&composed, edits)
    })
}

/// Puts a whole text in the place of the file. Placeholders of secrets in it stand for the secrets of the file.
///
/// # Errors
/// As [`change`]; and when the file cannot be understood, unless the operator means it.
pub fn replace(basis: &Basis<'_>, text: &str, options: &ChangeOptions) -> Result<Changed, ConfigError> {
    let new = document(text, basis.config)?;
    make(basis, options, |old| {
        let current = match json5::document(old) {
            Ok(root) => root.to_value(),
            Err(_) if options.force => Value::Null,
            Err(cause) => {
                return Err(ConfigError::WriteRejected {
                    path: basis.config.to_owned(),
                    reasons: format!("unreadable-config-before-write: {cause}"),
                    saved: None,
                });
            }
        };
        let restored = restore_redacted(&new, &current).map_err(|path| ConfigError::InvalidValue {
            path: path.to_string(),
            problem: "the placeholder there stands for no secret of the file".to_owned(),
        })?;
        let text = edit::apply(text, &document_edits(&new, &restored))?;
        Ok(Draft { file: None, text, edits: 1 })
    })
}

/// A new text for one file.
pub(crate) struct Draft {
    /// An included file and the hash of the text that the edits were made in; `None` for the configuration file itself.
    pub(crate) file: Option<(PathBuf, String)>,
    pub(crate) text: String,
    pub(crate) edits: usize,
}

fn composed<'t>(old: &'t str, basis: &Basis<'_>) -> Result<Composed<'t>, ConfigError> {
    compose(old, basis).map_err(|cause| ConfigError::Syntax { path: basis.config.to_owned(), cause })
}

pub(crate) fn document(text: &str, config: &Path) -> Result<Value, ConfigError> {
    match json5::document(text) {
        Ok(root) => Ok(root.to_value()),
        Err(cause) => Err(ConfigError::Syntax { path: config.to_owned(), cause }),
    }
}

/// [`Loaded::revision`] of a text with what it includes now.
fn revision(text: Option<&str>, basis: &Basis<'_>) -> String {
    let Some(text) = text else { return String::new() };
    let included = compose(text, basis).map(|composed| composed.texts.into_files().0).unwrap_or_default();
    load::revision(&hash(text), &included)
}

/// Finds the file that the edits belong to, and makes them in its text.
fn placed(composed: &Composed<'_>, edits: Vec<Edit>) -> Result<Draft, ConfigError> {
    let count = edits.len();
    let mut home: Option<(Option<PathBuf>, KeyPath)> = None;
    let mut rebased = Vec::with_capacity(count);
    for edit in edits {
        let whole = edit.path().clone();
        let (file, rest) = match composed.home(&whole) {
            Home::Main => (None, whole.clone()),
            // Without its content the file would be nothing that can be included.
            Home::Included { rest, .. } if rest.steps().is_empty() && matches!(edit, Edit::Remove { .. }) => {
                return Err(ConfigError::Included { path: whole.to_string() });
            }
            Home::Included { file, rest } => (Some(file), rest),
            Home::Mixed(path) => return Err(ConfigError::Included { path: path.to_string() }),
        };
        match &home {
            Some((other, first)) if *other != file => {
                return Err(ConfigError::TwoFiles { first: first.to_string(), second: whole.to_string() });
            }
            Some(_) => {}
            None => home = Some((file, whole)),
        }
        rebased.push(edit.at(rest));
    }
    let file = home.and_then(|(file, _)| file);
    let text = composed.text_of(file.as_deref());
    Ok(Draft { text: edit::apply(text, &rebased)?, file: file.map(|file| (file, hash(text))), edits: count })
}

/// The steps that all changes share: read under the lock, draft, judge, compare, write.
pub(crate) fn make(
    basis: &Basis<'_>,
    options: &ChangeOptions,
    draft: impl Fn(&str) -> Result<Draft, ConfigError>,
) -> Result<Changed, ConfigError> {
    if !options.dry_run && is_read_only(basis.env) {
        return Err(ConfigError::ReadOnly { path: basis.config.to_owned() });
    }
    let mut result = None;
    let mut refused = None;
    let mut judge = |old: Option<&str>, write: bool| -> Result<String, ConfigError> {
        // Before anything else: whoever saw other files has to look again, whatever is wrong with the change.
        if options.base.as_ref().is_some_and(|base| *base != revision(old, basis)) {
            return Err(ConfigError::Changed { path: basis.config.to_owned() });
        }
        let old = old.unwrap_or_default();
        let draft = draft(old)?;
        let judged = judged(basis, old, &draft, options).inspect_err(|error| {
            if matches!(error, ConfigError::WriteRejected { .. }) {
                refused = Some((draft.file.clone().map(|(file, _)| file), draft.text.clone()));
            }
        })?;
        let result = result.insert(judged);
        match &draft.file {
            // The configuration file stays as it is; its lock is held while the included file is written.
            Some((file, base)) if write => {
                result.written = update(file, Some(base), |_| Ok(draft.text.clone()))?;
                Ok(old.to_owned())
            }
            Some(_) => Ok(old.to_owned()),
            None => Ok(draft.text),
        }
    };
    let written = if options.dry_run {
        let current = Source::read(basis.config)?;
        judge(current.as_ref().map(|source| source.text.as_str()), false).map(|_| Written::Unchanged)
    } else {
        update(basis.config, None, |old| judge(old, true))
    };
    match written {
        Ok(written) => {
            let mut result: Changed =
                result.ok_or_else(|| ConfigError::Changed { path: basis.config.to_owned() })?;
            if written != Written::Unchanged {
                result.written = written;
            }
            if options.force && !options.dry_run {
                // What the operator insists on is vouched for, so that a running gateway does not put back what was.
                keep(basis.config, &result.loaded)?;
            }
            Ok(result)
        }
        Err(ConfigError::WriteRejected { path, reasons, .. }) if refused.is_some() && !options.dry_run => {
            let saved = refused.and_then(|(file, text)| {
                let file = file.unwrap_or_else(|| basis.config.to_owned());
                // That it is refused matters more than that it is kept.
                save_rejected(&file, &text, &options.stamp).ok()
            });
            Err(ConfigError::WriteRejected { path, reasons, saved })
        }
        Err(error) => Err(error),
    }
}

/// The verdict on a draft, and what it changes.
fn judged(
    basis: &Basis<'_>,
    old: &str,
    draft: &Draft,
    options: &ChangeOptions,
) -> Result<Changed, ConfigError> {
    let before = validate(old, basis);
    let drafts: BTreeMap<PathBuf, String> =
        draft.file.iter().map(|(file, _)| (file.clone(), draft.text.clone())).collect();
    let basis_after = Basis { drafts: &drafts, ..*basis };
    let new = if draft.file.is_some() { old } else { &draft.text };
    let loaded = Loaded::of(Some(Source::new(new.to_owned())), &basis_after);
    if let Some((path, expected)) = &options.expect
        && path.find(&before.document) != expected.as_ref()
    {
        return Err(ConfigError::Unexpected { path: path.to_string() });
    }
    let warnings = accepted(&before, &loaded.report)?;
    let mut lost = losses(Some(Standing::of(old, &before)), new, &loaded.report);
    if options.force {
        lost.retain(|objection| !matches!(objection, Objection::SizeDrop { .. }));
    }
    if !lost.is_empty() {
        let reasons = tokens(&lost);
        return Err(ConfigError::WriteRejected { path: basis.config.to_owned(), reasons, saved: None });
    }
    let paths = changed_paths(&before.document, &loaded.report.document);
    let config = |report: &Report| report.config.clone().unwrap_or_default();
    let plan = Plan::of(&paths, &config(&before), &config(&loaded.report));
    let included = draft.file.as_ref().map(|(file, _)| file);
    let file = included.cloned().unwrap_or_else(|| basis.config.to_owned());
    let old_text = match included {
        Some(file) => {
            let included = before.included.iter().find(|included| included.path == *file);
            included.map_or("", |included| included.source.text.as_str())
        }
        None => old,
    };
    let channels = &basis.plugins.channels;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // An included file does not know its place; what is secret by name is hidden in it.
    let diff = redacted_diff(old_text, &draft.text, &name, |path| is_secret_place(path, channels));
    Ok(Changed {
        changed: old_text != draft.text,
        edits: draft.edits,
        paths,
        effect: plan.effect(),
        restart: plan.restart,
        warnings,
        diff: diff.unwrap_or_default(),
        file,
        written: Written::Unchanged,
        loaded,
    })
}

/// Compares the verdicts before and after: a change may not add a fault of the gateway's own, but it may leave one that
/// was there, so that a file with two faults can be mended one at a time.
fn accepted(before: &Report, after: &Report) -> Result<Vec<String>, ConfigError> {
    let known = |issue: &Issue| {
        before.issues.iter().any(|old| (&old.path, &old.message) == (&issue.path, &issue.message))
    };
    let added: Vec<&Issue> = after.issues.iter().filter(|issue| !known(issue)).collect();
    let (blocking, others): (Vec<&Issue>, Vec<&Issue>) =
        added.into_iter().partition(|issue| issue.owner == Owner::Gateway);
    if blocking.is_empty() {
        Ok(others.into_iter().map(ToString::to_string).collect())
    } else {
        Err(ConfigError::Rejected { issues: blocking.into_iter().cloned().collect() })
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
