//! Owns what agents must be told. Never reads the configuration; `gateway` maps it.

use std::path::PathBuf;
use std::time::Duration;

use openclaw_config::{ModelChoice, Resets, SendRules};
use openclaw_models::ThinkingWish;

use crate::PromptLimits;

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// Its id, lower case, for instance `main`.
    pub id: String,
    /// Where its `AGENTS.md`, `SOUL.md` and the like are.
    pub workspace: PathBuf,
    /// How much of them its prompt holds.
    pub prompt: PromptLimits,
    /// Who it is to people.
    pub identity: Identity,
    /// How hard its models think, where no message or session says.
    pub thinking: ThinkingWish,
    /// Which models it asks. Without a primary, the catalog's default.
    pub model: ModelChoice,
}

/// Who an agent is to people; what is not said is left to its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// What people call it.
    pub name: Option<String>,
    /// Its sign.
    pub emoji: Option<String>,
    /// How it speaks.
    pub theme: Option<String>,
}

/// All agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// At least one; the first is the default.
    pub agents: Vec<AgentSettings>,
    /// The deadline of a turn that names none.
    pub timeout: Duration,
    /// When sessions begin anew by themselves.
    pub resets: Resets,
    /// Words that start a session anew, beside `/new` and `/reset`.
    pub reset_triggers: Vec<String>,
    /// Whether answers of sessions are sent.
    pub sending: SendRules,
    /// `/restart` is allowed.
    pub restarts: bool,
    /// What `/status` calls this program's version.
    pub version: String,
}
