//! How often a device may change the control plane: 30 times in a minute for each method (openclaw-compat §3.3.1). What a
//! client calls itself does not count: it could call itself something else.
//! Counts; what the methods do is not known here. Bounded in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use openclaw_protocol::method::{WRITE_LIMIT, WRITE_WINDOW_MS};
use openclaw_protocol::{Method, RpcError};
use serde_json::json;

use crate::ws::Client;

/// From the first request of a window to the next window.
const WINDOW: Duration = Duration::from_millis(WRITE_WINDOW_MS);
/// Windows that are remembered; beyond it the oldest is forgotten.
const MOST_WINDOWS: usize = 1_000;

/// A method, a device, and the address.
type Key = (&'static str, Option<String>, String);

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    windows: Mutex<HashMap<Key, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    count: u32,
}

impl Limiter {
    /// Counts a request; one too many is an error that says when to come back.
    pub(super) fn count(&self, method: &Method, client: &Client, now: Instant) -> Result<(), RpcError> {
        if !method.limited {
            return Ok(());
        }
        let key = (method.name, client.standing.device_id.clone(), client.ip.clone());
        self.take(key, now).map_err(|wait| {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            let seconds = wait_ms.div_ceil(1_000);
            let text = format!("rate limit exceeded for {}; retry after {seconds}s", method.name);
            let details =
                json!({"method": method.name, "limit": format!("{WRITE_LIMIT} per {}s", WINDOW.as_secs())});
            RpcError::busy(text, Some(wait_ms)).with_details(details)
        })
    }

    fn take(&self, key: Key, now: Instant) -> Result<(), Duration> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_WINDOWS && !windows.contains_key(&key) {
            make_room(&mut windows, now);
        }
        let window = windows.entry(key).or_insert(Window { since: now, count: 0 });
        if now.duration_since(window.since) >= WINDOW {
            *window = Window { since: now, count: 0 };
        }
        if window.count >= WRITE_LIMIT {
            return Err(WINDOW.saturating_sub(now.duration_since(window.since)));
        }
        window.count += 1;
        Ok(())
    }
}

fn make_room(windows: &mut HashMap<Key, Window>, now: Instant) {
    windows.retain(|_, window| now.duration_since(window.since) < WINDOW);
    if windows.len() >= MOST_WINDOWS
        && let Some(oldest) =
            windows.iter().min_by_key(|(_, window)| window.since).map(|(key, _)| key.clone())
    {
        windows.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::testing;

    #[test]
    fn the_31st_change_in_a_minute_has_to_wait() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let (client, _queue) = testing::client("c", &[]);
        let method = |name: &str| Method::find(name).unwrap();
        let count = |name: &str, after: u64| {
            let now = start + Duration::from_secs(after);
            limiter.count(method(name), &client, now).map_err(|error| error.message)
        };
        for _ in 0..WRITE_LIMIT {
            assert_eq!(count("config.patch", 0), Ok(()));
        }
        let refused = Err("rate limit exceeded for config.patch; retry after 50s".to_owned());
        assert_eq!(count("config.patch", 10), refused);
        assert_eq!(count("config.apply", 10), Ok(()), "each method has its own");
        for _ in 0..=WRITE_LIMIT {
            assert_eq!(count("config.get", 10), Ok(()));
        }
        assert_eq!(count("config.patch", 60), Ok(()));
        for _ in 1..WRITE_LIMIT {
            count("config.apply", 10).unwrap();
        }
        let error =
            limiter.count(method("config.apply"), &client, start + Duration::from_secs(10)).unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("UNAVAILABLE", Some(true)));
        assert_eq!(error.retry_after_ms, Some(60_000));
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let key = |n: usize| ("config.set", Some("d".to_owned()), format!("10.0.{}.{}", n / 256, n % 256));
        for n in 0..MOST_WINDOWS + 5 {
            limiter.take(key(n), start + Duration::from_micros(n as u64)).unwrap();
        }
        let windows = limiter.windows.lock().unwrap();
        assert_eq!(windows.len(), MOST_WINDOWS);
        assert!(!windows.contains_key(&key(0)), "the oldest went first");
    }
}
