//! `status` and `system-presence`: what the gateway is, what it runs on, who is connected.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusParams {}

impl Call for StatusParams {
    const METHOD: &'static str = "status";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "what the gateway is, what it runs on, and its sessions";
    const SHAPE: &'static [Field] = &[];
    type Reply = StatusSummary;
}

/// What the running gateway says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusSummary {
    /// The gateway's version.
    pub runtime_version: String,
    /// The gateway's process.
    pub pid: u32,
    /// Milliseconds since the process started.
    pub uptime_ms: u64,
    /// Where it listens, for instance `127.0.0.1:18789`.
    pub listening: Vec<String>,
    /// `none`, `token`, `password` …
    pub auth_mode: String,
    /// The process's memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_memory: Option<ProcessMemory>,
    /// The model that a turn uses unless another is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelChoice>,
    /// Agents.
    pub agents: AgentsSummary,
    /// Sessions.
    pub sessions: SessionsOverview,
    /// When agents wake by themselves.
    pub heartbeat: Heartbeats,
    /// What the main sessions' next turns will be told.
    #[serde(default)]
    pub queued_system_events: Vec<String>,
    /// What lacks a secret that the configuration refers to.
    #[serde(default)]
    pub degraded_secret_owners: Vec<DegradedSecretOwner>,
    /// Plugins that the configuration wants and that do not load.
    #[serde(default)]
    pub degraded_plugins: Vec<DegradedPlugin>,
    /// What is wrong with the disk or with what was stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<StorageFault>,
    /// Background tasks, counted by state; this gateway has none.
    #[serde(default)]
    pub tasks: Value,
    /// What is wrong with background tasks, counted by kind.
    #[serde(default)]
    pub task_audit: Value,
    /// Replies on their way.
    pub outbox: OutboxSummary,
    /// Short lines about the channels, for people.
    pub channel_summary: Vec<String>,
    /// The configuration in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigSummary>,
    /// Where the log is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_file: Option<String>,
}

/// Something that is wrong with what the gateway stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StorageFault {
    /// Stable, for searching: `disk_full`, `io`, `read_only`, `busy`, `corrupt` while nothing can be stored, `tail_lost` when a
    /// damaged disk took the end of the ledger before this start.
    pub code: String,
    /// What it means and what to do.
    pub message: String,
}

/// The configuration that the gateway runs with, and what became of the last edit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSummary {
    /// The file.
    pub path: String,
    /// SHA-256 of what is in force: the file's own text, or of all its files where it includes others.
    pub applied_hash: String,
    /// When it was put in force, in Unix milliseconds.
    pub applied_at: u64,
    /// How long the last edit took from being complete to being in force, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reload_ms: Option<f64>,
    /// Places that have changed and that only the next start reads.
    pub pending_restart: Vec<String>,
    /// Parts that do not run because of a fault in their own section.
    pub disabled: Vec<DisabledPart>,
    /// The last edit, if it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<RejectedEdit>,
}

/// A part that does not run because of a fault in its own section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisabledPart {
    /// Its section, for instance `channels.chat`.
    pub section: String,
    /// What is wrong, and where.
    pub reason: String,
}

/// An edit that was refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectedEdit {
    /// When, in Unix milliseconds.
    pub at: u64,
    /// Short words, for instance `gateway-mode-removed`.
    pub reason: String,
    /// What is wrong in detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// Where the refused files are kept.
    pub saved: Vec<String>,
    /// The last good configuration is in its place again.
    pub restored: bool,
}

/// The process's memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessMemory {
    /// Resident.
    pub rss_bytes: u64,
}

/// Which model answers, and why this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelChoice {
    /// `provider/model`.
    pub reference: String,
    /// Who chose it.
    pub source: ModelSource,
    /// For people: the key, the address or the rule that led to it.
    pub detail: String,
}

/// Who chose the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelSource {
    /// The configuration names it.
    Config,
    /// A key in the environment that a present shim can serve.
    Environment,
    /// A model server on this machine.
    Local,
    /// The gateway's own demonstration endpoint.
    Demo,
}

/// The agents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentsSummary {
    /// The agent that is used unless another is named.
    pub default_id: String,
    /// How many there are.
    pub total: u64,
}

/// The sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsSummary {
    /// How many there are.
    pub count: u64,
    /// The ten that were used last, newest first.
    #[serde(default)]
    pub recent: Vec<SessionRow>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRow {
    /// For instance `agent:main:main`.
    pub key: String,
    /// Unix milliseconds.
    pub updated_at: u64,
    /// Milliseconds since then.
    pub age: u64,
}

/// The sessions, as `status` tells of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsOverview {
    /// The files that they are kept in.
    #[serde(default)]
    pub paths: Vec<String>,
    /// How many there are.
    pub count: u64,
    /// What a session uses that has no settings of its own.
    #[serde(default)]
    pub defaults: SessionModel,
    /// The ten that were used last, newest first.
    #[serde(default)]
    pub recent: Vec<RecentSession>,
    /// The same for each agent.
    #[serde(default)]
    pub by_agent: Vec<AgentSessions>,
}

/// The model of sessions without one of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionModel {
    /// The provider's own id.
    pub model: Option<String>,
    /// Tokens that fit into one request, where known.
    pub context_tokens: Option<u64>,
}

/// The sessions of one agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentSessions {
    /// The agent.
    pub agent_id: String,
    /// The file that they are kept in.
    pub path: String,
    /// How many there are.
    pub count: u64,
    /// The ten that were used last, newest first.
    pub recent: Vec<RecentSession>,
}

/// A session that was used lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentSession {
    /// The agent.
    #[serde(default)]
    pub agent_id: String,
    /// For instance `agent:main:main`.
    pub key: String,
    /// `direct` or `group`.
    #[serde(default)]
    pub kind: String,
    /// The id of its transcript.
    #[serde(default)]
    pub session_id: String,
    /// Unix milliseconds.
    pub updated_at: u64,
    /// Milliseconds since then.
    pub age: u64,
    /// The provider's own id of the model that answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens of the last prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// The part of the last prompt that the provider had cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Tokens that the transcript takes up of the model's context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Tokens that fit into one request, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// What is special about it.
    #[serde(default)]
    pub flags: Vec<String>,
}

/// When agents wake by themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeats {
    /// The agent that is used unless another is named.
    pub default_agent_id: String,
    /// One for each agent.
    pub agents: Vec<AgentHeartbeat>,
}

/// When one agent wakes by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentHeartbeat {
    /// The agent.
    pub agent_id: String,
    /// How often.
    #[serde(flatten)]
    pub heartbeat: Heartbeat,
    /// Whether nobody has written yet to whom it could speak.
    pub waiting_for_route: bool,
}

/// How often an agent wakes by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// Whether it does.
    pub enabled: bool,
    /// For people.
    pub every: String,
    /// In milliseconds.
    pub every_ms: Option<u64>,
}

impl Heartbeat {
    /// An agent that never wakes by itself.
    #[must_use]
    pub fn none() -> Self {
        Self { enabled: false, every: "disabled".to_owned(), every_ms: None }
    }
}

/// A part that lacks a secret that the configuration refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DegradedSecretOwner {
    /// `provider` or `account`.
    pub owner_kind: String,
    /// The provider, or `<channel>:<account>`.
    pub owner_id: String,
    /// Always `unavailable`.
    pub state: String,
    /// Always `cold`: no older value is used in its place.
    pub degradation_state: String,
    /// Where the references stand in the configuration.
    pub paths: Vec<String>,
    /// Why it is not found, without any value.
    pub reason: String,
}

/// A plugin that the configuration wants and that does not load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DegradedPlugin {
    /// The plugin.
    pub plugin_id: String,
    /// Always `configured-unavailable`.
    pub state: String,
    /// Why.
    pub diagnostic: Diagnostic,
}

/// Why something does not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// One word for programs.
    pub reason: String,
    /// For people.
    pub detail: String,
}

/// Replies on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxSummary {
    /// Waiting to be sent.
    pub pending: u64,
    /// May or may not have been sent; nobody resends them but a person.
    pub ambiguous: u64,
    /// Refused for good.
    pub failed: u64,
    /// What a person can decide about: the ambiguous, the failed, and what components could not read. This program's own.
    #[serde(default)]
    pub dead_letters: u64,
}

/// Parameters of `system-presence`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PresenceParams {
    /// Reads only what changed since; accepted and not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

impl Call for PresenceParams {
    const METHOD: &'static str = "system-presence";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "who is connected";
    const SHAPE: &'static [Field] = &[Field::optional("since", Kind::Int(0, i64::MAX))];
    type Reply = Vec<PresenceEntry>;
}

/// One participant: the gateway itself or a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PresenceEntry {
    /// The gateway's host name, or what a client calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Version of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// For instance `linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// For instance `Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// The device's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    /// `gateway` or one of [`crate::connect::CLIENT_MODES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Why the entry is there: `self`, `connect` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How long ago somebody used the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_input_seconds: Option<u64>,
    /// The device, where it says so of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Roles that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Scopes that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Tells apart several instances of one client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// When the entry was last renewed, in Unix milliseconds.
    pub ts: u64,
}
