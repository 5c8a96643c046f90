//! `health`: the snapshot that answers the method and travels as the `health` event. Kept for a moment, so that asking
//! often costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_config::{Config, ReloadMode};
use openclaw_protocol::health::{
    AgentHealth, ChannelHealth, ConfigReload, HealthSnapshot, HeartbeatPlan, SessionStore,
};
use openclaw_protocol::status::SessionsSummary;
use serde_json::value::{RawValue, to_raw_value};

use super::channels::{probe_all, summary};
use super::sessions;
use crate::accounts::{self, ChannelOverview};
use crate::clock::now_ms;
use crate::process::Gateway;

/// How long the probes of `health {probe: true}` may take.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// Sessions in the snapshot.
const RECENT: usize = 5;

/// The state at this moment, encoded.
pub(crate) async fn snapshot(gateway: &Gateway) -> Arc<RawValue> {
    build(gateway, accounts::overview(gateway), Instant::now()).await
}

/// As `snapshot`, with the vendors asked first. Who the vendors say we are is told to a reader alone.
pub(super) async fn probed(gateway: &Gateway, reader: bool) -> Arc<RawValue> {
    let begun = Instant::now();
    let mut channels = accounts::overview(gateway);
    probe_all(gateway, &mut channels, PROBE_LIMIT).await;
    if !reader {
        let accounts = channels.iter_mut().flat_map(|channel| &mut channel.accounts);
        accounts.filter_map(|account| account.probe.as_mut()).for_each(|probe| probe.bot = None);
    }
    build(gateway, channels, begun).await
}

async fn build(gateway: &Gateway, channels: Vec<ChannelOverview>, begun: Instant) -> Arc<RawValue> {
    let config = gateway.settings.config();
    let default_agent_id = config.agents.default_id().to_owned();
    let mut agents = Vec::with_capacity(config.agents.entries.len());
    for agent in &config.agents.entries {
        let own = sessions::summary(gateway, Some(&agent.id), RECENT).await;
        agents.push(AgentHealth {
            agent_id: agent.id.clone(),
            name: agent.name.clone(),
            is_default: agent.id == default_agent_id,
            heartbeat: HeartbeatPlan::none(),
            sessions: session_store(gateway, own),
        });
    }
    let snapshot = HealthSnapshot {
        ok: true,
        ts: now_ms(),
        plugins: gateway.plugins.get().health(),
        config_reload: Some(ConfigReload { hot_reload_status: hot_reload_status(&config).to_owned() }),
        channel_order: channels.iter().map(|channel| channel.id.clone()).collect(),
        channel_labels: channels.iter().map(|channel| (channel.id.clone(), channel.label.clone())).collect(),
        heartbeat_seconds: 0,
        agents,
        sessions: session_store(gateway, sessions::summary(gateway, None, RECENT).await),
        default_agent_id,
        channels: channels.into_iter().map(channel_health).collect(),
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    to_raw_value(&snapshot).map(Arc::from).unwrap_or_else(|error| {
        // Our own types always encode; `null` is still an answer if one day they do not.
        tracing::error!(%error, "the health snapshot cannot be encoded");
        Arc::from(RawValue::NULL.to_owned())
    })
}

/// Whether an edit of the configuration takes effect by itself.
fn hot_reload_status(config: &Config) -> &'static str {
    match config.gateway.reload.mode {
        ReloadMode::Hybrid | ReloadMode::Hot => "active",
        ReloadMode::Restart | ReloadMode::Off => "disabled",
    }
}

/// Everybody may see the snapshot: who may write and where the vendor is stays out of it.
fn channel_health(mut channel: ChannelOverview) -> (String, ChannelHealth) {
    for account in &mut channel.accounts {
        account.allow_from = None;
        account.base_url = None;
    }
    let summary = summary(&channel);
    let accounts: BTreeMap<_, _> =
        channel.accounts.into_iter().map(|account| (account.account_id.clone(), account)).collect();
    (channel.id, ChannelHealth { summary, accounts })
}

fn session_store(gateway: &Gateway, sessions: SessionsSummary) -> SessionStore {
    let SessionsSummary { count, recent } = sessions;
    SessionStore { path: gateway.paths.database().display().to_string(), count, recent }
}
