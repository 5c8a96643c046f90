//! What is known of channels and threads: which of them is a thread, and of what. Owns a bounded memory of what the
//! gateway's events tell; it never asks.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;

use crate::api::{Channel, Guild};

/// The most rooms that are remembered; the oldest is forgotten first, and asked for again when it is needed.
const MOST: usize = 4_096;

/// A channel or a thread. The numbers are Discord's ("Channel Types").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) kind: u8,
    pub(crate) parent: Option<String>,
    pub(crate) name: Option<String>,
}

impl Room {
    pub(crate) fn is_thread(kind: u8) -> bool {
        matches!(kind, 10..=12)
    }

    /// A private conversation of several people.
    pub(crate) fn is_group(kind: u8) -> bool {
        kind == 3
    }
}

impl From<Channel> for Room {
    fn from(channel: Channel) -> Self {
        Self { kind: channel.kind, parent: channel.parent_id, name: channel.name }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: BTreeMap<String, Room>,
    order: VecDeque<String>,
}

impl Rooms {
    pub(crate) fn get(&self, id: &str) -> Option<&Room> {
        self.rooms.get(id)
    }

    pub(crate) fn learn(&mut self, channel: Channel) {
        let id = channel.id.clone();
        if self.rooms.insert(id.clone(), channel.into()).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.rooms.remove(&oldest);
            }
        }
    }

    /// Reads an event of the gateway. One that tells nothing of rooms, or is not understood, changes nothing.
    pub(crate) fn event(&mut self, event: &str, data: &str) {
        match event {
            "GUILD_CREATE" => {
                let Guild { channels, threads } = serde_json::from_str(data).unwrap_or_default();
                channels.into_iter().chain(threads).for_each(|channel| self.learn(channel));
            }
            "THREAD_LIST_SYNC" => {
                let Guild { threads, .. } = serde_json::from_str(data).unwrap_or_default();
                threads.into_iter().for_each(|thread| self.learn(thread));
            }
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
                if let Ok(channel) = serde_json::from_str(data) {
                    self.learn(channel);
                }
            }
            "CHANNEL_DELETE" | "THREAD_DELETE" => {
                #[derive(Deserialize)]
                struct Gone {
                    id: String,
                }
                if let Ok(Gone { id }) = serde_json::from_str(data)
                    && self.rooms.remove(&id).is_some()
                {
                    self.order.retain(|known| *known != id);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_tell_of_rooms() {
        let mut rooms = Rooms::default();
        let guild = json!({"id": "1", "channels": [{"id": "2", "type": 0, "name": "general"}],
            "threads": [{"id": "3", "type": 11, "parent_id": "2", "name": "a thread"}]});
        rooms.event("GUILD_CREATE", &guild.to_string());
        let thread = rooms.get("3").unwrap();
        assert!(Room::is_thread(thread.kind));
        assert_eq!((thread.parent.as_deref(), thread.name.as_deref()), (Some("2"), Some("a thread")));
        rooms.event("CHANNEL_UPDATE", r#"{"id": "2", "type": 0, "name": "new name"}"#);
        assert_eq!(rooms.get("2").unwrap().name.as_deref(), Some("new name"));
        rooms.event("THREAD_DELETE", r#"{"id": "3"}"#);
        rooms.event("CHANNEL_CREATE", "[]");
        rooms.event("TYPING_START", "{}");
        assert!(rooms.get("3").is_none());
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut rooms = Rooms::default();
        for n in 0..2 * MOST {
            rooms.event("THREAD_CREATE", &json!({"id": n.to_string(), "type": 11}).to_string());
        }
        assert_eq!((rooms.rooms.len(), rooms.order.len()), (MOST, MOST));
        assert!(rooms.get("0").is_none() && rooms.get(&(2 * MOST - 1).to_string()).is_some());
    }
}
