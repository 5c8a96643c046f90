//! Counts wrong guesses by address. Always on; bounded in memory; knows nothing about secrets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// At most this many addresses are remembered; beyond it the one that guessed first is forgotten.
const MOST_ADDRESSES: usize = 10_000;

/// `gateway.auth.rateLimit`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wrong guesses within `window` that lock an address out.
    pub max_attempts: u32,
    /// In which time they count together.
    pub window: Duration,
    /// How long the address stays locked out.
    pub lockout: Duration,
}

impl Default for Limits {
    /// The original's: 10 in a minute, then five minutes.
    fn default() -> Self {
        Self { max_attempts: 10, window: Duration::from_secs(60), lockout: Duration::from_secs(300) }
    }
}

/// Wrong guesses by address. An IPv6 client is its /64, which is what one subscriber has.
#[derive(Debug)]
pub(crate) struct FailureLimiter {
    limits: RwLock<Limits>,
    guesses: Mutex<HashMap<IpAddr, Guesses>>,
}

#[derive(Clone, Copy, Debug)]
struct Guesses {
    since: Instant,
    count: u32,
    locked_until: Option<Instant>,
}

impl FailureLimiter {
    /// With these limits; a limit of 0 attempts counts as 1.
    #[must_use]
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits: RwLock::new(limits), guesses: Mutex::default() }
    }

    /// Other limits from now on; what was counted stays counted.
    pub(crate) fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the address stays locked out, if it is.
    #[must_use]
    pub(crate) fn locked(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let until = guesses.get(&key(address))?.locked_until?;
        (until > now).then(|| until.duration_since(now))
    }

    /// Counts a wrong guess. Returns how long the address is locked out, if it is now.
    pub(crate) fn record(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(address);
        if guesses.len() >= MOST_ADDRESSES && !guesses.contains_key(&key) {
            self.make_room(&mut guesses, now);
        }
        let fresh = Guesses { since: now, count: 0, locked_until: None };
        let entry = guesses.entry(key).or_insert(fresh);
        if self.is_over(entry, now) {
            *entry = fresh;
        }
        entry.count = entry.count.saturating_add(1);
        let limits = self.limits();
        if entry.count >= limits.max_attempts.max(1) && entry.locked_until.is_none() {
            entry.locked_until = Some(now + limits.lockout);
        }
        entry.locked_until.map(|until| until.duration_since(now))
    }

    /// The address proved itself.
    pub(crate) fn forget(&self, address: IpAddr) {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(address));
    }

    fn is_over(&self, guesses: &Guesses, now: Instant) -> bool {
        match guesses.locked_until {
            Some(until) => until <= now,
            None => now.duration_since(guesses.since) >= self.limits().window,
        }
    }

    fn make_room(&self, guesses: &mut HashMap<IpAddr, Guesses>, now: Instant) {
        guesses.retain(|_, entry| !self.is_over(entry, now));
        if guesses.len() >= MOST_ADDRESSES
            && let Some(oldest) =
                guesses.iter().min_by_key(|(_, entry)| entry.since).map(|(address, _)| *address)
        {
            guesses.remove(&oldest);
        }
    }
}

fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limiter() -> FailureLimiter {
        FailureLimiter::new(Limits { max_attempts: 3, window: 60 * SECOND, lockout: 300 * SECOND })
    }

    #[test]
    fn locks_out_after_the_last_attempt_and_lets_go() {
        let (limiter, start, address) = (limiter(), Instant::now(), "10.0.0.1".parse().unwrap());
        assert_eq!(limiter.record(address, start), None);
        assert_eq!(limiter.record(address, start), None);
        assert_eq!(limiter.record(address, start), Some(300 * SECOND));
        assert_eq!(limiter.locked(address, start + 100 * SECOND), Some(200 * SECOND));
        assert_eq!(limiter.locked("10.0.0.2".parse().unwrap(), start), None);
        assert_eq!(
            limiter.record(address, start + 100 * SECOND),
            Some(200 * SECOND),
            "a guess does not prolong it"
        );
        assert_eq!(limiter.locked(address, start + 300 * SECOND), None);
        assert_eq!(limiter.record(address, start + 300 * SECOND), None);
    }

    #[test]
    fn the_window_and_a_success_reset_the_count() {
        let (limiter, start, address) = (limiter(), Instant::now(), "10.0.0.1".parse().unwrap());
        limiter.record(address, start);
        limiter.record(address, start);
        assert_eq!(limiter.record(address, start + 60 * SECOND), None);
        limiter.record(address, start + 60 * SECOND);
        limiter.forget(address);
        assert_eq!(limiter.record(address, start + 60 * SECOND), None);
    }

    #[test]
    fn one_ipv6_subscriber_is_one_client() {
        let (limiter, now) = (limiter(), Instant::now());
        for last in 1..=3_u16 {
            limiter.record(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last).into(), now);
        }
        assert!(limiter.locked("2001:db8:0:1::ff".parse().unwrap(), now).is_some());
        assert!(limiter.locked("2001:db8:0:2::ff".parse().unwrap(), now).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, start) = (limiter(), Instant::now());
        for n in 0..MOST_ADDRESSES + 5 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from(u32::try_from(n).unwrap()));
            limiter.record(address, start + Duration::from_micros(n as u64));
        }
        let guesses = limiter.guesses.lock().unwrap();
        assert_eq!(guesses.len(), MOST_ADDRESSES);
        assert!(!guesses.contains_key(&"0.0.0.0".parse::<IpAddr>().unwrap()), "the oldest went first");
    }
}
