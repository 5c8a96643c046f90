//! Reads the end of the log file for `logs.tail`. Never writes, and never reads more than it was asked for.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use openclaw_protocol::logs::{LogsTail, LogsTailParams};

const DEFAULT_LIMIT: u32 = 500;
const DEFAULT_MAX_BYTES: u32 = 250_000;

/// Reads blockingly: call it off the async threads. A file that does not exist yet is empty.
pub(crate) fn tail(path: &Path, query: &LogsTailParams) -> io::Result<LogsTail> {
    let mut answer = LogsTail { file: path.display().to_string(), ..LogsTail::default() };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            answer.reset = query.cursor.filter(|&cursor| cursor > 0).map(|_| true);
            return Ok(answer);
        }
        Err(error) => return Err(error),
    };
    answer.size = file.metadata()?.len();
    let earliest = answer.size.saturating_sub(u64::from(query.max_bytes.unwrap_or(DEFAULT_MAX_BYTES)));
    let start = match query.cursor {
        Some(cursor) if cursor > answer.size => {
            answer.reset = Some(true);
            earliest
        }
        Some(cursor) if cursor < earliest => {
            answer.skipped_bytes = Some(earliest - cursor);
            earliest
        }
        Some(cursor) => cursor,
        None => earliest,
    };
    let continues = query.cursor == Some(start);

    // One byte earlier tells whether `start` is the beginning of a line.
    let from = if continues { start } else { start.saturating_sub(1) };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(answer.size - from).read_to_end(&mut bytes)?;
    let first = match bytes.iter().position(|&byte| byte == b'\n') {
        _ if from == start => 0,
        Some(at) => at + 1,
        None => bytes.len(),
    };
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(first, |at| (at + 1).max(first));
    answer.cursor = from + end as u64;
    let text = String::from_utf8_lossy(bytes.get(first..end).unwrap_or_default());
    let lines: Vec<&str> = text.lines().collect();
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT) as usize;
    let left_out = lines.len().saturating_sub(limit);
    answer.truncated = (left_out > 0 || (!continues && start > 0)).then_some(true);
    answer.lines = lines.into_iter().skip(left_out).map(str::to_owned).collect();
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(cursor: Option<u64>, limit: u32, max_bytes: u32) -> LogsTailParams {
        LogsTailParams { cursor, limit: Some(limit), max_bytes: Some(max_bytes) }
    }

    #[test]
    fn reads_the_end_then_goes_on_from_the_cursor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let check = |content: &str, query: LogsTailParams, lines: &[&str], cursor: u64| {
            std::fs::write(&path, content).unwrap();
            let answer = tail(&path, &query).unwrap();
            assert_eq!(answer.lines, lines);
            assert_eq!(answer.cursor, cursor);
            answer
        };
        let whole = check("one\ntwo\nthree\n", query(None, 500, 1000), &["one", "two", "three"], 14);
        assert_eq!((whole.truncated, whole.reset), (None, None));
        // A line that is being written is left for the next call.
        check("one\ntwo\nthr", query(None, 500, 1000), &["one", "two"], 8);
        check("one\ntwo\nthree\n", query(Some(8), 500, 1000), &["three"], 14);
        check("one\ntwo\nthree\n", query(Some(14), 500, 1000), &[], 14);
        assert_eq!(check("one\ntwo\nthree\n", query(None, 1, 1000), &["three"], 14).truncated, Some(true));
        // The byte limit falls inside `two`, then exactly before it.
        assert_eq!(check("one\ntwo\nthree\n", query(None, 500, 8), &["three"], 14).truncated, Some(true));
        check("one\ntwo\nthree\n", query(None, 500, 10), &["two", "three"], 14);
        assert_eq!(check("new\n", query(Some(14), 500, 1000), &["new"], 4).reset, Some(true));
        let far = check("one\ntwo\nthree\n", query(Some(0), 500, 6), &["three"], 14);
        assert_eq!((far.skipped_bytes, far.truncated), (Some(8), Some(true)));
    }

    #[test]
    fn a_missing_file_is_empty() {
        let answer = tail(Path::new("/nonexistent/log"), &query(Some(9), 1, 1)).unwrap();
        assert!(answer.reset == Some(true) && answer.lines.is_empty());
    }
}
