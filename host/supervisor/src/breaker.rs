//! The circuit breaker of one account: whether a message is handed to its instance now. Holds no message and starts
//! nothing.
//!
//! Three things wait, each for something else, and none does another's work. *Back-off* spaces the starts of an instance
//! that ended. The *breaker* holds messages back from an instance that lives while its vendor fails: each of them could
//! end ambiguous, and what is ambiguous is never sent again. The *outbox* spaces the attempts of one message.
//!
//! Closed: everything passes. Open, after [`FAILURES`] different messages failed and none got through: nothing passes
//! for [`HOLD`]. Half-open: one passes at a time, as the probe; the first that the vendor answers closes the breaker, one
//! that fails opens it again. An instance that crashed while it was sending leaves it half-open at once, so that a
//! message which crashes the component takes no other one with it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

/// How many different messages have to fail, with none that gets through, before the breaker opens. Different ones: a
/// single bad message that is tried again and again must not hold up the others.
pub const FAILURES: usize = 5;
/// How long it stays open before one message may try.
pub const HOLD: Duration = Duration::from_secs(60);

/// Whether messages pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Circuit {
    /// All of them.
    #[default]
    Closed,
    /// None until then.
    Open {
        /// Since when.
        since: SystemTime,
        /// When one may try.
        until: SystemTime,
        /// What the last failure said.
        reason: String,
    },
    /// One at a time, until one gets through.
    HalfOpen {
        /// Since when.
        since: SystemTime,
        /// Why not all of them.
        reason: String,
    },
}

impl Circuit {
    /// The word for `--json`, metrics and tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }
}

/// How a message that had passed ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The vendor answered, were it with a refusal of this one message: it lives.
    Answered,
    /// The vendor did not answer, or not in a usable way; the text says how.
    Failed(String),
    /// The instance ended meanwhile: this message may be why.
    Lost,
    /// It says nothing about the vendor's health: it never left, or the vendor asked to wait.
    Silent,
}

/// The breaker of one account. Clones share it; it outlives the account's instances.
#[derive(Debug, Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    /// Rises with every change after which somebody may have to act.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    circuit: Circuit,
    /// When an open one becomes half-open.
    due: Option<Instant>,
    /// Messages that failed since the last one got through. At most [`FAILURES`].
    failed: BTreeSet<String>,
    /// It is half-open for a crash, not for the vendor.
    crash: bool,
    /// A half-open one has let its message through.
    trying: bool,
    /// Messages that passed and have not ended.
    passed: usize,
    /// Messages that ended with their instance, since the last crash was looked at.
    lost: usize,
}

/// Leave for one message. Dropped without an end, it counts as failed.
#[derive(Debug)]
pub struct Pass {
    breaker: Breaker,
    message: String,
    trial: bool,
    ended: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { shared: Arc::new(Shared { inner: Mutex::default(), changes: watch::Sender::new(0) }) }
    }
}

impl Breaker {
    /// Lets a message pass, or says why not. The same name twice is one message, tried again.
    ///
    /// # Errors
    /// Why it has to wait, for people.
    pub fn pass(&self, message: &str) -> Result<Pass, String> {
        let mut inner = self.lock();
        let half_opened = inner.half_open_when_due();
        let trial = match &inner.circuit {
            Circuit::Closed => false,
            Circuit::HalfOpen { .. } if !inner.trying => true,
            Circuit::HalfOpen { reason, .. } => {
                return Err(format!("messages go one at a time until one gets through: {reason}"));
            }
            Circuit::Open { reason, .. } => {
                return Err(format!("messages are held back for a minute: {reason}"));
            }
        };
        inner.trying |= trial;
        inner.passed += 1;
        drop(inner);
        if half_opened {
            self.changed();
        }
        Ok(Pass { breaker: self.clone(), message: message.to_owned(), trial, ended: false })
    }

    /// Whether messages pass now.
    pub fn circuit(&self) -> Circuit {
        self.lock().circuit.clone()
    }

    /// Hears of every change.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Completes when an open breaker has become half-open. Never, while it is not open.
    pub(crate) async fn half_opened(&self) {
        loop {
            let due = self.lock().due;
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
            if self.lock().half_open_when_due() {
                self.changed();
                return;
            }
        }
    }

    /// The instance crashed. Returns whether a message was under way, which may be why.
    pub(crate) fn crashed(&self, reason: &str) -> bool {
        let mut inner = self.lock();
        let suspects = inner.passed + std::mem::take(&mut inner.lost);
        if suspects > 0 && inner.circuit == Circuit::Closed {
            inner.circuit = Circuit::HalfOpen { since: SystemTime::now(), reason: reason.to_owned() };
            inner.crash = true;
        }
        suspects > 0
    }

    /// No instance has failed for long: the last crash is past, were there nothing to send meanwhile.
    pub(crate) fn settle(&self) {
        let mut inner = self.lock();
        if !inner.crash {
            return;
        }
        inner.close();
        drop(inner);
        self.changed();
    }

    /// The vendor is reached again: an open breaker lets one message try now, and not at the end of its hold.
    pub(crate) fn reached(&self) {
        let mut inner = self.lock();
        if !matches!(inner.circuit, Circuit::Open { .. }) {
            return;
        }
        inner.due = None;
        inner.half_open_when_due();
        drop(inner);
        self.changed();
    }

    /// A person wants it to work: everything passes again.
    pub(crate) fn reset(&self) {
        let mut inner = self.lock();
        inner.close();
        inner.lost = 0;
        drop(inner);
        self.changed();
    }

    fn ended(&self, pass: &Pass, outcome: Outcome) {
        let mut inner = self.lock();
        inner.passed = inner.passed.saturating_sub(1);
        if pass.trial {
            inner.trying = false;
        }
        let was = inner.circuit.clone();
        match outcome {
            Outcome::Answered => inner.close(),
            Outcome::Lost => inner.lost += 1,
            Outcome::Silent => {}
            Outcome::Failed(reason) => match &inner.circuit {
                Circuit::HalfOpen { .. } if pass.trial => inner.open(reason),
                Circuit::Closed => {
                    inner.failed.insert(pass.message.clone());
                    if inner.failed.len() >= FAILURES {
                        inner.open(reason);
                    }
                }
                // It passed before the breaker opened: what it says is known.
                Circuit::HalfOpen { .. } | Circuit::Open { .. } => {}
            },
        }
        let told = pass.trial || inner.circuit != was;
        drop(inner);
        if told {
            self.changed();
        }
    }

    fn changed(&self) {
        self.shared.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is whole before the lock is given back.
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn close(&mut self) {
        (self.circuit, self.due, self.crash) = (Circuit::Closed, None, false);
        self.failed.clear();
    }

    fn open(&mut self, reason: String) {
        let since = SystemTime::now();
        self.circuit = Circuit::Open { since, until: since + HOLD, reason };
        (self.due, self.crash) = (Some(Instant::now() + HOLD), false);
        self.failed.clear();
    }

    /// Whether it has become half-open just now.
    fn half_open_when_due(&mut self) -> bool {
        let Circuit::Open { reason, .. } = &self.circuit else { return false };
        if self.due.is_some_and(|due| due > Instant::now()) {
            return false;
        }
        self.circuit = Circuit::HalfOpen { since: SystemTime::now(), reason: reason.clone() };
        self.due = None;
        true
    }
}

impl Pass {
    /// The message has ended.
    pub fn end(mut self, outcome: Outcome) {
        self.ended = true;
        self.breaker.clone().ended(&self, outcome);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.ended {
            self.breaker.clone().ended(self, Outcome::Failed("nobody waited for its end".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(breaker: &Breaker, message: &str) {
        breaker.pass(message).unwrap().end(Outcome::Failed("503".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_half_opens_after_a_minute_and_closes_with_the_first_answer() {
        let breaker = Breaker::default();
        for message in ["a", "b", "c", "d"] {
            failing(&breaker, message);
        }
        assert_eq!(breaker.circuit(), Circuit::Closed);
        failing(&breaker, "e");
        assert_eq!(breaker.circuit().as_str(), "open");
        assert!(breaker.pass("f").unwrap_err().contains("503"));
        tokio::time::advance(HOLD - Duration::from_millis(1)).await;
        breaker.pass("f").unwrap_err();
        tokio::time::advance(Duration::from_millis(1)).await;
        // One at a time: the second waits for the first.
        let trial = breaker.pass("f").unwrap();
        breaker.pass("g").unwrap_err();
        trial.end(Outcome::Failed("504".to_owned()));
        assert!(matches!(breaker.circuit(), Circuit::Open { reason, .. } if reason == "504"));
        let began = Instant::now();
        breaker.half_opened().await;
        assert_eq!(began.elapsed(), HOLD);
        // Whoever drops its pass has no answer to show.
        drop(breaker.pass("f").unwrap());
        assert_eq!(breaker.circuit().as_str(), "open");
        breaker.half_opened().await;
        breaker.pass("f").unwrap().end(Outcome::Answered);
        assert_eq!(breaker.circuit(), Circuit::Closed);
        let both = (breaker.pass("g").unwrap(), breaker.pass("h").unwrap());
        both.0.end(Outcome::Answered);
        both.1.end(Outcome::Answered);
    }

    #[tokio::test(start_paused = true)]
    async fn one_bad_message_does_not_open_it_and_an_answer_starts_the_count_anew() {
        let breaker = Breaker::default();
        for _ in 0..50 {
            failing(&breaker, "the same one");
        }
        for message in ["a", "b", "c"] {
            failing(&breaker, message);
        }
        breaker.pass("x").unwrap().end(Outcome::Answered);
        for message in ["a", "b", "c", "d"] {
            failing(&breaker, message);
        }
        breaker.pass("y").unwrap().end(Outcome::Silent);
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_crash_messages_go_one_at_a_time_until_one_gets_through() {
        let breaker = Breaker::default();
        let under_way = (breaker.pass("a").unwrap(), breaker.pass("b").unwrap());
        under_way.0.end(Outcome::Lost);
        assert!(breaker.crashed("trap"), "both were under way, and one of them still is");
        under_way.1.end(Outcome::Lost);
        let trial = breaker.pass("c").unwrap();
        breaker.pass("d").unwrap_err();
        trial.end(Outcome::Lost);
        assert!(breaker.crashed("trap"));
        assert_eq!(
            breaker.circuit().as_str(),
            "half-open",
            "a crash is answered by back-off, not by a minute"
        );
        breaker.pass("e").unwrap().end(Outcome::Answered);
        assert_eq!(breaker.circuit(), Circuit::Closed);
        assert!(!breaker.crashed("while nothing was sent"));
        assert_eq!(breaker.circuit(), Circuit::Closed);
        // With nothing to send, time settles it; a vendor that failed has to answer first.
        breaker.pass("f").unwrap().end(Outcome::Lost);
        breaker.crashed("trap");
        breaker.settle();
        assert_eq!(breaker.circuit(), Circuit::Closed);
        for message in 0..FAILURES {
            failing(&breaker, &message.to_string());
        }
        breaker.half_opened().await;
        breaker.settle();
        assert_eq!(breaker.circuit().as_str(), "half-open");
        breaker.reset();
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }
}
