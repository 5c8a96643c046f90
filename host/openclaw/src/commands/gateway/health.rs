//! `openclaw gateway health`

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::health::HealthParams;

use crate::{
    client::{PATIENCE_MS, RpcFlags, Target, ask_at},
    context::Context,
    error::CliError,
    output::{age, print_json, print_line},
};

/// Flags of `openclaw gateway health`.
#[derive(Args, Debug)]
pub(super) struct Flags {
    #[command(flatten)]
    rpc: RpcFlags,
    /// Another port of this machine
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let mut target = Target::resolve(&flags.rpc.target, context)?;
    if let Some(port) = flags.port {
        target = target.with_port(port);
    }
    let (raw, health) = ask_at(&target, flags.rpc.timeout.unwrap_or(PATIENCE_MS), &HealthParams::default())?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line("Gateway Health")?;
        let state = if health.ok { "OK" } else { "FAILED" };
        print_line(&format!("{state} ({})", age::latency(health.duration_ms)))?;
    }
    Ok(if health.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
