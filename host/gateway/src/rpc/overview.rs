//! What `status` says about sessions: which were used last, of each agent and of all, and with which model. Never reads a
//! transcript.

use openclaw_models::Catalog;
use openclaw_protocol::status::{AgentSessions, RecentSession, SessionModel, SessionsOverview};
use openclaw_store::{SessionRow, StoreError};

use crate::clock::now_ms;
use crate::process::Gateway;

/// Sessions of one agent in the answer, and of all together.
const RECENT: usize = 10;

/// Empty, with a line in the log, when the sessions cannot be read: the rest of the answer is worth having without them.
pub(super) async fn sessions(gateway: &Gateway) -> SessionsOverview {
    read(gateway).await.unwrap_or_else(|error| {
        tracing::warn!(code = error.code(), "the sessions are not listed: {error}");
        SessionsOverview::default()
    })
}

async fn read(gateway: &Gateway) -> Result<SessionsOverview, StoreError> {
    let (store, catalog, now) = (&gateway.store, gateway.models.catalog(), now_ms());
    let path = gateway.paths.database().display().to_string();
    let rows = |rows: Vec<SessionRow>| rows.into_iter().map(|row| recent(row, &catalog, now)).collect();
    let mut by_agent = Vec::new();
    for agent in &gateway.agents.settings().agents {
        let prefix = format!("agent:{}:", agent.id);
        by_agent.push(AgentSessions {
            agent_id: agent.id.clone(),
            path: path.clone(),
            count: store.session_count(Some(&prefix)).await?,
            recent: rows(store.sessions_below(&prefix, RECENT).await?),
        });
    }
    let choice = &gateway.model_choice.get().reference;
    Ok(SessionsOverview {
        count: store.session_count(None).await?,
        recent: rows(store.sessions(RECENT).await?),
        paths: vec![path],
        defaults: SessionModel {
            model: choice.split_once('/').map(|(_, model)| model.to_owned()),
            context_tokens: context_window(&catalog, choice),
        },
        by_agent,
    })
}

fn recent(row: SessionRow, catalog: &Catalog, now: u64) -> RecentSession {
    let updated_at = u64::try_from(row.updated_at).unwrap_or_default();
    let used = row.model.as_ref().map(|_| row.usage);
    RecentSession {
        kind: kind(&row.key).to_owned(),
        agent_id: row.agent,
        key: row.key,
        session_id: row.session_id,
        updated_at,
        age: now.saturating_sub(updated_at),
        context_tokens: row.model.as_deref().and_then(|model| context_window(catalog, model)),
        model: row
            .model
            .map(|reference| reference.split_once('/').map_or(reference.clone(), |(_, id)| id.to_owned())),
        input_tokens: used.map(|used| used.input_tokens),
        output_tokens: used.map(|used| used.output_tokens),
        cache_read: used.map(|used| used.cached_tokens),
        total_tokens: used.map(|used| used.input_tokens),
        flags: Vec::new(),
    }
}

/// What a session's key says about who takes part.
fn kind(key: &str) -> &'static str {
    let shared = key.split(':').any(|part| matches!(part, "group" | "channel"));
    if shared { "group" } else { "direct" }
}

fn context_window(catalog: &Catalog, reference: &str) -> Option<u64> {
    let (provider, model) = reference.split_once('/')?;
    let models = &catalog.provider(provider)?.models;
    models.iter().find(|known| known.id == model)?.context_window
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_who_takes_part() {
        let check = |key: &str, expected: &str| assert_eq!(kind(key), expected, "{key}");
        check("agent:main:main", "direct");
        check("agent:main:chat:direct:7", "direct");
        check("agent:main:chat:group:-7", "group");
        check("agent:main:chat:channel:7:thread:1", "group");
    }
}
