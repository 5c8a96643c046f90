//! The flags of every command, as they are typed. What they resolve to stands in [`crate::context`].

use std::{ffi::OsString, process::ExitCode};

use clap::{Args, Parser, Subcommand, error::ErrorKind};

use crate::commands::{
    agent, channels, completion, config, devices, doctor, gateway, health, infer, logs, message, models,
    onboard, pairing, plugins, qr, reads, sessions, status,
};

const EXAMPLES: &str = "\
Examples:
  openclaw onboard --mode local --non-interactive --accept-risk
  openclaw gateway
  openclaw agent --message \"hello\"
  openclaw status
  openclaw channels status --probe
  openclaw logs --follow
  openclaw doctor";

/// A gateway between your chats and your models.
#[derive(Debug, Parser)]
#[command(name = "openclaw", display_name = "OpenClaw", version, after_help = EXAMPLES, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalFlags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command understands.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global")]
pub(crate) struct GlobalFlags {
    /// Use a named profile, with a state directory of its own (~/.openclaw-name)
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Log level of the gateway's file and console
    #[arg(long, global = true, value_name = "LEVEL",
          value_parser = ["silent", "fatal", "error", "warn", "info", "debug", "trace"])]
    pub(crate) log_level: Option<String>,
    /// Disable colours
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Print one JSON document instead of text, also for a failure
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway in the foreground, or ask about it
    Gateway(gateway::Flags),
    /// The gateway as a service: an older name of `openclaw gateway install`, `start` and so on
    #[command(subcommand, hide = true)]
    Daemon(gateway::Daemon),
    /// Show what runs: gateway, model, channels, sessions
    Status(status::Flags),
    /// Ask the running gateway for its health
    Health(health::Flags),
    /// Show the end of the gateway's log
    Logs(logs::Flags),
    /// Check the configuration and the running gateway
    Doctor(doctor::Flags),
    /// Chat channels and their accounts
    #[command(subcommand)]
    Channels(channels::Subcommand),
    /// Read and change openclaw.json
    Config(config::Flags),
    /// Devices that may connect, and their tokens
    Devices(devices::Flags),
    /// Show a new device the way in: a setup code and its picture
    Qr(qr::Flags),
    /// Let people in who wrote to a channel
    #[command(subcommand)]
    Pairing(pairing::Subcommand),
    /// Conversations of the agents
    Sessions(sessions::Flags),
    /// Run one turn of an agent through the gateway
    Agent(agent::Flags),
    /// Ask a model without an agent
    #[command(subcommand, alias = "capability")]
    Infer(infer::Subcommand),
    /// Send a message to a channel
    #[command(subcommand)]
    Message(message::Subcommand),
    /// Models that the gateway can use
    Models(models::Flags),
    /// Plugins that the gateway has
    #[command(subcommand)]
    Plugins(plugins::Subcommand),
    /// What is asked and shown without more ado
    #[command(flatten)]
    Read(reads::Top),
    /// Set up a local gateway
    Onboard(onboard::Flags),
    /// Print a completion script for a shell
    Completion(completion::Flags),
}

/// Parses the command line. `Err` is the exit code after help, version or a complaint was printed.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => print(&error, ExitCode::SUCCESS),
        ErrorKind::InvalidSubcommand => {
            let name = error.get(clap::error::ContextKind::InvalidSubcommand);
            let name = name.map(ToString::to_string).unwrap_or_default();
            let name = name.trim_matches('\'').to_owned();
            crate::output::note(&format!("error: unknown command '{name}'"));
            if let Some(suggestion) = error.get(clap::error::ContextKind::SuggestedSubcommand) {
                crate::output::note(&format!("(Did you mean {suggestion}?)"));
            }
            crate::output::note("Run openclaw --help for the list of commands.");
            ExitCode::FAILURE
        }
        // The original's exit code for a wrong use is 1 as well.
        _ => print(&error, ExitCode::FAILURE),
    })
}

/// A failure to print help is not worth another message.
fn print(error: &clap::Error, code: ExitCode) -> ExitCode {
    if error.print().is_err() { ExitCode::FAILURE } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_commands_of_the_guide_parse() {
        let check = |line: &str| {
            let words = line.split(' ').map(OsString::from);
            assert!(parse(words).is_ok(), "{line}");
        };
        check("openclaw gateway --port 1 --bind lan --auth token --token t --allow-unconfigured --verbose");
        check("openclaw gateway run --port 1");
        check("openclaw --profile x gateway status --json --no-probe");
        check("openclaw gateway call channels.status --params {} --json");
        check("openclaw gateway --force");
        check("openclaw gateway probe --json --timeout 100");
        check("openclaw gateway auth-token --show");
        check("openclaw gateway install --port 1 --force --json --runtime node");
        check("openclaw gateway restart --safe --force --wait 30s --skip-deferral --json");
        check("openclaw daemon status --deep --require-rpc");
        check("openclaw daemon stop --force");
        check("openclaw channels status --probe --timeout 1000 --json --channel x");
        check("openclaw channels restart x --account main");
        check("openclaw channels dead-letters list --channel x --account main --limit 5 --json");
        check("openclaw channels dead-letters show send-17");
        check("openclaw channels dead-letters retry send-17 --yes");
        check("openclaw channels dead-letters drop unread-3 -y --token t");
        check("openclaw plugins reload x");
        check("openclaw pairing approve x ABCD1234 --notify");
        check("openclaw pairing approve --channel x ABCD1234");
        check("openclaw pairing list --channel x --json");
        check("openclaw pairing approve ABCD1234");
        check("openclaw system presence --json");
        check("openclaw sessions");
        check("openclaw sessions --active 60");
        check("openclaw sessions --json --limit all --all-agents");
        check("openclaw sessions list --limit 5 --agent main");
        check("openclaw sessions show agent:main:main --messages 3 --json");
        check("openclaw sessions reset main --yes --token t");
        check("openclaw sessions export main -o talk.md --format md --force");
        check("openclaw gateway usage-cost --days 7");
        check("openclaw gateway stability --json");
        check("openclaw update status --token t");
        check("openclaw devices list --json");
        check("openclaw devices approve");
        check("openclaw devices approve --latest --token t");
        check("openclaw devices approve 7c9e6679-7425-40de-944b-e07fc1f90ae7");
        check("openclaw devices rotate --device d --role operator --scope operator.read operator.write");
        check("openclaw devices rotate --device d --role operator --no-scopes --url ws://h --password p");
        check("openclaw devices revoke --device d --role operator");
        check("openclaw devices clear --yes --pending");
        check("openclaw qr --public-url wss://h --limited --no-ascii");
        check("openclaw qr --url wss://h --setup-code-only --token t");
        check("openclaw qr --remote --json");
        check("openclaw config");
        check("openclaw config get gateway.port --json");
        check("openclaw config set gateway.port -1");
        check(
            "openclaw config set gateway.auth.token --ref-provider default --ref-source env --ref-id T --dry-run",
        );
        check("openclaw config set --batch-file x.json --dry-run --json");
        check("openclaw config patch --file x.json5 --dry-run --json");
        check("openclaw config patch {} --replace-path a.b --replace-path c");
        check("openclaw config apply --stdin --force");
        check("openclaw config schema --path gateway.port");
        check("openclaw doctor --fix --yes");
        check("openclaw doctor --repair --non-interactive --json");
        check("openclaw infer model run --model p/m --prompt hi --local");
        check("openclaw logs --follow --limit 5 --plain");
        check("openclaw models status");
        check("openclaw plugins install oci://h/r:1 --yes --allow-unsigned --json");
        check("openclaw plugins update --all");
        check("openclaw plugins update x --from ./x --accept-publisher 0123456789abcdef --allow-downgrade");
        check("openclaw plugins sign x.wasm --key k --new-key");
        check("openclaw plugins new x --kind provider --dir d");
        check("openclaw plugins build d --json -- --offline");
        check("openclaw plugins check");
        check("openclaw plugins test d -- --offline --quiet");
        check("openclaw plugins dev");
        check("openclaw completion bash");
    }
}
