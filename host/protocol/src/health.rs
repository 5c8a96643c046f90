//! `health`: is everything that should run running. Also the payload of the `health` event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::Call,
    channels::AccountSnapshot,
    scope::Scope,
    shape::{Field, Kind},
    status::Heartbeat,
};

/// Parameters of `health`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthParams {
    /// Asks the vendors now instead of telling what is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<bool>,
}

impl Call for HealthParams {
    const METHOD: &'static str = "health";
    const SCOPE: Option<Scope> = None;
    const PURPOSE: &'static str = "is everything running that should; the snapshot of the health event";
    const SHAPE: &'static [Field] = &[
        Field::optional("probe", Kind::Bool),
        Field::optional("timeoutMs", Kind::Int(1, 600_000)),
        Field::optional("includeSensitive", Kind::Bool),
    ];
    type Reply = HealthSnapshot;
}

/// The gateway's health at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthSnapshot {
    /// Whether the gateway itself works; a channel in trouble does not change it.
    pub ok: bool,
    /// Unix milliseconds.
    pub ts: u64,
    /// How long it took to gather.
    pub duration_ms: u64,
    /// Plugins.
    pub plugins: PluginHealth,
    /// Whether edits of the configuration take effect by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_reload: Option<ConfigReload>,
    /// By channel id.
    pub channels: BTreeMap<String, ChannelHealth>,
    /// In which order to show them.
    pub channel_order: Vec<String>,
    /// What to call them.
    pub channel_labels: BTreeMap<String, String>,
    /// Seconds between heartbeats of the agent; 0 means that there are none.
    pub heartbeat_seconds: u64,
    /// The agent that is used unless another is named.
    pub default_agent_id: String,
    /// Agents.
    pub agents: Vec<AgentHealth>,
    /// Sessions of all agents.
    pub sessions: SessionStore,
}

/// Whether edits of the configuration take effect by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigReload {
    /// `active` or `disabled`.
    pub hot_reload_status: String,
}

/// Plugins by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginHealth {
    /// Ids of those that work.
    pub loaded: Vec<String>,
    /// Those that do not load, and why.
    pub errors: Vec<PluginFault>,
    /// Those that are wanted and not there; nothing here, since a channel's own state says so.
    pub unavailable: Vec<Value>,
}

/// A plugin that does not load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginFault {
    /// The plugin.
    pub id: String,
    /// `bundled` or `installed`.
    #[serde(default)]
    pub origin: String,
    /// Whether it runs all the same: what has come in its place on disk is what cannot be used.
    #[serde(default)]
    pub activated: bool,
    /// For people: what happened and what to do.
    pub error: String,
}

/// One channel: its default account's facts, and all accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelHealth {
    /// The facts of the default account.
    #[serde(flatten)]
    pub summary: AccountSnapshot,
    /// By account id.
    pub accounts: BTreeMap<String, AccountSnapshot>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentHealth {
    /// The agent.
    pub agent_id: String,
    /// What to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is used unless another is named.
    pub is_default: bool,
    /// When it wakes by itself.
    #[serde(default)]
    pub heartbeat: HeartbeatPlan,
    /// Its sessions.
    pub sessions: SessionStore,
}

/// When and how an agent wakes by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatPlan {
    /// How often.
    #[serde(flatten)]
    pub heartbeat: Heartbeat,
    /// What it is then asked.
    pub prompt: String,
    /// To whom it speaks; `none` for nobody.
    pub target: String,
    /// Characters of an answer that is not passed on.
    pub ack_max_chars: u64,
}

impl HeartbeatPlan {
    /// An agent that never wakes by itself.
    #[must_use]
    pub fn none() -> Self {
        Self {
            heartbeat: Heartbeat::none(),
            prompt: String::new(),
            target: "none".to_owned(),
            ack_max_chars: 0,
        }
    }
}

/// Where sessions are kept, and which were used last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionStore {
    /// The file.
    pub path: String,
    /// How many sessions.
    pub count: u64,
    /// The five that were used last, newest first.
    pub recent: Vec<crate::status::SessionRow>,
}
