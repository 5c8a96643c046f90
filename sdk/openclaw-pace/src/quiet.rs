//! The quiet after a refused credential. A vendor may ban whoever keeps calling with a revoked token, so a courtesy such
//! as a typing notice waits longer after each refusal, and then ends. Owns the counting; it never calls anybody.

/// Refusals in a row, and how long to keep quiet after them.
#[derive(Clone, Copy, Debug)]
pub struct Quiet {
    first_ms: u64,
    longest_ms: u64,
    most: u32,
    refusals: u32,
    until_us: u64,
}

impl Quiet {
    /// The first quiet takes `first_ms`, each further one twice as long up to `longest_ms`; after `most` refusals in a
    /// row there is no end to it.
    #[must_use]
    pub const fn new(first_ms: u64, longest_ms: u64, most: u32) -> Self {
        Self { first_ms, longest_ms, most, refusals: 0, until_us: 0 }
    }

    /// Whether a call may be made at `now_us`.
    #[must_use]
    pub const fn may_call(&self, now_us: u64) -> bool {
        self.refusals < self.most && now_us >= self.until_us
    }

    /// The credential was refused at `now_us`.
    pub const fn refused(&mut self, now_us: u64) {
        // 2^20 times any wait is beyond every limit that makes sense, and the shift stays defined.
        let doublings = if self.refusals < 20 { self.refusals } else { 20 };
        let wait = self.first_ms.saturating_mul(1 << doublings);
        let wait = if wait < self.longest_ms { wait } else { self.longest_ms };
        self.refusals = self.refusals.saturating_add(1);
        self.until_us = now_us.saturating_add(wait.saturating_mul(1_000));
    }

    /// The credential was accepted: all is forgotten.
    pub const fn accepted(&mut self) {
        self.refusals = 0;
        self.until_us = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quiet_doubles_and_then_lasts() {
        let mut quiet = Quiet::new(1_000, 5_000, 4);
        let mut calls = Vec::new();
        for second in 0..100 {
            if quiet.may_call(second * 1_000_000) {
                calls.push(second);
                quiet.refused(second * 1_000_000);
            }
        }
        assert_eq!(calls, [0, 1, 3, 7]);
        quiet.accepted();
        assert!(quiet.may_call(0));
    }
}
