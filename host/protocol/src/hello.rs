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

/// What the connection was granted. It may hold tokens: they do not show in `Debug`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// How the client proved itself: `none`, `token`, `password` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The device's own token, to be kept by the client. It is the current one, whichever the client came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// Since when it is that, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at_ms: Option<u64>,
    /// Under which name a client keeps what it wants to find again on this gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_scope: Option<String>,
    /// Whether what was kept under an earlier name may be taken over; never `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_migration_allowed: Option<bool>,
    /// Tokens of further roles that a setup code gave the device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_tokens: Vec<GrantedToken>,
    /// `operator` or `node`.
    pub role: String,
    /// What the connection may do.
    pub scopes: Vec<Scope>,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Granted")
            .field("method", &self.method)
            .field("device_token", &self.device_token.as_ref().map(|_| "…"))
            .field("role", &self.role)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// A device's token of one role.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantedToken {
    /// The token.
    pub device_token: String,
    /// The role.
    pub role: String,
    /// What it covers.
    pub scopes: Vec<Scope>,
    /// Unix milliseconds.
    pub issued_at_ms: u64,
}

impl std::fmt::Debug for GrantedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrantedToken").field("role", &self.role).finish_non_exhaustive()
    }
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
