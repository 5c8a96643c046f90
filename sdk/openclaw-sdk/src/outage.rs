//! Owns how loudly trouble that goes on is told: at once when it begins and when it is of another kind, then once a minute, and
//! once when it is over. Never decides how long to wait, and never logs itself.

use crate::log::Level;

/// How long trouble that was told is not told again as a warning.
const QUIET_US: u64 = 60_000_000;
/// The most kinds that one outage tells at once; a vendor may make up words.
const MOST_KINDS: usize = 8;

/// The failures since something last worked.
#[derive(Debug)]
pub struct Outage {
    kinds: Vec<String>,
    failures: u64,
    began_us: u64,
    told_us: u64,
}

impl Outage {
    /// Nothing is wrong.
    #[must_use]
    pub const fn new() -> Self {
        Self { kinds: Vec::new(), failures: 0, began_us: 0, told_us: 0 }
    }

    /// Counts a failure of this kind, by the clock that nobody sets. Returns how much its line matters, and what belongs at
    /// the end of the line.
    pub fn failed(&mut self, kind: &str, now_us: u64) -> (Level, String) {
        if self.failures == 0 {
            self.began_us = now_us;
        }
        self.failures += 1;
        let known = self.kinds.iter().any(|known| known == kind);
        let is_new = !known && self.kinds.len() < MOST_KINDS;
        if is_new {
            self.kinds.push(kind.to_owned());
        }
        if !is_new && now_us.saturating_sub(self.told_us) < QUIET_US {
            return (Level::Debug, String::new());
        }
        self.told_us = now_us;
        let behind = match self.failures {
            1 => String::new(),
            failures => format!(" (failure {failures} in {} s)", self.lasts_s(now_us)),
        };
        (Level::Warn, behind)
    }

    /// Something works. Returns how many failures are over, and for how many seconds they lasted, if there were any.
    pub fn over(&mut self, now_us: u64) -> Option<(u64, u64)> {
        let over = (self.failures > 0).then(|| (self.failures, self.lasts_s(now_us)));
        *self = Self::new();
        over
    }

    fn lasts_s(&self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.began_us) / 1_000_000
    }
}

impl Default for Outage {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_outage_is_told_once_a_minute_and_once_when_it_is_over() {
        let mut outage = Outage::new();
        assert_eq!(outage.over(0), None, "nothing was wrong");
        // One failure each five seconds, for an hour.
        let told: Vec<(Level, String)> =
            (0..720).map(|n| outage.failed("network", 7_000_000 + n * 5_000_000)).collect();
        let warnings: Vec<&str> = told
            .iter()
            .filter(|(level, _)| *level == Level::Warn)
            .map(|(_, behind)| behind.as_str())
            .collect();
        assert_eq!(warnings.len(), 60, "{warnings:?}");
        assert_eq!(warnings[..3], ["", " (failure 13 in 60 s)", " (failure 25 in 120 s)"]);
        assert_eq!(outage.over(3_607_000_000), Some((720, 3_600)));
        assert_eq!(outage.failed("network", 3_608_000_000), (Level::Warn, String::new()), "the next one");
    }

    #[test]
    fn another_kind_is_told_at_once_and_each_kind_once() {
        let mut outage = Outage::new();
        let mut level = |kind: &str, s: u64| outage.failed(kind, s * 1_000_000).0;
        assert_eq!(level("network", 0), Level::Warn);
        assert_eq!(level("conflict", 1), Level::Warn);
        assert_eq!(level("network", 2), Level::Debug);
        assert_eq!(level("conflict", 3), Level::Debug);
        for n in 0..20 {
            level(&format!("word {n}"), 4);
        }
        assert_eq!(level("one more", 5), Level::Debug, "there is an end to it");
    }
}
