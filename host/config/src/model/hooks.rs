//! `hooks.*`: what other programs may start over HTTP.

use serde::Deserialize;

use super::gateway::secret;
use crate::secret_ref::SecretInput;

/// `hooks.*`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Hooks {
    /// `false` unless the file says otherwise.
    pub enabled: bool,
    /// Below which path hooks are served. Unset: `/hooks`.
    pub path: Option<String>,
    /// What a caller has to present; never the gateway's own token.
    #[serde(deserialize_with = "secret")]
    pub token: Option<SecretInput>,
    /// The session of runs for which nobody names one. Unset: a new one for each.
    pub default_session_key: Option<String>,
    /// Whether a request may name its session.
    pub allow_request_session_key: bool,
    /// How the key of a session has to begin. Empty: anyhow.
    pub allowed_session_key_prefixes: Vec<String>,
    /// Which agents hooks may reach. Unset: all; empty: none.
    pub allowed_agent_ids: Option<Vec<String>>,
    /// Built-in mappings that follow the file's own.
    pub presets: Vec<String>,
    /// What becomes of requests below `path`; the first that matches.
    pub mappings: Vec<HookMapping>,
}

/// `hooks.mappings[]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HookMapping {
    /// For the log. Unset: `mapping-<n>`.
    pub id: Option<String>,
    /// Which requests it is for.
    #[serde(rename = "match")]
    pub matches: HookMatch,
    /// What it does.
    pub action: HookAction,
    /// When an event is to be heard.
    pub wake_mode: WakeMode,
    /// What the run is called; a template.
    pub name: Option<String>,
    /// Which agent. Unset or unknown: the default one.
    pub agent_id: Option<String>,
    /// The session; a template.
    pub session_key: Option<String>,
    /// Whether runs continue one conversation.
    pub session_mode: SessionMode,
    /// What the agent is told; a template.
    pub message_template: Option<String>,
    /// The text of an event; a template.
    pub text_template: Option<String>,
    /// A list in the payload for whose items one run each is started.
    pub for_each: Option<String>,
    /// `false`: the answer goes nowhere.
    pub deliver: Option<bool>,
    /// `true` hands the content to the agent without marking it as untrusted.
    pub allow_unsafe_external_content: bool,
    /// Where the answer goes: a channel.
    pub channel: Option<String>,
    /// Where the answer goes: the recipient; a template.
    pub to: Option<String>,
    /// The model; a template.
    pub model: Option<String>,
    /// How hard it thinks; a template.
    pub thinking: Option<String>,
    /// How long the turn may take, in seconds.
    pub timeout_seconds: Option<u64>,
    /// A program of the original; nothing here runs it.
    pub transform: Option<serde_json::Value>,
}

/// `hooks.mappings[].match`; what is unset matches everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HookMatch {
    /// The path below `hooks.path`.
    pub path: Option<String>,
    /// The text `source` of the payload.
    pub source: Option<String>,
}

/// `hooks.mappings[].action`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum HookAction {
    /// A session hears of an event at its next turn.
    Wake,
    /// An agent takes a turn.
    #[default]
    Agent,
}

/// When an event is to be heard.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum WakeMode {
    /// Soon.
    #[default]
    Now,
    /// With the next heartbeat.
    NextHeartbeat,
}

impl WakeMode {
    /// The word in files and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::NextHeartbeat => "next-heartbeat",
        }
    }
}

/// Whether runs continue one conversation.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SessionMode {
    /// Each run begins anew.
    #[default]
    Isolated,
    /// The session goes on.
    Persistent,
}
