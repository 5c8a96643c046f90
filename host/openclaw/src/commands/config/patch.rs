//! `openclaw config patch` and `openclaw config apply`: many values from one text.

use std::process::ExitCode;

use clap::Args;
use openclaw_config::{Ask, ChangeOptions, KeyPath, PathPattern, read_document};
use serde_json::Value;

use super::{
    change::{Request, Subject},
    input::{Input, not_json5},
};
use crate::{context::Context, error::CliError};

/// Flags of `openclaw config patch`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw config patch --file ./openclaw.patch.json5 --dry-run
  openclaw config patch '{ gateway: { port: 19000, bind: null } }'
  ssh host 'openclaw config patch --stdin' < openclaw.patch.json5

Objects merge at every depth, null removes a key, and everything else replaces what was there.")]
pub(super) struct PatchFlags {
    #[command(flatten)]
    input: Input,
    /// Check and show what would change, but write nothing
    #[arg(long)]
    dry_run: bool,
    /// What the patch has at this path is the whole new value; may be given several times
    #[arg(long = "replace-path", value_name = "PATH")]
    replace_paths: Vec<String>,
    /// With --dry-run: run the programs of exec providers to see whether their secrets are there
    #[arg(long, requires = "dry_run")]
    allow_exec: bool,
}

/// Flags of `openclaw config apply`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw config apply --file ./openclaw.json5 --dry-run
  openclaw config apply --stdin < openclaw.json5

What the new text does not have is gone; the file before is kept as openclaw.json.bak. To change a few values, use
`openclaw config patch`.")]
pub(super) struct ApplyFlags {
    #[command(flatten)]
    input: Input,
    /// Check and show what would change, but write nothing
    #[arg(long)]
    dry_run: bool,
    /// Accept a file of less than half the size, and one in the place of a file that is not JSON5
    #[arg(long)]
    force: bool,
    /// With --dry-run: run the programs of exec providers to see whether their secrets are there
    #[arg(long, requires = "dry_run")]
    allow_exec: bool,
}

pub(super) fn patch(flags: &PatchFlags, context: &Context) -> Result<ExitCode, CliError> {
    let (text, name) = flags.input.read()?;
    let patch = read_document(&text).map_err(|error| not_json5(&name, &error))?;
    let replace_paths: Vec<PathPattern> =
        flags.replace_paths.iter().map(|path| path.parse()).collect::<Result<_, _>>()?;
    let request = Request {
        subject: Subject::Several,
        modes: vec!["json"],
        operations: assignments(&patch, &KeyPath::root(), &replace_paths),
        allow_exec: flags.allow_exec,
        options: ChangeOptions { dry_run: flags.dry_run, ..ChangeOptions::default() },
    };
    let ask = Ask::Patch { patch, replace_paths, merge_by_id: false };
    let plugins = context.plugin_schemas();
    request.run(context, &plugins, |basis, options| openclaw_config::change(basis, &[ask], options))
}

pub(super) fn apply(flags: &ApplyFlags, context: &Context) -> Result<ExitCode, CliError> {
    let (text, name) = flags.input.read()?;
    read_document(&text).map_err(|error| not_json5(&name, &error))?;
    let config = context.shown_config();
    if !flags.dry_run {
        crate::output::note(&format!(
            "This replaces everything in {config}; what the new text does not have is gone."
        ));
    }
    let request = Request {
        subject: Subject::Whole,
        modes: vec!["json"],
        operations: 1,
        allow_exec: flags.allow_exec,
        options: ChangeOptions { dry_run: flags.dry_run, force: flags.force, ..ChangeOptions::default() },
    };
    let plugins = context.plugin_schemas();
    request.run(context, &plugins, |basis, options| openclaw_config::replace(basis, &text, options))
}

/// How many values a patch assigns or removes: everything in it that is not merged further.
fn assignments(patch: &Value, path: &KeyPath, replace_paths: &[PathPattern]) -> usize {
    match patch {
        Value::Object(map) if !map.is_empty() && !replace_paths.iter().any(|whole| whole.matches(path)) => {
            map.iter().map(|(key, value)| assignments(value, &path.key(key), replace_paths)).sum()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_leaves_of_a_patch_are_counted() {
        let patch = json!({"a": {"b": 1, "c": {"d": [1, {"e": 2}], "f": {}}}, "g": null});
        let check = |whole: &[&str], expected: usize| {
            let whole: Vec<PathPattern> = whole.iter().map(|path| path.parse().unwrap()).collect();
            assert_eq!(assignments(&patch, &KeyPath::root(), &whole), expected, "{patch}");
        };
        check(&[], 4);
        check(&["a.c"], 3);
        check(&["a"], 2);
    }
}
