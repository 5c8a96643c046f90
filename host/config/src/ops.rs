//! What the `config` commands do, without their printing: read a value, set one, remove one, judge the file. They work
//! on the file, never on a running gateway.

use std::path::Path;

use serde_json::Value;

use crate::ConfigError;
use crate::path::{KeyPath, Step};
use crate::read::Source;
use crate::redact::redact;
use crate::report::{Issue, Owner, Report};
use crate::secret_ref::REDACTED;
use crate::sections::ROOT;
use crate::shape::Shape;
use crate::basis::{Basis, ChannelSchemas};
use crate::validate::validate;
use crate::write::{Written, update};
use crate::{edit, json5};

/// The file and the verdict on it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `None` when there is no file: an empty configuration.
    pub source: Option<Source>,
    /// The verdict.
    pub report: Report,
}

/// How a value from the command line is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetOptions {
    /// `--strict-json`: what is not JSON is refused instead of being taken as text.
    pub strict_json: bool,
    /// `--dry-run`: judge, and write nothing.
    pub dry_run: bool,
}

/// What a change did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What happened to the file.
    pub outcome: ChangeOutcome,
    /// New issues that keep one channel or provider out, each as `path: message`.
    pub warnings: Vec<String>,
}

/// What happened to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It has the new value.
    Updated,
    /// The value is gone.
    Removed,
    /// It had this value already.
    NoChange,
    /// It would be valid with the new value.
    DryRun,
}

impl ChangeOutcome {
    /// The line for people.
    #[must_use]
    pub fn message(self, path: &KeyPath, config: &Path) -> String {
        match self {
            Self::Updated => format!("Updated {path}. Restart the gateway to apply."),
            Self::Removed => format!("Removed {path}. Restart the gateway to apply."),
            Self::NoChange => format!("No change: {path} already has this value."),
            Self::DryRun => {
                format!("Dry run successful: 1 update(s) validated against {}.", config.display())
            }
        }
    }
}

/// Reads and judges the file.
///
/// # Errors
/// When there is a file that cannot be read. A file with wrong content is no error here: the report says what is wrong.
pub fn load(basis: &Basis<'_>) -> Result<Loaded, ConfigError> {
    let source = Source::read(basis.config)?;
    let report = validate(source.as_ref().map_or("{}", |source| source.text.as_str()), basis);
    Ok(Loaded { source, report })
}

/// `config get`: the value at `path` with its secrets hidden.
///
/// # Errors
/// [`ConfigError::Unset`] and [`ConfigError::UnknownPath`] tell a key without a value from a key that does not exist.
pub fn get(basis: &Basis<'_>, path: &KeyPath) -> Result<Value, ConfigError> {
    let schemas = &basis.plugins.channels;
    let document = match Source::read(basis.config)? {
        Some(source) => parse(&source.text, basis.config)?,
        None => Value::Object(serde_json::Map::new()),
    };
    match path.find(&document) {
        Some(value) => Ok(redact(value, path, schemas)),
        None if is_known(path, schemas) => Err(ConfigError::Unset { path: path.to_string() }),
        None => Err(ConfigError::UnknownPath { path: path.to_string() }),
    }
}

/// `config set`: puts a value from the command line into the file.
///
/// # Errors
/// When the value cannot be read, the path cannot be followed, or the file would get a fault that concerns the gateway
/// and that it did not have before. The file is unchanged then.
pub fn set(
    basis: &Basis<'_>,
    path: &KeyPath,
    raw: &str,
    options: SetOptions,
) -> Result<Changed, ConfigError> {
    let config = basis.config;
    let schemas = &basis.plugins.channels;
    let value = value_of(raw, path, options.strict_json, schemas)?;
    let current = Source::read(config)?;
    let mut warnings = Vec::new();
    let change = |old: Option<&str>| {
        let old = old.unwrap_or("{}\n");
        let new = edit::set(old, path, &value).map_err(|error| error.in_file(config))?;
        warnings = accept(old, &new, basis)?;
        Ok(new)
    };
    let outcome = if options.dry_run {
        dry_run(current.as_ref(), change)?
    } else {
        match update(config, current.as_ref().map(|source| source.hash.as_str()), change)? {
            Written::Unchanged => ChangeOutcome::NoChange,
            Written::Created | Written::Replaced { .. } => ChangeOutcome::Updated,
        }
    };
    Ok(Changed { outcome, warnings })
}

/// `config unset`: removes a value from the file.
///
/// # Errors
/// [`ConfigError::NothingToRemove`] when there is no such value; else as [`set`].
pub fn unset(
    basis: &Basis<'_>,
    path: &KeyPath,
    dry: bool,
) -> Result<Changed, ConfigError> {
    let config = basis.config;
    let current = Source::read(config)?.ok_or_else(|| ConfigError::NotFound { path: config.to_owned() })?;
    let mut warnings = Vec::new();
    let change = |old: Option<&str>| {
        let old = old.unwrap_or("{}");
        let new = edit::remove(old, path)
            .map_err(|error| error.in_file(config))?
            .ok_or_else(|| ConfigError::NothingToRemove { path: path.to_string() })?;
        warnings = accept(old, &new, basis)?;
        Ok(new)
    };
    let outcome = if dry {
        dry_run(Some(&current), change)?
    } else {
        update(config, Some(&current.hash), change)?;
        ChangeOutcome::Removed
    };
    Ok(Changed { outcome, warnings })
}

fn dry_run(
    current: Option<&Source>,
    change: impl FnOnce(Option<&str>) -> Result<String, ConfigError>,
) -> Result<ChangeOutcome, ConfigError> {
    change(current.map(|source| source.text.as_str())).map(|_| ChangeOutcome::DryRun)
}

/// Compares the verdicts before and after: a change may not add a fault of the gateway's own, but it may leave one that
/// was there, so that a file with two faults can be mended one at a time.
pub(crate) fn accept(
    old: &str,
    new: &str,
    basis: &Basis<'_>,
) -> Result<Vec<String>, ConfigError> {
    let before = validate(old, basis).issues;
    let after = validate(new, basis).issues;
    let known =
        |issue: &Issue| before.iter().any(|old| (&old.path, &old.message) == (&issue.path, &issue.message));
    let added: Vec<&Issue> = after.iter().filter(|issue| !known(issue)).collect();
    let (blocking, others): (Vec<&Issue>, Vec<&Issue>) =
        added.into_iter().partition(|issue| issue.owner == Owner::Gateway);
    let shown = |issues: Vec<&Issue>| issues.into_iter().map(ToString::to_string).collect::<Vec<_>>();
    if blocking.is_empty() {
        Ok(shown(others))
    } else {
        Err(ConfigError::Rejected { issues: shown(blocking) })
    }
}

pub(crate) fn parse(text: &str, config: &Path) -> Result<Value, ConfigError> {
    match json5::parse(text) {
        Ok(root) => Ok(root.to_value()),
        Err(cause) => Err(ConfigError::Syntax { path: config.to_owned(), cause }),
    }
}

/// Reads a value from the command line: JSON5, else text. Where the file wants text, a bare word is text even if it
/// could be read as a number.
fn value_of(raw: &str, path: &KeyPath, strict: bool, schemas: &ChannelSchemas) -> Result<Value, ConfigError> {
    let invalid = |problem: String| ConfigError::InvalidValue { path: path.to_string(), problem };
    let value = if strict {
        serde_json::from_str(raw).map_err(|error| invalid(format!("not valid JSON: {error}")))?
    } else {
        match json5::parse(raw) {
            Ok(node) => match node.to_value() {
                Value::Number(_) | Value::Bool(_) | Value::Null if wants_text(path, schemas) => {
                    Value::from(raw)
                }
                value => value,
            },
            Err(_) => Value::from(raw),
        }
    };
    if value.to_string().contains(REDACTED) {
        return Err(invalid(format!(
            "{REDACTED} is what `config get` shows instead of a secret, not a value"
        )));
    }
    Ok(value)
}

fn wants_text(path: &KeyPath, schemas: &ChannelSchemas) -> bool {
    match channel_schema(path, schemas) {
        Some(schema) => schema.get("type").and_then(Value::as_str) == Some("string"),
        None => ROOT.at(path).is_some_and(Shape::wants_text),
    }
}

/// Whether a value may stand at `path`.
fn is_known(path: &KeyPath, schemas: &ChannelSchemas) -> bool {
    match path.keys().as_slice() {
        ["channels", id, _, ..] if schemas.contains_key(*id) => channel_schema(path, schemas).is_some(),
        _ => ROOT.at(path).is_some(),
    }
}

/// The part of a channel's schema for a place in its section, as far as `properties`, `additionalProperties` and
/// `items` lead there.
fn channel_schema<'s>(path: &KeyPath, schemas: &'s ChannelSchemas) -> Option<&'s Value> {
    let steps = path.steps();
    let (Some(Step::Key(root)), Some(Step::Key(id))) = (steps.first(), steps.get(1)) else { return None };
    if root != "channels" {
        return None;
    }
    let mut at = schemas.get(id)?.schema.as_ref();
    let mut rest = steps.get(2..)?;
    if let [Step::Key(accounts), Step::Key(_), inner @ ..] = rest
        && accounts == "accounts"
    {
        rest = inner;
    }
    for step in rest {
        let keyword = match step {
            Step::Index(_) => at.get("items"),
            Step::Key(key) => at.get("properties").and_then(|properties| properties.get(key)),
        };
        at = keyword
            .or_else(|| at.get("additionalProperties"))
            .filter(|schema| **schema != Value::Bool(false))?;
    }
    Some(at)
}

#[cfg(test)]
#[path = "ops_tests.rs"]
mod tests;
