//! `openclaw gateway [run]`

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use openclaw_gateway::GatewayOptions;
use openclaw_secrets::Secret;

use crate::{context::Context, error::CliError};

/// Flags of `openclaw gateway [run]`. Values are judged by the gateway, in its documented order.
#[derive(Args, Debug, Default)]
#[group(id = "start")]
pub(super) struct Flags {
    /// TCP port (default: OPENCLAW_GATEWAY_PORT, gateway.port, 18789)
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
    /// Where to listen: loopback, lan, tailnet, auto or custom
    #[arg(long, value_name = "MODE")]
    bind: Option<String>,
    /// How clients prove themselves: none, token, password or trusted-proxy
    #[arg(long, value_name = "MODE")]
    auth: Option<String>,
    /// Shared token that clients must present
    #[arg(long, value_name = "TOKEN")]
    token: Option<Secret>,
    /// Shared password; every user of this machine can see it, so prefer --password-file
    #[arg(long, value_name = "PASSWORD", conflicts_with = "password_file")]
    password: Option<Secret>,
    /// Read the shared password from a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Start although gateway.mode is not local
    #[arg(long)]
    allow_unconfigured: bool,
    /// End whatever listens on the port first
    #[arg(long)]
    force: bool,
    /// Say more on the console
    #[arg(long)]
    verbose: bool,
}

pub(super) fn run(flags: Flags, context: &Context) -> Result<ExitCode, CliError> {
    if flags.password.is_some() {
        crate::output::note(
            "Warning: a password on the command line is visible in process listings; prefer --password-file or \
             OPENCLAW_GATEWAY_PASSWORD.",
        );
    }
    context.announce_own_state();
    for warning in context.dotenv_warnings() {
        crate::output::note(&format!("Warning: {warning}"));
    }
    let password = match (flags.password, flags.password_file) {
        (None, Some(path)) => Some(read_password(path)?),
        (password, _) => password,
    };
    openclaw_gateway::run(GatewayOptions {
        port: flags.port,
        bind: flags.bind,
        auth_mode: flags.auth,
        token: flags.token,
        password,
        allow_unconfigured: flags.allow_unconfigured,
        force: flags.force,
        verbose: flags.verbose,
        log_level: context.log_level.clone(),
        color: context.stderr_color,
        ..GatewayOptions::new(context.paths.clone(), context.environment())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read_password(path: PathBuf) -> Result<Secret, CliError> {
    let text = std::fs::read_to_string(&path).map_err(|source| CliError::File { path, source })?;
    Ok(Secret::from(text.trim_end_matches(['\r', '\n'])))
}
