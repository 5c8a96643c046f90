//! `agents.list` and `agent.identity.get`: which agents there are.

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `agents.list`: none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentsListParams {}

impl Call for AgentsListParams {
    const METHOD: &'static str = "agents.list";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the agents, and which one answers by default";
    const SHAPE: &'static [Field] = &[];
    type Reply = AgentsList;
}

/// The answer to `agents.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentsList {
    /// The agent that answers where nothing else is said.
    pub default_id: String,
    /// The last part of the main sessions' keys.
    pub main_key: String,
    /// `per-sender`
    pub scope: String,
    /// In the order of the configuration.
    pub agents: Vec<AgentSummary>,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentSummary {
    /// Its id.
    pub id: String,
    /// For people.
    pub name: String,
    /// How it presents itself.
    pub identity: AgentIdentityName,
    /// Its working directory.
    pub workspace: String,
    /// What it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<AgentModel>,
}

/// How an agent presents itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentIdentityName {
    /// For people.
    pub name: String,
}

/// What an agent asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentModel {
    /// `<provider>/<model>`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// Tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<String>,
}

/// Parameters of `agent.identity.get`: how one agent presents itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentIdentityParams {
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// A session of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
}

impl Call for AgentIdentityParams {
    const METHOD: &'static str = "agent.identity.get";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "an agent's name and picture";
    const SHAPE: &'static [Field] =
        &[Field::optional("agentId", Kind::NonEmpty), Field::optional("sessionKey", Kind::Text)];
    type Reply = AgentIdentity;
}

/// The answer to `agent.identity.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentIdentity {
    /// The agent.
    pub agent_id: String,
    /// For people.
    pub name: String,
    /// Where the name comes from: `config`, or `agent` when it is the id.
    pub name_source: String,
    /// The first letter of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}
