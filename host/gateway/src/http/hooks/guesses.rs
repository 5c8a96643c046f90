//! Counts wrong hook tokens by client, apart from the gateway's own limiter: 20 in a minute, and then a minute of refusal,
//! this machine included (openclaw-compat §4.10). Whoever holds the token is never kept out. Bounded in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::places::subscriber;

/// Wrong tokens in one window.
const MOST: u32 = 20;
/// From the first one to the next window, and from the last one to the end of the refusal.
const WINDOW: Duration = Duration::from_secs(60);
/// Clients that are remembered; beyond it the one that guessed first is forgotten.
const CLIENTS: usize = 10_000;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Guesses {
    /// Counts a wrong token. One too many is an error that says when to come back.
    pub(super) fn wrong(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut clients = self.lock();
        let client = subscriber(client);
        if clients.len() >= CLIENTS && !clients.contains_key(&client) {
            clients.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
            if clients.len() >= CLIENTS {
                let oldest = clients.iter().min_by_key(|(_, (since, _))| *since).map(|(client, _)| *client);
                oldest.and_then(|client| clients.remove(&client));
            }
        }
        let (since, count) = clients.entry(client).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        if *count >= MOST {
            return Err(WINDOW.saturating_sub(now.duration_since(*since)));
        }
        *count += 1;
        if *count == MOST {
            *since = now;
        }
        Ok(())
    }

    /// The client knows the token.
    pub(super) fn right(&self, client: IpAddr) {
        self.lock().remove(&subscriber(client));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, (Instant, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_21st_wrong_token_in_a_minute_has_to_wait() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let client: IpAddr = [127, 0, 0, 1].into();
        let after = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..MOST {
            assert_eq!(guesses.wrong(client, after(10)), Ok(()));
        }
        assert_eq!(guesses.wrong(client, after(30)), Err(Duration::from_secs(40)));
        assert_eq!(guesses.wrong([10, 0, 0, 1].into(), after(30)), Ok(()));
        assert_eq!(guesses.wrong(client, after(70)), Ok(()));
        for _ in 1..MOST {
            assert_eq!(guesses.wrong(client, after(70)), Ok(()));
        }
        guesses.right(client);
        assert_eq!(guesses.wrong(client, after(71)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        for number in 0..CLIENTS + 5 {
            let client = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            assert_eq!(guesses.wrong(client, start + Duration::from_micros(number as u64)), Ok(()));
        }
        assert_eq!(guesses.lock().len(), CLIENTS);
    }
}
