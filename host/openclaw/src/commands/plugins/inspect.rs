//! `openclaw plugins inspect`: one plugin that is present, with what it may reach. Asks no gateway.

use std::process::ExitCode;

use clap::Args;
use openclaw_packages::{InstallError, Installed, Manifest, Reach};
use openclaw_protocol::plugins::PluginEntry;
use serde_json::json;

use super::install::facts;
use crate::{
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

/// Flags of `openclaw plugins inspect`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins inspect my-channel
  openclaw plugins inspect my-channel --json")]
pub(crate) struct Flags {
    /// The plugin
    id: String,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let present =
        openclaw_gateway::present_plugins(&context.paths, &context.config().cloned().unwrap_or_default());
    let unknown = || InstallError::Unknown(flags.id.clone());
    let plugin = present.into_iter().find(|plugin| plugin.id == flags.id).ok_or_else(unknown)?;
    let manifest = manifest(&plugin, context)?;
    let reach = manifest.as_ref().map(Reach::of).unwrap_or_default();
    if context.json {
        print_json(&json!({"ok": true, "plugin": plugin, "reach": facts(reach.facts())}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let signed = match (plugin.trust.as_str(), &plugin.publisher) {
        ("signed", Some(publisher)) => format!("by {publisher}"),
        ("bundled", _) => "part of this program".to_owned(),
        ("folder", _) => "no, a folder for development".to_owned(),
        _ => "UNSIGNED: nobody answers for it".to_owned(),
    };
    let mut lines = vec![format!("{} ({})", clean(&plugin.name), plugin.id)];
    let mut row = |name: &str, value: &str| lines.push(format!("  {name:<9} {}", clean(value)));
    row("Kind", &plugin.kind);
    row("Version", &plugin.version);
    row("Status", &plugin.status);
    row("Signed", &signed);
    row("Source", plugin.source.as_deref().unwrap_or(&plugin.origin));
    row("Digest", plugin.digest.as_deref().unwrap_or("-"));
    if let Some(error) = &plugin.error {
        row("Error", error);
    }
    if manifest.is_some() {
        lines.push("It".to_owned());
        lines.extend(reach.facts().iter().map(|fact| format!("  - {}", clean(&fact.to_string()))));
    }
    print_line(&lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// `None` for one that cannot be read, whose entry says why.
fn manifest(plugin: &PluginEntry, context: &Context) -> Result<Option<Manifest>, CliError> {
    let installed = Installed::in_state(&context.paths.state_dir);
    Ok(match plugin.trust.as_str() {
        "bundled" => {
            let own = openclaw_packages::bundled()?.into_iter().find(|own| own.id() == plugin.id);
            own.map(|package| package.manifest)
        }
        "folder" => {
            let folder = context.paths.state_dir.join("plugins").join(&plugin.id);
            openclaw_packages::Package::from_folder(&folder).ok().map(|package| package.manifest)
        }
        _ => {
            let lock = installed.lock().map_err(InstallError::from)?;
            let entry = lock.plugins.get(&plugin.id);
            entry
                .and_then(|entry| installed.describe(&plugin.id, entry).ok())
                .map(|described| described.manifest)
        }
    })
}
