//! Owns what stands for the older part of a transcript. Never changes the transcript.

use rusqlite::{Connection, OptionalExtension, params};

use crate::writer::Ledger;
use crate::{Store, StoreError};

impl Store {
    /// What stands for the older part of a transcript, if anything does.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn summary(&self, session_id: &str) -> Result<Option<String>, StoreError> {
        let session_id = session_id.to_owned();
        let work = move |sql: &Connection| {
            sql.prepare_cached("SELECT text FROM summaries WHERE session_id = ?1")?
                .query_row([session_id], |row| row.get(0))
                .optional()
        };
        self.readers.read(work).await
    }

    /// From now on `text` stands for all of a transcript but its newest `keep` entries; `load_session` returns these alone then.
    /// Returns whether there was anything older. Whoever calls it holds the session's lane, and has seen all that is stored.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn summarize(
        &self,
        session_id: &str,
        keep: usize,
        text: String,
        now: i64,
    ) -> Result<bool, StoreError> {
        let session_id = session_id.to_owned();
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let work = move |ledger: &Ledger<'_>| {
            let through: Option<i64> = ledger
                .sql
                .prepare_cached(
                    "SELECT id FROM entries WHERE session_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2",
                )?
                .query_row(params![session_id, keep], |row| row.get(0))
                .optional()?;
            let Some(through) = through else { return Ok(false) };
            ledger
                .sql
                .prepare_cached(
                    "INSERT INTO summaries (session_id, through, text, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET \
                     through = excluded.through, text = excluded.text, at = excluded.at",
                )?
                .execute(params![session_id, through, text, now])?;
            Ok(true)
        };
        self.writer
            .write(move |ledger| work(ledger).map_err(|error: rusqlite::Error| ledger.fail(error)))
            .await
    }
}
