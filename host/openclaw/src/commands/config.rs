//! `openclaw config`
use crate::{context::Context, error::CliError};
use clap::Subcommand as ClapSubcommand;
use std::process::ExitCode;
/// x
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Subcommand {
    /// x
    File,
}
pub(crate) fn run(_c: &Subcommand, _x: &Context) -> Result<ExitCode, CliError> {
    Ok(ExitCode::SUCCESS)
}
