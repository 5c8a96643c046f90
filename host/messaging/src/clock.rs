//! Owns the wall clock of this crate. Waiting is tokio's.
//!
//! Somebody may set the machine's clock, and a machine that slept finds it hours later. What waits is not to expire by that, nor to
//! wait for a day: so this clock does not follow a jump at once. It goes on as if there had been none, until whoever owns
//! the times that wait has moved them along ([`jump`], then [`follow`]).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// By so much the clock has to be off before it counts as set. Less is its drift, or a correction of it.
const JUMP_MS: i64 = 60_000;

/// What the wall clock said, and when by the clock that nobody sets.
#[derive(Clone, Copy, Debug)]
struct Seen {
    wall: i64,
    at: Instant,
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let now = read();
    seen::with(|seen| {
        let expected = expected(*seen.get_or_insert(now), now);
        if (now.wall - expected).abs() >= JUMP_MS {
            return expected;
        }
        *seen = Some(now);
        now.wall
    })
}

/// By how many milliseconds the wall clock was set since it was last followed, if it was.
pub(crate) fn jump() -> Option<i64> {
    let now = read();
    let by = seen::with(|seen| now.wall - expected(*seen.get_or_insert(now), now));
    (by.abs() >= JUMP_MS).then_some(by)
}

/// From here on the wall clock is right.
pub(crate) fn follow() {
    seen::with(|seen| *seen = Some(read()));
}

/// What the wall clock would say if nobody had set it.
fn expected(seen: Seen, now: Seen) -> i64 {
    seen.wall.saturating_add(millis(now.at.saturating_duration_since(seen.at)))
}

fn read() -> Seen {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now = Seen { wall: millis(since), at: Instant::now() };
    #[cfg(test)]
    let now = later::moved(now);
    now
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(not(test))]
mod seen {
    use std::sync::{Mutex, PoisonError};

    use super::Seen;

    static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

    pub(super) fn with<R>(work: impl FnOnce(&mut Option<Seen>) -> R) -> R {
        // A reading is written whole or not at all.
        work(&mut SEEN.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Each test has its own: a test and all that it starts run on one thread.
#[cfg(test)]
mod seen {
    use std::cell::RefCell;

    use super::Seen;

    thread_local! {
        static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
    }

    pub(super) fn with<R>(work: impl FnOnce(&mut Option<Seen>) -> R) -> R {
        SEEN.with_borrow_mut(work)
    }
}

/// A day passes at once, or somebody sets the clock.
#[cfg(test)]
pub(crate) mod later {
    use std::cell::Cell;
    use std::time::Duration;

    use super::{Seen, millis};

    thread_local! {
        /// How far both clocks of this test run ahead.
        static AHEAD: Cell<Duration> = const { Cell::new(Duration::ZERO) };
        /// How far its wall clock was set.
        static SET_MS: Cell<i64> = const { Cell::new(0) };
    }

    pub(crate) fn pass(time: Duration) {
        AHEAD.set(AHEAD.get() + time);
    }

    pub(crate) fn set(by_ms: i64) {
        SET_MS.set(SET_MS.get() + by_ms);
    }

    pub(super) fn moved(now: Seen) -> Seen {
        let ahead = AHEAD.get();
        Seen { wall: now.wall + millis(ahead) + SET_MS.get(), at: now.at + ahead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3600 * 1_000;

    #[test]
    fn a_clock_that_is_set_is_followed_when_it_is_told_to() {
        for by in [DAY_MS, -DAY_MS] {
            follow();
            let before = now_ms();
            later::set(by);
            later::pass(Duration::from_secs(10));
            assert!(
                (10_000..11_000).contains(&(now_ms() - before)),
                "it goes on as if there had been no jump"
            );
            assert!((jump().unwrap() - by).abs() < 1_000);
            follow();
            assert!((now_ms() - before - by - 10_000).abs() < 1_000);
            assert_eq!(jump(), None);
        }
    }

    #[test]
    fn drift_is_followed_by_itself_however_much_it_comes_to() {
        let before = now_ms();
        for _ in 0..100 {
            later::set(30_000);
            now_ms();
        }
        assert!(jump().is_none() && now_ms() - before >= 3_000_000);
    }
}
