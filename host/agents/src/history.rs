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
/// Turns that stay as they are when a session is summarised.
const KEPT_TURNS: usize = 3;
/// Bytes of them, about 20,000 tokens.
const KEPT_BYTES: usize = 80 << 10;
/// Bytes of all sessions in the cache.
const CACHE_BYTES: usize = 16 << 20;
/// What a session costs beside its text.
const OVERHEAD: usize = 256;

/// The end of one session's transcript.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    /// `None`: the session has not begun.
    pub(crate) session: Option<SessionRow>,
    /// What stands for everything before the entries.
    pub(crate) summary: Option<String>,
    pub(crate) entries: Vec<Entry>,
}

impl History {
    /// The history with a turn appended, cut to its bounds.
    pub(crate) fn append(mut self, session: SessionRow, entries: &[Entry]) -> Self {
        let same = self.session.as_ref().is_some_and(|known| known.session_id == session.session_id);
        if !same {
            self.entries.clear();
            self.summary = None;
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

    /// The entries that are summarised, and those that stay as they are: the newest turns.
    pub(crate) fn parts(&self) -> (&[Entry], &[Entry]) {
        let fits =
            |entries: &&[Entry]| entries.iter().map(|entry| entry.content.len()).sum::<usize>() <= KEPT_BYTES;
        let newest = (1..=KEPT_TURNS).rev().map(|turns| self.last_turns(Some(turns))).find(fits);
        self.entries.split_at(self.entries.len() - newest.map_or(0, <[Entry]>::len))
    }

    fn size(&self) -> usize {
        OVERHEAD
            + self.summary.as_ref().map_or(0, String::len)
            + self.entries.iter().map(|entry| entry.content.len() + OVERHEAD).sum::<usize>()
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
        let Some((session, entries)) = store.load_session(key, MAX_ENTRIES, MAX_BYTES).await? else {
            return Ok(History::default());
        };
        let summary = store.summary(&session.session_id).await?;
        Ok(History { session: Some(session), summary, entries })
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
        let history = History { entries: entries.clone(), ..History::default() };
        let told = |turns| history.last_turns(turns).to_vec();
        assert_eq!(told(Some(1)), entries[5..]);
        assert_eq!(told(Some(2)), entries[3..]);
        for all in [Some(3), Some(9), Some(0), None] {
            assert_eq!(told(all), entries, "{all:?}");
        }
        assert!(History::default().last_turns(Some(2)).is_empty());
    }

    #[test]
    fn the_newest_turns_are_not_summarised() {
        let answer = |content: &str| Entry { role: EntryRole::Assistant, ..entry(content) };
        let turn = |said: &str| [entry(said), answer("yes")];
        let history = |said: &[&str]| History {
            entries: said.iter().flat_map(|said| turn(said)).collect(),
            ..History::default()
        };
        let parts = |said: &[&str]| {
            let history = history(said);
            let (older, newest) = history.parts();
            (older.len(), newest.len())
        };
        assert_eq!(parts(&[]), (0, 0));
        assert_eq!(parts(&["a", "b", "c"]), (0, 6));
        assert_eq!(parts(&["a", "b", "c", "d"]), (2, 6));
        let long = "x".repeat(KEPT_BYTES / 2);
        assert_eq!(parts(&["a", &long, &long, "d"]), (4, 4), "as many turns as fit");
        assert_eq!(parts(&["a", &"x".repeat(KEPT_BYTES)]), (4, 0));
    }

    #[test]
    fn the_cache_keeps_the_newest_within_its_bounds() {
        let histories = Histories::default();
        let entries = vec![entry(&"x".repeat(1 << 20))];
        let big = History { session: Some(row("a")), summary: None, entries };
        for index in 0..40 {
            histories.put(&format!("s{index}"), big.clone());
        }
        let cache = histories.lock();
        assert!(cache.bytes <= CACHE_BYTES);
        assert!(cache.sessions.contains_key("s39") && !cache.sessions.contains_key("s0"));
        assert_eq!(cache.bytes, cache.sessions.values().map(|(_, history)| history.size()).sum::<usize>());
    }
}
