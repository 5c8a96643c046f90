//! `channels.*`: what the accounts do, and commands for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use openclaw_messaging::AccountKey;
use openclaw_protocol::channels::{
    AccountSnapshot, ChannelLoggedOut, ChannelMeta, ChannelRestarted, ChannelStarted, ChannelStopped,
    ChannelsLogoutParams, ChannelsRestartParams, ChannelsStartParams, ChannelsStatus, ChannelsStatusParams,
    ChannelsStopParams, Probe, ProbeIdentity,
};
use openclaw_protocol::{Call as _, RpcError};
use openclaw_runtime::ChannelInstance;
use openclaw_supervisor::{AccountHandle, State};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{Caller, dead_letters};
use crate::accounts::{self, ChannelOverview};
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::wiring::account_name;

/// How long all probes together may take when nobody says otherwise.
const PROBE_TIMEOUT_MS: u64 = 10_000;
/// What the answer says when time ran out.
const TIMED_OUT: &str = "not every account was probed in time (--timeout <ms> gives them longer)";

/// `channels.status`
pub(super) async fn status(
    gateway: &Arc<Gateway>,
    query: ChannelsStatusParams,
) -> Result<ChannelsStatus, RpcError> {
    let mut channels = accounts::overview(gateway);
    if let Some(wanted) = &query.channel {
        channels.retain(|channel| channel.id == *wanted);
        if channels.is_empty() {
            let why = accounts::resolve(gateway, wanted, None).err();
            return Err(RpcError::invalid(why.unwrap_or_else(|| format!("unknown channel: {wanted}"))));
        }
    }
    count_dead_letters(gateway, &mut channels).await;
    let partial = if query.probe == Some(true) {
        let limit = Duration::from_millis(query.timeout_ms.unwrap_or(PROBE_TIMEOUT_MS));
        Some(!probe_all(gateway, &mut channels, limit).await).filter(|&partial| partial)
    } else {
        None
    };
    let labels: BTreeMap<String, String> =
        channels.iter().map(|channel| (channel.id.clone(), channel.label.clone())).collect();
    Ok(ChannelsStatus {
        ts: now_ms(),
        channel_order: channels.iter().map(|channel| channel.id.clone()).collect(),
        channel_meta: channels.iter().map(meta).collect(),
        channel_detail_labels: labels.clone(),
        channel_labels: labels,
        channels: channels.iter().map(|channel| (channel.id.clone(), summary(channel))).collect(),
        channel_default_account_id: channels
            .iter()
            .map(|channel| (channel.id.clone(), channel.default_account.clone()))
            .collect(),
        status_issues: accounts::issues(gateway, &channels),
        partial,
        warnings: partial.map(|_| TIMED_OUT.to_owned()).into_iter().collect(),
        channel_accounts: channels.into_iter().map(|channel| (channel.id, channel.accounts)).collect(),
    })
}

fn meta(channel: &ChannelOverview) -> ChannelMeta {
    ChannelMeta { id: channel.id.clone(), label: channel.label.clone(), detail_label: channel.label.clone() }
}

/// The facts of a channel's default account.
pub(super) fn summary(channel: &ChannelOverview) -> AccountSnapshot {
    let default = channel.accounts.iter().find(|account| account.account_id == channel.default_account);
    default.or(channel.accounts.first()).cloned().unwrap_or_default()
}

async fn count_dead_letters(gateway: &Gateway, channels: &mut [ChannelOverview]) {
    let counts = dead_letters::counts(gateway).await;
    let some = |count: u64| Some(count).filter(|&count| count > 0);
    for channel in channels {
        for account in &mut channel.accounts {
            let key = AccountKey::new(&channel.id, &account.account_id);
            let counts = counts.get(&key).copied().unwrap_or_default();
            account.ambiguous_sends = some(counts.ambiguous);
            account.dead_letters = some(counts.total());
        }
    }
}

/// Probes every account that should run, all at once. False when time ran out for any.
pub(super) async fn probe_all(gateway: &Gateway, channels: &mut [ChannelOverview], limit: Duration) -> bool {
    let mut complete = true;
    let probes = channels.iter_mut().flat_map(|channel| {
        let id = channel.id.clone();
        // Of a disabled one there is nothing to ask, and its reason is told already.
        let disabled = Some(State::Disabled.as_str());
        let enabled = channel.accounts.iter_mut().filter(|account| account.enabled == Some(true));
        let wanted = enabled.filter(move |account| account.lifecycle.as_deref() != disabled);
        wanted.map(move |account| {
            let instance = gateway.instances.get(&AccountKey::new(&id, &account.account_id));
            async move {
                let probe = match instance {
                    Some(instance) => timeout(limit, probe(&instance)).await.ok(),
                    None => Some(not_running(account)),
                };
                account.last_probe_at = Some(now_ms());
                account.probe = probe;
                account.probe.is_some()
            }
        })
    });
    for answered in join_all(probes).await {
        complete &= answered;
    }
    complete
}

async fn probe(instance: &ChannelInstance) -> Probe {
    let begun = Instant::now();
    let answer = instance.probe().await;
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match answer {
        Ok(identity) => Probe {
            ok: true,
            elapsed_ms,
            bot: Some(ProbeIdentity {
                id: identity.id,
                username: identity.username,
                display_name: identity.display_name,
                facts: identity.facts.into_iter().collect(),
            }),
            ..Probe::default()
        },
        Err(failure) => Probe {
            ok: false,
            status: Some(failure.code).filter(|code| !code.is_empty()),
            error: Some(failure.detail),
            elapsed_ms,
            bot: None,
        },
    }
}

/// An account without an instance cannot ask its vendor; why there is none is the answer.
fn not_running(account: &AccountSnapshot) -> Probe {
    let why = account.lifecycle_reason.clone().or_else(|| account.last_error.clone());
    let state = account.lifecycle.as_deref().unwrap_or("stopped");
    Probe {
        ok: false,
        error: Some(why.unwrap_or_else(|| format!("not running ({state})"))),
        ..Probe::default()
    }
}

fn handle(
    gateway: &Arc<Gateway>,
    channel: &str,
    account: Option<&str>,
) -> Result<(AccountKey, AccountHandle), RpcError> {
    let key = accounts::resolve(gateway, channel, account).map_err(RpcError::invalid)?;
    let handle = gateway.supervisor.ensure(&account_name(&key));
    Ok((key, handle))
}

/// `channels.start`
pub(super) async fn start(
    gateway: &Arc<Gateway>,
    which: ChannelsStartParams,
) -> Result<ChannelStarted, RpcError> {
    gateway.reload().await;
    let (key, handle) = handle(gateway, &which.channel, which.account_id.as_deref())?;
    let running = handle.status().state.is_running();
    let state = if running { handle.status().state } else { handle.restart().await.state };
    Ok(ChannelStarted { channel: key.channel, account_id: key.account, started: has_begun(state) })
}

/// `channels.stop`
pub(super) async fn stop(
    gateway: &Arc<Gateway>,
    which: ChannelsStopParams,
) -> Result<ChannelStopped, RpcError> {
    let key = accounts::resolve(gateway, &which.channel, which.account_id.as_deref());
    let key = key.map_err(RpcError::invalid)?;
    // An account that nobody looks after is stopped already, and looking after it would start it.
    let stopped = match gateway.supervisor.account(&account_name(&key)) {
        Some(handle) => !handle.stop().await.state.is_running(),
        None => true,
    };
    Ok(ChannelStopped { channel: key.channel, account_id: key.account, stopped })
}

/// `channels.logout`: the credential leaves the file; one in the environment is out of reach, and the answer says so.
pub(super) async fn logout(
    caller: &Caller,
    which: ChannelsLogoutParams,
) -> Result<ChannelLoggedOut, RpcError> {
    let gateway = &caller.gateway;
    let key = accounts::resolve(gateway, &which.channel, which.account_id.as_deref());
    let key = key.map_err(RpcError::invalid)?;
    let document = gateway.settings.current().loaded.report.document.clone();
    let (patch, env_token) = {
        let config = gateway.settings.config();
        let plugins = gateway.plugins.get();
        let found = plugins.channel(&key.channel);
        let manifest = found.as_ref().and_then(|found| found.manifest.as_ref());
        let manifest = manifest.filter(|manifest| manifest.secret_keys().next().is_some());
        let unsupported = || RpcError::invalid(format!("channel {} does not support logout", key.channel));
        let manifest = manifest.ok_or_else(unsupported)?;
        let default = config.channel(&key.channel).is_some_and(|one| one.default_account == key.account);
        let variables = manifest.secrets.iter().filter_map(|secret| secret.env.as_deref());
        let environment = gateway.settings.environment();
        let is_set = |name: &str| environment.get(name).is_some_and(|value| !value.trim().is_empty());
        let env_token = default && variables.into_iter().any(is_set);
        (without_secrets(&document, &key, default, manifest.secret_keys()), env_token)
    };
    if let Some(handle) = gateway.supervisor.account(&account_name(&key)) {
        handle.stop().await;
    }
    let cleared = patch.is_some();
    if let Some(patch) = patch {
        super::config::change_own(caller, ChannelsLogoutParams::METHOD, patch).await?;
    }
    Ok(ChannelLoggedOut {
        channel: key.channel,
        account_id: key.account,
        cleared,
        env_token,
        logged_out: !env_token,
    })
}

/// The merge patch that takes an account's secrets out of the file, if there are any.
fn without_secrets<'a>(
    document: &Value,
    key: &AccountKey,
    default: bool,
    secrets: impl Iterator<Item = &'a str>,
) -> Option<Value> {
    let section = document.get("channels")?.get(&key.channel)?;
    let own = section.get("accounts").and_then(|accounts| accounts.get(&key.account));
    let (mut shared, mut account) = (Map::new(), Map::new());
    for secret in secrets {
        // What stands at the top is the default account's.
        if default && section.get(secret).is_some() {
            shared.insert(secret.to_owned(), Value::Null);
        }
        if own.is_some_and(|own| own.get(secret).is_some()) {
            account.insert(secret.to_owned(), Value::Null);
        }
    }
    if !account.is_empty() {
        shared.insert("accounts".to_owned(), json!({ key.account.as_str(): account }));
    }
    (!shared.is_empty()).then(|| json!({"channels": { key.channel.as_str(): shared }}))
}

/// `channels.restart`: reads the configuration again, so that a changed section takes effect.
pub(super) async fn restart(
    gateway: &Arc<Gateway>,
    which: ChannelsRestartParams,
) -> Result<ChannelRestarted, RpcError> {
    let begun = Instant::now();
    gateway.reload().await;
    let (key, handle) = handle(gateway, &which.channel, which.account_id.as_deref())?;
    let status = handle.restart().await;
    if !has_begun(status.state) {
        let why = status.reason.unwrap_or_else(|| status.state.as_str().to_owned());
        return Err(RpcError::unavailable(format!("{} {} did not start: {why}", key.channel, key.account)));
    }
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(ChannelRestarted { channel: key.channel, account_id: key.account, restarted: true, duration_ms })
}

fn has_begun(state: State) -> bool {
    state.is_running() || matches!(state, State::Loading | State::Starting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_loses_its_own_secrets_and_no_others() {
        let document = json!({"channels": {"chat": {"token": "a", "dmPolicy": "open", "accounts": {
            "work": {"token": "b", "name": "Work"}, "home": {"name": "Home"}}}}});
        let check = |account: &str, default: bool, expected: Option<Value>| {
            let key = AccountKey::new("chat", account);
            assert_eq!(
                without_secrets(&document, &key, default, ["token"].into_iter()),
                expected,
                "{account}"
            );
        };
        check("default", true, Some(json!({"channels": {"chat": {"token": null}}})));
        check("work", false, Some(json!({"channels": {"chat": {"accounts": {"work": {"token": null}}}}})));
        check("home", false, None);
    }
}
