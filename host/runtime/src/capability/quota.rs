//! How much of something one instance may do in a minute, and what is known of an instance that wanted more.

use std::time::{Duration, Instant};

use super::Guest;
use crate::channel::facts::Over;

/// What a budget is for.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts one kind of work of one instance, minute by minute.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u32,
    window: Instant,
    used: u32,
    refused: u64,
}

/// What a budget says to one piece of work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on. The number is how many were refused in the minute that has just ended.
    Granted(u64),
    /// No more in this minute: it ends after so long.
    Refused(Duration),
}

impl Budget {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, window: Instant::now(), used: 0, refused: 0 }
    }

    pub(crate) fn take(&mut self, now: Instant) -> Verdict {
        self.take_many(1, now)
    }

    /// Takes so much at once. More than the whole limit is granted to nobody.
    pub(crate) fn take_many(&mut self, amount: u32, now: Instant) -> Verdict {
        let mut refused = 0;
        if now.duration_since(self.window) >= WINDOW {
            refused = std::mem::take(&mut self.refused);
            (self.window, self.used) = (now, 0);
        }
        if self.used.saturating_add(amount) <= self.limit {
            self.used += amount;
            return Verdict::Granted(refused);
        }
        self.refused += 1;
        Verdict::Refused(WINDOW.saturating_sub(now.duration_since(self.window)))
    }
}

/// The budgets of one instance.
#[derive(Debug)]
pub(crate) struct Budgets {
    pub(crate) requests: Budget,
    pub(crate) emits: Budget,
    /// Bytes of the messages.
    pub(crate) emitted: Budget,
    /// Programs that were started.
    pub(crate) starts: Budget,
}

impl Guest {
    /// The instance wanted more than it may have: counted, and shown until it is within its limit again.
    pub(crate) fn over(&self, what: Over) {
        self.facts.send_modify(|facts| facts.refused(what));
    }

    /// Takes one of the minute's requests, for HTTP or for a websocket's handshake. The error is for people.
    pub(crate) fn take_request(&mut self) -> Result<(), String> {
        if let Verdict::Refused(wait) = self.budgets.requests.take(Instant::now()) {
            self.over(Over::Requests);
            return Err(format!(
                "the requests of this minute are used up; it ends in {} ms",
                wait.as_millis()
            ));
        }
        self.within(Over::Requests);
        Ok(())
    }

    /// The instance is within this limit again.
    pub(crate) fn within(&self, what: Over) {
        self.facts.send_if_modified(|facts| facts.allowed(what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_number_and_what_was_refused_is_told_once() {
        let mut budget = Budget::new(2);
        let start = budget.window;
        assert_eq!(budget.take(start), Verdict::Granted(0));
        assert_eq!(budget.take(start), Verdict::Granted(0));
        assert_eq!(budget.take(start + Duration::from_secs(20)), Verdict::Refused(Duration::from_secs(40)));
        assert_eq!(budget.take(start + WINDOW), Verdict::Granted(1));
        assert_eq!(budget.take(start + WINDOW), Verdict::Granted(0));
        assert_eq!(budget.take(start + WINDOW), Verdict::Refused(WINDOW));
    }
}
