//! Owns how long to wait between attempts. Pure.

use std::time::Duration;

/// Doubling waits between two bounds, spread by a tenth so that what failed together does not come back together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

/// For writes that the disk refused. Between them the store is waited for, which finds out whether the disk works again, so that
/// even the longest wait is a short one.
pub(crate) const STORE: Backoff = Backoff { min: Duration::from_millis(250), max: Duration::from_secs(2) };

impl Backoff {
    /// The wait after the given attempt, the first being 1. A wait that the vendor asked for is never shortened.
    pub(crate) fn after(self, attempt: i64, asked: Option<Duration>) -> Duration {
        self.spread(attempt, asked, chance())
    }

    /// `chance` is between 0 and 1.
    fn spread(self, attempt: i64, asked: Option<Duration>, chance: f64) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1).clamp(0, 30)).unwrap_or(30);
        let wait = self.min.saturating_mul(2_u32.saturating_pow(doublings)).min(self.max);
        let spread = wait.mul_f64(0.9 + 0.2 * chance.clamp(0.0, 1.0)).max(self.min);
        asked.map_or(spread, |asked| asked.max(spread))
    }
}

fn chance() -> f64 {
    // Without randomness the wait is only less well spread.
    getrandom::u32().map_or(0.5, |value| f64::from(value) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_between_their_bounds() {
        let backoff = Backoff { min: Duration::from_millis(400), max: Duration::from_secs(30) };
        let check = |attempt, asked: Option<u64>, chance, expected| {
            let wait = backoff.spread(attempt, asked.map(Duration::from_millis), chance);
            assert_eq!(wait.as_millis(), expected, "attempt {attempt}");
        };
        check(1, None, 0.5, 400);
        check(1, None, 0.0, 400);
        check(2, None, 0.0, 720);
        check(2, None, 1.0, 880);
        check(4, None, 0.5, 3_200);
        check(99, None, 0.5, 30_000);
        check(1, Some(2_000), 1.0, 2_000);
        check(1, Some(60_000), 0.0, 60_000);
        check(3, Some(10), 0.5, 1_600);
    }
}
