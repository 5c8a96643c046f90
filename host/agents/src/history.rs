//! Owns what a turn remembers of its session: the bounded end of the transcript, from the store or from a cache of sessions
//! that were used lately. Never writes the store.
//!
//! A turn takes its session out of the cache and puts it back when it is committed here. A turn that somebody else
//! commits, or nobody, leaves nothing behind, and the next one reads the store: the cache is never ahead of the ledger.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openclaw_store::{Entry, EntryRole, SessionRow, Store, StoreError, Usage};

/// Entries of a transcript that a prompt holds.
const MAX_ENTRIES: usize = 100;
/// Bytes of a transcript that a prompt holds: about 50,000 tokens.
const MAX_BYTES: usize = 200 << 10;
/// Bytes of all sessions in the cache.
const CACHE_BYTES: usize = 16 << 20;
/// What a session costs beside its text.
const OVERHEAD: usize = 256;

/// The end of one session's transcript.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    /// `None`: the session has not begun.
    pub(crate) session: Option<SessionRow>,
    pub(crate) entries: Vec<Entry>,
}

impl History {
    /// The history with a turn appended, cut to its bounds.
    pub(crate) fn append(mut self, session: SessionRow, entries: &[Entry]) -> Self {
        let same = self.session.as_ref().is_some_and(|known| known.session_id == session.session_id);
        if !same {
            self.entries.clear();
        }
        let last = entries.iter().rev().find(|entry| entry.model.is_some());
        let (model, usage) = match (last, self.session.take()) {
            (Some(entry), _) => (entry.model.clone(), entry.usage.unwrap_or_default()),
            (None, Some(known)) => (known.model, known.usage),
            (None, None) => (None, Usage::default()),
        };
        self.session = Some(SessionRow { model, usage, ..session });
        self.entries.extend_from_slice(entries);
        let mut bytes = 0;
        let kept = self.entries.iter().rev().take(MAX_ENTRIES).take_while(|entry| {
            bytes += entry.content.len();
            bytes <= MAX_BYTES
        });
        let cut = self.entries.len() - kept.count();
        self.entries.drain(..cut);
        self
    }

    /// The entries from the `turns`-last message of the person on; all of them without a number.
    pub(crate) fn last_turns(&self, turns: Option<usize>) -> &[Entry] {
        let Some(turns) = turns.filter(|turns| *turns > 0) else { return &self.entries };
        let said = self.entries.iter().enumerate().rev().filter(|(_, entry)| entry.role == EntryRole::User);
        let from = said.map(|(at, _)| at).nth(turns - 1).unwrap_or(0);
        self.entries.get(from..).unwrap_or_default()
    }

    fn size(&self) -> usize {
        OVERHEAD + self.entries.iter().map(|entry| entry.content.len() + OVERHEAD).sum::<usize>()
    }
}

/// Sessions that were used lately.
#[derive(Default)]
pub(crate) struct Histories {
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    sessions: HashMap<String, (u64, History)>,
    bytes: usize,
    clock: u64,
}

impl Histories {
    /// Takes the session's history.
    pub(crate) async fn take(&self, store: &Store, key: &str) -> Result<History, StoreError> {
        if let Some(history) = self.lock().remove(key) {
            return Ok(history);
        }
        let found = store.load_session(key, MAX_ENTRIES, MAX_BYTES).await?;
        Ok(found
            .map_or_else(History::default, |(session, entries)| History { session: Some(session), entries }))
    }

    /// Puts it back, as it is in the store now.
    pub(crate) fn put(&self, key: &str, history: History) {
        self.lock().insert(key, history);
    }

    /// Forgets it: the store has another one now.
    pub(crate) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn remove(&mut self, key: &str) -> Option<History> {
        let (_, history) = self.sessions.remove(key)?;
        self.bytes -= history.size();
        Some(history)
    }

    fn insert(&mut self, key: &str, history: History) {
        self.remove(key);
        self.bytes += history.size();
        self.clock += 1;
        self.sessions.insert(key.to_owned(), (self.clock, history));
        if self.bytes > CACHE_BYTES {
            self.shrink();
        }
    }

    /// Drops the older half: looking for it costs a walk over all, so it is done seldom.
    fn shrink(&mut self) {
        let mut ages: Vec<u64> = self.sessions.values().map(|(age, _)| *age).collect();
        let middle = ages.len() / 2;
        let (_, median, _) = ages.select_nth_unstable(middle);
        let median = *median;
        self.sessions.retain(|_, (age, _)| *age > median);
        self.bytes = self.sessions.values().map(|(_, history)| history.size()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(session_id: &str) -> SessionRow {
        SessionRow {
            key: "agent:main:main".into(),
            session_id: session_id.into(),
            agent: "main".into(),
            created_at: 1,
            updated_at: 1,
            model: None,
            usage: Usage::default(),
        }
    }

    fn entry(content: &str) -> Entry {
        Entry { role: EntryRole::User, content: content.into(), model: None, usage: None, at: 1 }
    }

    #[test]
    fn a_history_is_cut_to_its_newest_entries() {
        let many: Vec<_> = (0..MAX_ENTRIES + 5).map(|index| entry(&index.to_string())).collect();
        let history = History::default().append(row("a"), &many);
        assert_eq!((history.entries.len(), history.entries[0].content.as_str()), (MAX_ENTRIES, "5"));
        let history = history.append(row("a"), &[entry(&"x".repeat(MAX_BYTES - 3))]);
        assert_eq!(history.entries.len(), 2, "one entry of three letters still fits");
        let history = history.append(row("b"), &[entry("new")]);
        assert_eq!(history.entries, [entry("new")], "another session id starts anew");
    }

    #[test]
    fn only_the_last_turns_are_told_when_somebody_says_how_many() {
        let answer = |content: &str| Entry { role: EntryRole::Assistant, ..entry(content) };
        let entries = vec![entry("a"), answer("A"), answer("note"), entry("b"), answer("B"), entry("c")];
        let history = History { session: None, entries: entries.clone() };
        let told = |turns| history.last_turns(turns).to_vec();
        assert_eq!(told(Some(1)), entries[5..]);
        assert_eq!(told(Some(2)), entries[3..]);
        for all in [Some(3), Some(9), Some(0), None] {
            assert_eq!(told(all), entries, "{all:?}");
        }
        assert!(History::default().last_turns(Some(2)).is_empty());
    }

    #[test]
    fn the_cache_keeps_the_newest_within_its_bounds() {
        let histories = Histories::default();
        let big = History { session: Some(row("a")), entries: vec![entry(&"x".repeat(1 << 20))] };
        for index in 0..40 {
            histories.put(&format!("s{index}"), big.clone());
        }
        let cache = histories.lock();
        assert!(cache.bytes <= CACHE_BYTES);
        assert!(cache.sessions.contains_key("s39") && !cache.sessions.contains_key("s0"));
        assert_eq!(cache.bytes, cache.sessions.values().map(|(_, history)| history.size()).sum::<usize>());
    }
}
