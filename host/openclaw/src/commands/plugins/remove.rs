//! `openclaw plugins uninstall`

use std::process::ExitCode;

use clap::Args;
use openclaw_packages::{InstallError, Installed};
use serde_json::json;

use super::{dev::Link, to_take_into_use};
use crate::{
    commands::agreed,
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// Flags of `openclaw plugins uninstall`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins uninstall my-channel
  openclaw plugins uninstall my-channel --yes --json

The configuration keeps the plugin's section, and the id stays with its publisher.")]
pub(crate) struct Flags {
    /// The plugin
    id: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let installed = Installed::in_state(&context.paths.state_dir);
    let change = installed.change()?;
    let lock = installed.lock().map_err(InstallError::from)?;
    if !lock.plugins.contains_key(&flags.id) {
        // What `plugins dev` left: the plugin itself stays where its author writes it.
        if Link::remove(&context.paths.state_dir, &flags.id)? {
            return removed(&flags.id, None, context);
        }
        return Err(InstallError::Unknown(flags.id.clone()).into());
    }
    if !agreed(&format!("Remove {}?", flags.id), flags.yes, context)? {
        return Err(CliError::Detailed {
            text: "Nothing was changed.".to_owned(),
            code: "DECLINED",
            extra: json!({}),
        });
    }
    let entry = change.uninstall(&flags.id)?;
    removed(&flags.id, Some(&entry.version), context)
}

/// Says what is gone. One that is being written has no version to tell.
fn removed(id: &str, version: Option<&str>, context: &Context) -> Result<ExitCode, CliError> {
    let restart = to_take_into_use(context);
    if context.json {
        print_json(&json!({"ok": true, "id": id, "version": version, "takeIntoUse": restart}))?;
        return Ok(ExitCode::SUCCESS);
    }
    match version {
        Some(version) => print_line(&format!("Removed {id} {version}."))?,
        None => print_line(&format!("Removed the link to the folder of {id}; the folder stays."))?,
    }
    if let Some(command) = restart {
        print_line(&format!("The running gateway lets go of it with: {command}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
