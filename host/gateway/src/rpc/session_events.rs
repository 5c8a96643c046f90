//! Tells the connections that follow sessions what happened to one: `sessions.changed` and `session.message`. Reads the store
//! only when somebody listens.

use openclaw_store::SessionWrite;
use serde_json::{Value, json};

use super::sessions::{read, rows};
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::runs::About;
use crate::ws::Client;

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Somebody did something: `send`, `patch`, `reset`, `delete` …
    Reason(&'static str),
    /// A run came so far: `start`, `end` or `error`.
    Phase(&'static str),
}

impl Change {
    /// A run is over.
    pub(crate) fn ended(failed: bool) -> Change {
        Change::Phase(if failed { "error" } else { "end" })
    }
}

/// A run did something to its session.
pub(crate) async fn changed(gateway: &Gateway, about: &About, change: Change) {
    tell(gateway, &about.session_key, &about.agent_id, change, Some(&about.run_id)).await;
}

/// Somebody did something to a session.
pub(super) async fn changed_by(gateway: &Gateway, key: &str, agent: &str, reason: &'static str) {
    tell(gateway, key, agent, Change::Reason(reason), None).await;
}

async fn tell(gateway: &Gateway, key: &str, agent: &str, change: Change, run_id: Option<&str>) {
    let wanted = |client: &Client| client.subscriptions.wants_changes();
    if !gateway.hub.any(wanted) {
        return;
    }
    let row = row(gateway, key).await;
    // The facts stand at the top as well: older clients look for them there.
    let mut payload = row.clone().unwrap_or_else(|| json!({}));
    if let Some(fields) = payload.as_object_mut() {
        fields.remove("key");
        let (name, word) = match change {
            Change::Reason(reason) => ("reason", reason),
            Change::Phase(phase) => ("phase", phase),
        };
        fields.insert("sessionKey".to_owned(), json!(key));
        fields.insert("agentId".to_owned(), json!(agent));
        fields.insert(name.to_owned(), json!(word));
        fields.insert("ts".to_owned(), json!(now_ms()));
        fields.extend(run_id.map(|run_id| ("runId".to_owned(), json!(run_id))));
        fields.extend(row.map(|row| ("session".to_owned(), row)));
    }
    gateway.hub.tell_those("sessions.changed", &payload, wanted);
}

/// A turn put messages into its session's transcript.
pub(crate) async fn messages(gateway: &Gateway, about: &About, write: &SessionWrite) {
    let count = write.entries.len();
    appended(gateway, &about.session_key, &about.agent_id, &write.session_id, count, Some(&about.run_id))
        .await;
}

/// The last `count` messages of a transcript are new.
pub(super) async fn appended(
    gateway: &Gateway,
    key: &str,
    agent: &str,
    session_id: &str,
    count: usize,
    run_id: Option<&str>,
) {
    let wanted = |client: &Client| client.subscriptions.wants_messages(key);
    if count == 0 || !gateway.hub.any(wanted) {
        return;
    }
    let page = match gateway.store.transcript(key, session_id, count, 0).await {
        Ok(page) => page,
        Err(error) => {
            tracing::warn!(code = error.code(), session = key, "new messages are not told: {error}");
            return;
        }
    };
    let row = row(gateway, key).await;
    for known in &page.entries {
        let payload = json!({
            "sessionKey": key,
            "agentId": agent,
            "message": read::message(known, run_id, usize::MAX),
            "messageId": known.id.to_string(),
            "messageSeq": known.seq,
            "session": row,
        });
        gateway.hub.tell_those("session.message", &payload, wanted);
    }
}

/// What is known of the session now; `None` when there is none, or it cannot be read.
async fn row(gateway: &Gateway, key: &str) -> Option<Value> {
    let record = gateway.store.session(key).await.ok().flatten()?;
    serde_json::to_value(rows::Rows::new(gateway).row(&record)).ok()
}
