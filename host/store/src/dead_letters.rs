//! Owns the view of what did not get through: parts of the outbox that were given up or whose end nobody knows, and what
//! components could not read. Finds, revives and forgets it on request; never does so by itself.

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::outbox::{conversation_key, outbox_row};
use crate::row::account;
use crate::writer::Ledger;
use crate::{AccountKey, ConversationKey, OutboxRow, OutboxState, SetAside, Store, StoreError, Target};

/// Bytes of what could not be read that a list looks at.
const BEGINNING: i64 = 400;
/// Of what kind a dead part of the outbox is, in SQL. A vendor may have a code `expired` too, in time.
const KIND: &str = "CASE WHEN state = 'ambiguous' THEN 'ambiguous' \
     WHEN expires_at <= updated_at AND json_extract(error, '$.code') = 'expired' THEN 'expired' ELSE 'failed' END";

/// Why a dead letter is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadKind {
    /// The vendor refused it, or all attempts failed.
    Failed,
    /// It may or may not have arrived.
    Ambiguous,
    /// It could not be sent in time.
    Expired,
    /// It came from the vendor, and the component could not read it.
    Unread,
}

impl DeadKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Ambiguous => "ambiguous",
            Self::Expired => "expired",
            Self::Unread => "unread",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "ambiguous" => Self::Ambiguous,
            "expired" => Self::Expired,
            _ => Self::Failed,
        }
    }
}

/// What names a dead letter: `send-17` or `unread-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadId {
    /// A part of the outbox.
    Send(i64),
    /// Something that was set aside.
    Unread(i64),
}

impl fmt::Display for DeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(id) => write!(f, "send-{id}"),
            Self::Unread(id) => write!(f, "unread-{id}"),
        }
    }
}

/// A text that names no dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of a dead letter; one looks like send-17 or unread-3")]
pub struct NoDeadId(String);

impl FromStr for DeadId {
    type Err = NoDeadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, number) = text.trim().split_once('-').unwrap_or_default();
        let number = Some(number).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        match (kind, number.and_then(|number| number.parse().ok())) {
            ("send", Some(id)) => Ok(Self::Send(id)),
            ("unread", Some(id)) => Ok(Self::Unread(id)),
            _ => Err(NoDeadId(text.to_owned())),
        }
    }
}

/// Which dead letters are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadQuery {
    /// Only of this channel.
    pub channel: Option<String>,
    /// Only of accounts of this name.
    pub account: Option<String>,
    /// So many at most.
    pub limit: usize,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its name.
    pub id: DeadId,
    /// Why it is here.
    pub kind: DeadKind,
    /// Whose it is.
    pub account: AccountKey,
    /// Where it was to go; nothing for what could not be read.
    pub target: Option<Target>,
    /// When it became one.
    pub at: i64,
    /// The code of its last error, or why it could not be read.
    pub code: String,
    /// What it says, or its beginning as it came.
    pub text: String,
}

/// How many dead letters there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadCounts {
    /// Given up.
    pub failed: u64,
    /// With an end that nobody knows.
    pub ambiguous: u64,
    /// Not sent in time.
    pub expired: u64,
    /// Not read.
    pub unread: u64,
}

impl DeadCounts {
    /// All of them.
    pub fn total(self) -> u64 {
        self.failed + self.ambiguous + self.expired + self.unread
    }

    fn count(&mut self, kind: DeadKind, count: u64) {
        match kind {
            DeadKind::Failed => self.failed += count,
            DeadKind::Ambiguous => self.ambiguous += count,
            DeadKind::Expired => self.expired += count,
            DeadKind::Unread => self.unread += count,
        }
    }
}

impl std::ops::AddAssign for DeadCounts {
    fn add_assign(&mut self, other: Self) {
        self.failed += other.failed;
        self.ambiguous += other.ambiguous;
        self.expired += other.expired;
        self.unread += other.unread;
    }
}

/// Everything that is known of a dead letter.
#[derive(Clone, Debug, PartialEq)]
pub enum DeadDetail {
    /// A part of the outbox.
    Send {
        /// Why it is here.
        kind: DeadKind,
        /// The part.
        row: Box<OutboxRow>,
        /// The idempotency key of whoever asked for the message.
        request_key: Option<String>,
        /// How many parts its message has.
        parts: u32,
    },
    /// What could not be read.
    Unread {
        /// Whose it is.
        account: AccountKey,
        /// As it came.
        what: SetAside,
    },
}

/// What became of `Store::revive`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revived {
    /// There is no such part any more.
    Gone,
    /// The part is no dead letter (any more).
    Not(OutboxState),
    /// So many of the parts may have arrived, and nobody agreed that they may appear twice. Nothing was changed.
    Uncertain(u32),
    /// Files that it carries are gone. Nothing was changed.
    FilesGone,
    /// They wait for their next attempt, in their old order.
    Queued {
        /// Where.
        conversation: ConversationKey,
        /// The part and those behind it that were dead too.
        parts: u32,
    },
}

/// What became of `Store::bury`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Buried {
    /// There is no such thing any more.
    Gone,
    /// The part is no dead letter (any more).
    Not(OutboxState),
    /// It is forgotten.
    Forgotten(AccountKey),
}

impl Store {
    /// Dead letters, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn dead_letters(&self, query: &DeadQuery) -> Result<Vec<DeadLetter>, StoreError> {
        let DeadQuery { channel, account: name, limit } = query.clone();
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| -> rusqlite::Result<Vec<DeadLetter>> {
            let text = format!(
                "SELECT id, {KIND} AS kind, channel, account, room, thread, updated_at AS at, \
                 coalesce(json_extract(error, '$.code'), '') AS code, body FROM outbox \
                 WHERE state IN ('ambiguous', 'failed') AND (?1 IS NULL OR channel = ?1) AND (?2 IS NULL OR account = ?2) \
                 ORDER BY updated_at DESC, id DESC LIMIT ?3"
            );
            let mut found: Vec<DeadLetter> = sql
                .prepare_cached(&text)?
                .query_map(params![channel, name, most], dead_send)?
                .collect::<Result<_, _>>()?;
            let unread = sql
                .prepare_cached(
                    "SELECT id, channel, account, at, reason, substr(raw, 1, ?4) AS raw FROM set_aside \
                     WHERE (?1 IS NULL OR channel = ?1) AND (?2 IS NULL OR account = ?2) ORDER BY id DESC LIMIT ?3",
                )?
                .query_map(params![channel, name, most, BEGINNING], dead_unread)?
                .collect::<Result<Vec<_>, _>>()?;
            found.extend(unread);
            // Stable: of one moment, what was found first stays first.
            found.sort_by_key(|letter| std::cmp::Reverse(letter.at));
            found.truncate(limit);
            Ok(found)
        };
        self.readers.read(work).await
    }

    /// How many dead letters each account has, of those that have any; at most `limit` accounts.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn dead_counts(&self, limit: usize) -> Result<Vec<(AccountKey, DeadCounts)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            let text = format!(
                "SELECT channel, account, sum(kind = 'failed') AS failed, sum(kind = 'ambiguous') AS ambiguous, \
                 sum(kind = 'expired') AS expired, sum(kind = 'unread') AS unread FROM ( \
                 SELECT channel, account, {KIND} AS kind FROM outbox WHERE state IN ('ambiguous', 'failed') \
                 UNION ALL SELECT channel, account, 'unread' FROM set_aside) GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ?1"
            );
            let count = |row: &Row<'_>, kind: &str| {
                row.get::<_, i64>(kind).map(|count| u64::try_from(count).unwrap_or_default())
            };
            sql.prepare_cached(&text)?
                .query_map([limit], |row| {
                    let mut counts = DeadCounts::default();
                    for kind in [DeadKind::Failed, DeadKind::Ambiguous, DeadKind::Expired, DeadKind::Unread] {
                        counts.count(kind, count(row, kind.as_str())?);
                    }
                    Ok((account(row)?, counts))
                })?
                .collect()
        };
        self.readers.read(work).await
    }

    /// Everything that is known of a dead letter.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn dead_letter(&self, id: DeadId) -> Result<Option<DeadDetail>, StoreError> {
        let work = move |sql: &Connection| match id {
            DeadId::Send(id) => {
                let text = format!(
                    "SELECT *, {KIND} AS kind, (SELECT count(*) FROM outbox AS own WHERE own.batch = outbox.batch) AS parts, \
                     (SELECT request_key FROM outbox AS own WHERE own.batch = outbox.batch AND own.part = 0) AS asked \
                     FROM outbox WHERE id = ?1 AND state IN ('ambiguous', 'failed')"
                );
                sql.prepare_cached(&text)?
                    .query_row([id], |row| {
                        Ok(DeadDetail::Send {
                            kind: DeadKind::of(&row.get::<_, String>("kind")?),
                            row: Box::new(outbox_row(row)?),
                            request_key: row.get("asked")?,
                            parts: row.get("parts")?,
                        })
                    })
                    .optional()
            }
            DeadId::Unread(id) => sql
                .prepare_cached(
                    "SELECT channel, account, vendor_id, reason, raw, at FROM set_aside WHERE id = ?1",
                )?
                .query_row([id], |row| {
                    let what = SetAside {
                        vendor_id: row.get("vendor_id")?,
                        reason: row.get("reason")?,
                        raw: row.get("raw")?,
                        at: row.get("at")?,
                    };
                    Ok(DeadDetail::Unread { account: account(row)?, what })
                })
                .optional(),
        };
        self.readers.read(work).await
    }

    /// How far a part of the outbox has come, if it is still known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn outbox_state(&self, id: i64) -> Result<Option<OutboxState>, StoreError> {
        self.readers.read(move |sql| state_of(sql, id)).await
    }

    /// Puts a dead part back into the outbox, and with it the dead parts behind it of the same message, as if they were
    /// new: all attempts, until `expires_at`. Parts that may have arrived are sent again only where `twice` says that
    /// they may appear twice; otherwise nothing is changed.
    ///
    /// # Errors
    /// On any error nothing is changed.
    pub async fn revive(
        &self,
        id: i64,
        twice: bool,
        expires_at: i64,
        now: i64,
    ) -> Result<Revived, StoreError> {
        let work = move |sql: &Connection| -> rusqlite::Result<Revived> {
            match state_of(sql, id)? {
                None => return Ok(Revived::Gone),
                Some(OutboxState::Ambiguous | OutboxState::Failed) => {}
                Some(other) => return Ok(Revived::Not(other)),
            }
            let uncertain: u32 = sql
                .prepare_cached(&format!("SELECT count(*) {BEHIND} AND state = 'ambiguous'"))?
                .query_row([id], |row| row.get(0))?;
            if uncertain > 0 && !twice {
                return Ok(Revived::Uncertain(uncertain));
            }
            let lacking: bool = sql
                .prepare_cached(&format!(
                    "SELECT EXISTS (SELECT 1 FROM (SELECT media {BEHIND}) AS dead, json_each(dead.media) AS file \
                     WHERE NOT EXISTS (SELECT 1 FROM media WHERE media.id = json_extract(file.value, '$.handle')))"
                ))?
                .query_row([id], |row| row.get(0))?;
            if lacking {
                return Ok(Revived::FilesGone);
            }
            let conversation = sql
                .prepare_cached("SELECT channel, account, room, thread FROM outbox WHERE id = ?1")?
                .query_row([id], conversation_key)?;
            let parts = sql
                .prepare_cached(&format!(
                    "UPDATE outbox SET state = 'pending', attempts = 0, error = NULL, next_attempt_at = ?2, \
                     expires_at = ?3, updated_at = ?2 WHERE id IN (SELECT id {BEHIND})"
                ))?
                .execute(params![id, now, expires_at])?;
            Ok(Revived::Queued { conversation, parts: u32::try_from(parts).unwrap_or(u32::MAX) })
        };
        self.writer.write(move |ledger| work(ledger.sql).map_err(|error| ledger.fail(error))).await
    }

    /// Forgets a dead letter. A part of the outbox stays, so that its idempotency key goes on meaning this message, but
    /// it is shown and sent no more.
    ///
    /// # Errors
    /// On any error nothing is changed.
    pub async fn bury(&self, id: DeadId, now: i64) -> Result<Buried, StoreError> {
        let work = move |ledger: &Ledger<'_>| -> rusqlite::Result<Buried> {
            let sql = ledger.sql;
            let forgotten = match id {
                DeadId::Send(id) => sql
                    .prepare_cached(
                        "UPDATE outbox SET state = 'dropped', updated_at = ?2 \
                         WHERE id = ?1 AND state IN ('ambiguous', 'failed') RETURNING channel, account",
                    )?
                    .query_row(params![id, now], account)
                    .optional()?,
                DeadId::Unread(id) => sql
                    .prepare_cached("DELETE FROM set_aside WHERE id = ?1 RETURNING channel, account")?
                    .query_row([id], account)
                    .optional()?,
            };
            match (forgotten, id) {
                (Some(account), _) => Ok(Buried::Forgotten(account)),
                (None, DeadId::Send(id)) => Ok(state_of(sql, id)?.map_or(Buried::Gone, Buried::Not)),
                (None, DeadId::Unread(_)) => Ok(Buried::Gone),
            }
        };
        self.writer.write(move |ledger| work(ledger).map_err(|error| ledger.fail(error))).await
    }
}

/// The dead part `?1` and the dead ones behind it of its message.
const BEHIND: &str = "FROM outbox WHERE state IN ('ambiguous', 'failed') \
     AND batch = (SELECT batch FROM outbox WHERE id = ?1) AND part >= (SELECT part FROM outbox WHERE id = ?1)";

fn state_of(sql: &Connection, id: i64) -> rusqlite::Result<Option<OutboxState>> {
    let state = |row: &Row<'_>| outbox_row(row).map(|row| row.state);
    sql.prepare_cached("SELECT * FROM outbox WHERE id = ?1")?.query_row([id], state).optional()
}

fn dead_send(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: DeadId::Send(row.get("id")?),
        kind: DeadKind::of(&row.get::<_, String>("kind")?),
        account: account(row)?,
        target: Some(Target { room: row.get("room")?, thread: row.get("thread")? }),
        at: row.get("at")?,
        code: row.get("code")?,
        text: row.get("body")?,
    })
}

fn dead_unread(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let raw: Vec<u8> = row.get("raw")?;
    Ok(DeadLetter {
        id: DeadId::Unread(row.get("id")?),
        kind: DeadKind::Unread,
        account: account(row)?,
        target: None,
        at: row.get("at")?,
        code: row.get("reason")?,
        text: String::from_utf8_lossy(&raw).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_is_written() {
        for id in [DeadId::Send(17), DeadId::Unread(3)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for wrong in
            ["", "17", "send-", "send-x", "send--1", "send-+1", "unread-99999999999999999999", "sent-1"]
        {
            assert!(wrong.parse::<DeadId>().is_err(), "{wrong}");
        }
    }
}
