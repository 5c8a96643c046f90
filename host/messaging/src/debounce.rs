//! Owns the messages that wait for more of the same person: texts (`messages.inbound`) and the pieces of an album. It says which
//! belong together, and until when. Keeps no time itself and queues nothing: `turns` does.
//!
//! What waits here is owed in the ledger. After a restart it waits anew, so that what is told together is the same again, or
//! more.

use std::collections::HashMap;
use std::time::Duration;

use openclaw_store::{AccountKey, InboundRow, Message, Route, Target};
use tokio::time::Instant;

/// Messages that are told together at most.
const MESSAGES: usize = 12;
/// Bytes of them.
const BYTES: usize = 50_000;
/// The least that a piece of an album waits for the next one: its component fetches the file of one after the other.
pub(crate) const ALBUM: Duration = Duration::from_millis(1_500);
/// The first of them waits no longer than that.
const LONGEST: Duration = Duration::from_millis(7_500);

/// Whose texts, and where they were said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    account: AccountKey,
    target: Target,
    sender: String,
    session: String,
}

impl Key {
    pub(crate) fn of(row: &InboundRow, route: &Route) -> Self {
        Self {
            account: row.account.clone(),
            target: row.message.target(),
            sender: row.message.sender.id.clone(),
            session: route.session_key.clone(),
        }
    }
}

/// What became of a text.
#[derive(Debug, PartialEq)]
pub(crate) enum Added {
    /// It is the first of its group, which has this number: somebody has to look when it is due.
    Begun(u64),
    /// It waits with others.
    Joined,
    /// The group is full and waits no longer.
    Full(Vec<InboundRow>),
}

/// All that waits.
#[derive(Default)]
pub(crate) struct Held {
    groups: HashMap<Key, Group>,
    begun: u64,
}

struct Group {
    number: u64,
    /// All are pieces of this album, or none is of any.
    album: Option<String>,
    rows: Vec<InboundRow>,
    bytes: usize,
    since: Instant,
    due: Instant,
}

impl Held {
    /// Whether the message would join others that wait.
    pub(crate) fn has(&self, key: &Key, message: &Message) -> bool {
        self.groups.get(key).is_some_and(|group| group.album == message.album)
    }

    /// Lets a message wait until nothing has come for `window`. What waits there and is not of its kind was taken before.
    pub(crate) fn add(&mut self, key: Key, row: InboundRow, window: Duration, now: Instant) -> Added {
        let bytes = row.message.text.len();
        let due = now + window.min(LONGEST);
        let Some(group) = self.groups.get_mut(&key) else {
            self.begun += 1;
            let album = row.message.album.clone();
            let group = Group { number: self.begun, album, rows: vec![row], bytes, since: now, due };
            self.groups.insert(key, group);
            return Added::Begun(self.begun);
        };
        group.rows.push(row);
        group.bytes += bytes;
        group.due = due.min(group.since + LONGEST);
        if group.rows.len() < MESSAGES && group.bytes < BYTES {
            return Added::Joined;
        }
        Added::Full(self.take(&key))
    }

    /// Until when the group waits; `None` when it does not any more.
    pub(crate) fn due(&self, key: &Key, number: u64) -> Option<Instant> {
        self.groups.get(key).filter(|group| group.number == number).map(|group| group.due)
    }

    /// Ends the wait of a group.
    pub(crate) fn take(&mut self, key: &Key) -> Vec<InboundRow> {
        self.groups.remove(key).map_or_else(Vec::new, |group| group.rows)
    }

    /// How many texts wait.
    pub(crate) fn len(&self) -> usize {
        self.groups.values().map(|group| group.rows.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const WINDOW: Duration = Duration::from_millis(300);

    fn key(sender: &str) -> Key {
        let row = testing::row(1, sender, "x");
        Key::of(&row, &row.route.clone().unwrap())
    }

    fn add(held: &mut Held, id: i64, text: &str, now: Instant) -> Added {
        held.add(key("u1"), testing::row(id, "u1", text), WINDOW, now)
    }

    #[test]
    fn each_text_begins_the_window_anew_until_the_longest_wait() {
        let (mut held, begun) = (Held::default(), Instant::now());
        let at = |ms| begun + Duration::from_millis(ms);
        assert_eq!(add(&mut held, 1, "a", at(0)), Added::Begun(1));
        assert_eq!(held.due(&key("u1"), 1), Some(at(300)));
        assert_eq!(add(&mut held, 2, "b", at(200)), Added::Joined);
        assert_eq!(held.due(&key("u1"), 1), Some(at(500)));
        assert_eq!(add(&mut held, 3, "c", at(7_400)), Added::Joined);
        assert_eq!(held.due(&key("u1"), 1), Some(at(7_500)));
        assert_eq!((held.due(&key("u2"), 1), held.due(&key("u1"), 2)), (None, None));
        let texts: Vec<_> = held.take(&key("u1")).into_iter().map(|row| row.message.text).collect();
        assert_eq!((texts, held.len()), (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], 0));
        assert_eq!(held.due(&key("u1"), 1), None);
        assert_eq!(add(&mut held, 4, "d", at(8_000)), Added::Begun(2), "another group");
    }

    #[test]
    fn pieces_of_an_album_wait_for_each_other_and_for_nothing_else() {
        let (mut held, now) = (Held::default(), Instant::now());
        let piece = |id, album: Option<&str>| {
            let mut row = testing::row(id, "u1", "");
            row.message.album = album.map(str::to_owned);
            row
        };
        held.add(key("u1"), piece(1, Some("x")), ALBUM, now);
        let joins = |album| held.has(&key("u1"), &piece(2, album).message);
        assert_eq!((joins(Some("x")), joins(Some("y")), joins(None)), (true, false, false));
        assert!(!held.has(&key("u2"), &piece(2, Some("x")).message));
    }

    #[test]
    fn a_group_is_bounded_in_number_and_size() {
        let (mut held, now) = (Held::default(), Instant::now());
        for id in 1..12 {
            assert_ne!(add(&mut held, id, "a", now), Added::Full(vec![]));
        }
        assert_eq!(held.len(), 11);
        let Added::Full(rows) = add(&mut held, 12, "l", now) else { panic!("twelve are enough") };
        assert_eq!((rows.len(), held.len()), (12, 0));
        add(&mut held, 13, "a", now);
        let long = add(&mut held, 14, &"x".repeat(BYTES), now);
        assert!(matches!(long, Added::Full(rows) if rows.len() == 2));
    }
}
