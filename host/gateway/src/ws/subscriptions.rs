//! Which sessions a connection wants to hear of. Ends with the connection.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Sessions whose messages one connection may follow; beyond it a subscription is refused.
const MOST: usize = 256;

/// The subscriptions of one connection.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(Mutex<Wanted>);

#[derive(Debug, Default)]
struct Wanted {
    all: bool,
    keys: BTreeSet<String>,
}

impl Subscriptions {
    /// Follows all sessions.
    pub(crate) fn follow_all(&self) {
        self.lock().all = true;
    }

    /// Follows the messages of one session. Returns whether there was room.
    pub(crate) fn follow(&self, key: &str) -> bool {
        let mut wanted = self.lock();
        if wanted.keys.len() >= MOST && !wanted.keys.contains(key) {
            return false;
        }
        wanted.keys.insert(key.to_owned());
        true
    }

    /// Follows the messages of one session no longer.
    pub(crate) fn leave(&self, key: &str) {
        self.lock().keys.remove(key);
    }

    /// Whether this session is followed by its key.
    pub(crate) fn follows(&self, key: &str) -> bool {
        self.lock().keys.contains(key)
    }

    /// Whether what happens to sessions is wanted.
    pub(crate) fn wants_changes(&self) -> bool {
        self.lock().all
    }

    /// Whether the messages of this session are wanted.
    pub(crate) fn wants_messages(&self, key: &str) -> bool {
        let wanted = self.lock();
        wanted.all || wanted.keys.contains(key)
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_hears_of_what_it_asked_for() {
        let subscriptions = Subscriptions::default();
        assert!(subscriptions.follow("a") && !subscriptions.wants_messages("b"));
        assert!(subscriptions.wants_messages("a") && !subscriptions.wants_changes());
        subscriptions.leave("a");
        assert!(!subscriptions.wants_messages("a"));
        subscriptions.follow_all();
        assert!(!subscriptions.follows("b"));
        assert!(subscriptions.wants_messages("b") && subscriptions.wants_changes());
        for number in 0..MOST {
            assert!(subscriptions.follow(&number.to_string()));
        }
        assert!(!subscriptions.follow("one more") && subscriptions.follow("7"));
    }
}
