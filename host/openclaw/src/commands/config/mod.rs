//! `openclaw config`: reads and changes the file. It never asks a gateway.

mod batch;
mod builder;
mod change;
mod dry_run;
mod get;
mod input;
mod patch;
mod schema;
mod set;
mod unset;
mod validate;

use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Subcommand as ClapSubcommand};
use serde_json::json;

use crate::{
    cli::Cli,
    context::Context,
    error::CliError,
    output::{print_json, print_line, print_now},
};

/// `openclaw config`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw config get gateway.port
  openclaw config set gateway.port 19000
  openclaw config patch --file changes.json5 --dry-run
  openclaw config validate

A path is written with dots and brackets: models.providers.local.models[0].name, channels[\"my.key\"].x
The file keeps its comments, its order and its quotes; a change that would make it invalid is not written.")]
pub(crate) struct Flags {
    #[command(subcommand)]
    command: Option<Subcommand>,
}

/// `openclaw config …`
#[derive(Debug, ClapSubcommand)]
enum Subcommand {
    /// Print a value; secrets are shown as __OPENCLAW_REDACTED__
    Get(get::Flags),
    /// Change one value, or several from a batch
    Set(Box<set::Flags>),
    /// Remove a value
    Unset(unset::Flags),
    /// Change many values in one write: objects merge, null removes, all else replaces
    Patch(patch::PatchFlags),
    /// Replace the whole file
    Apply(patch::ApplyFlags),
    /// Check whether a gateway would start with the file
    Validate,
    /// Print the JSON Schema of the file, or what may stand at one path
    Schema(schema::Flags),
    /// Print where the file is
    File,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    match &flags.command {
        None => help(),
        Some(Subcommand::Get(flags)) => get::run(flags, context),
        Some(Subcommand::Set(flags)) => set::run(flags, context),
        Some(Subcommand::Unset(flags)) => unset::run(flags, context),
        Some(Subcommand::Patch(flags)) => patch::patch(flags, context),
        Some(Subcommand::Apply(flags)) => patch::apply(flags, context),
        Some(Subcommand::Validate) => validate::run(context),
        Some(Subcommand::Schema(flags)) => schema::run(flags, context),
        Some(Subcommand::File) => file(context),
    }
}

fn help() -> Result<ExitCode, CliError> {
    let mut cli = Cli::command();
    // So that the subcommand knows its full name and the global flags.
    cli.build();
    if let Some(config) = cli.find_subcommand_mut("config") {
        print_now(&config.render_help().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn file(context: &Context) -> Result<ExitCode, CliError> {
    if context.json {
        print_json(&json!({"path": context.paths.config}))?;
    } else {
        print_line(&context.shown_config())?;
    }
    Ok(ExitCode::SUCCESS)
}
