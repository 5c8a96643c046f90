//! `openclaw health`

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::{
    channels::AccountSnapshot,
    health::{HealthParams, HealthSnapshot},
};

use crate::{
    client::{self, RpcFlags},
    context::Context,
    error::CliError,
    output::{age, print_json, print_line},
};

/// Flags of `openclaw health`.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    #[command(flatten)]
    rpc: RpcFlags,
    /// Ask the channels' vendors now, and show the recent sessions
    #[arg(long)]
    verbose: bool,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let params = HealthParams { probe: flags.verbose.then_some(true) };
    // The gateway gives the vendors ten seconds; the answer needs a little more.
    let patience = client::PATIENCE_MS + if flags.verbose { 2_000 } else { 0 };
    let rpc = RpcFlags { timeout: flags.rpc.timeout.or(Some(patience)), ..flags.rpc.clone() };
    let (raw, health) = client::ask(context, &rpc, &params).map_err(|error| match error {
        CliError::Gateway(cause) if !context.json => {
            CliError::Invalid(format!("Health check failed: {cause}"))
        }
        other => other,
    })?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&text(&health, flags.verbose).join("\n"))?;
    }
    Ok(if health.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(health: &HealthSnapshot, verbose: bool) -> Vec<String> {
    let mut lines = vec![format!("Gateway probe duration: {}", age::latency(health.duration_ms))];
    for id in &health.channel_order {
        let label = health.channel_labels.get(id).unwrap_or(id);
        if let Some(channel) = health.channels.get(id) {
            lines.push(format!("{label}: {}", channel_state(&channel.summary)));
        }
    }
    lines.extend(health.plugins.errors.iter().map(|fault| format!("Plugin {}: {}", fault.id, fault.error)));
    let agents: Vec<String> = health
        .agents
        .iter()
        .map(|agent| format!("{}{}", agent.agent_id, if agent.is_default { " (default)" } else { "" }))
        .collect();
    lines.push(format!("Agents: {}", agents.join(", ")));
    for agent in &health.agents {
        let sessions = &agent.sessions;
        lines.push(format!(
            "Session store ({}): {} ({} entries)",
            agent.agent_id, sessions.path, sessions.count
        ));
        let recent = sessions.recent.iter().filter(|_| verbose);
        lines.extend(recent.map(|row| format!("- {} ({})", row.key, age::ago(row.updated_at, health.ts))));
    }
    lines
}

fn channel_state(account: &AccountSnapshot) -> String {
    match &account.probe {
        Some(probe) if probe.ok => {
            let name = probe.bot.as_ref().and_then(|bot| bot.username.as_ref());
            let name = name.map(|name| format!(" (@{name})")).unwrap_or_default();
            format!("ok{name} ({})", age::latency(probe.elapsed_ms))
        }
        Some(probe) => {
            let status = probe.status.as_ref().map(|status| format!(" ({status})")).unwrap_or_default();
            format!("failed{status} - {}", probe.error.as_deref().unwrap_or("no reason given"))
        }
        None if account.configured != Some(true) => "not configured".to_owned(),
        None if account.linked == Some(false) => "not linked".to_owned(),
        None => match account.lifecycle.as_deref() {
            Some("ready") | None => "configured".to_owned(),
            Some(other) => format!("configured, {other}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::channels::{Probe, ProbeIdentity};

    #[test]
    fn a_channel_is_one_line() {
        let check = |account: AccountSnapshot, expected: &str| assert_eq!(channel_state(&account), expected);
        let probed = |probe: Probe| AccountSnapshot { probe: Some(probe), ..AccountSnapshot::default() };
        check(AccountSnapshot::default(), "not configured");
        check(AccountSnapshot { configured: Some(true), ..AccountSnapshot::default() }, "configured");
        let bot = ProbeIdentity { username: Some("bot".to_owned()), ..ProbeIdentity::default() };
        check(
            probed(Probe { ok: true, elapsed_ms: 120, bot: Some(bot), ..Probe::default() }),
            "ok (@bot) (120ms)",
        );
        let refused = Probe {
            status: Some("401".to_owned()),
            error: Some("Unauthorized".to_owned()),
            ..Probe::default()
        };
        check(probed(refused), "failed (401) - Unauthorized");
    }
}
