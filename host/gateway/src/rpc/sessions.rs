//! Sessions as the control plane shows them; here what `status` and `health` say about sessions: how many there are and which were used last. Never reads a transcript.

pub(super) mod change;
pub(super) mod read;
pub(super) mod rows;
pub(super) mod usage;
pub(super) mod usage_of_one;

use openclaw_protocol::status::{SessionRow, SessionsSummary};
use openclaw_store::StoreError;

use crate::clock::now_ms;
use crate::process::Gateway;

/// The sessions of one agent, or all, the one used last first. Empty, with a line in the log, when they cannot be read:
/// the rest of the answer is worth having without them.
pub(super) async fn summary(gateway: &Gateway, agent: Option<&str>, recent: usize) -> SessionsSummary {
    read(gateway, agent, recent).await.unwrap_or_else(|error| {
        tracing::warn!(code = error.code(), "the sessions are not listed: {error}");
        SessionsSummary::default()
    })
}

async fn read(gateway: &Gateway, agent: Option<&str>, recent: usize) -> Result<SessionsSummary, StoreError> {
    let prefix = agent.map(|agent| format!("agent:{agent}:"));
    let count = gateway.store.session_count(prefix.as_deref()).await?;
    let rows = match &prefix {
        None => gateway.store.sessions(recent).await?,
        Some(prefix) => gateway.store.sessions_below(prefix, recent).await?,
    };
    let now = now_ms();
    let recent = rows.into_iter().map(|row| {
        let updated_at = u64::try_from(row.updated_at).unwrap_or_default();
        SessionRow { key: row.key, updated_at, age: now.saturating_sub(updated_at) }
    });
    Ok(SessionsSummary { count, recent: recent.collect() })
}
