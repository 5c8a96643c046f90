//! `openclaw gateway`: the process itself, and questions about it.

mod auth_token;
mod call;
mod capability;
mod health;
mod probe;
mod service;
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
    /// Show which gateways can be reached from here, and with which rights
    Probe(probe::Flags),
    /// Print the shared token on this terminal
    AuthToken(auth_token::Flags),
    /// Install the gateway as a service of this user, and start it
    Install(service::InstallFlags),
    /// Take the service away
    Uninstall,
    /// Start the service
    Start,
    /// Stop the gateway
    Stop(service::StopFlags),
    /// Restart the gateway
    Restart(service::RestartFlags),
}

pub(crate) fn run(flags: Flags, context: &Context) -> Result<ExitCode, CliError> {
    match flags.command {
        None => start::run(flags.start, context),
        Some(Subcommand::Run(flags)) => start::run(flags, context),
        Some(Subcommand::Status(flags)) => status::run(&flags, context),
        Some(Subcommand::Health(flags)) => health::run(&flags, context),
        Some(Subcommand::Call(flags)) => call::run(&flags, context),
        Some(Subcommand::Read(reads::OfGateway(typed))) => reads::run(&typed, context),
        Some(Subcommand::Probe(flags)) => probe::run(&flags, context),
        Some(Subcommand::AuthToken(flags)) => auth_token::run(&flags, context),
        Some(Subcommand::Install(flags)) => service::install(&flags, context),
        Some(Subcommand::Uninstall) => service::uninstall(context),
        Some(Subcommand::Start) => service::start(context),
        Some(Subcommand::Stop(flags)) => service::stop(&flags, context),
        Some(Subcommand::Restart(flags)) => service::restart(&flags, context),
    }
}

/// `openclaw daemon`: the older name of the commands about the service.
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Daemon {
    /// As `openclaw gateway status`
    Status(status::Flags),
    /// As `openclaw gateway install`
    Install(service::InstallFlags),
    /// As `openclaw gateway uninstall`
    Uninstall,
    /// As `openclaw gateway start`
    Start,
    /// As `openclaw gateway stop`
    Stop(service::StopFlags),
    /// As `openclaw gateway restart`
    Restart(service::RestartFlags),
}

pub(crate) fn run_daemon(command: &Daemon, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        Daemon::Status(flags) => status::run(flags, context),
        Daemon::Install(flags) => service::install(flags, context),
        Daemon::Uninstall => service::uninstall(context),
        Daemon::Start => service::start(context),
        Daemon::Stop(flags) => service::stop(flags, context),
        Daemon::Restart(flags) => service::restart(flags, context),
    }
}
