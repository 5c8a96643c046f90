//! `openclaw plugins check`: what a gateway, an installation or a reader of the manifest would stumble over. It loads the component as
//! a gateway does, and starts nothing.

mod component;
mod finding;
mod manifest;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use clap::Args;
use openclaw_authoring::Toolchain;
use openclaw_gateway::Examined;
use openclaw_packages::Manifest;
use serde_json::{Value, json};

use super::project::FolderFlags;
use crate::{
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

pub(super) use finding::Finding;

/// Flags of `openclaw plugins check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins check
  openclaw plugins check ./my-channel --json

Exits with 1 when there is an error; a warning alone does not. Build first: openclaw plugins build.")]
pub(crate) struct Flags {
    #[command(flatten)]
    folder: FolderFlags,
}

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Errors and warnings, in the order of the files.
    pub(super) findings: Vec<Finding>,
    /// What a gateway said about the component, where it takes it.
    pub(super) examined: Option<Examined>,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let folder = flags.folder.resolve()?;
    let Checked { findings, examined } = check(&folder, built(&folder).as_deref(), context)?;
    let ok = !findings.iter().any(Finding::is_error);
    if context.json {
        let examined = examined.unwrap_or_default();
        print_json(&json!({
            "ok": ok, "folder": folder, "features": examined.features, "imports": examined.imports,
            "findings": findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        }))?;
    } else {
        print(&findings, context)?;
        if findings.is_empty() {
            print_line("Nothing is wrong with it.")?;
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks the plugin in `folder`. `built`: where it was laid out.
pub(super) fn check(folder: &Path, built: Option<&Path>, context: &Context) -> Result<Checked, CliError> {
    let mut checked = Checked::default();
    let file = folder.join("plugin.toml");
    let text =
        std::fs::read_to_string(&file).map_err(|source| CliError::File { path: file.clone(), source })?;
    let manifest = match Manifest::parse(&text, "plugin.toml") {
        Ok(manifest) => manifest,
        Err(error) => {
            checked.findings.push(finding::of_package(&error, &text));
            return Ok(checked);
        }
    };
    manifest::review(folder, &text, &manifest, &mut checked.findings);
    component::review(folder, built, &text, &manifest, &mut checked, context)?;
    Ok(checked)
}

/// Where the plugin in `folder` was laid out: the folder itself, or cargo's target folder. None: it was not built.
fn built(folder: &Path) -> Option<PathBuf> {
    if folder.join("component.wasm").is_file() {
        return Some(folder.to_owned());
    }
    let mut asked = Toolchain::of(folder).cargo();
    asked.args(["metadata", "--no-deps", "--format-version", "1"]).stdin(Stdio::null()).stderr(Stdio::null());
    // Without cargo nothing was built here either.
    let metadata: Value = serde_json::from_slice(&asked.output().ok()?.stdout).ok()?;
    let target = metadata.get("target_directory").and_then(Value::as_str)?;
    let text = std::fs::read_to_string(folder.join("plugin.toml")).ok()?;
    let manifest = Manifest::parse(&text, "plugin.toml").ok()?;
    let laid_out = Path::new(target).join("openclaw").join(&manifest.plugin.id);
    laid_out.join("component.wasm").is_file().then_some(laid_out)
}

/// Prints what was found, for people.
pub(super) fn print(findings: &[Finding], context: &Context) -> Result<(), CliError> {
    for finding in findings {
        let word = match finding.is_error() {
            true => context.output.bad("error"),
            false => context.output.warn("warning"),
        };
        let place = match finding.line {
            Some(line) => format!("{}:{line}", finding.file),
            None => finding.file.clone(),
        };
        let (problem, fix) = (clean(&finding.problem), clean(&finding.fix));
        print_line(&format!("{word}: {place}: {problem} [{}]\n  {fix}", finding.code))?;
    }
    Ok(())
}
