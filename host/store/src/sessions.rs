//! Owns sessions and their transcripts. Never builds a prompt.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::row::{bad, json_option, text};
use crate::store::{UnsettledGuard, lock};
use crate::writer::Ledger;
use crate::{Entry, EntryRole, SessionRow, SessionWrite, Store, StoreError};

impl Store {
    /// Appends a turn without waiting for the disk: returns when it is queued (and waits while the queue is full). A later
    /// `load_session` sees it; a power failure right after may lose it. What the disk does not take now waits in memory, within
    /// bounds, until it does; what is lost is logged.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn append_lazily(&self, session: SessionWrite, now: i64) -> Result<(), StoreError> {
        let guard = UnsettledGuard::new(&self.unsettled, &session.key);
        self.writer.write_lazily(move |ledger| write_session(ledger, &session, now), Box::new(guard)).await
    }

    /// Returns when everything that was queued for the session can be read. While writes are refused that is not waited for:
    /// what is stored is served.
    pub(crate) async fn settle(&self, key: &str) -> Result<(), StoreError> {
        let unsettled = lock(&self.unsettled).contains_key(key);
        if unsettled {
            // An empty job: when it is answered, all that was queued before it can be read.
            match self.writer.write(|_| Ok(())).await {
                Err(error) if !error.is_transient() => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// A session and the end of its transcript, oldest entry first: at most `max_entries` entries, no more than `max_bytes` of
    /// content, and none for which a summary stands. `None`: there is no such session.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn load_session(
        &self,
        key: &str,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Option<(SessionRow, Vec<Entry>)>, StoreError> {
        self.settle(key).await?;
        let key = key.to_owned();
        let work = move |sql: &Connection| {
            let session = sql
                .prepare_cached("SELECT * FROM sessions WHERE key = ?1")?
                .query_row([&key], session_row)
                .optional()?;
            let Some(session) = session else { return Ok(None) };
            let entries = tail(sql, &session.session_id, max_entries, max_bytes)?;
            Ok(Some((session, entries)))
        };
        self.readers.read(work).await
    }

    /// Sessions, the one used last first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn sessions(&self, limit: usize) -> Result<Vec<SessionRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            sql.prepare_cached("SELECT * FROM sessions ORDER BY updated_at DESC LIMIT ?1")?
                .query_map([limit], session_row)?
                .collect()
        };
        self.readers.read(work).await
    }

    /// As `sessions`, of those whose key begins with `prefix`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn sessions_below(&self, prefix: &str, limit: usize) -> Result<Vec<SessionRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (from, to) = range(prefix);
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT * FROM sessions WHERE key BETWEEN ?1 AND ?2 ORDER BY updated_at DESC LIMIT ?3",
            )?
            .query_map(params![from, to, limit], session_row)?
            .collect()
        };
        self.readers.read(work).await
    }

    /// How many sessions there are: all, or those whose key begins with `prefix`. Decodes no row.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn session_count(&self, prefix: Option<&str>) -> Result<u64, StoreError> {
        let keys = prefix.map(range);
        let work = move |sql: &Connection| {
            let count: i64 = match keys {
                None => {
                    sql.prepare_cached("SELECT count(*) FROM sessions")?.query_row([], |row| row.get(0))?
                }
                Some((from, to)) => sql
                    .prepare_cached("SELECT count(*) FROM sessions WHERE key BETWEEN ?1 AND ?2")?
                    .query_row([from, to], |row| row.get(0))?,
            };
            Ok(u64::try_from(count).unwrap_or_default())
        };
        self.readers.read(work).await
    }

    /// The key of the session with this id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn session_key(&self, session_id: &str) -> Result<Option<String>, StoreError> {
        let session_id = session_id.to_owned();
        let work = move |sql: &Connection| {
            sql.prepare_cached("SELECT key FROM sessions WHERE session_id = ?1")?
                .query_row([session_id], |row| row.get(0))
                .optional()
        };
        self.readers.read(work).await
    }
}

/// The first and last key that begin with `prefix`: so asked, the table's own order finds them.
fn range(prefix: &str) -> (String, String) {
    (prefix.to_owned(), format!("{prefix}{}", char::MAX))
}

fn tail(
    sql: &Connection,
    session_id: &str,
    max_entries: usize,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let limit = i64::try_from(max_entries).unwrap_or(i64::MAX);
    let mut statement =
        sql.prepare_cached(
            "SELECT * FROM entries WHERE session_id = ?1 AND id > ifnull((SELECT through FROM summaries WHERE session_id = \
         ?1), 0) ORDER BY id DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![session_id, limit])?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let entry = entry_row(row)?;
        bytes += entry.content.len();
        if bytes > max_bytes {
            break;
        }
        entries.push(entry);
    }
    entries.reverse();
    Ok(entries)
}

/// Appends to a session inside a transaction. Another session id than the stored one starts the session anew.
pub(crate) fn write_session(ledger: &Ledger<'_>, session: &SessionWrite, now: i64) -> Result<(), StoreError> {
    let last = session.entries.iter().rev().find(|entry| entry.model.is_some());
    let usage = last.and_then(|entry| entry.usage.as_ref()).map(text).transpose()?;
    let model = last.and_then(|entry| entry.model.as_ref());
    ledger
        .sql
        .prepare_cached(
            "INSERT INTO sessions (key, session_id, agent, created_at, updated_at, model, usage) \
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
             created_at = iif(session_id = excluded.session_id, created_at, excluded.created_at), \
             session_id = excluded.session_id, agent = excluded.agent, updated_at = excluded.updated_at, \
             model = coalesce(excluded.model, model), usage = coalesce(excluded.usage, usage)",
        )
        .and_then(|mut statement| {
            statement.execute(params![session.key, session.session_id, session.agent, now, model, usage])
        })
        .map_err(|error| ledger.fail(error))?;
    if !session.entries.is_empty() {
        // What was put away comes back when it is used again.
        ledger
            .sql
            .prepare_cached(
                "UPDATE session_settings SET archived_at = NULL WHERE key = ?1 AND archived_at IS NOT NULL",
            )
            .and_then(|mut statement| statement.execute([&session.key]))
            .map_err(|error| ledger.fail(error))?;
    }
    for entry in &session.entries {
        let usage = entry.usage.as_ref().map(text).transpose()?;
        let role = match entry.role {
            EntryRole::User => "user",
            EntryRole::Assistant => "assistant",
        };
        ledger.sql
            .prepare_cached(
                "INSERT INTO entries (session_id, role, content, model, usage, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut statement| {
                statement.execute(params![session.session_id, role, entry.content, entry.model, usage, entry.at])
            })
            .map_err(|error| ledger.fail(error))?;
    }
    Ok(())
}

pub(crate) fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        key: row.get("key")?,
        session_id: row.get("session_id")?,
        agent: row.get("agent")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        model: row.get("model")?,
        usage: json_option(row, "usage")?.unwrap_or_default(),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("unknown word {0:?}")]
pub(crate) struct UnknownWord(pub(crate) String);

pub(crate) fn entry_row(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let role: String = row.get("role")?;
    let role = match role.as_str() {
        "user" => EntryRole::User,
        "assistant" => EntryRole::Assistant,
        _ => return Err(bad(row, "role", UnknownWord(role))),
    };
    Ok(Entry {
        role,
        content: row.get("content")?,
        model: row.get("model")?,
        usage: json_option(row, "usage")?,
        at: row.get("at")?,
    })
}
