//! Owns reading transcripts for people: pages from the end, one entry, a search, what was used; and cutting one short. Never
//! builds a prompt.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::sessions::entry_row;
use crate::writer::Ledger;
use crate::{Entry, Store, StoreError, Usage};

/// Bytes of text that one page holds at most; the newest entry is always there.
const PAGE_BYTES: usize = 6 << 20;

/// An entry with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedEntry {
    /// Its number in the store: stays the same.
    pub id: i64,
    /// Its place in the transcript, from 1.
    pub seq: u64,
    /// What was said.
    pub entry: Entry,
}

/// A part of a transcript, the oldest entry first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<NumberedEntry>,
    /// How many the transcript has.
    pub total: u64,
}

/// An entry that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub session_key: String,
    /// Its transcript.
    pub session_id: String,
    /// Its number in the store.
    pub id: i64,
    /// What was said.
    pub entry: Entry,
}

/// What one transcript used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUsage {
    /// The session.
    pub session_key: String,
    /// Its transcript.
    pub session_id: String,
    /// Its agent.
    pub agent: String,
    /// `<provider>/<model>` that answered.
    pub model: Option<String>,
    /// The first millisecond of the UTC day.
    pub day: i64,
    /// Tokens of prompts.
    pub input: u64,
    /// Tokens of answers.
    pub output: u64,
    /// The part of `input` that providers had cached.
    pub cached: u64,
    /// Messages of people.
    pub said: u64,
    /// Answers.
    pub answered: u64,
    /// The first entry, in Unix milliseconds.
    pub first_at: i64,
    /// The last entry, in Unix milliseconds.
    pub last_at: i64,
}

impl Store {
    /// `limit` entries of a transcript, `offset` before its end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn transcript(
        &self,
        key: &str,
        session_id: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Page, StoreError> {
        self.settle(key).await?;
        let session_id = session_id.to_owned();
        self.readers.read(move |sql| page(sql, &session_id, limit, offset)).await
    }

    /// One entry of a transcript.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn transcript_entry(
        &self,
        key: &str,
        session_id: &str,
        id: i64,
    ) -> Result<Option<NumberedEntry>, StoreError> {
        self.settle(key).await?;
        let session_id = session_id.to_owned();
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT e.*, (SELECT count(*) FROM entries o WHERE o.session_id = e.session_id AND o.id <= e.id) seq FROM \
                 entries e WHERE e.session_id = ?1 AND e.id = ?2",
            )?
            .query_row(params![session_id, id], |row| {
                let seq: i64 = row.get("seq")?;
                Ok(NumberedEntry { id, seq: u64::try_from(seq).unwrap_or_default(), entry: entry_row(row)? })
            })
            .optional()
        };
        self.readers.read(work).await
    }

    /// Entries of present transcripts that hold `text` in any case, the newest first: of one agent, and of these sessions
    /// when there are any.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn search_transcripts(
        &self,
        text: &str,
        agent: Option<&str>,
        keys: &[String],
        limit: usize,
    ) -> Result<Vec<Found>, StoreError> {
        let (text, agent) = (text.to_lowercase(), agent.map(str::to_owned));
        let keys = crate::row::text(&keys)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT e.*, s.key FROM entries e JOIN sessions s USING (session_id) WHERE (?2 IS NULL OR s.agent = ?2) AND \
                 (?3 = '[]' OR s.key IN (SELECT value FROM json_each(?3))) AND instr(lower(e.content), ?1) > 0 ORDER BY e.id \
                 DESC LIMIT ?4",
            )?
            .query_map(params![text, agent, keys, limit], |row| {
                Ok(Found {
                    session_key: row.get("key")?,
                    session_id: row.get("session_id")?,
                    id: row.get("id")?,
                    entry: entry_row(row)?,
                })
            })?
            .collect()
        };
        self.readers.read(work).await
    }

    /// What sessions used from `from` to before `to` (Unix milliseconds), one row for each session, model and UTC day, the
    /// session used last first: of one agent, or of one session.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn usage_between(
        &self,
        from: i64,
        to: i64,
        agent: Option<&str>,
        key: Option<&str>,
    ) -> Result<Vec<SessionUsage>, StoreError> {
        let (agent, key) = (agent.map(str::to_owned), key.map(str::to_owned));
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT s.key, s.session_id, s.agent, e.model, e.at / 86400000 * 86400000 AS day, \
                 sum(ifnull(json_extract(e.usage, '$.input_tokens'), 0)) AS input, \
                 sum(ifnull(json_extract(e.usage, '$.output_tokens'), 0)) AS output, \
                 sum(ifnull(json_extract(e.usage, '$.cached_tokens'), 0)) AS cached, \
                 sum(e.role = 'user') AS said, sum(e.role = 'assistant') AS answered, min(e.at) AS first_at, \
                 max(e.at) AS last_at \
                 FROM sessions s JOIN entries e USING (session_id) WHERE e.at >= ?1 AND e.at < ?2 \
                 AND (?3 IS NULL OR s.agent = ?3) AND (?4 IS NULL OR s.key = ?4) \
                 GROUP BY s.key, e.model, day ORDER BY s.updated_at DESC, s.key, day",
            )?
            .query_map(params![from, to, agent, key], usage_row)?
            .collect()
        };
        self.readers.read(work).await
    }

    /// When each answer of a transcript was given and what it used, the oldest first: of the newest `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn answers_used(
        &self,
        key: &str,
        session_id: &str,
        limit: usize,
    ) -> Result<Vec<(i64, Usage)>, StoreError> {
        self.settle(key).await?;
        let session_id = session_id.to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            let mut all = sql
                .prepare_cached(
                    "SELECT * FROM entries WHERE session_id = ?1 AND usage IS NOT NULL ORDER BY id DESC LIMIT ?2",
                )?
                .query_map(params![session_id, limit], |row| {
                    let entry = entry_row(row)?;
                    Ok((entry.at, entry.usage.unwrap_or_default()))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            all.reverse();
            Ok(all)
        };
        self.readers.read(work).await
    }

    /// Keeps the newest `keep` entries of a transcript. Returns how many there were.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn trim_transcript(&self, session_id: &str, keep: usize) -> Result<u64, StoreError> {
        let session_id = session_id.to_owned();
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let work = move |ledger: &Ledger<'_>| {
            let before = count(ledger.sql, &session_id)?;
            ledger
                .sql
                .prepare_cached(
                    "DELETE FROM entries WHERE session_id = ?1 AND id NOT IN (SELECT id FROM entries WHERE session_id = ?1 \
                     ORDER BY id DESC LIMIT ?2)",
                )?
                .execute(params![session_id, keep])?;
            Ok(before)
        };
        self.writer
            .write(move |ledger| work(ledger).map_err(|error: rusqlite::Error| ledger.fail(error)))
            .await
    }
}

fn page(sql: &Connection, session_id: &str, limit: usize, offset: usize) -> rusqlite::Result<Page> {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let total = count(sql, session_id)?;
    let mut statement = sql
        .prepare_cached("SELECT * FROM entries WHERE session_id = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3")?;
    let mut rows = statement.query(params![session_id, number(limit), number(offset)])?;
    let mut seq = total.saturating_sub(u64::try_from(offset).unwrap_or(u64::MAX));
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let entry = entry_row(row)?;
        bytes += entry.content.len();
        if bytes > PAGE_BYTES && !entries.is_empty() {
            break;
        }
        entries.push(NumberedEntry { id: row.get("id")?, seq, entry });
        seq = seq.saturating_sub(1);
    }
    entries.reverse();
    Ok(Page { entries, total })
}

fn count(sql: &Connection, session_id: &str) -> rusqlite::Result<u64> {
    let count: i64 = sql
        .prepare_cached("SELECT count(*) FROM entries WHERE session_id = ?1")?
        .query_row([session_id], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

fn usage_row(row: &Row<'_>) -> rusqlite::Result<SessionUsage> {
    let number = |column| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or_default());
    Ok(SessionUsage {
        session_key: row.get("key")?,
        session_id: row.get("session_id")?,
        agent: row.get("agent")?,
        model: row.get("model")?,
        day: row.get("day")?,
        input: number("input")?,
        output: number("output")?,
        cached: number("cached")?,
        said: number("said")?,
        answered: number("answered")?,
        first_at: row.get("first_at")?,
        last_at: row.get("last_at")?,
    })
}
