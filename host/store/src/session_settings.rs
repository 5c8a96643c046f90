//! Owns what people decided about a session (its label, its model, whether it is archived) and the list of sessions with it.
//! Never reads a transcript.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use serde::{Deserialize, Serialize};

use crate::row::{bad, text};
use crate::sessions::session_row;
use crate::writer::Ledger;
use crate::{QueueChoice, SessionRow, Store, StoreError};

/// What people decided about one session. Everything is optional; nothing decided means the configuration's word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionSettings {
    /// A name, of which an agent has one.
    #[serde(skip)]
    pub label: Option<String>,
    /// Since when it is put away, in Unix milliseconds.
    #[serde(skip)]
    pub archived_at: Option<i64>,
    /// `<provider>/<model>` for its turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How hard models think, as a word of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Whether a group's messages have to name the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// A title for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Since when it is pinned, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_at: Option<i64>,
    /// Since when it is marked as unread, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_at: Option<i64>,
    /// A picture for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// A colour for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// A group for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What becomes of messages that wait behind a turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueChoice>,
    /// Whether answers are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sending: Option<Sending>,
}

/// Whether a session's answers are sent, instead of the configuration's `session.sendPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sending {
    /// They are.
    Allow,
    /// They are only kept.
    Deny,
}

/// When a group's agent answers, instead of the configuration's `requireMention`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// When it is named.
    Mention,
    /// Always.
    Always,
}

impl Activation {
    /// The word of the chat command.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mention => "mention",
            Self::Always => "always",
        }
    }
}

/// What `patch_session` does to the settings. It runs on the writing thread and must be quick.
pub type SessionChange = Box<dyn FnOnce(&mut SessionSettings) + Send>;

/// A session with what people decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session.
    pub row: SessionRow,
    /// What was decided.
    pub settings: SessionSettings,
}

/// Whether sessions that are put away are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Archived {
    /// No.
    #[default]
    Without,
    /// Only those.
    Only,
    /// As well.
    With,
}

/// Which sessions are wanted.
#[derive(Clone, Debug, Default)]
pub struct SessionQuery {
    /// Of this agent.
    pub agent: Option<String>,
    /// Used since then, in Unix milliseconds.
    pub since: Option<i64>,
    /// With exactly this label.
    pub label: Option<String>,
    /// With this text in the key, the id or a name, in any case.
    pub search: Option<String>,
    /// Those that are put away.
    pub archived: Archived,
    /// Not these keys.
    pub without: Vec<String>,
    /// So many at most.
    pub limit: usize,
    /// After so many.
    pub offset: usize,
}

const RECORD: &str =
    "SELECT s.*, p.label, p.archived_at, p.settings FROM sessions s LEFT JOIN session_settings p USING (key)";
const WANTED: &str = "(:agent IS NULL OR s.agent = :agent) AND (:since IS NULL OR s.updated_at >= :since) \
                      AND (:label IS NULL OR p.label = :label) \
                      AND CASE :archived WHEN 0 THEN p.archived_at IS NULL WHEN 1 THEN p.archived_at IS NOT NULL ELSE 1 END \
                      AND (:search IS NULL OR instr(lower(s.key || ' ' || s.session_id || ' ' || \
                           ifnull(p.label, '') || ' ' || ifnull(json_extract(p.settings, '$.display_name'), '')), :search) > 0) \
                      AND s.key NOT IN (SELECT value FROM json_each(:without))";

impl Store {
    /// The wanted sessions, the one used last first, and how many there are without limit and offset.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn list_sessions(&self, query: SessionQuery) -> Result<(Vec<SessionRecord>, u64), StoreError> {
        let without = text(&query.without)?;
        let work = move |sql: &Connection| {
            let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            let archived = match query.archived {
                Archived::Without => 0,
                Archived::Only => 1,
                Archived::With => 2,
            };
            let search = query.search.map(|search| search.to_lowercase());
            let counting = format!(
                "SELECT count(*) FROM sessions s LEFT JOIN session_settings p USING (key) WHERE {WANTED}"
            );
            let total: i64 = sql.prepare_cached(&counting)?.query_row(
                named_params! { ":agent": query.agent, ":since": query.since, ":label": query.label,
                ":archived": archived, ":search": search, ":without": without },
                |row| row.get(0),
            )?;
            let listing = format!(
                "{RECORD} WHERE {WANTED} ORDER BY s.updated_at DESC, s.key LIMIT :limit OFFSET :offset"
            );
            let rows = sql
                .prepare_cached(&listing)?
                .query_map(
                    named_params! { ":agent": query.agent, ":since": query.since, ":label": query.label,
                    ":archived": archived, ":search": search, ":without": without,
                    ":limit": number(query.limit), ":offset": number(query.offset) },
                    record_row,
                )?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((rows, u64::try_from(total).unwrap_or_default()))
        };
        self.readers.read(work).await
    }

    /// One session by its key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn session(&self, key: &str) -> Result<Option<SessionRecord>, StoreError> {
        self.settle(key).await?;
        let key = key.to_owned();
        self.readers.read(move |sql| record(sql, &key)).await
    }

    /// What was decided about a session; nothing about one that is not there. Does not wait for transcripts on their way.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn session_settings(&self, key: &str) -> Result<SessionSettings, StoreError> {
        let key = key.to_owned();
        let work = move |sql: &Connection| {
            let found = record(sql, &key)?;
            Ok(found.map(|known| known.settings).unwrap_or_default())
        };
        self.readers.read(work).await
    }

    /// Changes what was decided about a session, and makes the session if there is none: `session_id` names its transcript
    /// then.
    ///
    /// # Errors
    /// `Conflict` when another session of the agent has the label.
    pub async fn patch_session(
        &self,
        key: &str,
        agent: &str,
        session_id: &str,
        change: SessionChange,
        now: i64,
    ) -> Result<SessionRecord, StoreError> {
        let (key, agent, session_id) = (key.to_owned(), agent.to_owned(), session_id.to_owned());
        let work = move |ledger: &Ledger<'_>| {
            let fail = |error| ledger.fail(error);
            begin(ledger.sql, &key, &agent, &session_id, now).map_err(fail)?;
            let mut settings =
                record(ledger.sql, &key).map_err(fail)?.map(|known| known.settings).unwrap_or_default();
            change(&mut settings);
            if let Some(label) = &settings.label
                && label_is_taken(ledger.sql, label, &key).map_err(fail)?
            {
                return Err(StoreError::Conflict(format!("label already in use: {label}")));
            }
            let body = text(&settings)?;
            ledger
                .sql
                .prepare_cached(
                    "INSERT INTO session_settings (key, label, archived_at, settings) VALUES (?1, ?2, ?3, ?4) ON CONFLICT \
                     DO UPDATE SET label = excluded.label, archived_at = excluded.archived_at, settings = excluded.settings",
                )
                .and_then(|mut statement| {
                    statement.execute(params![key, settings.label, settings.archived_at, body])
                })
                .map_err(fail)?;
            let found = record(ledger.sql, &key).map_err(fail)?;
            found.ok_or_else(|| StoreError::Conflict(format!("session {key} was deleted")))
        };
        self.writer.write(work).await
    }

    /// Starts a session anew: an empty transcript named `session_id`; what was decided about it stays. Makes the session if
    /// there is none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn reset_session(
        &self,
        key: &str,
        agent: &str,
        session_id: &str,
        now: i64,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let (key, agent, session_id) = (key.to_owned(), agent.to_owned(), session_id.to_owned());
        let work = move |ledger: &Ledger<'_>| {
            ledger
                .sql
                .prepare_cached(
                    "INSERT INTO sessions (key, session_id, agent, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4) ON \
                     CONFLICT DO UPDATE SET session_id = excluded.session_id, created_at = excluded.created_at, \
                     updated_at = excluded.updated_at, model = NULL, usage = NULL",
                )?
                .execute(params![key, session_id, agent, now])?;
            record(ledger.sql, &key)
        };
        self.writer.write(move |ledger| work(ledger).map_err(|error| ledger.fail(error))).await
    }

    /// Puts a session's transcript away under a key of its own, which it returns, so that the session begins anew and the
    /// transcript can still be read. What was decided about the session stays with it. `None`: it has another transcript by
    /// now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn archive_transcript(
        &self,
        key: &str,
        session_id: &str,
        now: i64,
    ) -> Result<Option<String>, StoreError> {
        let (key, session_id) = (key.to_owned(), session_id.to_owned());
        let work = move |ledger: &Ledger<'_>| {
            let away = format!("{key}:archived:{session_id}");
            let moved = ledger
                .sql
                .prepare_cached("UPDATE OR REPLACE sessions SET key = ?1 WHERE key = ?2 AND session_id = ?3")?
                .execute([&away, &key, &session_id])?;
            if moved == 0 {
                return Ok(None);
            }
            ledger
                .sql
                .prepare_cached(
                    "INSERT INTO session_settings (key, archived_at, settings) VALUES (?1, ?2, '{}') ON CONFLICT DO NOTHING",
                )?
                .execute(params![away, now])?;
            Ok(Some(away))
        };
        self.writer
            .write(move |ledger| work(ledger).map_err(|error: rusqlite::Error| ledger.fail(error)))
            .await
    }

    /// Forgets a session, and with `transcript` what was said in it. Returns the id of its transcript.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn delete_session(&self, key: &str, transcript: bool) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        let work = move |ledger: &Ledger<'_>| {
            let sql = ledger.sql;
            let session_id: Option<String> = sql
                .prepare_cached("DELETE FROM sessions WHERE key = ?1 RETURNING session_id")?
                .query_row([&key], |row| row.get(0))
                .optional()?;
            sql.prepare_cached("DELETE FROM session_settings WHERE key = ?1")?.execute([&key])?;
            if let Some(session_id) = session_id.as_ref().filter(|_| transcript) {
                sql.prepare_cached("DELETE FROM entries WHERE session_id = ?1")?.execute([session_id])?;
                sql.prepare_cached("DELETE FROM summaries WHERE session_id = ?1")?.execute([session_id])?;
            }
            Ok(session_id)
        };
        self.writer
            .write(move |ledger| work(ledger).map_err(|error: rusqlite::Error| ledger.fail(error)))
            .await
    }
}

fn begin(sql: &Connection, key: &str, agent: &str, session_id: &str, now: i64) -> rusqlite::Result<()> {
    sql.prepare_cached(
        "INSERT INTO sessions (key, session_id, agent, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO \
         NOTHING",
    )?
    .execute(params![key, session_id, agent, now])?;
    Ok(())
}

fn label_is_taken(sql: &Connection, label: &str, key: &str) -> rusqlite::Result<bool> {
    sql.prepare_cached(
        "SELECT 1 FROM session_settings p JOIN sessions s USING (key) WHERE p.label = ?1 AND p.key <> ?2 AND s.agent = \
         (SELECT agent FROM sessions WHERE key = ?2)",
    )?
    .exists(params![label, key])
}

fn record(sql: &Connection, key: &str) -> rusqlite::Result<Option<SessionRecord>> {
    sql.prepare_cached(&format!("{RECORD} WHERE s.key = ?1"))?.query_row([key], record_row).optional()
}

fn record_row(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    let body: Option<String> = row.get("settings")?;
    let known = body.map(|body| serde_json::from_str::<SessionSettings>(&body)).transpose();
    let known = known.map_err(|error| bad(row, "settings", error))?.unwrap_or_default();
    let settings =
        SessionSettings { label: row.get("label")?, archived_at: row.get("archived_at")?, ..known };
    Ok(SessionRecord { row: session_row(row)?, settings })
}
