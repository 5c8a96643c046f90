//! Exponential back-off with full jitter.

use std::time::Duration;

/// Waits between attempts: somewhere between nothing and a ceiling that doubles with each failure.
///
/// Full jitter, because accounts that failed together must not come back together.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The ceiling after the first failure. Above zero.
    pub first: Duration,
    /// The highest ceiling.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row (at least one); `random` is from 0 to 1.
    ///
    /// Never shorter than a tenth of the ceiling: a wait of nothing would be no back-off at all.
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        let ceiling =
            self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(30))).min(self.max);
        ceiling.mul_f64(random.clamp(0.1, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let backoff = Backoff::default();
        let ceilings = [1, 2, 3, 9, 10, 50].map(|failures| backoff.wait(failures, 1.0).as_secs());
        assert_eq!(ceilings, [1, 2, 4, 256, 300, 300]);
        assert_eq!(backoff.wait(1, 0.0), Duration::from_millis(100));
        assert_eq!(backoff.wait(3, 0.5), Duration::from_secs(2));
    }
}
