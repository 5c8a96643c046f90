//! What the database knows of files: whose they are, which messages carry them, and which may go.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{FRESH_MS, NewMedia, UNCARRIED_MS};
use crate::{AccountKey, MediaFile, Store, StoreError};

/// A message under way carries the file: its turn or its sending is owed.
const OWED: &str = "(EXISTS (SELECT 1 FROM inbound WHERE inbound.id = media.inbound AND inbound.state IN ('new', 'queued')) \
                    OR EXISTS (SELECT 1 FROM outbox WHERE outbox.batch = media.batch AND outbox.state IN ('pending', 'sending')))";
/// Files looked at in one pruning.
const PRUNE_ROWS: i64 = 2_000;

impl Store {
    /// Adds a file of `size` bytes, and drops the oldest ones that may go where there is no room for it. Returns its handle
    /// and the names of the files that are to be removed; `None` when there is no room.
    pub(super) async fn add_media(
        &self,
        account: &AccountKey,
        new: &NewMedia,
        file: &str,
        size: u64,
        quota: u64,
        now: i64,
    ) -> Result<Option<(u64, Vec<String>)>, StoreError> {
        let (AccountKey { channel, account }, new, file) = (account.clone(), new.clone(), file.to_owned());
        let (size, quota) = (i64::try_from(size), i64::try_from(quota).unwrap_or(i64::MAX));
        let work = move |sql: &Connection| {
            let size = size.unwrap_or(i64::MAX);
            let used: i64 = sql
                .prepare_cached(
                    "SELECT coalesce(sum(size), 0) FROM media WHERE channel = ?1 AND account = ?2",
                )?
                .query_row([&channel, &account], |row| row.get(0))?;
            let Some(gone) = room(sql, &channel, &account, used.saturating_add(size) - quota, now)? else {
                return Ok(None);
            };
            for (id, _) in &gone {
                sql.prepare_cached("DELETE FROM media WHERE id = ?1")?.execute([id])?;
            }
            sql.prepare_cached(
                "INSERT INTO media (channel, account, file, mime, name, size, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![channel, account, file, new.mime, new.name, size, now])?;
            let handle = sql.last_insert_rowid().unsigned_abs();
            Ok(Some((handle, gone.into_iter().map(|(_, file)| file).collect())))
        };
        self.writer.write(move |ledger| work(ledger.sql).map_err(|error| ledger.fail(error))).await
    }

    /// A file of an account, and the name of the file that its bytes are in.
    pub(super) async fn find_media(
        &self,
        account: &AccountKey,
        handle: u64,
    ) -> Result<Option<(MediaFile, String)>, StoreError> {
        let (AccountKey { channel, account }, Ok(id)) = (account.clone(), i64::try_from(handle)) else {
            return Ok(None);
        };
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT id, mime, name, size, file FROM media WHERE id = ?1 AND channel = ?2 AND account = ?3",
            )?
            .query_row(params![id, channel, account], known)
            .optional()
        };
        self.readers.read(work).await
    }

    /// Drops the row of a file that no message under way carries, and returns the name of the file.
    pub(super) async fn drop_media(
        &self,
        account: &AccountKey,
        handle: u64,
    ) -> Result<Vec<String>, StoreError> {
        let (AccountKey { channel, account }, Ok(id)) = (account.clone(), i64::try_from(handle)) else {
            return Ok(Vec::new());
        };
        let work = move |sql: &Connection| -> rusqlite::Result<Vec<String>> {
            let text = format!(
                "DELETE FROM media WHERE id = ?1 AND channel = ?2 AND account = ?3 AND NOT {OWED} RETURNING file"
            );
            sql.prepare_cached(&text)?.query_map(params![id, channel, account], |row| row.get(0))?.collect()
        };
        self.writer.write(move |ledger| work(ledger.sql).map_err(|error| ledger.fail(error))).await
    }

    /// The names of all files that there should be.
    pub(super) async fn media_names(&self) -> Result<HashSet<String>, StoreError> {
        let work = |sql: &Connection| {
            sql.prepare_cached("SELECT file FROM media")?.query_map([], |row| row.get(0))?.collect()
        };
        self.readers.read(work).await
    }
}

/// The oldest files of an account that may go and that have `needed` bytes together; `None` when there are not enough.
fn room(
    sql: &Connection,
    channel: &str,
    account: &str,
    needed: i64,
    now: i64,
) -> rusqlite::Result<Option<Vec<(i64, String)>>> {
    let (mut gone, mut needed) = (Vec::new(), needed);
    if needed <= 0 {
        return Ok(Some(gone));
    }
    let text = format!(
        "SELECT id, file, size FROM media WHERE channel = ?1 AND account = ?2 AND created_at < ?3 AND NOT {OWED} ORDER BY id"
    );
    let mut statement = sql.prepare_cached(&text)?;
    let mut rows = statement.query(params![channel, account, now - FRESH_MS])?;
    while needed > 0 {
        let Some(row) = rows.next()? else { return Ok(None) };
        needed -= row.get::<_, i64>(2)?;
        gone.push((row.get(0)?, row.get(1)?));
    }
    Ok(Some(gone))
}

fn known(row: &Row<'_>) -> rusqlite::Result<(MediaFile, String)> {
    let (id, size): (i64, i64) = (row.get("id")?, row.get("size")?);
    let file = MediaFile {
        handle: id.unsigned_abs(),
        mime: row.get("mime")?,
        name: row.get("name")?,
        size: size.unsigned_abs(),
    };
    Ok((file, row.get("file")?))
}

/// What carries files.
pub(crate) enum Carrier<'a> {
    /// A message in the ledger, by its number.
    Message(i64),
    /// A draft in the outbox, by its name.
    Draft(&'a str),
}

/// Remembers what carries these files of an account.
pub(crate) fn carry(
    sql: &Connection,
    account: &AccountKey,
    media: &[MediaFile],
    by: &Carrier<'_>,
) -> rusqlite::Result<()> {
    let (inbound, batch) = match by {
        Carrier::Message(id) => (Some(id), None),
        Carrier::Draft(batch) => (None, Some(batch)),
    };
    for file in media {
        let id = i64::try_from(file.handle).unwrap_or_default();
        sql.prepare_cached(
            "UPDATE media SET inbound = coalesce(?4, inbound), batch = coalesce(?5, batch) \
             WHERE id = ?1 AND channel = ?2 AND account = ?3",
        )?
        .execute(params![id, account.channel, account.account, inbound, batch])?;
    }
    Ok(())
}

/// Drops the rows of files whose messages are forgotten, and of those that no message ever carried; returns the names of
/// the files.
pub(crate) fn uncarried(sql: &Connection, now: i64) -> rusqlite::Result<Vec<String>> {
    sql.prepare_cached(
        "DELETE FROM media WHERE id IN (SELECT id FROM media WHERE created_at < ?1 ORDER BY id LIMIT ?2) \
         AND NOT EXISTS (SELECT 1 FROM inbound WHERE inbound.id = media.inbound) \
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.batch = media.batch) RETURNING file",
    )?
    .query_map(params![now - UNCARRIED_MS, PRUNE_ROWS], |row| row.get(0))?
    .collect()
}
