//! The typed view of a valid `openclaw.json`: what the gateway reads, with its defaults where a missing key has one
//! meaning for everybody. Built only from a document that passed [`crate::validate()`]; it never judges.

mod agents;
mod channels;
mod commands;
mod conversations;
mod gateway;
mod hooks;
mod maintenance;
mod models;
mod queue;
mod resets;
mod secrets;
mod sending;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub use agents::{
    Agent, AgentDefaults, Agents, BlockChunk, BlockCoalesce, DmScope, GroupScope, MemorySearch, ModelChoice,
    ModelEntry, Session, SessionScope,
};
pub use channels::{Account, Channel, ChannelDefaults};
pub(crate) use channels::{HOST_KEYS, NOT_CHANNELS, laid_over};
pub use commands::Commands;
pub use conversations::{AccessGroup, Binding, GroupChat, Identity, Messages};
pub use gateway::{
    Auth, AuthMode, Bind, ControlUi, Endpoint, Endpoints, Gateway, GatewayMode, Http, HttpTools, Images,
    RateLimit, Reload, ReloadMode, Remote, SecurityHeaders, Tls,
};
pub use hooks::{HookAction, HookMapping, HookMatch, Hooks, SessionMode, WakeMode};
pub use maintenance::{Maintenance, MaintenanceMode, UpkeepRules};
pub use models::{Model, Models, Provider};
pub use queue::{Inbound, Queue};
pub use resets::{Reset, ResetByType, ResetMode, ResetPolicy, Resets, SessionKind};
pub use secrets::{ExecProvider, FileMode, FileProvider, SecretDefaults, SecretProvider, SecretProviders};
pub use sending::{SendAction, SendMatch, SendPlace, SendRule, SendRules};

use crate::path::KeyPath;

/// Everything the gateway uses of `openclaw.json`.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `gateway.*`
    pub gateway: Gateway,
    /// `hooks.*`
    pub hooks: Hooks,
    /// `models.*`
    pub models: Models,
    /// `agents.*`
    pub agents: Agents,
    /// `memory.search`
    pub memory_search: MemorySearch,
    /// `session.*`
    pub session: Session,
    /// `bindings`, as far as they route messages
    pub bindings: Vec<Binding>,
    /// `messages.*`
    pub messages: Messages,
    /// `accessGroups.<name>`
    pub access_groups: BTreeMap<String, AccessGroup>,
    /// `channels.<id>`, one for each section that is present, in the order of the file.
    pub channels: Vec<Channel>,
    /// `channels.defaults`
    pub channel_defaults: ChannelDefaults,
    /// `logging.*`
    pub logging: Logging,
    /// `plugins.*`
    pub plugins: Plugins,
    /// `env.vars`: defaults below the real environment.
    pub env_vars: BTreeMap<String, String>,
    /// `env.shellEnv`
    pub shell_env: ShellEnv,
    /// `commands.*`
    pub commands: Commands,
    /// `secrets.*`: who knows the secrets that the rest of the file refers to.
    pub secrets: SecretProviders,
}

/// `logging.*`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Logging {
    /// Threshold of the log file.
    pub level: Option<String>,
    /// Path of the log file instead of the dated one.
    pub file: Option<String>,
    /// Size in bytes at which the log file is rotated.
    pub max_file_bytes: Option<u64>,
    /// Threshold of the console.
    pub console_level: Option<String>,
}

/// `env.shellEnv`: whether a starting gateway asks the login shell for variables that it lacks.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ShellEnv {
    /// `false` unless the file says otherwise.
    pub enabled: bool,
    /// How long the shell may take, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// `plugins.*`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Plugins {
    /// `false` turns every plugin off. Unset means on.
    pub enabled: Option<bool>,
    /// When not empty, only these ids may run.
    pub allow: Vec<String>,
    /// These ids never run.
    pub deny: Vec<String>,
    /// By plugin id.
    pub entries: BTreeMap<String, PluginEntry>,
}

/// `plugins.entries.<id>`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PluginEntry {
    /// `false` turns this plugin off. Unset means on.
    pub enabled: Option<bool>,
}

impl Plugins {
    /// Whether the plugin `id` may run.
    #[must_use]
    pub fn allows(&self, id: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|entry| entry == id);
        self.enabled != Some(false)
            && !listed(&self.deny)
            && (self.allow.is_empty() || listed(&self.allow))
            && self.entries.get(id).is_none_or(|entry| entry.enabled != Some(false))
    }
}

impl Config {
    /// Reads the view from a whole document.
    #[must_use]
    pub(crate) fn from_value(document: &Value) -> Self {
        Self {
            gateway: section(document, &["gateway"]),
            hooks: section(document, &["hooks"]),
            models: Models::from_section(document.get("models")),
            agents: Agents::from_section(document.get("agents")),
            memory_search: MemorySearch::of(KeyPath::from_keys(&["memory", "search"]).find(document)),
            session: section(document, &["session"]),
            bindings: conversations::bindings(document.get("bindings")),
            messages: Messages::of(document.get("messages")),
            access_groups: conversations::access_groups(document.get("accessGroups")),
            channels: channels::from_section(document.get("channels")),
            channel_defaults: section(document, &["channels", "defaults"]),
            logging: section(document, &["logging"]),
            plugins: section(document, &["plugins"]),
            env_vars: section(document, &["env", "vars"]),
            shell_env: section(document, &["env", "shellEnv"]),
            commands: Commands::of(document.get("commands")),
            secrets: SecretProviders::from_section(document.get("secrets")),
        }
    }

    /// Which model makes vectors for the agent `id`: what its own section says, then `memory.search`, then
    /// `agents.defaults`.
    #[must_use]
    pub fn embedding_of(&self, id: &str) -> MemorySearch {
        let own = self.agents.get(id).map(|agent| agent.memory_search.clone()).unwrap_or_default();
        own.or(&self.memory_search).or(&self.agents.defaults.memory_search)
    }

    /// The section `channels.<id>`, if there is one.
    #[must_use]
    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// The section `models.providers.<id>`, if there is one.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<&Provider> {
        self.models.providers.iter().find(|provider| provider.id == id)
    }
}

/// One section, or its defaults. A section that does not fit its type has an issue in the report already, and whoever
/// owns it does not start: its defaults stand in only to keep the others readable.
fn section<T: serde::de::DeserializeOwned + Default>(document: &Value, keys: &[&str]) -> T {
    let path = KeyPath::from_keys(keys);
    path.find(document).and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
}
