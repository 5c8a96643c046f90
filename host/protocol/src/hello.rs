//! The handshake's answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{frame::StateVersion, scope::Scope, status::PresenceEntry};

/// The payload of the answer to `connect`. The keys without `Option` are those that the original's clients require.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HelloOk {
    /// Always `hello-ok`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The protocol version in force.
    pub protocol: u32,
    /// Who answers.
    pub server: ServerInfo,
    /// What can be asked.
    pub features: Features,
    /// The state at this moment.
    pub snapshot: Snapshot,
    /// What was granted.
    pub auth: Granted,
    /// The limits in force.
    pub policy: Policy,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// The gateway's version.
    pub version: String,
    /// New with each start of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// This connection.
    pub conn_id: String,
}

/// What can be asked and what will be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Methods that the gateway answers.
    pub methods: Vec<String>,
    /// Events that it sends.
    pub events: Vec<String>,
    /// Behaviours that a client may count on.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// The state at the moment of the handshake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Who is connected.
    pub presence: Vec<PresenceEntry>,
    /// A [`crate::health::HealthSnapshot`], or `{}` before the first one.
    pub health: Value,
    /// To which versions the two above belong.
    pub state_version: StateVersion,
    /// Milliseconds since the process started.
    pub uptime_ms: u64,
    /// Only for admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// Only for admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
    /// Only for admin: `none`, `token`, `password` or `trusted-proxy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_mode: Option<String>,
    /// Where a turn goes that names no session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_defaults: Option<SessionDefaults>,
}

/// Where a turn goes that names no session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDefaults {
    /// The agent that is used unless another is named.
    pub default_agent_id: String,
    /// The last part of the main session's key.
    pub main_key: String,
    /// The main session's key, for instance `agent:main:main`.
    pub main_session_key: String,
    /// Whether a model is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_configured: Option<bool>,
}

/// What the connection was granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// How the client proved itself: `none`, `token`, `password` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// `operator` or `node`.
    pub role: String,
    /// What the connection may do.
    pub scopes: Vec<Scope>,
}

/// The limits in force, in bytes and milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// See [`crate::MAX_PAYLOAD`].
    pub max_payload: usize,
    /// See [`crate::MAX_BUFFERED_BYTES`].
    pub max_buffered_bytes: usize,
    /// See [`crate::TICK_INTERVAL_MS`].
    pub tick_interval_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_payload: crate::MAX_PAYLOAD,
            max_buffered_bytes: crate::MAX_BUFFERED_BYTES,
            tick_interval_ms: crate::TICK_INTERVAL_MS,
        }
    }
}
