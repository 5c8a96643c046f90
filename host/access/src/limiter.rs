//! Counts wrong guesses by who made them. Always on, for this machine too; bounded in memory; knows no secret.
//!
//! One attacker must not lock out others, so that what is counted together is what one guesser has: an address, the
//! /64 network of an IPv6 subscriber, or, for pages in browsers on this machine, one site.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::peer::Peer;

/// At most this many guessers are remembered; beyond it the one that guessed first is forgotten.
const MOST_GUESSERS: usize = 10_000;

/// `gateway.auth.rateLimit`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wrong guesses within `window` that lock a guesser out.
    pub max_attempts: u32,
    /// In which time they count together.
    pub window: Duration,
    /// How long the lockout lasts.
    pub lockout: Duration,
    /// Whether guesses of programs on this machine are not counted.
    pub exempt_loopback: bool,
}

impl Default for Limits {
    /// The original's: 10 in a minute, then five minutes. It exempts this machine unless told otherwise; we do not.
    fn default() -> Self {
        Self {
            max_attempts: 10,
            window: Duration::from_secs(60),
            lockout: Duration::from_secs(300),
            exempt_loopback: false,
        }
    }
}

/// What is guessed. Each is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guess {
    /// The token or password of the gateway.
    Shared,
    /// The token of a device.
    Device,
    /// A setup code.
    Setup,
}

/// Who guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Guesser {
    Network(IpAddr),
    /// A site, by the hash of its origin.
    Site(u64),
}

/// A guesser and what it guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bucket(Guess, Guesser);

impl Bucket {
    /// Where the guesses of this peer are counted.
    pub(crate) fn of(guess: Guess, peer: &Peer) -> Self {
        let guesser = match &peer.origin {
            Some(origin) if peer.client.is_loopback() => {
                let mut hasher = DefaultHasher::new();
                origin.to_ascii_lowercase().hash(&mut hasher);
                Guesser::Site(hasher.finish())
            }
            _ => Guesser::Network(network(peer.client)),
        };
        Self(guess, guesser)
    }

    fn is_local_program(self) -> bool {
        matches!(self.1, Guesser::Network(address) if address.is_loopback())
    }
}

/// Wrong guesses by bucket.
#[derive(Debug)]
pub(crate) struct FailureLimiter {
    limits: RwLock<Limits>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    guesses: HashMap<Bucket, Guesses>,
    /// In the order of their first guess; an entry whose time is another's is stale.
    order: VecDeque<(Bucket, Instant)>,
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
        Self { limits: RwLock::new(limits), state: Mutex::default() }
    }

    /// Other limits from now on; what was counted stays counted.
    pub(crate) fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the bucket stays locked, if it is.
    #[must_use]
    pub(crate) fn locked(&self, bucket: Bucket, now: Instant) -> Option<Duration> {
        if self.limits().exempt_loopback && bucket.is_local_program() {
            return None;
        }
        let until = self.state().guesses.get(&bucket)?.locked_until?;
        (until > now).then(|| until.duration_since(now))
    }

    /// Counts a wrong guess. Returns how long the bucket is locked, if it is now.
    pub(crate) fn record(&self, bucket: Bucket, now: Instant) -> Option<Duration> {
        let limits = self.limits();
        if limits.exempt_loopback && bucket.is_local_program() {
            return None;
        }
        let over = |guesses: &Guesses| match guesses.locked_until {
            Some(until) => until <= now,
            None => now.duration_since(guesses.since) >= limits.window,
        };
        let mut state = self.state();
        let fresh = Guesses { since: now, count: 0, locked_until: None };
        if state.guesses.get(&bucket).is_none_or(over) {
            state.begin(bucket, fresh);
        }
        let entry = state.guesses.get_mut(&bucket)?;
        entry.count = entry.count.saturating_add(1);
        if entry.count >= limits.max_attempts.max(1) && entry.locked_until.is_none() {
            entry.locked_until = Some(now + limits.lockout);
        }
        entry.locked_until.map(|until| until.duration_since(now))
    }

    /// Whoever has this bucket proved itself.
    pub(crate) fn forget(&self, bucket: Bucket) {
        self.state().guesses.remove(&bucket);
    }
}

impl State {
    fn begin(&mut self, bucket: Bucket, fresh: Guesses) {
        self.guesses.remove(&bucket);
        while self.order.len() >= MOST_GUESSERS {
            let Some((oldest, since)) = self.order.pop_front() else { break };
            if self.guesses.get(&oldest).is_some_and(|entry| entry.since == since) {
                self.guesses.remove(&oldest);
            }
        }
        self.guesses.insert(bucket, fresh);
        self.order.push_back((bucket, fresh.since));
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        // Both addresses of this machine for itself are one.
        IpAddr::V6(_) => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V4(v4) if v4.is_loopback() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    const SECOND: Duration = Duration::from_secs(1);

    fn limiter() -> FailureLimiter {
        let limits =
            Limits { max_attempts: 3, window: 60 * SECOND, lockout: 300 * SECOND, ..Limits::default() };
        FailureLimiter::new(limits)
    }

    fn at(address: &str) -> Bucket {
        Bucket::of(Guess::Shared, &Peer::new(address.parse().unwrap(), &HeaderMap::new()))
    }

    #[test]
    fn locks_out_after_the_last_attempt_and_lets_go() {
        let (limiter, start, bucket) = (limiter(), Instant::now(), at("10.0.0.1"));
        assert_eq!(limiter.record(bucket, start), None);
        assert_eq!(limiter.record(bucket, start), None);
        assert_eq!(limiter.record(bucket, start), Some(300 * SECOND));
        assert_eq!(limiter.locked(bucket, start + 100 * SECOND), Some(200 * SECOND));
        assert_eq!(limiter.locked(at("10.0.0.2"), start), None);
        assert_eq!(
            limiter.record(bucket, start + 100 * SECOND),
            Some(200 * SECOND),
            "a guess does not prolong it"
        );
        assert_eq!(limiter.locked(bucket, start + 300 * SECOND), None);
        assert_eq!(limiter.record(bucket, start + 300 * SECOND), None);
    }

    #[test]
    fn the_window_and_a_success_reset_the_count() {
        let (limiter, start, bucket) = (limiter(), Instant::now(), at("10.0.0.1"));
        limiter.record(bucket, start);
        limiter.record(bucket, start);
        assert_eq!(limiter.record(bucket, start + 60 * SECOND), None);
        limiter.record(bucket, start + 60 * SECOND);
        limiter.forget(bucket);
        assert_eq!(limiter.record(bucket, start + 60 * SECOND), None);
    }

    #[test]
    fn one_ipv6_subscriber_is_one_guesser() {
        let (limiter, now) = (limiter(), Instant::now());
        for last in 1..=3_u16 {
            limiter.record(at(&format!("2001:db8:0:1::{last}")), now);
        }
        assert!(limiter.locked(at("2001:db8:0:1::ff"), now).is_some());
        assert!(limiter.locked(at("2001:db8:0:2::ff"), now).is_none());
    }

    #[test]
    fn this_machine_is_counted_and_a_page_in_its_browser_by_itself() {
        let (limiter, now) = (limiter(), Instant::now());
        let page = |origin: &str| {
            let mut peer = Peer::new("127.0.0.1".parse().unwrap(), &HeaderMap::new());
            peer.origin = Some(origin.to_owned());
            Bucket::of(Guess::Shared, &peer)
        };
        for _ in 0..3 {
            limiter.record(page("http://localhost:5173"), now);
        }
        assert!(limiter.locked(page("HTTP://LOCALHOST:5173"), now).is_some());
        assert!(limiter.locked(page("http://localhost:8080"), now).is_none());
        assert!(limiter.locked(at("127.0.0.1"), now).is_none());
        for address in ["127.0.0.1", "::1", "127.0.0.5"] {
            limiter.record(at(address), now);
        }
        assert!(limiter.locked(at("127.0.0.1"), now).is_some());
        limiter.set_limits(Limits { exempt_loopback: true, ..Limits::default() });
        assert!(limiter.locked(at("127.0.0.1"), now).is_none());
        assert!(limiter.locked(page("http://localhost:5173"), now).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, start) = (limiter(), Instant::now());
        for n in 0..MOST_GUESSERS + 5 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from(u32::try_from(n + 1).unwrap()));
            limiter.record(at(&address.to_string()), start + Duration::from_micros(n as u64));
        }
        // Coming and going does not make the order grow either.
        for n in 0..MOST_GUESSERS as u64 {
            let bucket = at("10.9.9.9");
            limiter.record(bucket, start + Duration::from_millis(n));
            limiter.forget(bucket);
        }
        let state = limiter.state();
        assert!(state.guesses.len() <= MOST_GUESSERS && state.order.len() <= MOST_GUESSERS);
        assert!(!state.guesses.contains_key(&at("0.0.0.1")), "the oldest went first");
    }
}
