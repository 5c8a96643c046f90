//! `openclaw config get`

use std::process::ExitCode;

use clap::Args;
use openclaw_config::KeyPath;
use serde_json::Value;

use crate::{
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// Flags of `openclaw config get`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw config get gateway.port
  openclaw config get 'models.providers.local.models[0]'
  openclaw config get agents.defaults.model --json

Scalars are printed bare, everything else as JSON; with --json everything is JSON.")]
pub(super) struct Flags {
    /// Dotted, for instance gateway.port or agents.defaults.model.primary
    path: String,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let path: KeyPath = flags.path.parse()?;
    let value = openclaw_config::get(&context.basis(&context.plugin_schemas()), &path)?;
    match &value {
        // Scalars are printed bare, so that a script can use them.
        Value::String(text) if !context.json => print_line(text)?,
        other => print_json(other)?,
    }
    Ok(ExitCode::SUCCESS)
}
