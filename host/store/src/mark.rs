//! How far the log was acknowledged: a line in a small file beside the database, written after each transaction and compared at
//! the next start with what of the log is whole. So a log that lost its tail to a broken disk is told from one that never had it.
//!
//! Writing the line costs one system call and no sync. An older line than the log's own end claims less and is no false alarm.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use crate::TailLoss;
use crate::open::{beside, private};
use crate::wal::{self, Salts};

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Line {
    salts: Salts,
    /// Frames of transactions that somebody was told are durable, and of all before them.
    acknowledged: u32,
    /// Frames that are in the database itself.
    folded: u32,
    /// When it was written, in Unix milliseconds.
    at: i64,
}

impl Line {
    /// Always of the same length, so that a new one covers the old one.
    fn text(&self) -> String {
        let Self { salts: [one, two], acknowledged, folded, at } = self;
        format!("{one:08x} {two:08x} {acknowledged:010} {folded:010} {at:015}\n")
    }

    fn read(text: &str) -> Option<Self> {
        let [one, two, acknowledged, folded, at] =
            text.strip_suffix('\n')?.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let salt = |word| u32::from_str_radix(word, 16).ok();
        Some(Self {
            salts: [salt(one)?, salt(two)?],
            acknowledged: acknowledged.parse().ok()?,
            folded: folded.parse().ok()?,
            at: at.parse().ok()?,
        })
    }
}

/// The file, kept up to date by the writing thread.
#[derive(Debug)]
pub(crate) struct Mark {
    file: File,
    log: Option<File>,
    log_path: PathBuf,
    last: Line,
}

impl Mark {
    /// Opens the file, once the last run's line was judged.
    pub(crate) fn open(database: &Path) -> io::Result<Self> {
        let file = private(&path_of(database))?;
        Ok(Self { file, log: None, log_path: wal::path_of(database), last: Line::default() })
    }

    /// Writes down how far the log has come. `acknowledged`: what was just written is durable. What cannot be written is left: it
    /// only says less.
    pub(crate) fn note(&mut self, sql: &Connection, acknowledged: bool) {
        if let Err(error) = self.try_note(sql, acknowledged) {
            tracing::debug!("how far the log has come is not written down: {error}");
        }
    }

    fn try_note(&mut self, sql: &Connection, acknowledged: bool) -> Result<(), Box<dyn std::error::Error>> {
        let (frames, folded): (i64, i64) = sql
            .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
            .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))?;
        let log = match self.log.take() {
            Some(log) => log,
            None => File::open(&self.log_path)?,
        };
        let salts = wal::salts(self.log.insert(log))?.unwrap_or_default();
        let before = if salts == self.last.salts { self.last.acknowledged } else { 0 };
        let frames = u32::try_from(frames).unwrap_or(0);
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.last = Line {
            salts,
            acknowledged: if acknowledged { frames } else { before.min(frames) },
            folded: u32::try_from(folded).unwrap_or(0),
            at: i64::try_from(at).unwrap_or(i64::MAX),
        };
        self.file.write_all_at(self.last.text().as_bytes(), 0)?;
        Ok(())
    }

    /// The log is empty: there is nothing in it to be lost.
    pub(crate) fn clear(&mut self) {
        self.last = Line::default();
        self.log = None;
        if let Err(error) = self.file.write_all_at(self.last.text().as_bytes(), 0) {
            tracing::debug!("that the log is empty is not written down: {error}");
        }
    }
}

/// Compares the log with the last run's line, before SQLite sees either. A log that lost what was acknowledged is kept for a
/// person to look at; where the database itself is ahead of what is left of the log, the log is taken away from it, as it
/// would put old pages over new ones.
pub(crate) fn judge(database: &Path) -> io::Result<Option<TailLoss>> {
    let text = match std::fs::read_to_string(path_of(database)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            return Ok(None);
        }
        text => text?,
    };
    let Some(line) = Line::read(&text) else { return Ok(None) };
    let log = wal::path_of(database);
    // Without a header it cannot be told which generation it was; the line is of the last.
    let left = match wal::read(&log)? {
        Some(whole) if whole.salts != line.salts => return Ok(None),
        Some(whole) => whole.frames,
        None => 0,
    };
    if left >= line.acknowledged.max(line.folded) {
        return Ok(None);
    }
    // The newest one only.
    let kept = beside(database, "-wal.damaged");
    if log.exists() {
        if left < line.folded {
            std::fs::rename(&log, &kept)?;
        } else {
            std::fs::copy(&log, &kept)?;
        }
    }
    let pages = line.acknowledged.saturating_sub(left.max(line.folded));
    Ok((pages > 0).then_some(TailLoss { pages, last_acknowledged_at: line.at, kept }))
}

fn path_of(database: &Path) -> PathBuf {
    beside(database, "-mark")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_or_not_at_all() {
        let line = Line { salts: [1, u32::MAX], acknowledged: 7, folded: 3, at: 1_795_786_879_000 };
        assert_eq!(Line::read(&line.text()), Some(line));
        assert_eq!(Line::default().text().len(), line.text().len());
        for broken in ["", "\n", "00000001 00000002 3 4", "x y 1 2 3\n", "1 2 3 4 5 6\n"] {
            assert_eq!(Line::read(broken), None, "{broken:?}");
        }
    }
}
