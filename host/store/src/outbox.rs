//! Owns the ledger of what goes out: one row a part, from enqueuing to its end. A row is marked as being sent before it is
//! sent: whatever is found so marked after a crash may or may not have left. Never sends.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::media::{Carrier, carry};
use crate::row::{account, bad, json, json_option, text};
use crate::sessions::UnknownWord;
use crate::writer::Ledger;
use crate::{
    AccountKey, Claim, ConversationKey, Draft, Enqueued, MediaFile, OutboxRow, OutboxState, SendEnd,
    SendFault, Store, StoreError, Target,
};

impl Store {
    /// Stores a draft, unless one with the same request key is stored already.
    ///
    /// # Errors
    /// `Conflict` when the request key was used for another target or another text.
    pub async fn enqueue(&self, draft: &Draft, now: i64) -> Result<Enqueued, StoreError> {
        let draft = draft.clone();
        let work = move |ledger: &Ledger<'_>| {
            let earlier = draft.request_key.as_deref().map(|key| earlier(ledger.sql, key)).transpose();
            let Some(first) = earlier.map_err(|error| ledger.fail(error))?.flatten() else {
                insert_draft(ledger, &draft, now)?;
                return Ok(Enqueued { batch: draft.batch, fresh: true });
            };
            let same = first.account == draft.account && first.target == draft.target;
            if !same || draft.parts.first() != Some(&first.text) || !alike(&draft.media, &first.media) {
                let key = draft.request_key.unwrap_or_default();
                return Err(StoreError::Conflict(format!(
                    "idempotency key {key:?} was used for another message"
                )));
            }
            Ok(Enqueued { batch: first.batch, fresh: false })
        };
        self.writer.write(work).await
    }

    /// Takes the head of a conversation, in the order of enqueuing, and marks it durably as being sent. Rows past their
    /// expiry are given up on the way.
    ///
    /// # Errors
    /// When the mark could not be stored: nothing may be sent then.
    pub async fn claim(&self, conversation: &ConversationKey, now: i64) -> Result<Claim, StoreError> {
        let conversation = conversation.clone();
        let work = move |ledger: &Ledger<'_>| {
            while let Some(mut row) = head(ledger.sql, &conversation).map_err(|error| ledger.fail(error))? {
                if row.expires_at <= now {
                    end_row(ledger, row.id, &SendEnd::Failed(expired()), now)?;
                    continue;
                }
                if row.next_attempt_at > now {
                    return Ok(Claim::NotBefore(row.next_attempt_at));
                }
                ledger.sql
                    .prepare_cached(
                        "UPDATE outbox SET state = 'sending', attempts = attempts + 1, updated_at = ?2 WHERE id = ?1",
                    )
                    .and_then(|mut statement| statement.execute(params![row.id, now]))
                    .map_err(|error| ledger.fail(error))?;
                row.state = OutboxState::Sending;
                row.attempts += 1;
                return Ok(Claim::Part(Box::new(row)));
            }
            Ok(Claim::Empty)
        };
        self.writer.write(work).await
    }

    /// Stores how an attempt ended.
    ///
    /// # Errors
    /// `Conflict` when the row is not being sent.
    pub async fn end_send(&self, id: i64, end: &SendEnd, now: i64) -> Result<(), StoreError> {
        let end = end.clone();
        self.writer.write(move |ledger| end_row(ledger, id, &end, now)).await
    }

    /// The rows of one draft, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn batch(&self, batch: &str) -> Result<Vec<OutboxRow>, StoreError> {
        let batch = batch.to_owned();
        let work = move |sql: &Connection| {
            sql.prepare_cached("SELECT * FROM outbox WHERE batch = ?1 ORDER BY part")?
                .query_map([batch], outbox_row)?
                .collect()
        };
        self.readers.read(work).await
    }

    /// Conversations with something to send, of one account or of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn pending_conversations(
        &self,
        of: Option<&AccountKey>,
        limit: usize,
    ) -> Result<Vec<ConversationKey>, StoreError> {
        let of = of.cloned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            let (channel, account) = (of.as_ref().map(|of| &of.channel), of.as_ref().map(|of| &of.account));
            sql.prepare_cached(
                "SELECT channel, account, room, thread FROM outbox WHERE state = 'pending' \
                 AND (?1 IS NULL OR channel = ?1) AND (?2 IS NULL OR account = ?2) \
                 GROUP BY channel, account, room, thread ORDER BY min(id) LIMIT ?3",
            )?
            .query_map(params![channel, account, limit], conversation_key)?
            .collect()
        };
        self.readers.read(work).await
    }

    /// Sends whose end nobody knows and sends given up, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn flagged(&self, limit: usize) -> Result<Vec<OutboxRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT * FROM outbox WHERE state IN ('ambiguous', 'failed') ORDER BY id DESC LIMIT ?1",
            )?
            .query_map([limit], outbox_row)?
            .collect()
        };
        self.readers.read(work).await
    }

    /// Flags what a crash interrupted. Runs once, at open.
    pub(crate) async fn flag_interrupted(&self) -> Result<(), StoreError> {
        let fault = SendFault {
            code: "interrupted".to_owned(),
            detail: "the gateway ended while this was being sent; it may have arrived".to_owned(),
        };
        let fault = text(&fault)?;
        let work = move |sql: &Connection| {
            // An edit shows the same when it is made twice.
            sql.execute(
                "UPDATE outbox SET state = 'pending' WHERE state = 'sending' AND edits IS NOT NULL",
                [],
            )?;
            sql.execute("UPDATE outbox SET state = 'ambiguous', error = ?1 WHERE state = 'sending'", [fault])
        };
        let work = move |ledger: &Ledger<'_>| work(ledger.sql).map_err(|error| ledger.fail(error));
        let flagged = self.writer.write(work).await?;
        if flagged > 0 {
            tracing::warn!(
                sends = flagged,
                "sends were interrupted; they are flagged and not sent again by themselves"
            );
        }
        Ok(())
    }
}

/// Adds the parts of a draft inside a transaction.
pub(crate) fn insert_draft(ledger: &Ledger<'_>, draft: &Draft, now: i64) -> Result<(), StoreError> {
    insert_in_place(ledger, draft, None, now)
}

/// The same, with the first part in place of the message of ours that has the id `edits`.
pub(crate) fn insert_in_place(
    ledger: &Ledger<'_>,
    draft: &Draft,
    edits: Option<&str>,
    now: i64,
) -> Result<(), StoreError> {
    let Draft { account, target, .. } = draft;
    let (media, none) = (text(&draft.media)?, "[]".to_owned());
    let carrier = Carrier::Draft(&draft.batch);
    carry(ledger.sql, account, &draft.media, &carrier).map_err(|error| ledger.fail(error))?;
    for (part, body) in (0_i64..).zip(&draft.parts) {
        let first = part == 0;
        ledger.sql
            .prepare_cached(
                "INSERT INTO outbox (batch, part, request_key, channel, account, room, thread, body, reply_to, \
                 edits, reply_context, media, silent, next_attempt_at, created_at, expires_at, updated_at) \
                 VALUES (:batch, :part, :request_key, :channel, :account, :room, :thread, :body, :reply_to, \
                 :edits, :reply_context, :media, :silent, :now, :now, :expires_at, :now)",
            )
            .and_then(|mut statement| {
                statement.execute(named_params! {
                    ":batch": draft.batch, ":part": part, ":body": body, ":silent": draft.silent,
                    ":request_key": draft.request_key.as_ref().filter(|_| first),
                    ":channel": account.channel, ":account": account.account,
                    ":room": target.room, ":thread": target.thread,
                    ":reply_to": draft.reply_to.as_ref().filter(|_| first || draft.reply_all),
                    ":edits": edits.filter(|_| first),
                    ":reply_context": draft.reply_context,
                    ":media": if first { &media } else { &none },
                    ":expires_at": draft.expires_at, ":now": now,
                })
            })
            .map_err(|error| ledger.fail(error))?;
    }
    Ok(())
}

/// Gives up what is past its expiry in conversations that nobody works on.
pub(crate) fn expire(sql: &Connection, now: i64) -> rusqlite::Result<usize> {
    let fault = text(&expired()).unwrap_or_default();
    sql.execute(
        "UPDATE outbox SET state = 'failed', error = ?2, updated_at = ?1 WHERE state = 'pending' AND expires_at <= ?1",
        params![now, fault],
    )
}

fn expired() -> SendFault {
    SendFault { code: "expired".to_owned(), detail: "it could not be sent in time".to_owned() }
}

/// Whether the files are the same to whoever sees them. Each try takes its own in.
fn alike(media: &[MediaFile], other: &[MediaFile]) -> bool {
    let seen = |file: &MediaFile| (file.mime.clone(), file.name.clone(), file.size);
    media.iter().map(seen).eq(other.iter().map(seen))
}

fn earlier(sql: &Connection, request_key: &str) -> rusqlite::Result<Option<OutboxRow>> {
    sql.prepare_cached("SELECT * FROM outbox WHERE request_key = ?1")?
        .query_row([request_key], outbox_row)
        .optional()
}

fn head(sql: &Connection, conversation: &ConversationKey) -> rusqlite::Result<Option<OutboxRow>> {
    let ConversationKey { account, target } = conversation;
    sql.prepare_cached(
        "SELECT * FROM outbox WHERE state = 'pending' AND channel = ?1 AND account = ?2 AND room = ?3 AND thread IS ?4 \
         ORDER BY id LIMIT 1",
    )?
    .query_row(params![account.channel, account.account, target.room, target.thread], outbox_row)
    .optional()
}

fn end_row(ledger: &Ledger<'_>, id: i64, end: &SendEnd, now: i64) -> Result<(), StoreError> {
    let (state, fault, receipt, next, uncounted) = match end {
        SendEnd::Sent(receipt) => ("sent", None, Some(receipt), None, 0),
        SendEnd::Retry(fault, at) => ("pending", Some(fault), None, Some(*at), 0),
        SendEnd::Parked(fault) | SendEnd::Anew(fault) => ("pending", Some(fault), None, Some(now), 1),
        SendEnd::Ambiguous(fault) => ("ambiguous", Some(fault), None, None, 0),
        SendEnd::Failed(fault) => ("failed", Some(fault), None, None, 0),
    };
    let anew = matches!(end, SendEnd::Anew(_));
    let fault = fault.map(text).transpose()?;
    let receipt = receipt.map(text).transpose()?;
    let changed = ledger.sql
        .prepare_cached(
            "UPDATE outbox SET state = ?2, error = ?3, receipt = ?4, next_attempt_at = coalesce(?5, next_attempt_at), \
             attempts = attempts - ?6, updated_at = ?7, edits = iif(?8, NULL, edits) \
             WHERE id = ?1 AND state IN ('sending', 'pending')",
        )
        .and_then(|mut statement| {
            statement.execute(params![id, state, fault, receipt, next, uncounted, now, anew])
        })
        .map_err(|error| ledger.fail(error))?;
    match changed {
        0 => Err(StoreError::Conflict(format!("outbox row {id} is not being sent"))),
        _ => Ok(()),
    }
}

pub(crate) fn conversation_key(row: &Row<'_>) -> rusqlite::Result<ConversationKey> {
    let target = Target { room: row.get("room")?, thread: row.get("thread")? };
    Ok(ConversationKey { account: account(row)?, target })
}

pub(crate) fn outbox_row(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    let state: String = row.get("state")?;
    let state = match state.as_str() {
        "pending" => OutboxState::Pending,
        "sending" => OutboxState::Sending,
        "sent" => OutboxState::Sent,
        "ambiguous" => OutboxState::Ambiguous,
        "failed" => OutboxState::Failed,
        "dropped" => OutboxState::Dropped,
        _ => return Err(bad(row, "state", UnknownWord(state))),
    };
    let ConversationKey { account, target } = conversation_key(row)?;
    Ok(OutboxRow {
        id: row.get("id")?,
        batch: row.get("batch")?,
        part: row.get("part")?,
        account,
        target,
        text: row.get("body")?,
        reply_to: row.get("reply_to")?,
        edits: row.get("edits")?,
        reply_context: row.get("reply_context")?,
        media: json(row, "media")?,
        silent: row.get("silent")?,
        state,
        attempts: row.get("attempts")?,
        next_attempt_at: row.get("next_attempt_at")?,
        receipt: json_option(row, "receipt")?,
        error: json_option(row, "error")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        updated_at: row.get("updated_at")?,
    })
}
