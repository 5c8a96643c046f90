//! Owns what was said of an answer before its turn is over: each block is stored with its part of the outbox, so that the turn
//! knows after a kill what people read. Never sends.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::outbox::insert_in_place;
use crate::previews::take_preview;
use crate::row::{json, text};
use crate::writer::Ledger;
use crate::{Draft, InboundId, Store, StoreError, TurnRows};

/// What people have read, or will, of an answer whose turn is not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// As the model wrote it, with the white space behind it.
    pub text: String,
    /// In how many blocks.
    pub blocks: u32,
    /// The message as the agent was told it: what several people wrote may be one.
    pub told: String,
}

impl Store {
    /// What was said of the answer to these messages.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn said(&self, rows: &TurnRows) -> Result<Said, StoreError> {
        let ids: Vec<_> = rows.all().collect();
        self.readers.read(move |sql| said(sql, &ids)).await
    }

    /// The messages of each turn of whose answer people have read a part, that one last whose turn it is.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn said_to(&self) -> Result<Vec<Vec<InboundId>>, StoreError> {
        let work = |sql: &Connection| {
            let mut statement = sql.prepare_cached("SELECT rows FROM said ORDER BY inbound")?;
            let ids = |row: &Row<'_>| Ok(json::<Vec<i64>>(row, "rows")?.into_iter().map(InboundId).collect());
            statement.query_map([], ids)?.collect()
        };
        self.readers.read(work).await
    }

    /// The same, behind every write that was asked for before: whoever began one and did not wait for it.
    ///
    /// # Errors
    /// When nothing can be written now.
    pub async fn said_by_now(&self, rows: &TurnRows) -> Result<Said, StoreError> {
        let ids: Vec<_> = rows.all().collect();
        self.writer.write(move |ledger| said(ledger.sql, &ids).map_err(|error| ledger.fail(error))).await
    }

    /// Says a block: it is in the outbox exactly when the turn knows of it. `said` is all that was said, with this block. A block
    /// that is stored already is not stored again. A preview that is visible becomes the first part.
    ///
    /// # Errors
    /// `Conflict` when the turn is over: nothing is to be said then.
    pub async fn say(&self, rows: &TurnRows, said: &Said, block: Draft, now: i64) -> Result<(), StoreError> {
        let (rows, whole) = (rows.clone(), said.clone());
        let work = move |ledger: &Ledger<'_>| {
            let fail = |error| ledger.fail(error);
            let (sql, own) = (ledger.sql, rows.own);
            let owed: Option<bool> = sql
                .prepare_cached("SELECT state = 'queued' FROM inbound WHERE id = ?1")
                .and_then(|mut statement| statement.query_row([own.0], |row| row.get(0)).optional())
                .map_err(fail)?;
            if owed != Some(true) {
                return Err(StoreError::Conflict(format!("inbound message {} has no open turn", own.0)));
            }
            let ids: Vec<_> = rows.all().collect();
            if self::said(sql, &ids).map_err(fail)?.blocks >= whole.blocks {
                return Ok(());
            }
            // What was said of those that are told together now is the turn's own.
            forget_said(sql, ids.into_iter()).map_err(fail)?;
            let others = rows.others.iter().filter(|other| !other.dropped).map(|other| other.id.0);
            let with = text(&others.chain([own.0]).collect::<Vec<_>>())?;
            let Said { text, blocks, told } = &whole;
            sql.prepare_cached(
                "INSERT INTO said (inbound, text, blocks, told, rows) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut statement| statement.execute(params![own.0, text, blocks, told, with]))
            .map_err(fail)?;
            let shown = take_preview(sql, rows.all()).map_err(fail)?;
            insert_in_place(ledger, &block, shown.as_deref(), now)
        };
        self.writer.write(work).await
    }
}

/// In the order in which the messages came.
fn said(sql: &Connection, ids: &[InboundId]) -> rusqlite::Result<Said> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let mut all = Said::default();
    let mut statement = sql.prepare_cached("SELECT text, blocks, told FROM said WHERE inbound = ?1")?;
    for id in ids {
        let found = statement
            .query_row([id.0], |row| Ok(Said { text: row.get(0)?, blocks: row.get(1)?, told: row.get(2)? }))
            .optional()?;
        if let Some(found) = found {
            all.text.push_str(&found.text);
            all.blocks += found.blocks;
            all.told = found.told;
        }
    }
    Ok(all)
}

/// Forgets what was said of these: their turn is over, or knows it.
pub(crate) fn forget_said(sql: &Connection, ids: impl Iterator<Item = InboundId>) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached("DELETE FROM said WHERE inbound = ?1")?;
    for id in ids {
        statement.execute([id.0])?;
    }
    Ok(())
}
