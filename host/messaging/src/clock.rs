//! Owns the wall clock of this crate. Waiting is tokio's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    #[cfg(test)]
    let since = since + later::AHEAD.get();
    millis(since)
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A day passes at once.
#[cfg(test)]
pub(crate) mod later {
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        /// How far the clock of this test runs ahead: a test and all that it starts run on one thread.
        pub(super) static AHEAD: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    pub(crate) fn pass(time: Duration) {
        AHEAD.set(AHEAD.get() + time);
    }
}
