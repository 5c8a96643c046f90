//! Owns counting and pruning: what `status` shows, and what keeps the file from growing for ever.

use rusqlite::{Connection, params};

use crate::media::uncarried;
use crate::outbox::expire;
use crate::row::account;
use crate::writer::Ledger;
use crate::{AccountKey, Activity, Counts, Store, StoreError};

/// Rows looked at in one pruning: bounds how long it holds up other writers.
const PRUNE_ROWS: i64 = 2_000;
/// Pages given back to the file system in one pruning.
const VACUUM_PAGES: i64 = 500;

impl Store {
    /// Moves the times that decide about what waits along with a wall clock that was set: when a part is due and when it expires,
    /// and how old a request for access is.
    ///
    /// # Errors
    /// When nothing can be written: then nothing was moved.
    pub async fn move_times(&self, by_ms: i64) -> Result<(), StoreError> {
        let work = move |ledger: &Ledger<'_>| {
            let moved = ledger.sql.execute(
                "UPDATE outbox SET next_attempt_at = next_attempt_at + ?1, expires_at = expires_at + ?1 \
                 WHERE state IN ('pending', 'sending')",
                [by_ms],
            );
            let moved = moved.and_then(|_| {
                ledger.sql.execute(
                    "UPDATE pairing_requests SET created_at = created_at + ?1, last_seen_at = last_seen_at + ?1",
                    [by_ms],
                )
            });
            moved.map(|_| ()).map_err(|error| ledger.fail(error))
        };
        self.writer.write(work).await
    }

    /// How much waits where.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let work = |sql: &Connection| {
            let mut statement = sql.prepare_cached(
                "SELECT count(*) FILTER (WHERE state = 'new'), count(*) FILTER (WHERE state = 'queued') FROM inbound \
                 WHERE state IN ('new', 'queued')",
            )?;
            let (undecided, unfinished) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut statement = sql.prepare_cached(
                "SELECT (SELECT count(*) FROM outbox WHERE state = 'pending'), \
                 count(*) FILTER (WHERE state = 'sending'), count(*) FILTER (WHERE state = 'ambiguous'), \
                 count(*) FILTER (WHERE state = 'failed') FROM outbox WHERE state IN ('sending', 'ambiguous', 'failed')",
            )?;
            statement.query_row([], |row| {
                Ok(Counts {
                    undecided,
                    unfinished,
                    pending: row.get(0)?,
                    sending: row.get(1)?,
                    ambiguous: row.get(2)?,
                    failed: row.get(3)?,
                })
            })
        };
        self.readers.read(work).await
    }

    /// How much is not sent, or not known to be, for each account that has any; at most `limit` accounts. Inbound counts
    /// are zero here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn outbox_depths(&self, limit: usize) -> Result<Vec<(AccountKey, Counts)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT channel, account, sum(state = 'pending') AS pending, sum(state = 'sending') AS sending, \
                 sum(state = 'ambiguous') AS ambiguous, sum(state = 'failed') AS failed FROM ( \
                 SELECT channel, account, state FROM outbox WHERE state = 'pending' \
                 UNION ALL \
                 SELECT channel, account, state FROM outbox WHERE state IN ('sending', 'ambiguous', 'failed')) \
                 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ?1",
            )?
            .query_map([limit], |row| {
                let counts = Counts {
                    pending: row.get("pending")?,
                    sending: row.get("sending")?,
                    ambiguous: row.get("ambiguous")?,
                    failed: row.get("failed")?,
                    ..Counts::default()
                };
                Ok((account(row)?, counts))
            })?
            .collect()
        };
        self.readers.read(work).await
    }

    /// Whether something can be stored now: writes what is there already, durably.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<(), StoreError> {
        let work = |ledger: &Ledger<'_>| {
            let version: i64 = ledger
                .sql
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .map_err(|error| ledger.fail(error))?;
            ledger.sql.pragma_update(None, "user_version", version).map_err(|error| ledger.fail(error))
        };
        self.writer.write(work).await
    }

    /// When each account last received and last sent.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn activity(&self) -> Result<Vec<(AccountKey, Activity)>, StoreError> {
        let work = |sql: &Connection| {
            sql.prepare_cached(
                "SELECT channel, account, max(received) AS received, max(sent) AS sent, sum(aside) AS aside FROM ( \
                 SELECT channel, account, max(received_at) AS received, NULL AS sent, 0 AS aside FROM inbound GROUP BY 1, 2 \
                 UNION ALL \
                 SELECT channel, account, NULL, max(updated_at), 0 FROM outbox WHERE state = 'sent' GROUP BY 1, 2 \
                 UNION ALL \
                 SELECT channel, account, NULL, NULL, count(*) FROM set_aside GROUP BY 1, 2) \
                 GROUP BY 1, 2",
            )?
            .query_map([], |row| {
                let activity = Activity {
                    last_inbound_at: row.get("received")?,
                    last_outbound_at: row.get("sent")?,
                    set_aside: row.get("aside")?,
                };
                Ok((account(row)?, activity))
            })?
            .collect()
        };
        self.readers.read(work).await
    }

    /// Gives up sends past their expiry, forgets closed messages and sends older than `before`, and returns how many rows
    /// went. Does a bounded amount each time: call it now and then. What keeps redeliveries out goes with the messages, so
    /// `before` should lie at least 30 days back.
    ///
    /// # Errors
    /// When nothing could be written.
    pub async fn prune(&self, before: i64, now: i64) -> Result<usize, StoreError> {
        let folder = self.folder.clone();
        let work = move |sql: &Connection| {
            expire(sql, now)?;
            // Rows close in about the order of their ids, so that looking at the lowest is enough.
            let mut gone = sql.execute(
                "DELETE FROM inbound WHERE id IN (SELECT id FROM (SELECT id, state, closed_at FROM inbound ORDER BY id \
                 LIMIT ?2) WHERE state IN ('done', 'dropped') AND closed_at < ?1)",
                params![before, PRUNE_ROWS],
            )?;
            gone += sql.execute(
                "DELETE FROM outbox WHERE id IN (SELECT id FROM (SELECT id, state, updated_at FROM outbox ORDER BY id \
                 LIMIT ?2) WHERE state IN ('sent', 'ambiguous', 'failed', 'dropped') AND updated_at < ?1)",
                params![before, PRUNE_ROWS],
            )?;
            sql.execute("DELETE FROM previews WHERE inbound NOT IN (SELECT id FROM inbound)", [])?;
            let files = uncarried(sql, now)?;
            gone += files.len();
            if gone > 0 {
                // It gives back one page for each row that is asked of it, so that all of them are.
                sql.pragma(None, "incremental_vacuum", VACUUM_PAGES, |_| Ok(()))?;
            }
            Ok((gone, files))
        };
        let (gone, files) =
            self.writer.write(move |ledger| work(ledger.sql).map_err(|error| ledger.fail(error))).await?;
        folder.remove_all(files).await;
        Ok(gone)
    }
}
