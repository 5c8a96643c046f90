//! `openclaw gateway call`

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::{Method, Permission, Scope};
use serde_json::Value;

use crate::{
    client::{Client, Mode, RpcFlags, Target, block_on},
    context::Context,
    error::CliError,
    output::print_json,
};

const PATIENCE_MS: u64 = 30_000;

/// Flags of `openclaw gateway call`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw gateway call health
  openclaw gateway call channels.status --params '{\"probe\":true}'")]
pub(super) struct Flags {
    /// The method, for instance health
    method: String,
    /// Its parameters, as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,
    /// Wait for the last of several answers
    #[arg(long)]
    expect_final: bool,
    /// Another port of this machine
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let params: Value = serde_json::from_str(&flags.params).map_err(|e| {
        CliError::invalid(format!("--params is not JSON: {e}. Quote it: --params '{{\"key\": 1}}'"))
    })?;
    let mut target = Target::resolve(&flags.rpc.target, context)?;
    if let Some(port) = flags.port {
        target = target.with_port(port);
    }
    // A method that is not in the table may need anything, and only admin is told that it does not exist.
    let scope = match Method::find(&flags.method).map(|method| method.permission) {
        None | Some(Permission::AtLeast(_)) => Scope::Admin,
        Some(Permission::Scope(scope)) => scope,
        Some(Permission::Anyone | Permission::Node) => Scope::Read,
    };
    let answer = block_on(async {
        let patience = flags.rpc.timeout.unwrap_or(PATIENCE_MS);
        let mut client = Client::connect(&target, Mode::Cli, &[scope], patience).await?;
        Ok(if flags.expect_final {
            client.call_twice(&flags.method, params, |_| {}).await?
        } else {
            client.raw(&flags.method, params).await?
        })
    });
    let answer = answer.map_err(|error| match error {
        CliError::Gateway(cause) if !context.json => {
            CliError::Invalid(format!("Gateway call failed: {cause}"))
        }
        other => other,
    })?;
    print_json(&answer)?;
    Ok(ExitCode::SUCCESS)
}
