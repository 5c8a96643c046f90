//! Owns which albums name the agent: files that a person sends together come in a message each, and only one of them carries
//! the words. Remembers them in memory alone, and for as long as their pieces may take to arrive.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openclaw_store::{AccountKey, Message};
use tokio::time::Instant;

/// Albums that are remembered; of more, the oldest is forgotten.
const ALBUMS: usize = 1_024;
/// How long its pieces may take.
const LASTS: Duration = Duration::from_secs(60);

/// An album of one person in one room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    account: AccountKey,
    room: String,
    sender: String,
    album: String,
}

impl Key {
    fn of(account: &AccountKey, message: &Message) -> Option<Self> {
        Some(Self {
            account: account.clone(),
            room: message.conversation.room.clone(),
            sender: message.sender.id.clone(),
            album: message.album.clone()?,
        })
    }
}

/// The albums of which a piece named the agent, and when.
#[derive(Default)]
pub(crate) struct Albums {
    named: Mutex<HashMap<Key, Instant>>,
}

impl Albums {
    /// This piece of an album names the agent. A message that is in none changes nothing.
    pub(crate) fn names(&self, account: &AccountKey, message: &Message) {
        let Some(key) = Key::of(account, message) else { return };
        let now = Instant::now();
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|_, at| now.duration_since(*at) < LASTS);
        if named.len() >= ALBUMS && !named.contains_key(&key) {
            let oldest = named.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| named.remove(&oldest));
        }
        named.insert(key, now);
    }

    /// Whether the message is a piece of an album that names the agent.
    pub(crate) fn is_named(&self, account: &AccountKey, message: &Message) -> bool {
        let Some(key) = Key::of(account, message) else { return false };
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.get(&key).is_some_and(|at| at.elapsed() < LASTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn piece(sender: &str, album: Option<&str>) -> Message {
        Message { album: album.map(str::to_owned), ..testing::message("1", sender, "") }
    }

    #[tokio::test(start_paused = true)]
    async fn the_pieces_of_one_person_are_named_by_one_of_them_for_a_while() {
        let (albums, account) = (Albums::default(), AccountKey::new("chat", "a"));
        albums.names(&account, &piece("u1", Some("x")));
        albums.names(&account, &piece("u1", None));
        let named = |sender, album| albums.is_named(&account, &piece(sender, album));
        assert!(named("u1", Some("x")));
        assert!(!named("u2", Some("x")) && !named("u1", Some("y")) && !named("u1", None));
        assert!(!albums.is_named(&AccountKey::new("chat", "b"), &piece("u1", Some("x"))));
        tokio::time::advance(LASTS).await;
        assert!(!named("u1", Some("x")));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_is_forgotten_when_there_are_too_many() {
        let (albums, account) = (Albums::default(), AccountKey::new("chat", "a"));
        for number in 0..=ALBUMS {
            albums.names(&account, &piece("u1", Some(&number.to_string())));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let named = |album: usize| albums.is_named(&account, &piece("u1", Some(&album.to_string())));
        assert_eq!((named(0), named(1), named(ALBUMS)), (false, true, true));
    }
}
