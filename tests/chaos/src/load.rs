//! The people who write, and what they see: so many messages a second, each with a mark of its own, and every answer with the
//! mark that it bears.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use openclaw_fakes::FakeOpenai;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clients::FIRST;
use crate::vendors::{ACCOUNTS, Vendors};

/// People who write to one account at a time.
const PEOPLE: usize = 10;
/// After so many messages somebody else writes, so that what a turn remembers stays short.
const TALK: u64 = 25;
/// Messages that wait, with the vendor or in the gateway, at which people wait too: a machine that is too slow for the rate must not choke on it.
const PATIENCE: u64 = 5_000;
/// How often what was sent is collected.
const COLLECT: Duration = Duration::from_millis(25);

/// What was said and what was seen so far.
pub(crate) struct Load {
    vendors: Vendors,
    model: FakeOpenai,
    said: AtomicU64,
    /// How often the answer to each message was seen.
    seen: Mutex<HashMap<u64, u32>>,
    /// How often each block behind the first of an answer was seen.
    pieces: Mutex<HashMap<Piece, u32>>,
    /// Messages with an answer that was seen.
    answered: AtomicU64,
    /// What was seen that bears no mark, shortened.
    unmarked: Mutex<Vec<String>>,
    silent: AtomicBool,
    /// What the gateway had not brought to its end when it was killed last.
    under_way: AtomicU64,
    /// For how long people waited.
    waited_ms: AtomicU64,
}

impl Load {
    pub(crate) fn new(vendors: Vendors, model: FakeOpenai) -> Arc<Self> {
        Arc::new(Self {
            vendors,
            model,
            said: AtomicU64::new(0),
            seen: Mutex::default(),
            pieces: Mutex::default(),
            answered: AtomicU64::new(0),
            unmarked: Mutex::default(),
            silent: AtomicBool::new(false),
            under_way: AtomicU64::new(0),
            waited_ms: AtomicU64::new(0),
        })
    }

    /// Somebody writes to every account, and is answered; `false` when that did not happen in time.
    pub(crate) async fn greet(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        for account in 0..ACCOUNTS {
            self.say(account, 0, 0);
        }
        while self.answered.load(Ordering::Relaxed) < self.said() && Instant::now() < deadline {
            tokio::time::sleep(COLLECT).await;
        }
        self.answered.load(Ordering::Relaxed) == self.said()
    }

    /// The so-manieth person of an account writes, who has written so often.
    fn say(&self, account: usize, person: usize, before: u64) {
        let user = 1_000 * (1 + before / TALK) + u64::try_from(person).unwrap_or_default();
        let mark = self.said.fetch_add(1, Ordering::Relaxed);
        self.vendors.say(account, user, &write(mark));
    }

    /// People write, until they are told to stop.
    pub(crate) async fn talk(self: Arc<Self>, mut rng: Rng, rate: u64) {
        let mut ticks = interval(Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut spoken = [[0_u64; PEOPLE]; ACCOUNTS];
        while !self.silent.load(Ordering::Relaxed) {
            ticks.tick().await;
            if self.backlog() > PATIENCE {
                let since = Instant::now();
                while self.backlog() > PATIENCE && !self.silent.load(Ordering::Relaxed) {
                    tokio::time::sleep(COLLECT).await;
                }
                self.waited_ms.fetch_add(millis(since.elapsed()), Ordering::Relaxed);
                ticks.reset();
            }
            let (account, person) = (rng.usize(..ACCOUNTS), rng.usize(..PEOPLE));
            let before = &mut spoken[account][person];
            self.say(account, person, *before);
            *before += 1;
        }
    }

    /// Collects what was sent, until it is told to stop.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = interval(COLLECT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.collect();
        }
    }

    fn collect(&self) {
        self.model.clear();
        for text in self.vendors.take_sent() {
            let (marks, pieces) = (marks(&text), pieces(&text));
            let unmarked = marks.is_empty() && pieces.is_empty();
            for piece in pieces {
                *lock(&self.pieces).entry(piece).or_insert(0) += 1;
            }
            if unmarked {
                lock(&self.unmarked).push(text.chars().take(80).collect());
            }
            let mut seen = lock(&self.seen);
            for mark in marks {
                let times = seen.entry(mark).or_insert(0);
                *times += 1;
                if *times == 1 && mark < FIRST {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// People stop writing.
    pub(crate) fn hush(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// Messages so far.
    pub(crate) fn said(&self) -> u64 {
        self.said.load(Ordering::Relaxed)
    }

    /// The gateway was killed, and has left so much that was under way.
    pub(crate) fn killed(&self, under_way: u64) {
        self.under_way.store(under_way, Ordering::Relaxed);
    }

    /// About how many messages wait.
    fn backlog(&self) -> u64 {
        self.vendors.unconfirmed() + self.under_way.load(Ordering::Relaxed)
    }

    /// The vendors.
    pub(crate) fn vendors(&self) -> &Vendors {
        &self.vendors
    }

    /// How often each answer was seen.
    pub(crate) fn seen(&self) -> HashMap<u64, u32> {
        self.collect();
        lock(&self.seen).clone()
    }

    /// How often each block behind the first of an answer was seen.
    pub(crate) fn pieces(&self) -> HashMap<Piece, u32> {
        lock(&self.pieces).clone()
    }

    /// What was seen that answers nobody.
    pub(crate) fn unmarked(&self) -> Vec<String> {
        lock(&self.unmarked).clone()
    }

    /// For how long people waited because too much was unanswered.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }
}

/// The text of a message.
pub(crate) fn write(mark: u64) -> String {
    format!("please repeat mark{mark}.")
}

/// The marks in a text: messages that were told together share an answer.
pub(crate) fn marks(text: &str) -> HashSet<u64> {
    text.split("mark").skip(1).filter_map(|rest| rest.split_once('.')?.0.parse().ok()).collect()
}

/// The blocks behind the first of an answer.
pub(crate) const PIECES: std::ops::RangeInclusive<u8> = 2..=4;
/// A block behind the first of an answer: which of them, and the mark of the message.
pub(crate) type Piece = (u8, u64);

/// The blocks behind the first of an answer that a text holds, as the fake that recites writes them.
pub(crate) fn pieces(text: &str) -> HashSet<Piece> {
    let piece = |rest: &str| {
        let (which, rest) = rest.split_once('-')?;
        Some((which.parse().ok()?, rest.split_once('.')?.0.parse().ok()?))
    };
    text.split("piece").skip(1).filter_map(piece).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_out_of_an_answer() {
        assert_eq!(marks(&format!("echo: [somewhere] {}", write(17))), [17].into());
        assert!(marks("⚠️ Something went wrong").is_empty());
        assert_eq!(marks(&format!("{}\n{}", write(1), write(2))), [1, 2].into(), "an answer to two");
        let later = write(17).replace("mark", "piece3-");
        assert_eq!((marks(&later).len(), pieces(&later)), (0, [(3, 17)].into()), "a later block of it");
    }
}
