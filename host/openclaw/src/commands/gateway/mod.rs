//! `openclaw gateway`: the process itself, and questions about it.

mod call;
mod health;
mod start;
mod status;

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};

use crate::{commands::reads, context::Context, error::CliError};

/// Flags of `openclaw gateway`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  openclaw gateway                       Run in the foreground
  openclaw gateway --port 19000 --verbose
  openclaw gateway status
  openclaw gateway call health"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    command: Option<Subcommand>,
    #[command(flatten)]
    start: start::Flags,
}

#[derive(Debug, ClapSubcommand)]
enum Subcommand {
    /// Run the gateway in the foreground
    Run(start::Flags),
    /// Show where the gateway listens and whether it answers
    Status(status::Flags),
    /// Ask the running gateway for its health
    Health(health::Flags),
    /// Call a method of the running gateway
    Call(call::Flags),
    /// What is asked and shown without more ado
    #[command(flatten)]
    Read(reads::OfGateway),
}

pub(crate) fn run(flags: Flags, context: &Context) -> Result<ExitCode, CliError> {
    match flags.command {
        None => start::run(flags.start, context),
        Some(Subcommand::Run(flags)) => start::run(flags, context),
        Some(Subcommand::Status(flags)) => status::run(&flags, context),
        Some(Subcommand::Health(flags)) => health::run(&flags, context),
        Some(Subcommand::Call(flags)) => call::run(&flags, context),
        Some(Subcommand::Read(reads::OfGateway(typed))) => reads::run(&typed, context),
    }
}
