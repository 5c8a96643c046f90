//! Owns what plugins remember: bytes by key, each account its own. Never knows what they mean; bounds of single keys and values
//! are its callers', the quota of an account is kept here, where it is counted in the transaction that uses it.

use rusqlite::{Connection, OptionalExtension, params};

use crate::writer::Ledger;
use crate::{AccountKey, Store, StoreError};

/// One change of an account's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvWrite {
    /// Replaces the value of a key.
    Put(String, Vec<u8>),
    /// Forgets a key, if it is there.
    Delete(String),
}

/// What became of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvOutcome {
    /// All of them are durable.
    Applied,
    /// The account would have more bytes than its quota: nothing was changed.
    Full,
}

impl Store {
    /// The value of a key of an account.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn kv_get(&self, account: &AccountKey, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (account, key) = (account.clone(), key.to_owned());
        let work = move |sql: &Connection| {
            sql.prepare_cached("SELECT value FROM kv WHERE channel = ?1 AND account = ?2 AND key = ?3")?
                .query_row(params![account.channel, account.account, key.as_bytes()], |row| row.get(0))
                .optional()
        };
        self.readers.read(work).await
    }

    /// Entries of an account whose keys begin with `prefix` and come after `after`, in the order of the bytes of their keys:
    /// at most `limit`, and no more than fit `bytes`, but always one if there is one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn kv_scan(
        &self,
        account: &AccountKey,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (account, prefix) = (account.clone(), prefix.to_owned());
        // The first key that may be next: what follows `after` at once is `after` with a zero byte behind it.
        let from = match after.filter(|after| after.as_bytes() >= prefix.as_bytes()) {
            Some(after) => [after.as_bytes(), &[0]].concat(),
            None => prefix.as_bytes().to_vec(),
        };
        let work = move |sql: &Connection| {
            let mut statement = sql.prepare_cached(
                "SELECT key, value FROM kv WHERE channel = ?1 AND account = ?2 AND key >= ?3 ORDER BY key",
            )?;
            let mut rows = statement.query(params![account.channel, account.account, from])?;
            let (mut found, mut size) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let key = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                let value = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                size += key.len() + value.len();
                if !key.starts_with(prefix.as_bytes())
                    || found.len() >= limit
                    || (size > bytes && !found.is_empty())
                {
                    break;
                }
                found.push((String::from_utf8_lossy(key).into_owned(), value.to_vec()));
            }
            Ok(found)
        };
        self.readers.read(work).await
    }

    /// Makes all changes, in their order, or none; durable when it returns.
    ///
    /// # Errors
    /// When nothing could be written.
    pub async fn kv_apply(
        &self,
        account: &AccountKey,
        changes: Vec<KvWrite>,
        quota: u64,
    ) -> Result<KvOutcome, StoreError> {
        let account = account.clone();
        let work = move |ledger: &Ledger<'_>| {
            let applied = apply(ledger.sql, &account, &changes, i64::try_from(quota).unwrap_or(i64::MAX));
            applied.map_err(|error| ledger.fail(error))
        };
        self.writer.write(work).await
    }
}

fn apply(
    sql: &Connection,
    AccountKey { channel, account }: &AccountKey,
    changes: &[KvWrite],
    quota: i64,
) -> rusqlite::Result<KvOutcome> {
    let used: Option<i64> = sql
        .prepare_cached("SELECT bytes FROM kv_usage WHERE channel = ?1 AND account = ?2")?
        .query_row([channel, account], |row| row.get(0))
        .optional()?;
    let before = used.unwrap_or(0);
    let mut after = before;
    // A part of the changes must not stay when the quota turns out to be too small.
    sql.execute_batch("SAVEPOINT kv")?;
    for change in changes {
        let (KvWrite::Put(key, _) | KvWrite::Delete(key)) = change;
        let freed: Option<i64> = sql
            .prepare_cached(
                "DELETE FROM kv WHERE channel = ?1 AND account = ?2 AND key = ?3 RETURNING length(key) + length(value)",
            )?
            .query_row(params![channel, account, key.as_bytes()], |row| row.get(0))
            .optional()?;
        after -= freed.unwrap_or(0);
        if let KvWrite::Put(key, value) = change {
            sql.prepare_cached("INSERT INTO kv (channel, account, key, value) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![channel, account, key.as_bytes(), value])?;
            after += i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX);
        }
    }
    // An account that is over a quota which became smaller may still make itself smaller.
    if after > quota && after > before {
        sql.execute_batch("ROLLBACK TO kv; RELEASE kv")?;
        return Ok(KvOutcome::Full);
    }
    sql.prepare_cached("INSERT OR REPLACE INTO kv_usage (channel, account, bytes) VALUES (?1, ?2, ?3)")?
        .execute(params![channel, account, after])?;
    sql.execute_batch("RELEASE kv")?;
    Ok(KvOutcome::Applied)
}
