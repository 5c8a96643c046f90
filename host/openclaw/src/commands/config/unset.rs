//! `openclaw config unset`

use std::process::ExitCode;

use clap::Args;
use openclaw_config::{Ask, ChangeOptions, KeyPath};

use super::change::{Request, Subject};
use crate::{context::Context, error::CliError};

/// Flags of `openclaw config unset`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw config unset messages.responsePrefix
  openclaw config unset 'models.providers.local.models[1]' --dry-run")]
pub(super) struct Flags {
    /// Dotted, for instance gateway.port
    path: String,
    /// Check and show what would change, but write nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: run the programs of exec providers to see whether their secrets are there
    #[arg(long, requires = "dry_run")]
    allow_exec: bool,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let path: KeyPath = flags.path.parse()?;
    let ask = Ask::Remove { path: path.clone() };
    let request = Request {
        subject: Subject::Removed(path),
        modes: vec!["unset"],
        operations: 1,
        allow_exec: flags.allow_exec,
        options: ChangeOptions { dry_run: flags.dry_run, ..ChangeOptions::default() },
    };
    let plugins = context.plugin_schemas();
    request.run(context, &plugins, |basis, options| openclaw_config::change(basis, &[ask], options))
}
