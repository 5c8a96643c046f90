//! Owns what a session's next turn is told beside the person's message: lines such as "the configuration was put back". Never
//! starts a turn and never outlives the process.
//!
//! A turn borrows the lines and gives them back when it fails, so that none is lost to a model that was down.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::prompt;

/// Events that wait in one session; beyond it the oldest is dropped.
const PER_SESSION: usize = 20;
/// Sessions with waiting events; beyond it the one that waits longest is dropped.
const SESSIONS: usize = 500;
/// Characters of one event; the rest is cut off.
const CHARS: usize = 8_000;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for the session's next turn.
    Queued,
    /// The same was waiting already, or it was blank.
    Coalesced,
}

/// One event that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemEvent {
    /// What happened.
    pub text: String,
    /// What it is about; of two with the same text and context one waits.
    pub context: Option<String>,
    /// When, in Unix milliseconds.
    pub at: i64,
}

/// The events of all sessions. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SystemEvents {
    waiting: Arc<Mutex<HashMap<String, VecDeque<SystemEvent>>>>,
}

impl SystemEvents {
    /// Queues `text` for the next turn of the session. Without a context only the newest waiting event is compared with it.
    pub fn push(&self, session_key: &str, text: &str, context: Option<&str>) -> Pushed {
        let text = text.trim();
        if text.is_empty() {
            return Pushed::Coalesced;
        }
        let event = SystemEvent {
            text: text.chars().take(CHARS).collect(),
            context: context.map(str::trim).filter(|word| !word.is_empty()).map(str::to_lowercase),
            at: crate::now_ms(),
        };
        let mut waiting = self.lock();
        if !waiting.contains_key(session_key) && waiting.len() >= SESSIONS {
            let newest = |events: &VecDeque<SystemEvent>| events.back().map_or(0, |event| event.at);
            let stale =
                waiting.iter().min_by_key(|(_, events)| newest(events)).map(|(session, _)| session.clone());
            stale.and_then(|session| waiting.remove(&session));
        }
        let events = waiting.entry(session_key.to_owned()).or_default();
        let same = |other: &SystemEvent| other.text == event.text && other.context == event.context;
        let known = match event.context {
            None => events.back().is_some_and(same),
            Some(_) => events.iter().any(same),
        };
        if known {
            return Pushed::Coalesced;
        }
        events.push_back(event);
        if events.len() > PER_SESSION {
            events.pop_front();
        }
        Pushed::Queued
    }

    /// Takes what waits in the session, the oldest first.
    pub fn take(&self, session_key: &str) -> Vec<SystemEvent> {
        self.lock().remove(session_key).map(Vec::from).unwrap_or_default()
    }

    /// What waits in the session, the oldest first.
    pub fn waiting(&self, session_key: &str) -> Vec<SystemEvent> {
        self.lock().get(session_key).map(|events| events.iter().cloned().collect()).unwrap_or_default()
    }

    /// Takes what waits until the loan is used; else it goes back.
    pub(crate) fn lend(&self, session_key: &str) -> Lent {
        Lent { session: session_key.to_owned(), events: self.take(session_key), all: self.clone() }
    }

    fn give_back(&self, session_key: &str, events: Vec<SystemEvent>) {
        if events.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        let queue = waiting.entry(session_key.to_owned()).or_default();
        for event in events.into_iter().rev() {
            if queue.len() < PER_SESSION {
                queue.push_front(event);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<SystemEvent>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events that a turn has in hand.
pub(crate) struct Lent {
    session: String,
    events: Vec<SystemEvent>,
    all: SystemEvents,
}

impl Lent {
    /// As the model reads them, one line each, in front of the message.
    pub(crate) fn before(&self, message: String) -> String {
        if self.events.is_empty() {
            return message;
        }
        let mut said = String::new();
        for SystemEvent { text, at, .. } in &self.events {
            let stamp = prompt::stamp(*at);
            for (index, line) in text.lines().enumerate() {
                let stamp = if index == 0 { format!("[{stamp}] ") } else { String::new() };
                said.push_str(&format!("System: {stamp}{line}\n"));
            }
        }
        if message.is_empty() { said } else { format!("{said}\n{message}") }
    }

    /// The turn ended well: they are told.
    pub(crate) fn told(mut self) {
        self.events.clear();
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.all.give_back(&self.session, std::mem::take(&mut self.events));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(events: &[SystemEvent]) -> Vec<&str> {
        events.iter().map(|event| event.text.as_str()).collect()
    }

    #[test]
    fn the_same_thing_waits_once() {
        let events = SystemEvents::default();
        let push = |text, context, expected| assert_eq!(events.push("s", text, context), expected, "{text}");
        push("one", None, Pushed::Queued);
        push(" one ", None, Pushed::Coalesced);
        push("  ", None, Pushed::Coalesced);
        push("two", None, Pushed::Queued);
        push("one", None, Pushed::Queued);
        push("two", Some("Build"), Pushed::Queued);
        push("three", None, Pushed::Queued);
        push("two", Some("build"), Pushed::Coalesced);
        assert_eq!(texts(&events.waiting("s")), ["one", "two", "one", "two", "three"]);
        assert_eq!(texts(&events.take("s")).len(), 5);
        assert_eq!(events.take("s"), []);
    }

    #[test]
    fn what_waits_is_bounded() {
        let events = SystemEvents::default();
        for number in 0..PER_SESSION + 3 {
            events.push("s", &number.to_string(), None);
        }
        let waiting = events.waiting("s");
        assert_eq!((waiting.len(), waiting[0].text.as_str()), (PER_SESSION, "3"));
        for number in 0..SESSIONS + 10 {
            events.push(&format!("other {number}"), &"x".repeat(CHARS + 1), None);
        }
        let all = events.lock();
        assert_eq!(all.len(), SESSIONS);
        assert!(all.values().flatten().all(|event| event.text.chars().count() <= CHARS));
    }

    #[test]
    fn a_turn_that_fails_gives_them_back() {
        let events = SystemEvents::default();
        events.push("s", "one\nmore", None);
        let lent = events.lend("s");
        let said = lent.before("hello".to_owned());
        assert!(said.starts_with("System: [20") && said.ends_with("one\nSystem: more\n\nhello"), "{said}");
        events.push("s", "two", None);
        drop(lent);
        assert_eq!(texts(&events.waiting("s")), ["one\nmore", "two"]);
        events.lend("s").told();
        assert_eq!(events.lend("s").before("hello".to_owned()), "hello");
    }
}
