//! `agents.list` and `agent.identity.get`: the agents of the configuration.

use openclaw_config::Agent;
use openclaw_protocol::RpcError;
use openclaw_protocol::agents::{
    AgentIdentity, AgentIdentityName, AgentIdentityParams, AgentModel, AgentSummary, AgentsList,
};

use super::sessions::rows::place;
use crate::process::Gateway;

pub(super) fn list(gateway: &Gateway) -> AgentsList {
    let config = gateway.settings.config();
    let settings = gateway.agents.settings();
    let agents = config.agents.entries.iter().map(|agent| {
        let choice = config.agents.model_of(agent);
        let known = settings.agents.iter().find(|known| known.id == agent.id.to_lowercase());
        AgentSummary {
            id: agent.id.clone(),
            name: name(agent).to_owned(),
            identity: AgentIdentityName { name: name(agent).to_owned() },
            workspace: known.map(|known| known.workspace.display().to_string()).unwrap_or_default(),
            model: choice
                .primary
                .map(|primary| AgentModel { primary: Some(primary), fallbacks: choice.fallbacks }),
        }
    });
    AgentsList {
        default_id: config.agents.default_id().to_owned(),
        main_key: config.session.main(),
        scope: config.session.scope.as_str().to_owned(),
        agents: agents.collect(),
    }
}

pub(super) fn identity(gateway: &Gateway, params: &AgentIdentityParams) -> Result<AgentIdentity, RpcError> {
    let key = params.session_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
    let agent_id = place(gateway, key.unwrap_or("main"), params.agent_id.as_deref())?.agent;
    let config = gateway.settings.config();
    let agent = config.agents.entries.iter().find(|agent| agent.id.to_lowercase() == agent_id);
    let agent = agent.ok_or_else(|| RpcError::invalid(format!("unknown agent: {agent_id}")))?;
    let name = name(agent).to_owned();
    Ok(AgentIdentity {
        agent_id: agent.id.clone(),
        avatar: name.chars().next().map(|letter| letter.to_uppercase().collect()),
        name,
        name_source: if named(agent).is_some() { "config" } else { "agent" }.to_owned(),
    })
}

fn named(agent: &Agent) -> Option<&str> {
    agent.name.as_deref().map(str::trim).filter(|name| !name.is_empty())
}

fn name(agent: &Agent) -> &str {
    named(agent).unwrap_or(&agent.id)
}
