//! What is known of each account, put together from the supervisor (its life), the instance (its transport) and
//! messaging (its messages): three separate facts, each with the time of its evidence.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use openclaw_config::{Account, Channel, Config};
use openclaw_messaging::AccountKey;
use openclaw_packages::{Manifest, Origin};
use openclaw_protocol::channels::{AccountSnapshot, IssueKind, StatusIssue, Supervision};
use openclaw_runtime::Connection;
use openclaw_supervisor::{Circuit, State, Status};

use crate::process::Gateway;
use crate::shown_evidence::{Seen, evidence};
use crate::wiring::{self, Credential, account_name, credential};

/// One channel that the configuration has a section for.
#[derive(Debug)]
pub(crate) struct ChannelOverview {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) default_account: String,
    /// In the order of the file.
    pub(crate) accounts: Vec<AccountSnapshot>,
}

/// All configured channels, in the order of the file.
pub(crate) fn overview(gateway: &Gateway) -> Vec<ChannelOverview> {
    let config = gateway.settings.config();
    let plugins = gateway.plugins.get();
    let channels = config.channels.iter().map(|channel| {
        let manifest = plugins.channel(&channel.id).and_then(|found| found.manifest.as_ref());
        ChannelOverview {
            id: channel.id.clone(),
            label: manifest.map_or_else(|| channel.id.clone(), |manifest| manifest.plugin.label.clone()),
            default_account: channel.default_account.clone(),
            accounts: channel
                .accounts
                .iter()
                .map(|account| snapshot(gateway, &config, manifest, channel, account))
                .collect(),
        }
    });
    channels.collect()
}

/// The facts of one account.
fn snapshot(
    gateway: &Gateway,
    config: &Config,
    manifest: Option<&Manifest>,
    channel: &Channel,
    account: &Account,
) -> AccountSnapshot {
    let key = AccountKey::new(&channel.id, &account.id);
    let handle = gateway.supervisor.account(&account_name(&key));
    let facts = gateway.instances.get(&key).map(|instance| instance.facts().borrow().clone());
    let activity = gateway.messaging.activity(&key);
    let policy = manifest
        .and_then(|manifest| manifest.channel.as_ref())
        .map(|words| words.policy.extract(&account.section));
    let credential = manifest.map(|manifest| {
        let default_account = channel.default_account == account.id;
        credential(manifest, &account.section, default_account, &gateway.settings.secrets(config).env())
    });
    let mut shown = AccountSnapshot {
        account_id: account.id.clone(),
        name: account.name.clone(),
        enabled: Some(account.enabled),
        configured: Some(credential.is_some_and(|found| found != Credential::Missing)),
        token_source: credential.map(|found| found.source().to_owned()),
        token_status: credential.map(|found| found.status().to_owned()),
        mode: manifest.and_then(|manifest| manifest.channel.as_ref()?.mode.clone()),
        dm_policy: policy
            .as_ref()
            .map(|policy| policy.dm_policy.clone().unwrap_or_else(|| "pairing".to_owned())),
        allow_from: policy.map(|policy| policy.allow_from),
        base_url: manifest.and_then(|manifest| base_url(manifest, account)),
        last_inbound_at: activity.last_inbound_at.and_then(|at| u64::try_from(at).ok()),
        last_outbound_at: activity.last_outbound_at.and_then(|at| u64::try_from(at).ok()),
        ..AccountSnapshot::default()
    };
    if let Some(facts) = &facts {
        shown.last_transport_activity_at = facts.transport.and_then(millis);
        if matches!(facts.connection, Connection::Ready) {
            shown.last_connected_at = millis(facts.connection_since);
        }
    }
    if let Some(handle) = handle {
        let (status, circuit) = (handle.status(), handle.circuit());
        life(&mut shown, &status);
        let within = manifest.and_then(wiring::evidence::within);
        let facts = facts.as_ref().filter(|_| status.state.is_running());
        shown.connected = Some(facts.is_some_and(|facts| wiring::evidence::connected(facts, within)));
        let deaf = facts.is_some_and(|facts| wiring::evidence::silence(facts, within).is_some());
        shown.health_state = match &circuit {
            Circuit::Closed if deaf => Some(STALE.to_owned()),
            Circuit::Closed => None,
            Circuit::Open { .. } | Circuit::HalfOpen { .. } => Some(format!("breaker-{}", circuit.as_str())),
        };
        let last_send = gateway.messaging.last_send(&key);
        shown.evidence = Some(evidence(&Seen {
            running: shown.running == Some(true),
            connected: shown.connected == Some(true),
            deaf,
            reason: status.reason.as_deref(),
            transport_at: shown.last_transport_activity_at,
            refusal: gateway.store.refusal().map(|why| why.code().to_owned()),
            inbound_at: shown.last_inbound_at,
            circuit: &circuit,
            last_send: last_send.as_ref(),
            outbound_at: shown.last_outbound_at,
        }));
        shown.supervision = Some(supervision(&status, circuit, activity.set_aside));
    }
    shown
}

/// The original's word for a connection that says it lives and of which nothing is heard.
const STALE: &str = "stale-socket";

fn supervision(status: &Status, circuit: Circuit, set_aside: u32) -> Supervision {
    let crash = status.last_crash.as_ref();
    let mut shown = Supervision {
        breaker: circuit.as_str().to_owned(),
        starts: status.starts,
        crashes: status.crashes,
        last_crash_at: crash.and_then(|crash| millis(crash.at)),
        last_crash: crash.map(|crash| crash.reason.clone()),
        last_crash_suspect: crash.map(|crash| if crash.sending { "send" } else { "input" }.to_owned()),
        crashes_at_same_input: crash.map(|crash| crash.at_same_input).filter(|&crashes| crashes > 0),
        set_aside,
        strikes: status.strikes,
        ..Supervision::default()
    };
    match circuit {
        Circuit::Closed => {}
        Circuit::Open { since, until, reason } => {
            (shown.breaker_since, shown.breaker_until) = (millis(since), millis(until));
            shown.breaker_reason = Some(reason);
        }
        Circuit::HalfOpen { since, reason } => {
            shown.breaker_since = millis(since);
            shown.breaker_reason = Some(reason);
        }
    }
    shown
}

fn life(shown: &mut AccountSnapshot, status: &Status) {
    shown.running = Some(status.state.is_running());
    shown.lifecycle = Some(status.state.as_str().to_owned());
    shown.lifecycle_since = millis(status.since);
    shown.lifecycle_reason = status.reason.clone();
    shown.next_attempt_at = status.next_attempt.and_then(millis);
    shown.reconnect_attempts = Some(status.failures);
    shown.last_start_at = status.started_at.and_then(millis);
    shown.last_error =
        status.reason.clone().filter(|_| is_trouble(status.state)).or_else(|| status.last_failure.clone());
}

/// States that a person should hear of.
fn is_trouble(state: State) -> bool {
    matches!(state, State::Degraded | State::Backoff | State::Quarantined | State::AuthRequired)
}

/// What a person should look at, for each account.
pub(crate) fn issues(gateway: &Gateway, channels: &[ChannelOverview]) -> Vec<StatusIssue> {
    let mut issues = Vec::new();
    for channel in channels {
        let config_issue = gateway.settings.channel_issue(&channel.id);
        for account in &channel.accounts {
            let issue = |kind, message: String, fix: &str| StatusIssue {
                channel: channel.id.clone(),
                account_id: account.account_id.clone(),
                kind,
                message,
                fix: Some(fix.to_owned()),
            };
            if let Some(message) = &config_issue {
                issues.push(issue(IssueKind::Config, message.clone(), "openclaw config validate"));
                continue;
            }
            let reason =
                account.lifecycle_reason.clone().or_else(|| account.last_error.clone()).unwrap_or_default();
            let restart =
                format!("openclaw channels restart {} --account {}", channel.id, account.account_id);
            match account.lifecycle.as_deref() {
                Some("auth-required") => {
                    issues.push(issue(
                        IssueKind::Auth,
                        reason,
                        &format!("renew the credential, then: {restart}"),
                    ));
                }
                Some("quarantined") => {
                    issues.push(issue(IssueKind::Runtime, reason, "openclaw plugins list"))
                }
                Some("backoff" | "degraded") => issues.push(issue(IssueKind::Runtime, reason, &restart)),
                _ => {}
            }
            if let Some(open) = account.supervision.as_ref().filter(|facts| facts.breaker == "open") {
                let why = open.breaker_reason.clone().unwrap_or_default();
                let message = format!("messages wait, since the last ones failed: {why}");
                issues.push(issue(IssueKind::Runtime, message, "openclaw channels status --probe"));
            }
            if let Some(count) = account.ambiguous_sends.filter(|&count| count > 0) {
                let message =
                    format!("{count} message(s) may or may not have been sent and are not repeated");
                issues.push(issue(IssueKind::Runtime, message, "openclaw channels dead-letters list"));
            }
        }
    }
    issues
}

/// An address that the operator set in place of the vendor's own.
fn base_url(manifest: &Manifest, account: &Account) -> Option<String> {
    manifest.http.iter().find_map(|entry| match &entry.origin {
        Origin::Configured(configured) => {
            account.section.get(&configured.config)?.as_str().map(str::to_owned)
        }
        Origin::Fixed(_) => None,
    })
}

/// Unix milliseconds.
pub(crate) fn millis(at: SystemTime) -> Option<u64> {
    at.duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_millis()).ok())
}

/// The account that a caller means, or why there is none.
pub(crate) fn resolve(
    gateway: &Arc<Gateway>,
    channel: &str,
    account: Option<&str>,
) -> Result<AccountKey, String> {
    let config = gateway.settings.config();
    let Some(found) = config.channel(channel) else {
        let known: Vec<&str> = config.channels.iter().map(|channel| channel.id.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(format!("unknown channel: {channel} (configured: {known})"));
    };
    let account = account.unwrap_or(&found.default_account);
    match found.account(account) {
        Some(account) => Ok(AccountKey::new(channel, &account.id)),
        None => {
            let known: Vec<&str> = found.accounts.iter().map(|account| account.id.as_str()).collect();
            Err(format!("unknown account: {account} of channel {channel} (configured: {})", known.join(", ")))
        }
    }
}
