//! One module a command: its flags, what it asks, how it shows the answer.

pub(crate) mod agent;
pub(crate) mod channels;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod gateway;
pub(crate) mod health;
pub(crate) mod infer;
pub(crate) mod logs;
pub(crate) mod message;
pub(crate) mod models;
pub(crate) mod onboard;
pub(crate) mod pairing;
pub(crate) mod plugins;
pub(crate) mod qr;
pub(crate) mod reads;
pub(crate) mod status;

use std::process::ExitCode;

use crate::{
    cli::{Cli, Command},
    context::Context,
    error::CliError,
};

/// Runs the command.
pub(crate) fn dispatch(cli: Cli) -> Result<ExitCode, CliError> {
    if let Command::Completion(flags) = &cli.command {
        return completion::run(flags);
    }
    let context = Context::new(&cli.global)?;
    match cli.command {
        Command::Gateway(flags) => gateway::run(flags, &context),
        Command::Daemon(command) => gateway::run_daemon(&command, &context),
        Command::Status(flags) => status::run(&flags, &context),
        Command::Health(flags) => health::run(&flags, &context),
        Command::Logs(flags) => logs::run(&flags, &context),
        Command::Doctor(flags) => doctor::run(&flags, &context),
        Command::Channels(command) => channels::run(&command, &context),
        Command::Config(flags) => config::run(&flags, &context),
        Command::Devices(flags) => devices::run(&flags, &context),
        Command::Pairing(command) => pairing::run(&command, &context),
        Command::Qr(flags) => qr::run(&flags, &context),
        Command::Agent(flags) => agent::run(&flags, &context),
        Command::Infer(command) => infer::run(&command, &context),
        Command::Message(command) => message::run(&command, &context),
        Command::Models(flags) => models::run(&flags, &context),
        Command::Plugins(command) => plugins::run(&command, &context),
        Command::Read(reads::Top(typed)) => reads::run(&typed, &context),
        Command::Onboard(flags) => onboard::run(&flags, &context),
        Command::Completion(flags) => completion::run(&flags),
    }
}
