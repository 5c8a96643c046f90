//! Owns what agents must be told. Never reads the configuration; `gateway` maps it.

use std::path::PathBuf;
use std::time::Duration;

use openclaw_config::{ModelChoice, Resets};

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// Its id, lower case, for instance `main`.
    pub id: String,
    /// Where its `AGENTS.md`, `SOUL.md` and `IDENTITY.md` are.
    pub workspace: PathBuf,
    /// Which models it asks. Without a primary, the catalog's default.
    pub model: ModelChoice,
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
    /// What `/status` calls this program's version.
    pub version: String,
}
