//! `openclaw channels`

mod account;
mod add;
mod dead_letters;
mod remove;
mod why;

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_protocol::channels::{
    AccountSnapshot, ChannelsRestartParams, ChannelsStartParams, ChannelsStatus, ChannelsStatusParams,
    ChannelsStopParams, Evidence, Fact,
};
use serde_json::json;

use crate::{
    client::{self, ClientError, RpcFlags},
    context::Context,
    error::CliError,
    output::{age, print_json, print_line},
};

/// `openclaw channels …`
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Subcommand {
    /// Show every account: transport, inbound, outbound
    #[command(after_help = "\
Examples:
  openclaw channels status
  openclaw channels status --probe       Ask the vendors whether the credentials work")]
    Status(StatusFlags),
    /// List the configured accounts
    List(ListFlags),
    /// Set an account up: its secrets are asked for, tried and written
    Add(add::Flags),
    /// Switch an account off, or delete it
    Remove(remove::Flags),
    /// Start an account
    Start(AccountFlags),
    /// Stop an account until it is started again
    Stop(AccountFlags),
    /// Drain an account and start it again; the others go on
    Restart(AccountFlags),
    /// What became of a message, and why
    Why(why::Flags),
    /// What could not be sent or read: look at it, send it again, forget it
    DeadLetters(dead_letters::Flags),
}

/// Flags of `openclaw channels status`.
#[derive(Args, Debug)]
pub(crate) struct StatusFlags {
    /// Ask each vendor whether the credential works
    #[arg(long)]
    probe: bool,
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// Flags of `openclaw channels list`.
#[derive(Args, Debug)]
pub(crate) struct ListFlags {
    /// Channels without an account too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// Flags of `openclaw channels start|stop|restart`.
#[derive(Args, Debug)]
pub(crate) struct AccountFlags {
    /// The channel's id
    channel: String,
    /// The account (default: the channel's default account)
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

const NO_CHANNELS: &str =
    "- no configured chat channels (run `openclaw channels list --all` to see installable channels)";

pub(crate) fn run(command: &Subcommand, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        Subcommand::Status(flags) => status(flags, context),
        Subcommand::List(flags) => list(flags, context),
        Subcommand::Add(flags) => add::run(flags, context),
        Subcommand::Remove(flags) => remove::run(flags, context),
        Subcommand::Why(flags) => why::run(flags, context),
        Subcommand::DeadLetters(flags) => dead_letters::run(flags, context),
        Subcommand::Start(flags) => {
            let params =
                ChannelsStartParams { channel: flags.channel.clone(), account_id: flags.account.clone() };
            let (raw, done) = client::ask(context, &flags.rpc, &params)?;
            let verb = if done.started { "Started" } else { "Already running:" };
            report(context, &raw, &format!("{verb} {} account \"{}\".", done.channel, done.account_id))
        }
        Subcommand::Stop(flags) => {
            let params =
                ChannelsStopParams { channel: flags.channel.clone(), account_id: flags.account.clone() };
            let (raw, done) = client::ask(context, &flags.rpc, &params)?;
            let verb = if done.stopped { "Stopped" } else { "Not running:" };
            report(context, &raw, &format!("{verb} {} account \"{}\".", done.channel, done.account_id))
        }
        Subcommand::Restart(flags) => {
            let params =
                ChannelsRestartParams { channel: flags.channel.clone(), account_id: flags.account.clone() };
            let (raw, done) = client::ask(context, &flags.rpc, &params)?;
            let took = age::latency(done.duration_ms);
            report(
                context,
                &raw,
                &format!("Restarted {} account \"{}\" ({took}).", done.channel, done.account_id),
            )
        }
    }
}

fn report(context: &Context, raw: &serde_json::Value, text: &str) -> Result<ExitCode, CliError> {
    if context.json {
        print_json(raw)?
    } else {
        print_line(text)?
    }
    Ok(ExitCode::SUCCESS)
}

fn status(flags: &StatusFlags, context: &Context) -> Result<ExitCode, CliError> {
    if !context.json && !context.output.is_terminal() {
        crate::output::note(&format!(
            "Checking channel status{}…",
            if flags.probe { " (probe)" } else { "" }
        ));
    }
    // The vendors get the time that is asked for; the answer needs a little more.
    let patience = flags.rpc.timeout.unwrap_or(client::PATIENCE_MS);
    let rpc = RpcFlags { timeout: Some(patience + 2_000), ..flags.rpc.clone() };
    let params = ChannelsStatusParams {
        probe: Some(flags.probe),
        timeout_ms: Some(patience.min(600_000)),
        channel: flags.channel.clone(),
    };
    match client::ask(context, &rpc, &params) {
        Ok((raw, status)) => {
            if context.json {
                print_json(&raw)?;
            } else {
                print_line(&status_lines(&status, age::now_ms()).join("\n"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(CliError::Gateway(error)) => configuration_only(context, &error),
        Err(other) => Err(other),
    }
}

fn status_lines(status: &ChannelsStatus, now_ms: u64) -> Vec<String> {
    let mut lines = vec!["Gateway reachable.".to_owned()];
    for id in &status.channel_order {
        let label = status.channel_labels.get(id).unwrap_or(id);
        for account in status.channel_accounts.get(id).into_iter().flatten() {
            let name = account.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            let bits = account_bits(account, now_ms).join(", ");
            lines.push(format!("- {label} {}{name}: {bits}", account.account_id));
        }
    }
    if lines.len() == 1 {
        lines.push(NO_CHANNELS.to_owned());
    }
    let accounts = status.channel_accounts.values().flatten();
    let dead: u64 = accounts.filter_map(|account| account.dead_letters).sum();
    if dead > 0 {
        lines.push(format!("\n{dead} dead letter(s): openclaw channels dead-letters list"));
    }
    if !status.status_issues.is_empty() {
        lines.push("\nWarnings:".to_owned());
        for issue in &status.status_issues {
            let fix = issue.fix.as_ref().map(|fix| format!(" ({fix})")).unwrap_or_default();
            lines.push(format!("- {} {}: {}{fix}", issue.channel, issue.account_id, issue.message));
        }
        lines.push("- Run: openclaw doctor".to_owned());
    }
    lines.push(
        "\nTip: status --deep adds gateway health probes to status output (requires a reachable gateway)."
            .to_owned(),
    );
    lines
}

/// What is said of one account, in the order of the original.
fn account_bits(account: &AccountSnapshot, now_ms: u64) -> Vec<String> {
    let mut bits = Vec::new();
    let mut either = |fact: Option<bool>, yes: &str, no: &str| {
        if let Some(fact) = fact {
            bits.push((if fact { yes } else { no }).to_owned());
        }
    };
    either(account.enabled, "enabled", "disabled");
    either(account.configured, "configured", "not configured");
    either(account.linked, "linked", "not linked");
    if let Some(reason) = lifecycle_reason(account, now_ms) {
        bits.push(format!("reason:{reason}"));
    }
    let mut either = |fact: Option<bool>, yes: &str, no: &str| {
        if let Some(fact) = fact {
            bits.push((if fact { yes } else { no }).to_owned());
        }
    };
    either(account.running, "running", "stopped");
    either(account.connected, "connected", "disconnected");
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            bits.push(format!("{name}:{value}"));
        }
    };
    let age = |at: Option<u64>| at.map(|at| age::ago(at, now_ms));
    let seen = account.evidence.as_ref();
    let of = |fact: fn(&Evidence) -> &Fact| seen.map(fact);
    fact("in", way(of(|seen| &seen.inbound), account.last_inbound_at, now_ms));
    fact("out", way(of(|seen| &seen.outbound), account.last_outbound_at, now_ms));
    fact("transport", way(of(|seen| &seen.transport), account.last_transport_activity_at, now_ms));
    fact("mode", account.mode.clone());
    let bot = account.probe.as_ref().and_then(|probe| probe.bot.as_ref());
    fact("bot", bot.and_then(|bot| bot.username.as_ref()).map(|name| format!("@{name}")));
    fact("dm", account.dm_policy.clone());
    let allowed = account.allow_from.as_ref().filter(|allowed| !allowed.is_empty());
    fact("allow", allowed.map(|allowed| allowed.iter().take(2).cloned().collect::<Vec<_>>().join(",")));
    fact("token", account.token_source.clone().filter(|source| source != "none"));
    fact("health", account.health_state.clone().filter(|state| state != "healthy"));
    fact("url", account.base_url.clone());
    if let Some(supervision) = &account.supervision {
        let some = |count: u64| Some(count).filter(|&count| count > 0).map(|count| count.to_string());
        fact("crashes", some(supervision.crashes));
        fact("crashed", age(supervision.last_crash_at));
        fact("strikes", some(supervision.strikes));
        fact("set aside unread", some(u64::from(supervision.set_aside)));
    }
    fact("unconfirmed", account.ambiguous_sends.filter(|count| *count > 0).map(|count| count.to_string()));
    fact("dead letters", account.dead_letters.filter(|count| *count > 0).map(|count| count.to_string()));
    if let Some(probe) = &account.probe {
        bits.push((if probe.ok { "works" } else { "probe failed" }).to_owned());
    }
    let probe_error = account.probe.as_ref().and_then(|probe| probe.error.clone());
    if let Some(error) = probe_error.or_else(|| account.last_error.clone()) {
        bits.push(format!("error:{error}"));
    }
    bits
}

/// When a way of an account was last seen in order, and its state where that is not so. What follows from another bit is not said twice.
fn way(fact: Option<&Fact>, at: Option<u64>, now_ms: u64) -> Option<String> {
    let age = fact.and_then(|fact| fact.at).or(at).map(|at| age::ago(at, now_ms));
    let state = fact
        .map(|fact| fact.state.as_str())
        .filter(|state| ["deaf", "refused", "failing", "held"].contains(state));
    match (state, age) {
        (Some(state), Some(age)) => Some(format!("{state} ({age})")),
        (Some(state), None) => Some(state.to_owned()),
        (None, age) => age,
    }
}

/// Why an account is in a state that is neither ready nor what the configuration asks for.
fn lifecycle_reason(account: &AccountSnapshot, now_ms: u64) -> Option<String> {
    let off = account.enabled == Some(false);
    let state =
        account.lifecycle.as_deref().filter(|state| *state != "ready" && !(off && *state == "disabled"))?;
    let mut text = state.to_owned();
    if let Some(reason) = &account.lifecycle_reason {
        text.push_str(&format!(" ({reason})"));
    }
    if let Some(at) = account.next_attempt_at.filter(|at| *at > now_ms) {
        text.push_str(&format!(", next try in {}", age::coarse((at - now_ms).div_ceil(1_000))));
    }
    Some(text)
}

fn configuration_only(context: &Context, error: &ClientError) -> Result<ExitCode, CliError> {
    let channels = context.configured_channels();
    let mode = context.mode_word();
    if context.json {
        print_json(&json!({
            "gatewayReachable": error.gateway_answered(),
            "error": error.summary(),
            "configOnly": true,
            "config": {"path": context.paths.config, "mode": mode},
            "configuredChannels": channels,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    crate::output::note(&format!("Gateway not reachable: {}", error.summary()));
    print_line("Gateway not reachable; showing config-only status.")?;
    print_line(&format!("Config: {}\nMode: {mode}", context.shown_config()))?;
    if channels.is_empty() {
        print_line(NO_CHANNELS)?;
    }
    for (id, account, enabled) in context.configured_accounts() {
        print_line(&format!(
            "- {id} {account}: {}, configured",
            if enabled { "enabled" } else { "disabled" }
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(flags: &ListFlags, context: &Context) -> Result<ExitCode, CliError> {
    let (_, status) = client::ask(context, &flags.rpc, &ChannelsStatusParams::default())?;
    let wanted = |account: &&AccountSnapshot| flags.all || account.configured == Some(true);
    if context.json {
        let chat: serde_json::Map<_, _> = status
            .channel_order
            .iter()
            .map(|id| {
                let accounts = status.channel_accounts.get(id).into_iter().flatten().filter(wanted);
                let accounts: Vec<_> = accounts.map(|account| account.account_id.clone()).collect();
                let origin = if accounts.is_empty() { "available" } else { "configured" };
                let label = status.channel_labels.get(id);
                let entry =
                    json!({"accounts": accounts, "label": label, "installed": true, "origin": origin});
                (id.clone(), entry)
            })
            .filter(|(_, entry)| flags.all || entry["origin"] == "configured")
            .collect();
        print_json(&json!({"chat": chat}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = vec!["Chat channels:".to_owned()];
    for id in &status.channel_order {
        let label = status.channel_labels.get(id).unwrap_or(id);
        for account in status.channel_accounts.get(id).into_iter().flatten().filter(wanted) {
            let configured = if account.configured == Some(true) { "configured" } else { "not configured" };
            let enabled = if account.enabled == Some(false) { "disabled" } else { "enabled" };
            let token = account.token_source.as_ref().filter(|source| *source != "none");
            let token = token.map(|source| format!(", token={source}")).unwrap_or_default();
            lines
                .push(format!("- {label} {}: installed, {configured}, {enabled}{token}", account.account_id));
        }
    }
    if flags.all {
        lines.extend(available(&status.channel_order, context));
    }
    if lines.len() == 1 {
        lines.push(NO_CHANNELS.to_owned());
    }
    print_line(&lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each channel of this installation that is not configured yet.
fn available(configured: &[String], context: &Context) -> Vec<String> {
    let present =
        openclaw_gateway::present_plugins(&context.paths, &context.config().cloned().unwrap_or_default());
    let channels =
        present.iter().filter(|plugin| plugin.kind == "channel" && !configured.contains(&plugin.id));
    let line = |plugin: &openclaw_protocol::plugins::PluginEntry| match plugin.status.as_str() {
        "unavailable" => format!("- {}: not available in this build yet", plugin.name),
        _ => format!("- {}: available (openclaw channels add --channel {})", plugin.name, plugin.id),
    };
    channels.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::channels::{IssueKind, Probe, ProbeIdentity, StatusIssue, Supervision};

    fn account() -> AccountSnapshot {
        AccountSnapshot {
            account_id: "default".to_owned(),
            enabled: Some(true),
            configured: Some(true),
            running: Some(true),
            connected: Some(true),
            lifecycle: Some("ready".to_owned()),
            mode: Some("polling".to_owned()),
            token_source: Some("config".to_owned()),
            ..AccountSnapshot::default()
        }
    }

    #[test]
    fn an_account_that_works_reads_as_documented() {
        let bot = ProbeIdentity { username: Some("mybot".to_owned()), ..ProbeIdentity::default() };
        let account = AccountSnapshot {
            last_inbound_at: Some(0),
            probe: Some(Probe { ok: true, bot: Some(bot), ..Probe::default() }),
            ..account()
        };
        assert_eq!(
            account_bits(&account, 120_000).join(", "),
            "enabled, configured, running, connected, in:2m ago, mode:polling, bot:@mybot, token:config, works"
        );
    }

    #[test]
    fn each_way_shows_its_time_and_what_is_wrong_with_it() {
        let fact = |state: &str, at| Fact { state: state.to_owned(), at, reason: None };
        let with = |transport, inbound, outbound| {
            let evidence = Some(Evidence { transport, inbound, outbound });
            account_bits(&AccountSnapshot { evidence, ..account() }, 120_000).join(", ")
        };
        let well = with(fact("live", Some(118_000)), fact("open", Some(0)), fact("open", None));
        assert!(well.contains("connected, in:2m ago, transport:just now, mode"), "{well}");
        let ill = with(fact("deaf", Some(0)), fact("refused", None), fact("held", Some(0)));
        assert!(ill.contains("in:refused, out:held (2m ago), transport:deaf (2m ago), mode"), "{ill}");
    }

    #[test]
    fn a_revoked_credential_shows() {
        let account = AccountSnapshot {
            connected: Some(false),
            running: Some(false),
            lifecycle: Some("auth-required".to_owned()),
            lifecycle_reason: Some("the token was refused".to_owned()),
            probe: Some(Probe { error: Some("401 Unauthorized".to_owned()), ..Probe::default() }),
            ..account()
        };
        assert_eq!(
            account_bits(&account, 0).join(", "),
            "enabled, configured, reason:auth-required (the token was refused), stopped, disconnected, mode:polling, \
             token:config, probe failed, error:401 Unauthorized"
        );
    }

    #[test]
    fn what_the_supervisor_counts_shows_once_there_is_something() {
        let with = |supervision| AccountSnapshot { supervision: Some(supervision), ..account() };
        let calm = Supervision { breaker: "closed".to_owned(), starts: 1, ..Supervision::default() };
        let plain = account_bits(&account(), 0);
        assert_eq!(account_bits(&with(calm.clone()), 0), plain);
        let troubled = Supervision { crashes: 3, last_crash_at: Some(0), strikes: 2, ..calm };
        let bits = account_bits(&with(troubled), 60_000).join(", ");
        assert!(bits.ends_with("token:config, crashes:3, crashed:1m ago, strikes:2"), "{bits}");
    }

    #[test]
    fn warnings_follow_the_accounts() {
        let issue = StatusIssue {
            channel: "chat".to_owned(),
            account_id: "default".to_owned(),
            kind: IssueKind::Auth,
            message: "invalid token".to_owned(),
            fix: Some("set it again".to_owned()),
        };
        let status = ChannelsStatus { status_issues: vec![issue], ..ChannelsStatus::default() };
        let text = status_lines(&status, 0).join("\n");
        assert!(text.contains(NO_CHANNELS));
        assert!(
            text.contains(
                "\nWarnings:\n- chat default: invalid token (set it again)\n- Run: openclaw doctor\n"
            )
        );
    }
}
