//! Owns the ledger of previews: the one message for each owed turn that shows the answer while it is written. A preview is
//! marked before it is sent, as every send is, and its id is kept so that the answer can take its place. Never sends.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{ConversationKey, InboundId, Store, StoreError, TurnRows};

/// What became of `Store::begin_preview`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewBegin {
    /// It is marked: send it, and say how that ended.
    Begun,
    /// One is visible already, from before a restart; this is the vendor's id of it.
    Shown(String),
    /// Something else waits to be sent in the conversation, and goes first.
    Busy,
    /// There is to be none: the turn is over, or one was sent and nobody knows how that ended.
    Never,
}

impl Store {
    /// Marks the preview of an owed turn as being sent. One that was begun for a message which is now told together with others
    /// is the turn's own.
    ///
    /// # Errors
    /// When the mark could not be stored: nothing may be sent then.
    pub async fn begin_preview(
        &self,
        rows: &TurnRows,
        conversation: &ConversationKey,
    ) -> Result<PreviewBegin, StoreError> {
        let (rows, conversation) = (rows.clone(), conversation.clone());
        let work = move |sql: &Connection| {
            let id = rows.own;
            for other in &rows.others {
                // There is at most one for a turn: a second stays where it is.
                sql.prepare_cached("UPDATE OR IGNORE previews SET inbound = ?1 WHERE inbound = ?2")?
                    .execute([id.0, other.id.0])?;
            }
            let found: Option<Option<String>> = sql
                .prepare_cached("SELECT message_id FROM previews WHERE inbound = ?1")?
                .query_row([id.0], |row| row.get(0))
                .optional()?;
            match found {
                Some(Some(message_id)) => return Ok(PreviewBegin::Shown(message_id)),
                Some(None) => return Ok(PreviewBegin::Never),
                None => {}
            }
            let owed: Option<bool> = sql
                .prepare_cached("SELECT state = 'queued' FROM inbound WHERE id = ?1")?
                .query_row([id.0], |row| row.get(0))
                .optional()?;
            if owed != Some(true) {
                return Ok(PreviewBegin::Never);
            }
            if busy(sql, &conversation)? {
                return Ok(PreviewBegin::Busy);
            }
            sql.prepare_cached("INSERT INTO previews (inbound, state) VALUES (?1, 'sending')")?
                .execute([id.0])?;
            Ok(PreviewBegin::Begun)
        };
        self.writer.write(move |ledger| work(ledger.sql).map_err(|error| ledger.fail(error))).await
    }

    /// Stores how the send of a preview ended: with the vendor's id, or with nothing visible. Who does not know says nothing.
    ///
    /// # Errors
    /// When it could not be stored.
    pub async fn end_preview(&self, id: InboundId, message_id: Option<&str>) -> Result<(), StoreError> {
        let message_id = message_id.map(str::to_owned);
        let work = move |sql: &Connection| {
            match &message_id {
                Some(message_id) => sql
                    .prepare_cached(
                        "UPDATE previews SET state = 'shown', message_id = ?2 WHERE inbound = ?1",
                    )?
                    .execute(params![id.0, message_id])?,
                None => sql.prepare_cached("DELETE FROM previews WHERE inbound = ?1")?.execute([id.0])?,
            };
            Ok(())
        };
        self.writer.write(move |ledger| work(ledger.sql).map_err(|error| ledger.fail(error))).await
    }
}

/// Whether something is to be sent in a conversation, or is being sent.
fn busy(sql: &Connection, conversation: &ConversationKey) -> rusqlite::Result<bool> {
    let ConversationKey { account, target } = conversation;
    // Each half has the condition of its index.
    sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'pending' AND channel = ?1 AND account = ?2 AND room = ?3 \
         AND thread IS ?4) OR EXISTS (SELECT 1 FROM outbox WHERE state = 'sending' \
         AND state IN ('sending', 'ambiguous', 'failed') AND channel = ?1 AND account = ?2 AND room = ?3 AND thread IS ?4)",
    )?
    .query_row(params![account.channel, account.account, target.room, target.thread], |row| row.get(0))
}

/// Forgets the previews of a turn that is over. Returns the vendor's id of the first that is known to be visible.
pub(crate) fn take_preview(
    sql: &Connection,
    ids: impl Iterator<Item = InboundId>,
) -> rusqlite::Result<Option<String>> {
    let mut shown = None;
    for id in ids {
        let taken: Option<Option<String>> = sql
            .prepare_cached("DELETE FROM previews WHERE inbound = ?1 RETURNING message_id")?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        shown = shown.or(taken.flatten());
    }
    Ok(shown)
}
