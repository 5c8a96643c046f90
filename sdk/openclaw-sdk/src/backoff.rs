//! Growing waits between attempts. Owns the arithmetic; it never sleeps and imports no random source: the caller gives
//! it something that varies, such as the clock's microseconds.

/// Waits that double from `initial` to `max` milliseconds.
#[derive(Clone, Debug)]
pub struct Backoff {
    initial: u64,
    max: u64,
    next: u64,
}

impl Backoff {
    /// The first wait is `initial` milliseconds, no wait is longer than `max`.
    #[must_use]
    pub const fn new(initial: u64, max: u64) -> Self {
        Self { initial, max, next: initial }
    }

    /// The next wait, in milliseconds, with nothing added or taken.
    pub fn exact(&mut self) -> u64 {
        let wait = self.next.min(self.max);
        self.next = wait.saturating_mul(2).min(self.max);
        wait
    }

    /// The next wait with up to a fifth taken off, so that instances that failed together do not return together.
    pub fn jittered(&mut self, entropy: u64) -> u64 {
        let wait = self.exact();
        wait - spread(entropy, wait / 5)
    }

    /// The next wait with any part of it taken off: full jitter, for instances that many fail together. At least 1 ms.
    pub fn scattered(&mut self, entropy: u64) -> u64 {
        let wait = self.exact();
        1 + spread(entropy, wait)
    }

    /// Begins again at the first wait.
    pub const fn reset(&mut self) {
        self.next = self.initial;
    }
}

/// A number below `below` (0 for none), evenly spread however near to each other the readings `entropy` are (the finaliser
/// of splitmix64).
#[must_use]
pub const fn spread(entropy: u64, below: u64) -> u64 {
    let mut z = entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    if below == 0 { 0 } else { z % below }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_maximum_and_begins_again() {
        let mut backoff = Backoff::new(50, 1000);
        let waits: Vec<u64> = (0..7).map(|_| backoff.exact()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.exact(), 50);
    }

    #[test]
    fn full_jitter_covers_the_whole_wait() {
        let mut waits: Vec<u64> = (0..500).map(|clock| Backoff::new(1_000, 1_000).scattered(clock)).collect();
        waits.sort_unstable();
        assert!(waits.iter().all(|wait| (1..=1_000).contains(wait)), "{waits:?}");
        assert!(waits[50] < 200 && waits[450] > 800, "{waits:?}");
    }

    #[test]
    fn jitter_takes_at_most_a_fifth() {
        let mut seen = std::collections::BTreeSet::new();
        for clock in 0..500 {
            let wait = Backoff::new(1000, 1000).jittered(clock);
            assert!((801..=1000).contains(&wait), "{wait}");
            seen.insert(wait);
        }
        assert!(seen.len() > 100, "neighbouring readings give different waits");
        assert_eq!(Backoff::new(0, 0).jittered(7), 0);
        assert_eq!(Backoff::new(1, 1).jittered(7), 1);
    }
}
