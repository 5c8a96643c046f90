//! What a dead gateway has left in its database. Read-only: nothing is repaired before the next gateway finds it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::load::{Piece, marks, pieces};

/// The database of an installation.
pub(crate) struct Ledger {
    path: PathBuf,
}

/// One send.
#[derive(Clone)]
pub(crate) struct SendRow {
    pub(crate) id: i64,
    /// The messages that it answers, or the one that a client sent.
    pub(crate) marks: Vec<u64>,
    /// The blocks behind the first of an answer that it holds.
    pub(crate) pieces: Vec<Piece>,
    pub(crate) state: String,
    /// As the gateway stored why, if it failed or is flagged.
    pub(crate) error: String,
}

/// What is not at its end.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    /// Messages that were ever taken over.
    pub(crate) taken: u64,
    /// Messages without a decision or a turn, and answers that are not sent.
    pub(crate) waiting: u64,
    /// Sends that are claimed, and whose end is not recorded, by their ids.
    pub(crate) in_flight: Vec<i64>,
}

fn under_way(sql: &Connection) -> rusqlite::Result<UnderWay> {
    let count = |what: &str| {
        sql.query_row(what, [], |row| row.get::<_, i64>(0)).map(|count| u64::try_from(count).unwrap_or(0))
    };
    // The second condition is the one of the index.
    let mut sending = sql.prepare(
        "SELECT id FROM outbox WHERE state = 'sending' AND state IN ('sending', 'ambiguous', 'failed')",
    )?;
    let in_flight: Vec<i64> = sending.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let open = count("SELECT count(*) FROM inbound WHERE state IN ('new', 'queued')")?;
    let pending = count("SELECT count(*) FROM outbox WHERE state = 'pending'")?;
    Ok(UnderWay {
        taken: count("SELECT coalesce(max(id), 0) FROM inbound")?,
        waiting: open + pending,
        in_flight,
    })
}

/// What is left when everything has come to an end.
#[derive(Default)]
pub(crate) struct Left {
    pub(crate) sends: Vec<SendRow>,
    /// How often each message stands in the ledger of what came in.
    pub(crate) taken: HashMap<u64, u32>,
    /// How often each message was answered in a transcript.
    pub(crate) told: HashMap<u64, u32>,
    /// Messages whose turn is still owed.
    pub(crate) open: i64,
}

impl Ledger {
    pub(crate) fn in_state(state: &Path) -> Self {
        Self { path: state.join("state").join("gateway.sqlite") }
    }

    fn open(&self) -> Option<Connection> {
        let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).ok()?;
        Some(connection)
    }

    /// What was under way when the gateway died: nothing before there is a database.
    pub(crate) fn under_way(&self) -> UnderWay {
        self.open().and_then(|sql| under_way(&sql).ok()).unwrap_or_default()
    }

    /// Everything, once the gateway has ended.
    pub(crate) fn left(&self) -> Left {
        let sql = self.open().unwrap();
        let mut left = Left::default();
        let mut sends = sql.prepare("SELECT id, body, state, coalesce(error, '') FROM outbox").unwrap();
        let mut rows = sends.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let body: String = row.get(1).unwrap();
            left.sends.push(SendRow {
                id: row.get(0).unwrap(),
                marks: marks(&body).into_iter().collect(),
                pieces: pieces(&body).into_iter().collect(),
                state: row.get(2).unwrap(),
                error: row.get(3).unwrap(),
            });
        }
        let tally = |what: &str, into: &mut HashMap<u64, u32>| {
            let mut texts = sql.prepare(what).unwrap();
            let mut rows = texts.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let text: String = row.get(0).unwrap();
                for mark in marks(&text) {
                    *into.entry(mark).or_insert(0) += 1;
                }
            }
        };
        tally("SELECT body FROM inbound", &mut left.taken);
        tally("SELECT content FROM entries WHERE role = 'assistant'", &mut left.told);
        let open = "SELECT count(*) FROM inbound WHERE state IN ('new', 'queued')";
        left.open = sql.query_row(open, [], |row| row.get(0)).unwrap();
        left
    }
}
