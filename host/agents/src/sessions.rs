//! Changes sessions from outside a turn, and keeps what turns remember in step with the store: what was decided about a
//! session, and its history. Never runs a turn.
//!
//! `reset_session`, `delete_session`, `trim_session` and `inject` change a transcript: whoever calls them holds the session's
//! lane.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openclaw_store::{Entry, EntryRole, SessionChange, SessionRecord, SessionWrite, Store, StoreError};
use uuid::Uuid;

use crate::agents::Inner;
use crate::{Agents, now_ms};

/// Sessions whose decisions are remembered; beyond it all are read again.
const REMEMBERED: usize = 4_096;

/// The models that were chosen for sessions, as far as they were asked for.
#[derive(Default)]
pub(crate) struct Chosen {
    models: Mutex<HashMap<String, Option<String>>>,
}

impl Chosen {
    /// The model that was chosen for a session.
    pub(crate) async fn model(&self, store: &Store, key: &str) -> Result<Option<String>, StoreError> {
        if let Some(model) = self.lock().get(key) {
            return Ok(model.clone());
        }
        let model = store.session(key).await?.and_then(|known| known.settings.model);
        let mut models = self.lock();
        if models.len() >= REMEMBERED {
            models.clear();
        }
        // A decision that was made meanwhile is the newer one.
        Ok(models.entry(key.to_owned()).or_insert(model).clone())
    }

    fn set(&self, key: &str, model: Option<String>) {
        self.lock().insert(key.to_owned(), model);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Option<String>>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) async fn patch_session(
        &self,
        key: &str,
        agent: &str,
        change: SessionChange,
    ) -> Result<SessionRecord, StoreError> {
        let fresh = Uuid::new_v4().to_string();
        let record = self.store.patch_session(key, agent, &fresh, change, now_ms()).await?;
        self.chosen.set(key, record.settings.model.clone());
        Ok(record)
    }
}

impl Agents {
    /// Changes what was decided about a session; makes the session if there is none. A turn under way keeps its model.
    ///
    /// # Errors
    /// `Conflict` when another session of the agent has the label.
    pub async fn patch_session(
        &self,
        key: &str,
        agent: &str,
        change: SessionChange,
    ) -> Result<SessionRecord, StoreError> {
        self.inner.patch_session(key, agent, change).await
    }

    /// Starts a session anew; what was decided about it stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn reset_session(&self, key: &str, agent: &str) -> Result<Option<SessionRecord>, StoreError> {
        let fresh = Uuid::new_v4().to_string();
        let record = self.inner.store.reset_session(key, agent, &fresh, now_ms()).await?;
        self.inner.histories.forget(key);
        Ok(record)
    }

    /// Forgets a session, and with `transcript` what was said in it. Returns the id of its transcript.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn delete_session(&self, key: &str, transcript: bool) -> Result<Option<String>, StoreError> {
        let gone = self.inner.store.delete_session(key, transcript).await?;
        self.inner.histories.forget(key);
        self.inner.chosen.set(key, None);
        self.inner.events.take(key);
        Ok(gone)
    }

    /// Keeps the newest `keep` entries of a session's transcript. Returns how many there were.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn trim_session(&self, key: &str, session_id: &str, keep: usize) -> Result<u64, StoreError> {
        let before = self.inner.store.trim_transcript(session_id, keep).await?;
        self.inner.histories.forget(key);
        Ok(before)
    }

    /// Appends something to a transcript as if the agent had said it.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn inject(&self, record: &SessionRecord, text: &str) -> Result<(), StoreError> {
        let now = now_ms();
        let entry =
            Entry { role: EntryRole::Assistant, content: text.to_owned(), model: None, usage: None, at: now };
        let write = SessionWrite {
            key: record.row.key.clone(),
            session_id: record.row.session_id.clone(),
            agent: record.row.agent.clone(),
            entries: vec![entry],
        };
        self.inner.store.append_lazily(write, now).await?;
        self.inner.histories.forget(&record.row.key);
        Ok(())
    }
}
