//! Owns the ledger of what came in: one row a message from admission until its turn is over. Never decides: it stores what
//! was decided, with the reason.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::media::{Carrier, carry};
use crate::outbox::insert_in_place;
use crate::previews::take_preview;
use crate::row::{account, bad, json, json_option, text};
use crate::said::forget_said;
use crate::sessions::{UnknownWord, write_session};
use crate::writer::Ledger;
use crate::{
    AccountKey, Admitted, Decided, Decision, Draft, InboundId, InboundRow, InboundState, Message, Route,
    SessionWrite, SetAside, Store, StoreError, Target, TurnRows, Verdict,
};

/// A message with the vendor's id of the message in whose turn it ended.
const DECIDED: &str =
    "SELECT *, (SELECT t.vendor_id FROM inbound t WHERE t.id = inbound.turn) AS turn_vendor_id FROM inbound";

impl Store {
    /// Stores a message and the account's cursor in one transaction. A message whose vendor id the account has had before
    /// changes nothing but the cursor.
    ///
    /// # Errors
    /// On any error neither is stored: the vendor must not be told that the message arrived.
    pub async fn admit(
        &self,
        account: &AccountKey,
        message: &Message,
        cursor: Option<Vec<u8>>,
        now: i64,
    ) -> Result<Admitted, StoreError> {
        let body = text(message)?;
        let (account, vendor_id) = (account.clone(), message.id.clone());
        let (reply_context, media) = (message.reply_context.clone(), message.media.clone());
        let work = move |ledger: &Ledger<'_>| {
            if let Some(cursor) = cursor {
                move_cursor(ledger.sql, &account, &cursor)?;
            }
            let added = ledger
                .sql
                .prepare_cached(
                    "INSERT INTO inbound (channel, account, vendor_id, body, reply_context, received_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                )?
                .execute(params![account.channel, account.account, vendor_id, body, reply_context, now])?;
            if added == 1 {
                let id = ledger.sql.last_insert_rowid();
                carry(ledger.sql, &account, &media, &Carrier::Message(id))?;
                return Ok(Admitted { id: InboundId(id), duplicate: false });
            }
            let id = ledger
                .sql
                .prepare_cached(
                    "SELECT id FROM inbound WHERE channel = ?1 AND account = ?2 AND vendor_id = ?3",
                )?
                .query_row(params![account.channel, account.account, vendor_id], |row| row.get(0))?;
            Ok(Admitted { id: InboundId(id), duplicate: true })
        };
        self.writer.write(move |ledger| work(ledger).map_err(|error| ledger.fail(error))).await
    }

    /// What the last `admit` of this account stored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn cursor(&self, account: &AccountKey) -> Result<Option<Vec<u8>>, StoreError> {
        let account = account.clone();
        let work = move |sql: &Connection| {
            sql.prepare_cached("SELECT cursor FROM cursors WHERE channel = ?1 AND account = ?2")?
                .query_row(params![account.channel, account.account], |row| row.get(0))
                .optional()
        };
        self.readers.read(work).await
    }

    /// Stores something that a component could not read, and moves the cursor past it, in one transaction. The newest `keep` of
    /// the account stay.
    ///
    /// # Errors
    /// On any error nothing is stored.
    pub async fn set_aside(
        &self,
        account: &AccountKey,
        what: &SetAside,
        cursor: Vec<u8>,
        keep: u32,
    ) -> Result<(), StoreError> {
        let (AccountKey { channel, account }, what) = (account.clone(), what.clone());
        let work = move |ledger: &Ledger<'_>| {
            let SetAside { vendor_id, reason, raw, at } = &what;
            move_cursor(ledger.sql, &AccountKey::new(&channel, &account), &cursor)?;
            ledger
                .sql
                .prepare_cached(
                    "INSERT INTO set_aside (channel, account, vendor_id, reason, raw, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![channel, account, vendor_id, reason, raw, at])?;
            ledger
                .sql
                .prepare_cached(
                    "DELETE FROM set_aside WHERE channel = ?1 AND account = ?2 AND id NOT IN \
                     (SELECT id FROM set_aside WHERE channel = ?1 AND account = ?2 ORDER BY id DESC LIMIT ?3)",
                )?
                .execute(params![channel, account, keep])?;
            Ok(())
        };
        self.writer.write(move |ledger| work(ledger).map_err(|error| ledger.fail(error))).await
    }

    /// What an account's component could not read, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn set_asides(&self, account: &AccountKey) -> Result<Vec<SetAside>, StoreError> {
        let AccountKey { channel, account } = account.clone();
        let work = move |sql: &Connection| {
            let mut statement = sql.prepare_cached(
                "SELECT vendor_id, reason, raw, at FROM set_aside WHERE channel = ?1 AND account = ?2 ORDER BY id DESC",
            )?;
            let row = |row: &Row<'_>| {
                Ok(SetAside {
                    vendor_id: row.get(0)?,
                    reason: row.get(1)?,
                    raw: row.get(2)?,
                    at: row.get(3)?,
                })
            };
            statement.query_map([channel, account], row)?.collect()
        };
        self.readers.read(work).await
    }

    /// Stores the decision about an undecided message.
    ///
    /// # Errors
    /// `Conflict` when it was decided before.
    pub async fn decide(&self, id: InboundId, decision: Decision, now: i64) -> Result<(), StoreError> {
        self.writer.write(move |ledger| close_decision(ledger, id, &decision, now)).await
    }

    /// What is known of the message with this id of the vendor's; an id is unique in its account alone.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn decided(
        &self,
        account: &AccountKey,
        vendor_id: &str,
    ) -> Result<Option<Decided>, StoreError> {
        let (AccountKey { channel, account }, vendor_id) = (account.clone(), vendor_id.to_owned());
        let work = move |sql: &Connection| {
            sql.prepare_cached(&format!("{DECIDED} WHERE channel = ?1 AND account = ?2 AND vendor_id = ?3"))?
                .query_row(params![channel, account, vendor_id], decided_row)
                .optional()
        };
        self.readers.read(work).await
    }

    /// The messages that an account had last, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn latest(&self, account: &AccountKey, limit: usize) -> Result<Vec<Decided>, StoreError> {
        let AccountKey { channel, account } = account.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            sql.prepare_cached(&format!(
                "{DECIDED} WHERE channel = ?1 AND account = ?2 ORDER BY received_at DESC, id DESC LIMIT ?3"
            ))?
            .query_map(params![channel, account, limit], decided_row)?
            .collect()
        };
        self.readers.read(work).await
    }

    /// What was heard in a conversation before the message `last`, since the message before `first` that became a turn there:
    /// oldest first, the newest `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn heard(
        &self,
        account: &AccountKey,
        conversation: &Target,
        first: InboundId,
        last: InboundId,
        limit: usize,
    ) -> Result<Vec<InboundRow>, StoreError> {
        let (AccountKey { channel, account }, place) = (account.clone(), text(conversation)?);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            let mut heard: Vec<InboundRow> = sql
                .prepare_cached(
                    "SELECT * FROM inbound WHERE channel = ?1 AND account = ?2 AND heard_in = ?3 AND id < ?5 \
                     AND state = 'dropped' AND id > (SELECT coalesce(max(id), 0) FROM inbound WHERE channel = ?1 \
                     AND account = ?2 AND heard_in = ?3 AND id < ?4 AND state != 'dropped') ORDER BY id DESC LIMIT ?6",
                )?
                .query_map(params![channel, account, place, first.0, last.0, limit], inbound_row)?
                .collect::<Result<_, _>>()?;
            heard.reverse();
            Ok(heard)
        };
        self.readers.read(work).await
    }

    /// Closes admitted messages with one turn: the session's entries and the reply are stored in the same transaction, so
    /// that all of them are done exactly when the reply is in the outbox. A preview that is visible becomes
    /// the reply's first part.
    ///
    /// # Errors
    /// `Conflict` when one of them was closed before: then nothing is stored.
    pub async fn finish_turn(
        &self,
        rows: impl Into<TurnRows>,
        session: Option<SessionWrite>,
        reply: Option<Draft>,
        now: i64,
    ) -> Result<(), StoreError> {
        let rows = rows.into();
        let work = move |ledger: &Ledger<'_>| {
            let own = rows.own;
            let ended = rows.ended.as_deref().map(|ended| (own, ended));
            close_row(ledger, own, InboundState::Done, ended, now)?;
            for other in &rows.others {
                let state = if other.dropped { InboundState::Dropped } else { InboundState::Done };
                close_row(ledger, other.id, state, Some((own, &other.how)), now)?;
            }
            if let Some(session) = &session {
                write_session(ledger, session, now)?;
            }
            forget_said(ledger.sql, rows.all()).map_err(|error| ledger.fail(error))?;
            let shown = take_preview(ledger.sql, rows.all()).map_err(|error| ledger.fail(error))?;
            match &reply {
                Some(draft) => insert_in_place(ledger, draft, shown.as_deref(), now),
                None => Ok(()),
            }
        };
        self.writer.write(work).await
    }

    /// Messages without a decision, oldest first, numbered above `after`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn undecided(&self, after: InboundId, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        self.open_rows(InboundState::New, after, limit).await
    }

    /// Admitted messages whose turn is not finished, oldest first, numbered above `after`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn unfinished(&self, after: InboundId, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        self.open_rows(InboundState::Queued, after, limit).await
    }

    /// Admitted messages of one session whose turn is not finished, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn owed_in(&self, session_key: &str, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        let session_key = session_key.to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT id, channel, account, body, reply_context, received_at, agent, session_key FROM inbound \
                 WHERE state = 'queued' AND session_key = ?1 ORDER BY id LIMIT ?2",
            )?
            .query_map(params![session_key, limit], inbound_row)?
            .collect()
        };
        self.readers.read(work).await
    }

    async fn open_rows(
        &self,
        state: InboundState,
        after: InboundId,
        limit: usize,
    ) -> Result<Vec<InboundRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT id, channel, account, body, reply_context, received_at, agent, session_key FROM inbound \
                 WHERE state IN ('new', 'queued') AND state = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            )?
            .query_map(params![state.word(), after.0, limit], inbound_row)?
            .collect()
        };
        self.readers.read(work).await
    }
}

fn move_cursor(sql: &Connection, account: &AccountKey, cursor: &[u8]) -> rusqlite::Result<usize> {
    sql.prepare_cached(
        "INSERT INTO cursors (channel, account, cursor) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET cursor = excluded.cursor",
    )?
    .execute(params![account.channel, account.account, cursor])
}

impl InboundState {
    const ALL: [Self; 4] = [Self::New, Self::Queued, Self::Done, Self::Dropped];

    /// The word of the table.
    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Queued => "queued",
            Self::Done => "done",
            Self::Dropped => "dropped",
        }
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let word: String = row.get("state")?;
        let known = Self::ALL.into_iter().find(|state| state.word() == word);
        known.ok_or_else(|| bad(row, "state", UnknownWord(word)))
    }
}

fn decided_row(row: &Row<'_>) -> rusqlite::Result<Decided> {
    Ok(Decided {
        row: inbound_row(row)?,
        state: InboundState::read(row)?,
        reason: row.get("reason")?,
        steps: json_option(row, "steps")?.unwrap_or_default(),
        closed_at: row.get("closed_at")?,
        turn: row.get("turn_vendor_id")?,
        ended: row.get("ended")?,
    })
}

fn inbound_row(row: &Row<'_>) -> rusqlite::Result<InboundRow> {
    let mut message: Message = json(row, "body")?;
    message.reply_context = row.get("reply_context")?;
    let (agent, session_key): (Option<String>, Option<String>) = (row.get("agent")?, row.get("session_key")?);
    Ok(InboundRow {
        id: InboundId(row.get("id")?),
        account: account(row)?,
        message,
        received_at: row.get("received_at")?,
        route: agent.zip(session_key).map(|(agent, session_key)| Route { agent, session_key }),
    })
}

/// Closes a message whose turn is owed.
fn close_row(
    ledger: &Ledger<'_>,
    id: InboundId,
    state: InboundState,
    turn: Option<(InboundId, &str)>,
    now: i64,
) -> Result<(), StoreError> {
    let (turn, ended) = turn.map(|(turn, ended)| (turn.0, ended)).unzip();
    let closed = ledger
        .sql
        .prepare_cached(
            "UPDATE inbound SET state = ?2, closed_at = ?3, turn = ?4, ended = ?5 WHERE id = ?1 AND state = 'queued'",
        )
        .and_then(|mut statement| statement.execute(params![id.0, state.word(), now, turn, ended]))
        .map_err(|error| ledger.fail(error))?;
    match closed {
        0 => Err(StoreError::Conflict(format!("inbound message {} has no open turn", id.0))),
        _ => Ok(()),
    }
}

/// Moves an undecided message on.
pub(crate) fn close_decision(
    ledger: &Ledger<'_>,
    id: InboundId,
    decision: &Decision,
    now: i64,
) -> Result<(), StoreError> {
    let (state, route, closed_at) = match &decision.verdict {
        Verdict::Queue(route) => (InboundState::Queued, Some(route), None),
        Verdict::Drop => (InboundState::Dropped, None, Some(now)),
    };
    let steps = text(&decision.steps)?;
    let heard_in = decision.heard_in.as_ref().map(text).transpose()?;
    let changed = ledger
        .sql
        .prepare_cached(
            "UPDATE inbound SET state = :state, reason = :reason, steps = :steps, heard_in = :heard, agent = :agent, \
             session_key = :session, closed_at = :closed WHERE id = :id AND state = 'new'",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": id.0, ":state": state.word(), ":reason": decision.reason, ":steps": steps, ":heard": heard_in,
                ":closed": closed_at,
                ":agent": route.map(|route| &route.agent), ":session": route.map(|route| &route.session_key),
            })
        })
        .map_err(|error| ledger.fail(error))?;
    match changed {
        0 => Err(StoreError::Conflict(format!("inbound message {} was decided before", id.0))),
        _ => Ok(()),
    }
}
