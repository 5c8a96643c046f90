//! Changes sessions from outside a turn, and keeps what turns remember in step with the store: what was decided about a
//! session, and its history. Never runs a turn.
//!
//! `reset_session`, `delete_session`, `trim_session` and `inject` change a transcript: whoever calls them holds the session's
//! lane.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openclaw_models::Thinking;
use openclaw_store::{
    Entry, EntryRole, Sending, SessionChange, SessionRecord, SessionSettings, SessionWrite, Store, StoreError,
};
use uuid::Uuid;

use crate::agents::Inner;
use crate::{Agents, now_ms};

/// Sessions whose decisions are remembered; beyond it all are read again.
const REMEMBERED: usize = 4_096;

/// What was decided about sessions for their turns, as far as it was asked for.
#[derive(Default)]
pub(crate) struct Chosen {
    known: Mutex<HashMap<String, ForTurns>>,
}

/// What was decided about one session, as far as its turns heed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ForTurns {
    /// `<provider>/<model>`
    pub(crate) model: Option<String>,
    /// How hard to think.
    pub(crate) thinking: Option<Thinking>,
    /// Whether answers are sent.
    pub(crate) sending: Option<Sending>,
}

impl From<SessionSettings> for ForTurns {
    fn from(settings: SessionSettings) -> Self {
        // Whoever stored it has judged it.
        let thinking = settings.thinking.and_then(|word| word.parse().ok());
        Self { model: settings.model, thinking, sending: settings.sending }
    }
}

impl Chosen {
    /// What was decided about a session.
    pub(crate) async fn of(&self, store: &Store, key: &str) -> Result<ForTurns, StoreError> {
        if let Some(chosen) = self.lock().get(key) {
            return Ok(chosen.clone());
        }
        let chosen = store.session_settings(key).await?.into();
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        // A decision that was made meanwhile is the newer one.
        Ok(known.entry(key.to_owned()).or_insert(chosen).clone())
    }

    fn set(&self, key: &str, chosen: ForTurns) {
        self.lock().insert(key.to_owned(), chosen);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, ForTurns>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.chosen.set(key, record.settings.clone().into());
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
        self.inner.chosen.set(key, ForTurns::default());
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
