//! `openclaw status`: what runs, in one look. It succeeds also when the gateway is down.

use std::{path::Path, process::ExitCode, time::Instant};

use clap::Args;
use openclaw_protocol::{
    Scope,
    channels::{AccountSnapshot, ChannelsStatus, ChannelsStatusParams},
    status::{ConfigSummary, StatusParams, StatusSummary},
};
use serde_json::{Value, json};

use crate::{
    client::{Client, ClientError, Mode, PATIENCE_MS, RpcFlags, Target, block_on},
    context::Context,
    error::CliError,
    output::{Output, age, print_json, print_line, table::Table},
};

/// Flags of `openclaw status`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw status
  openclaw status --deep      Ask the channels' vendors too
  openclaw status --json")]
pub(crate) struct Flags {
    #[command(flatten)]
    rpc: RpcFlags,
    /// Ask the channels' vendors too
    #[arg(long)]
    deep: bool,
    /// Accepted for compatibility: everything is shown anyway
    #[arg(long, hide = true)]
    all: bool,
}

/// What a gateway answered.
struct Answers {
    raw: Value,
    status: StatusSummary,
    channels: ChannelsStatus,
    version: String,
    latency_ms: u64,
    /// Why the port took no credential, when only the local socket let the command in.
    auth_warning: Option<String>,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let target = Target::resolve(&flags.rpc.target, context)?;
    let answers = block_on(async { Ok(ask(flags, &target).await) })?;
    if context.json {
        print_json(&document(context, &target, &answers))?;
    } else {
        print_line(&text(context, &target, &answers))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(flags: &Flags, target: &Target) -> Result<Answers, ClientError> {
    let patience = flags.rpc.timeout.unwrap_or(PATIENCE_MS);
    // The vendors get the time that is asked for; the answer needs a little more. A silent vendor must not make the
    // gateway look unreachable.
    let more = if flags.deep { 2_000 } else { 0 };
    let start = Instant::now();
    let mut client = Client::connect(target, Mode::Cli, &[Scope::Read], patience + more).await?;
    let latency_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (raw, status) = client.call(&StatusParams::default()).await?;
    let params = ChannelsStatusParams {
        probe: flags.deep.then_some(true),
        timeout_ms: flags.deep.then_some(patience.min(600_000)),
        ..ChannelsStatusParams::default()
    };
    let (_, channels) = client.call(&params).await?;
    let version = client.hello.server.version.clone();
    Ok(Answers { raw, status, channels, version, latency_ms, auth_warning: client.refused_elsewhere })
}

fn document(context: &Context, target: &Target, answers: &Result<Answers, ClientError>) -> Value {
    let mut document = match answers {
        Ok(answers) => answers.raw.clone(),
        Err(_) => json!({}),
    };
    let loaded = context.loaded();
    let mut config = document.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    config.insert("path".to_owned(), json!(context.paths.config));
    config.insert("exists".to_owned(), json!(loaded.exists));
    config.insert("valid".to_owned(), json!(loaded.error.is_none() && loaded.report.is_valid()));
    let more = json!({
        "os": {"platform": std::env::consts::OS, "arch": std::env::consts::ARCH},
        "config": config,
        "gateway": {
            "mode": context.mode_word(),
            "url": target.url,
            "urlSource": target.source.label(),
            "reachable": answers.is_ok(),
            "connectLatencyMs": answers.as_ref().ok().map(|answers| answers.latency_ms),
            "self": answers.as_ref().ok().map(|answers| json!({"version": answers.version})),
            "error": answers.as_ref().err().map(ClientError::summary),
            "authWarning": answers.as_ref().ok().and_then(|answers| answers.auth_warning.as_ref()),
        },
        "channels": answers.as_ref().ok().map(|answers| json!({
            "channelOrder": answers.channels.channel_order,
            "channelAccounts": answers.channels.channel_accounts,
            "statusIssues": answers.channels.status_issues,
        })),
    });
    if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
    document
}

fn text(context: &Context, target: &Target, answers: &Result<Answers, ClientError>) -> String {
    let output = context.output;
    let mut sections = vec![output.bold("OpenClaw status"), overview(context, target, answers)];
    sections.extend(configuration(
        context,
        answers.as_ref().ok().and_then(|answers| answers.status.config.as_ref()),
    ));
    if let Ok(answers) = answers {
        sections.push(channels(&answers.channels, output));
        sections.push(sessions(&answers.status, output));
    }
    sections.push(next_steps(answers));
    sections.join("\n\n")
}

fn overview(context: &Context, target: &Target, answers: &Result<Answers, ClientError>) -> String {
    let mut table = Table::new(&["Item", "Value"]);
    let mut row = |item: &str, value: String| table.row([item.to_owned(), value]);
    row("OS", format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH));
    row("Config", config_value(context));
    row("Gateway", gateway_value(context, target, answers));
    if let Some(plugins) = unsigned_plugins(context) {
        row("Plugins", plugins);
    }
    if let Ok(answers) = answers {
        let status = &answers.status;
        if let Some(warning) = &answers.auth_warning {
            row("Gateway auth warning", format!("{warning} · let in by the local socket"));
        }
        row("Process", process_value(status));
        row("API", api_value(target));
        let model = status.model.as_ref();
        let model = model.map(|model| format!("{} · {}", model.reference, model.detail));
        row("Model", model.unwrap_or_else(|| "none; set agents.defaults.model.primary".to_owned()));
        row("Agents", format!("{} · default {}", status.agents.total, status.agents.default_id));
        row("Sessions", status.sessions.count.to_string());
        for fault in &status.storage {
            row("Storage", format!("{} · {}", fault.code, fault.message));
        }
        let outbox = status.outbox;
        if outbox.pending + outbox.ambiguous + outbox.failed > 0 {
            row(
                "Replies",
                format!(
                    "{} waiting · {} unconfirmed · {} failed",
                    outbox.pending, outbox.ambiguous, outbox.failed
                ),
            );
        }
        if outbox.dead_letters > 0 {
            row("Dead letters", format!("{} (openclaw channels dead-letters list)", outbox.dead_letters));
        }
        if let Some(file) = &status.log_file {
            row("Log", file.clone());
        }
    }
    format!("Overview\n{}", table.render(context.output))
}

/// The plugins that nobody has signed; nothing when there are none.
fn unsigned_plugins(context: &Context) -> Option<String> {
    let config = context.config().cloned().unwrap_or_default();
    let present = openclaw_gateway::present_plugins(&context.paths, &config);
    let unsigned =
        present.into_iter().filter(|plugin| matches!(plugin.trust.as_str(), "unsigned" | "folder"));
    let ids: Vec<String> = unsigned.map(|plugin| plugin.id).collect();
    (!ids.is_empty()).then(|| format!("UNSIGNED: {} (openclaw plugins doctor)", ids.join(", ")))
}

fn config_value(context: &Context) -> String {
    let loaded = context.loaded();
    let path = context.shown_config();
    match (&loaded.error, loaded.exists, loaded.report.issues.len()) {
        (Some(_), ..) => format!("{path} · cannot be read (openclaw config validate)"),
        (None, false, _) => format!("{path} · missing (openclaw onboard)"),
        (None, true, 0) => path,
        (None, true, issues) => format!("{path} · {issues} issue(s) (openclaw config validate)"),
    }
}

/// What a person should know of the configuration: by the running gateway, else by the file.
fn configuration(context: &Context, running: Option<&ConfigSummary>) -> Option<String> {
    let mut lines = Vec::new();
    match running {
        Some(config) => {
            if let Some(edit) = &config.rejected {
                let details = edit.details.as_ref().map(|details| format!(": {details}")).unwrap_or_default();
                let undone = if edit.restored {
                    "Config auto-restored from last-known-good"
                } else {
                    "the gateway runs on with the last good one"
                };
                lines.push(format!(
                    "the last edit was refused {} ({}){details}; {undone}",
                    age::ago(edit.at, age::now_ms()),
                    edit.reason
                ));
                lines.extend(
                    edit.saved
                        .iter()
                        .map(|file| format!("the refused file: {}", context.shown(Path::new(file)))),
                );
            }
            if !config.pending_restart.is_empty() {
                lines.push(format!("restart the gateway to apply: {}", config.pending_restart.join(", ")));
            }
            lines.extend(
                config.disabled.iter().map(|part| format!("{} is disabled: {}", part.section, part.reason)),
            );
        }
        None => {
            let disabled = context.loaded().report.disabled();
            lines.extend(disabled.into_iter().map(|(owner, issue)| {
                format!("{} is disabled: {issue} ({})", owner.section(), issue.place())
            }));
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("- {line}")).collect();
    (!lines.is_empty()).then(|| format!("Configuration\n{}", lines.join("\n")))
}

fn gateway_value(context: &Context, target: &Target, answers: &Result<Answers, ClientError>) -> String {
    let place = format!("{} · {} ({})", context.mode_word(), target.url, target.source.label());
    match answers {
        Ok(answers) => format!(
            "{place} · reachable {} · auth {} · app {}",
            age::latency(answers.latency_ms),
            answers.status.auth_mode,
            answers.version
        ),
        Err(ClientError::Timeout { .. }) => format!("{place} · unreachable (timeout)"),
        Err(error) => format!("{place} · unreachable ({})", error.reason()),
    }
}

fn process_value(status: &StatusSummary) -> String {
    let memory = status.process_memory.map(|memory| format!(" · {} MiB", memory.rss_bytes / (1024 * 1024)));
    format!("pid {} · up {}{}", status.pid, age::coarse(status.uptime_ms / 1_000), memory.unwrap_or_default())
}

fn api_value(target: &Target) -> String {
    format!("{}/v1", target.http_url())
}

fn channels(channels: &ChannelsStatus, output: Output) -> String {
    let mut table = Table::new(&["Channel", "Enabled", "State", "Detail"]);
    let mut rows = 0;
    for id in &channels.channel_order {
        let label = channels.channel_labels.get(id).unwrap_or(id);
        for account in channels.channel_accounts.get(id).into_iter().flatten() {
            let name = format!("{label} {}", account.account_id);
            let enabled = if account.enabled == Some(false) { "no" } else { "yes" };
            let (state, detail) = account_state(account, channels.ts);
            table.row([name, enabled.to_owned(), state.to_owned(), detail]);
            rows += 1;
        }
    }
    let mut text = if rows == 0 { "No channels configured".to_owned() } else { table.render(output) };
    for issue in &channels.status_issues {
        let fix = issue.fix.as_ref().map(|fix| format!(" ({fix})")).unwrap_or_default();
        text.push_str(&format!("\n- {} {}: {}{fix}", issue.channel, issue.account_id, issue.message));
    }
    format!("Channels\n{text}")
}

/// State and detail of an account: OK, WARN, OFF or SETUP.
fn account_state(account: &AccountSnapshot, now_ms: u64) -> (&'static str, String) {
    if account.enabled == Some(false) {
        return ("OFF", "disabled".to_owned());
    }
    if account.configured == Some(false) {
        return ("SETUP", account.last_error.clone().unwrap_or_else(|| "no credential".to_owned()));
    }
    let seen = |what: &str, at: Option<u64>| at.map(|at| format!("{what} {}", age::ago(at, now_ms)));
    let evidence = [
        seen("transport", account.last_transport_activity_at),
        seen("in", account.last_inbound_at),
        seen("out", account.last_outbound_at),
    ];
    let mut detail: Vec<String> = evidence.into_iter().flatten().collect();
    let probe_failed = account.probe.as_ref().is_some_and(|probe| !probe.ok);
    let well = account.connected == Some(true) && !probe_failed;
    if !well {
        let lifecycle = account.lifecycle.clone().unwrap_or_else(|| "disconnected".to_owned());
        let probe_error = account.probe.as_ref().and_then(|probe| probe.error.clone());
        let reason =
            probe_error.or_else(|| account.lifecycle_reason.clone()).or_else(|| account.last_error.clone());
        detail.insert(0, reason.map_or(lifecycle.clone(), |reason| format!("{lifecycle}: {reason}")));
    }
    (if well { "OK" } else { "WARN" }, detail.join(" · "))
}

fn sessions(status: &StatusSummary, output: Output) -> String {
    if status.sessions.recent.is_empty() {
        return "Sessions\nNo sessions".to_owned();
    }
    let mut table = Table::new(&["Age", "Key"]);
    for row in &status.sessions.recent {
        table.row([age::ago(0, row.age), row.key.clone()]);
    }
    format!("Sessions\n{}", table.render(output))
}

fn next_steps(answers: &Result<Answers, ClientError>) -> String {
    let first = match answers {
        Ok(_) => {
            "  Need to debug live?    openclaw logs --follow\n  Need to test channels? openclaw status --deep"
        }
        Err(_) => {
            "  Fix reachability first: openclaw gateway status\n  Start the gateway:      openclaw gateway"
        }
    };
    format!("Troubleshooting: https://docs.openclaw.ai/troubleshooting\nNext steps:\n{first}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::channels::Probe;

    #[test]
    fn an_account_has_one_of_four_states() {
        let check = |account: AccountSnapshot, state: &str, detail: &str| {
            assert_eq!(account_state(&account, 120_000), (state, detail.to_owned()));
        };
        let base =
            || AccountSnapshot { enabled: Some(true), configured: Some(true), ..AccountSnapshot::default() };
        check(AccountSnapshot { enabled: Some(false), ..base() }, "OFF", "disabled");
        check(AccountSnapshot { configured: Some(false), ..base() }, "SETUP", "no credential");
        check(
            AccountSnapshot { connected: Some(true), last_inbound_at: Some(0), ..base() },
            "OK",
            "in 2m ago",
        );
        check(
            AccountSnapshot {
                connected: Some(true),
                probe: Some(Probe { error: Some("401".to_owned()), ..Probe::default() }),
                lifecycle: Some("ready".to_owned()),
                ..base()
            },
            "WARN",
            "ready: 401",
        );
    }
}
