//! Owns the guard against two bots that answer each other for ever: how much a pair of them may exchange in a while. Remembers it in
//! memory alone: a restart is a pause as well.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openclaw_store::{AccountKey, Message};
use tokio::time::Instant;

/// Pairs that are remembered; beyond it the one that has been quiet for the longest is forgotten.
const PAIRS: usize = 1_024;
/// What one admitted message adds to the exchange: itself and its answer.
const EVENTS: usize = 2;

/// What a pair of bots may exchange (`botLoopProtection`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BotLoopRules {
    /// Messages of both together in one window.
    pub max_events: usize,
    /// The window's length.
    pub window: Duration,
    /// How long the other bot is not answered after that.
    pub cooldown: Duration,
}

impl Default for BotLoopRules {
    fn default() -> Self {
        Self { max_events: 20, window: Duration::from_secs(60), cooldown: Duration::from_secs(60) }
    }
}

/// An account's bot and another one, in one room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pair {
    account: AccountKey,
    room: String,
    other: String,
}

#[derive(Default)]
struct Exchange {
    /// The newest last, none older than the window.
    events: VecDeque<Instant>,
    quiet_until: Option<Instant>,
}

impl Exchange {
    fn last(&self) -> Option<Instant> {
        self.quiet_until.or_else(|| self.events.back().copied())
    }
}

/// All pairs.
#[derive(Default)]
pub(crate) struct BotLoops {
    pairs: Mutex<HashMap<Pair, Exchange>>,
}

impl BotLoops {
    /// Whether another bot's message, which everything else lets in, may be answered. Counts it if so.
    pub(crate) fn admits(&self, account: &AccountKey, message: &Message, rules: BotLoopRules) -> bool {
        let pair = Pair {
            account: account.clone(),
            room: message.conversation.room.clone(),
            other: message.sender.id.clone(),
        };
        let now = Instant::now();
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if pairs.len() >= PAIRS && !pairs.contains_key(&pair) {
            let stale = pairs.iter().min_by_key(|(_, exchange)| exchange.last());
            let stale = stale.map(|(pair, _)| pair.clone());
            stale.and_then(|stale| pairs.remove(&stale));
        }
        let exchange = pairs.entry(pair).or_default();
        match exchange.quiet_until {
            Some(until) if now < until => return false,
            Some(_) => *exchange = Exchange::default(),
            None => {}
        }
        while exchange.events.front().is_some_and(|at| now.duration_since(*at) >= rules.window) {
            exchange.events.pop_front();
        }
        if exchange.events.len() + EVENTS > rules.max_events {
            exchange.events.clear();
            exchange.quiet_until = Some(now + rules.cooldown);
            return false;
        }
        exchange.events.extend([now; EVENTS]);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn said(loops: &BotLoops, other: &str) -> bool {
        let message = testing::message("1", other, "hello");
        loops.admits(&testing::account(), &message, BotLoopRules::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_goes_on_and_on_is_quiet_for_a_while() {
        let loops = BotLoops::default();
        let answered = (0..100).filter(|_| said(&loops, "b1")).count();
        assert_eq!(answered, 10, "ten messages and ten answers");
        assert!(said(&loops, "b2"), "another bot is not affected");
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(!said(&loops, "b1"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(said(&loops, "b1"), "what was said meanwhile does not make it longer");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_keeps_within_its_budget_is_always_answered() {
        let loops = BotLoops::default();
        for _ in 0..100 {
            assert!(said(&loops, "b1"));
            tokio::time::advance(Duration::from_secs(6)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let loops = BotLoops::default();
        for number in 0..PAIRS + 10 {
            said(&loops, &number.to_string());
        }
        let pairs = loops.pairs.lock().unwrap();
        assert_eq!(pairs.len(), PAIRS);
        assert!(pairs.values().all(|exchange| exchange.events.len() <= BotLoopRules::default().max_events));
    }
}
