//! The command line. It parses, asks the running gateway or the configuration, and prints; it decides nothing that a
//! gateway decides, and keeps no state.
//!
//! Raw flags stand in [`cli`], what they resolve to in [`context`], one module a command in [`commands`]. `main` maps
//! the result to an exit code and does nothing else.

mod cli;
mod client;
mod commands;
mod context;
mod dotenv;
mod error;
mod installation;
mod output;
mod service;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Not a command: it is what the gateway starts, and nobody types it.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == openclaw_gateway::COMPILE) {
        return ExitCode::from(openclaw_gateway::compile());
    }
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let json = cli.global.json;
    match commands::dispatch(cli) {
        Ok(code) => code,
        Err(error) => error.report(json),
    }
}
