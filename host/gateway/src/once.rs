//! What must happen once although it is asked for more than once: work by its idempotency key. Whoever comes second waits for
//! the first one's answer or gets it from memory. Bounded in number and in time; runs nothing itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openclaw_protocol::RpcError;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long an answer is kept (openclaw-compat §3.8).
const TTL: Duration = Duration::from_secs(300);
/// Keys that are remembered; beyond it the one that was answered first is forgotten.
const CAPACITY: usize = 1000;

/// The keys, each with what it stands for (`A`) and the answer once there is one (`T`).
#[derive(Debug)]
pub(crate) struct Once<A, T> {
    slots: Mutex<HashMap<String, Arc<Slot<A, T>>>>,
}

/// One key's work.
#[derive(Debug)]
pub(crate) struct Slot<A, T> {
    /// What the key stands for.
    pub(crate) about: A,
    answer: watch::Sender<Option<(T, Instant)>>,
}

/// Whether a key is new.
#[derive(Debug)]
pub(crate) enum Claim<A, T> {
    /// The caller does the work and must call `end`.
    First(Arc<Slot<A, T>>),
    /// Somebody does it, or has.
    Again(Arc<Slot<A, T>>),
    /// The key stands for something else.
    Other,
    /// All places are taken by work that has not ended.
    Full,
}

impl<A, T> Default for Once<A, T> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<A: PartialEq, T: Clone> Once<A, T> {
    /// Finds the work of a key or makes a place for it.
    pub(crate) fn enter(&self, key: &str, about: A) -> Claim<A, T> {
        let mut slots = self.lock();
        let now = Instant::now();
        slots.retain(|_, slot| slot.answered().is_none_or(|when| now - when < TTL));
        if let Some(slot) = slots.get(key) {
            return if slot.about == about { Claim::Again(Arc::clone(slot)) } else { Claim::Other };
        }
        if slots.len() >= CAPACITY {
            let answered = slots.iter().filter_map(|(key, slot)| Some((key, slot.answered()?)));
            let Some((first, _)) = answered.min_by_key(|(_, when)| *when) else { return Claim::Full };
            let first = first.clone();
            slots.remove(&first);
        }
        let slot = Arc::new(Slot { about, answer: watch::Sender::new(None) });
        slots.insert(key.to_owned(), Arc::clone(&slot));
        Claim::First(slot)
    }

    /// The work of a key, if it is remembered.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Slot<A, T>>> {
        self.lock().get(key).cloned()
    }

    /// Forgets a key: the next one that comes with it does the work.
    pub(crate) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    /// Everything that has not ended.
    pub(crate) fn unanswered(&self) -> Vec<(String, Arc<Slot<A, T>>)> {
        let slots = self.lock();
        let open = slots.iter().filter(|(_, slot)| slot.answered().is_none());
        open.map(|(key, slot)| (key.clone(), Arc::clone(slot))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot<A, T>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A, T: Clone> Slot<A, T> {
    /// Tells everybody who waits.
    pub(crate) fn end(&self, answer: T) {
        self.answer.send_replace(Some((answer, Instant::now())));
    }

    /// The answer, if it is known.
    pub(crate) fn known(&self) -> Option<T> {
        self.answer.borrow().as_ref().map(|(answer, _)| answer.clone())
    }

    /// Waits for the answer. `None`: whoever did the work is gone without one.
    pub(crate) async fn answer(&self) -> Option<T> {
        let mut answer = self.answer.subscribe();
        let found = answer.wait_for(Option::is_some).await;
        found.ok().and_then(|found| found.as_ref().map(|(answer, _)| answer.clone()))
    }

    fn answered(&self) -> Option<Instant> {
        self.answer.borrow().as_ref().map(|(_, when)| *when)
    }
}

/// The refusal of a key that stands for something else.
pub(crate) fn bound_elsewhere() -> RpcError {
    RpcError::invalid("idempotency key is already bound to a different message route")
}

/// The refusal when there is no place.
pub(crate) fn busy() -> RpcError {
    RpcError::busy("The server is busy. Please try again in a moment.", Some(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Words = Once<&'static str, &'static str>;

    fn is_first(once: &Words, key: &str) -> bool {
        matches!(once.enter(key, "a"), Claim::First(_))
    }

    #[tokio::test(start_paused = true)]
    async fn a_repetition_gets_the_first_answer_until_it_is_forgotten() {
        let once = Words::default();
        let Claim::First(slot) = once.enter("k", "a") else { panic!("known") };
        let Claim::Again(same) = once.enter("k", "a") else { panic!("new") };
        assert!(matches!(once.enter("k", "b"), Claim::Other));
        assert_eq!(once.unanswered().len(), 1);
        let waiting = tokio::spawn(async move { same.answer().await });
        slot.end("done");
        assert_eq!(waiting.await.unwrap(), Some("done"));
        assert_eq!((slot.known(), once.unanswered().len()), (Some("done"), 0));
        tokio::time::advance(TTL - Duration::from_secs(1)).await;
        assert!(!is_first(&once, "k"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(is_first(&once, "k"));
        once.forget("k");
        assert!(is_first(&once, "k"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded_and_never_forgets_what_has_not_ended() {
        let once = Words::default();
        for number in 0..CAPACITY {
            assert!(is_first(&once, &number.to_string()));
        }
        assert!(matches!(once.enter("more", "a"), Claim::Full));
        once.get("7").unwrap().end("done");
        assert!(is_first(&once, "more"));
        assert!(once.get("7").is_none() && once.get("8").is_some());
    }
}
