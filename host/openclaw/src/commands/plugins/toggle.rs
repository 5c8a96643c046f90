//! `openclaw plugins enable` and `disable`: one value of the configuration.

use std::process::ExitCode;

use clap::Args;
use openclaw_config::{Ask, ChangeOptions, KeyPath};
use serde_json::json;

use crate::{
    context::Context,
    error::CliError,
    output::{age::file_stamp, print_json, print_line},
};

/// Flags of `openclaw plugins enable` and `disable`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins disable my-channel
  openclaw plugins enable my-channel

It sets plugins.entries.<id>.enabled in openclaw.json.")]
pub(crate) struct Flags {
    /// The plugin
    id: String,
}

pub(super) fn run(flags: &Flags, enabled: bool, context: &Context) -> Result<ExitCode, CliError> {
    let id = &flags.id;
    let present =
        openclaw_gateway::present_plugins(&context.paths, &context.config().cloned().unwrap_or_default());
    if !present.iter().any(|plugin| plugin.id == *id) {
        return Err(openclaw_packages::InstallError::Unknown(id.clone()).into());
    }
    let plugins = context.plugin_schemas();
    let path = KeyPath::from_keys(&["plugins", "entries", id, "enabled"]);
    let ask = Ask::Set { path, value: json!(enabled), replace: false };
    let options = ChangeOptions { stamp: file_stamp(), ..ChangeOptions::default() };
    let changed = openclaw_config::change(&context.basis(&plugins), &[ask], &options)?;
    // A list or the main switch may still keep it out.
    let config = openclaw_config::load(&context.basis(&plugins))?.report.config;
    let allowed = config.is_none_or(|config| config.plugins.allows(id));
    let kept_out = enabled && !allowed;
    if context.json {
        print_json(&json!({
            "ok": true, "id": id, "enabled": enabled, "effective": enabled && allowed, "changed": changed.changed,
            "effect": changed.effect.as_str(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let word = if enabled { "enabled" } else { "disabled" };
    let line = match changed.changed {
        true => format!("{id} is {word} now. {}", changed.effect.sentence()),
        false => format!("No change: {id} is {word} already."),
    };
    print_line(&line)?;
    if kept_out {
        print_line(
            "plugins.enabled, plugins.allow or plugins.deny keeps it out all the same (openclaw config get plugins).",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
