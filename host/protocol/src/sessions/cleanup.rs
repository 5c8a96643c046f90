//! `sessions.cleanup`: the upkeep of sessions that nobody uses.

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::scope::Scope;
use crate::shape::{Field, Kind};

/// Parameters of `sessions.cleanup`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsCleanupParams {
    /// Only of this agent; of all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Of all agents, which is so without an agent anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_agents: Option<bool>,
    /// Also when the configuration only warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce: Option<bool>,
    /// Says what would be done, and does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// This session stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_key: Option<String>,
}

impl Call for SessionsCleanupParams {
    const METHOD: &'static str = "sessions.cleanup";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "puts away sessions that nobody uses, as session.maintenance says";
    const SHAPE: &'static [Field] = &[
        Field::optional("agent", Kind::NonEmpty),
        Field::optional("allAgents", Kind::Bool),
        Field::optional("enforce", Kind::Bool),
        Field::optional("dryRun", Kind::Bool),
        Field::optional("activeKey", Kind::NonEmpty),
    ];
    type Reply = SessionsCleaned;
}

/// The answer to `sessions.cleanup`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsCleaned {
    /// Always true.
    pub ok: bool,
    /// No agent was named.
    pub all_agents: bool,
    /// `enforce` or `warn`: `session.maintenance.mode`.
    pub mode: String,
    /// Nothing was to be done.
    pub dry_run: bool,
    /// It was done; otherwise the rest says what would be.
    pub applied: bool,
    /// One for each agent.
    pub stores: Vec<StoreCleaned>,
    /// One for each session.
    pub actions: Vec<CleanupAction>,
}

/// What became of the sessions of one agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreCleaned {
    /// Which.
    pub agent_id: String,
    /// The database.
    pub store_path: String,
    /// Sessions before, without those that were put away.
    pub before_count: usize,
    /// Sessions after.
    pub after_count: usize,
    /// Sessions without a transcript; here none can be.
    pub missing: usize,
    /// Sessions of an earlier `session.dmScope`; they stay.
    pub dm_scope_retired: usize,
    /// Put away or forgotten because nobody used them for long.
    pub pruned: usize,
    /// Put away or forgotten because there were too many.
    pub capped: usize,
}

/// What is done about one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanupAction {
    /// Which.
    pub key: String,
    /// Its agent.
    pub agent_id: String,
    /// `archive-age`, `archive-cap`, `prune-age` or `prune-cap`.
    pub action: String,
    /// For how long nobody has used it.
    pub age_ms: u64,
}
