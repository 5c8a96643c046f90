//! `openclaw doctor --fix`: what can be mended without a choice. Nothing is lost by it: what is replaced is kept beside
//! the file.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use openclaw_config::{
    Basis, ChangeOptions, ConfigError, Moved, Objection, Restored, Written, is_read_only, last_good,
    load_for_start, modernize, restore, tokens,
};
use serde::Serialize;

use crate::{context::Context, error::CliError, output::age::file_stamp};

/// One thing that was mended, or that only a person can mend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Repair {
    /// `restored`, `moved`, `mode` or `by-hand`.
    pub(super) kind: &'static str,
    /// The file.
    pub(super) path: String,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<String>,
}

/// Mends the configuration, then who may read it.
pub(super) fn run(context: &Context) -> Result<Vec<Repair>, CliError> {
    if is_read_only(&context.environment()) {
        return Err(ConfigError::ReadOnly { path: context.paths.config.clone() }.into());
    }
    let plugins = context.plugin_schemas();
    let basis = context.basis(&plugins);
    let mut repairs = put_back(&basis, context)?;
    repairs.extend(older_spellings(&basis, context)?);
    repairs.extend(private(&context.paths.config, 0o600, context)?);
    repairs.extend(private(&context.paths.state_dir, 0o700, context)?);
    Ok(repairs)
}

/// Puts the last good configuration back where a start would use it, or where the file is gone.
fn put_back(basis: &Basis<'_>, context: &Context) -> Result<Vec<Repair>, CliError> {
    let (fingerprint, good, objections) = match load_for_start(basis, false) {
        Ok(chosen) => match (chosen.refused, chosen.loaded.source) {
            (Some(refused), _) => (refused.fingerprint, refused.good, refused.objections),
            (None, Some(_)) => return Ok(Vec::new()),
            (None, None) => match last_good(basis) {
                Some(good) => (None, good, Vec::new()),
                None => return Ok(Vec::new()),
            },
        },
        // It cannot be read and nothing can take its place: the checks say so.
        Err(_unreadable) => return Ok(Vec::new()),
    };
    let restored = restore(basis.config, fingerprint.as_ref(), &good, &file_stamp())?;
    Ok(restored.iter().map(|file| restoration(file, &objections, context)).collect())
}

fn restoration(restored: &Restored, objections: &[Objection], context: &Context) -> Repair {
    let path = context.shown(&restored.file);
    let reasons = if objections.is_empty() { "missing-config".to_owned() } else { tokens(objections) };
    let mut details: Vec<String> = objections
        .iter()
        .filter_map(Objection::details)
        .map(|details| format!("Rejected validation details: {details}."))
        .collect();
    if let Some(rejected) = &restored.rejected {
        details.push(format!("The refused file is kept as {}.", context.shown(rejected)));
    }
    Repair {
        kind: "restored",
        message: format!("Config auto-restored from last-known-good: {path} ({reasons})"),
        path,
        details,
    }
}

fn older_spellings(basis: &Basis<'_>, context: &Context) -> Result<Vec<Repair>, CliError> {
    let config = context.shown_config();
    let options = ChangeOptions { stamp: file_stamp(), ..ChangeOptions::default() };
    let by_hand =
        |message: String| Repair { kind: "by-hand", path: config.clone(), message, details: Vec::new() };
    let done = match modernize(basis, &options) {
        Ok(done) => done,
        // The checks say so.
        Err(ConfigError::Syntax { .. } | ConfigError::Unreadable { .. } | ConfigError::NotText { .. }) => {
            return Ok(Vec::new());
        }
        Err(error @ ConfigError::Included { .. }) => {
            return Ok(vec![by_hand(format!("Older spellings were not moved: {error}."))]);
        }
        Err(error) => return Err(error.into()),
    };
    let mut repairs: Vec<Repair> = done
        .moved
        .iter()
        .map(|moved| Repair {
            kind: "moved",
            path: config.clone(),
            message: moved.to_string(),
            details: Vec::new(),
        })
        .collect();
    if let (Some(last), Some(Written::Replaced { backup })) =
        (repairs.last_mut(), done.changed.map(|changed| changed.written))
    {
        last.details.push(format!("The file before is kept as {}.", context.shown(&backup)));
    }
    repairs.extend(done.by_hand.iter().map(|moved| by_hand(advice(moved, context))));
    Ok(repairs)
}

/// What a person has to do in an included file.
pub(super) fn advice(moved: &Moved, context: &Context) -> String {
    let file = moved.place.file.as_deref().map(|file| context.shown(file)).unwrap_or_default();
    let what = match &moved.to {
        Some(to) if *to == moved.from => format!("write {to} in its newer form"),
        Some(to) => format!("move {} to {to}", moved.from),
        None => format!("remove {}", moved.from),
    };
    format!("Edit line {} of {file} by hand: {what}.", moved.place.line)
}

/// Takes a file or directory from other users, if they can reach it.
fn private(path: &Path, wanted: u32, context: &Context) -> Result<Option<Repair>, CliError> {
    let Ok(metadata) = fs::metadata(path) else { return Ok(None) };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(None);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(wanted))
        .map_err(|source| CliError::File { path: path.to_owned(), source })?;
    let shown = context.shown(path);
    let message = format!("Changed the mode of {shown} from {mode:03o} to {wanted:03o}.");
    Ok(Some(Repair { kind: "mode", path: shown, message, details: Vec::new() }))
}
