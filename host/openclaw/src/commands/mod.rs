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
pub(crate) mod sessions;
pub(crate) mod status;

use std::{io::IsTerminal as _, process::ExitCode};

use serde_json::json;

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
        Command::Sessions(flags) => sessions::run(&flags, &context),
        Command::Plugins(command) => plugins::run(&command, &context),
        Command::Read(reads::Top(typed)) => reads::run(&typed, &context),
        Command::Onboard(flags) => onboard::run(&flags, &context),
        Command::Completion(flags) => completion::run(&flags),
    }
}

/// Asks a person. Without one, or when the output is for a program, the answer is what `--yes` says.
pub(crate) fn agreed(question: &str, yes: bool, context: &Context) -> Result<bool, CliError> {
    if yes {
        return Ok(true);
    }
    if context.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(CliError::Detailed {
            text: format!("{question} Nobody is here to answer: say yes with --yes."),
            code: "CONFIRMATION_REQUIRED",
            extra: json!({}),
        });
    }
    crate::output::murmur(&format!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
