//! Times and durations for people.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// Now, in Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Now, as it stands in the names of files that are set aside: `2026-11-22T08-04-21-548Z`. Such names sort by time.
pub(crate) fn file_stamp() -> String {
    openclaw_config::stamp(OffsetDateTime::now_utc())
}

/// How long ago `then_ms` was: `just now`, `2m ago`, `3h ago`, `4d ago`.
pub(crate) fn ago(then_ms: u64, now_ms: u64) -> String {
    match now_ms.saturating_sub(then_ms) / 1_000 {
        0..60 => "just now".to_owned(),
        seconds => format!("{} ago", coarse(seconds)),
    }
}

/// A duration in its largest unit: `45s`, `2m`, `3h`, `4d`.
pub(crate) fn coarse(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A latency: `12ms` or `2.73s`.
pub(crate) fn latency(ms: u64) -> String {
    if ms < 1_000 { format!("{ms}ms") } else { format!("{}.{:02}s", ms / 1_000, ms % 1_000 / 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_naturally() {
        let check = |seconds: u64, expected: &str| assert_eq!(ago(0, seconds * 1_000), expected);
        check(0, "just now");
        check(59, "just now");
        check(60, "1m ago");
        check(7_200, "2h ago");
        check(200_000, "2d ago");
        assert_eq!(ago(5_000, 0), "just now", "a clock that runs ahead");
    }

    #[test]
    fn latencies_have_two_forms() {
        assert_eq!(latency(12), "12ms");
        assert_eq!(latency(2_735), "2.73s");
    }
}
