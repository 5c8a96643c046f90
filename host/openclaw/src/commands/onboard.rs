//! `openclaw onboard`: makes what the gateway needs in order to start, and leaves alone what is there.

use std::process::ExitCode;

use clap::Args;
use openclaw_config::{Bind, OnboardOptions, Onboarded, Written};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// Flags of `openclaw onboard`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  openclaw onboard --mode local --non-interactive --accept-risk")]
pub(crate) struct Flags {
    /// local: the gateway runs on this machine
    #[arg(long, value_name = "MODE", default_value = "local", value_parser = ["local", "remote"])]
    mode: String,
    /// Ask nothing
    #[arg(long)]
    non_interactive: bool,
    /// Accept that an agent may do what its tools allow; needed with --non-interactive
    #[arg(long)]
    accept_risk: bool,
    /// TCP port of the gateway
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    gateway_port: Option<u16>,
    /// Where the gateway listens: loopback, lan, tailnet, auto or custom
    #[arg(long, value_name = "MODE")]
    gateway_bind: Option<Bind>,
    /// Where the agents work
    #[arg(long, value_name = "DIRECTORY")]
    workspace: Option<String>,
}

const COMMAND: &str = "openclaw onboard --mode local --non-interactive --accept-risk";

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    if flags.mode == "remote" {
        return Err(CliError::invalid(
            "Onboarding for a remote gateway is not available yet. Set it by hand:\n  openclaw config set gateway.mode \
             remote\n  openclaw config set gateway.remote.url ws://<host>:18789",
        ));
    }
    if !flags.non_interactive {
        return Err(CliError::invalid(format!(
            "The guided set-up is not available yet. Everything it would ask has a default; run:\n  {COMMAND}"
        )));
    }
    if !flags.accept_risk {
        return Err(CliError::invalid(format!(
            "Non-interactive setup requires explicit risk acknowledgement: an agent can do whatever its tools \
             allow.\nRe-run with: {COMMAND}"
        )));
    }
    context.announce_own_state();
    let now = OffsetDateTime::now_utc();
    let options = OnboardOptions {
        port: flags.gateway_port,
        bind: flags.gateway_bind,
        workspace: flags.workspace.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // Formatting a time of this era cannot fail.
        now: now.format(&Rfc3339).unwrap_or_default(),
    };
    let done = openclaw_config::onboard_local(
        &context.paths,
        &options,
        &context.plugin_schemas(),
        &context.environment(),
    )?;
    if context.json {
        print_json(&json!({
            "ok": true,
            "mode": "local",
            "workspace": done.workspace,
            "gateway": {
                "port": done.port,
                "bind": done.bind.as_str(),
                "authMode": done.auth_mode.as_str(),
            },
            "configPath": context.paths.config,
            "changed": done.written != Written::Unchanged,
            "generatedToken": done.generated_token,
            "installDaemon": false,
        }))?;
    } else {
        print_line(&text(&done, context))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(done: &Onboarded, context: &Context) -> String {
    let config = context.shown_config();
    let mut lines = vec![
        format!("Workspace OK: {}", context.shown(&done.workspace)),
        format!("Sessions OK: {}", context.shown(&done.sessions)),
    ];
    match &done.written {
        Written::Unchanged => lines.push(format!("Config OK: {config}")),
        Written::Created => lines.push(format!("Created config: {config}")),
        Written::Replaced { backup } => {
            lines.push(format!("Updated config: {config}\n  Backup: {}", context.shown(backup)));
        }
    }
    if done.generated_token {
        lines.push("Generated a token for clients: gateway.auth.token".to_owned());
    }
    lines.push("Next: openclaw gateway".to_owned());
    lines.join("\n")
}
