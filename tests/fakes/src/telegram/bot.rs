//! What the server knows of one bot.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::fault::Fault;
use crate::multipart::SentFile;

/// Calls kept in the log.
const LOG: usize = 10_000;
/// Where the ids of a new bot's updates begin: the vendor starts at a random number.
const FIRST_UPDATE: i64 = 500_000_001;

/// Something that a bot sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// `sendMessage`, `editMessageText`, `sendChatAction`, or what sends a file.
    pub method: String,
    /// As the bot spelled it.
    pub chat_id: String,
    /// What people read: without markup, entities decoded. Empty for an action.
    pub text: String,
    /// The id that the bot was given, or of what it edited.
    pub message_id: i64,
    /// Everything that the bot sent.
    pub params: Value,
    /// The file that went with it.
    pub file: Option<SentFile>,
}

/// Who says something where.
#[derive(Clone, Debug, PartialEq)]
pub struct Talker {
    chat: Value,
    from: Value,
}

impl Talker {
    /// A person in a private chat with the bot; the chat's id is the person's.
    #[must_use]
    pub fn private(user: i64, username: &str) -> Self {
        let chat = json!({"id": user, "type": "private", "first_name": username, "username": username});
        Self { chat, from: person(user, username) }
    }

    /// A person in a group.
    #[must_use]
    pub fn in_group(chat: i64, title: &str, user: i64, username: &str) -> Self {
        Self { chat: json!({"id": chat, "type": "supergroup", "title": title}), from: person(user, username) }
    }
}

fn person(user: i64, username: &str) -> Value {
    json!({"id": user, "is_bot": false, "first_name": username, "username": username, "language_code": "en"})
}

#[derive(Debug)]
pub(super) struct Bot {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) revoked: bool,
    pub(super) webhook: String,
    pub(super) updates: VecDeque<Value>,
    /// Those that a poll has confirmed, oldest first.
    pub(super) confirmed: Vec<Value>,
    /// Those of them that are given once more, whatever the next poll confirms.
    pub(super) again: Vec<Value>,
    pub(super) next_update: i64,
    /// The last update that a poll was given, and how many were given again.
    pub(super) delivered: i64,
    pub(super) redelivered: u64,
    pub(super) next_message: i64,
    /// Rises with each poll: an earlier one sees that it was overtaken.
    pub(super) latest_poll: u64,
    pub(super) last_offset: Option<(i64, Instant)>,
    pub(super) polls: usize,
    pub(super) most_polls: usize,
    pub(super) commands: Value,
    pub(super) sent: Vec<Sent>,
    /// What people see now of each message of the bot, by its id: the chat, the text, and how it was asked for.
    pub(super) visible: BTreeMap<i64, (String, String, Value)>,
    /// The reactions that the bot set, oldest first: the message's id, and the emoji.
    pub(super) reactions: Vec<(i64, Option<String>)>,
    /// Files that people sent, by their paths, which are their ids too.
    pub(super) files: HashMap<String, Vec<u8>>,
    pub(super) calls: VecDeque<(String, Value)>,
    pub(super) faults: HashMap<String, VecDeque<Fault>>,
}

impl Bot {
    pub(super) fn new(token: &str, username: &str) -> Self {
        Self {
            id: token.split_once(':').and_then(|(id, _)| id.parse().ok()).unwrap_or(1),
            username: username.to_owned(),
            revoked: false,
            webhook: String::new(),
            updates: VecDeque::new(),
            confirmed: Vec::new(),
            again: Vec::new(),
            next_update: FIRST_UPDATE,
            delivered: 0,
            redelivered: 0,
            next_message: 1,
            latest_poll: 0,
            last_offset: None,
            polls: 0,
            most_polls: 0,
            commands: json!([]),
            sent: Vec::new(),
            visible: BTreeMap::new(),
            reactions: Vec::new(),
            files: HashMap::new(),
            calls: VecDeque::new(),
            faults: HashMap::new(),
        }
    }

    pub(super) fn push(&mut self, mut update: Value) -> i64 {
        let id = self.next_update;
        self.next_update += 1;
        if let Some(update) = update.as_object_mut() {
            update.insert("update_id".to_owned(), json!(id));
        }
        self.updates.push_back(update);
        id
    }

    /// The updates that a poll is given.
    pub(super) fn deliver(&mut self, limit: usize) -> Vec<Value> {
        let again = self
            .again
            .drain(..self.again.len().min(limit))
            .inspect(|update| self.confirmed.push(update.clone()));
        let mut ready: Vec<Value> = again.collect();
        ready.extend(self.updates.iter().take(limit - ready.len()).cloned());
        for id in ready.iter().filter_map(|update| update.get("update_id")?.as_i64()) {
            self.redelivered += u64::from(id <= self.delivered);
            self.delivered = self.delivered.max(id);
        }
        ready
    }

    /// A message from `talker`; a command or a mention of the bot is marked as the vendor marks it.
    pub(super) fn message(&mut self, talker: &Talker, text: &str) -> Value {
        let mut message = json!({
            "message_id": self.message_id(), "from": talker.from, "chat": talker.chat, "date": now(), "text": text,
        });
        let entities = self.entities(text);
        if let Some(message) = message.as_object_mut().filter(|_| !entities.is_empty()) {
            message.insert("entities".to_owned(), json!(entities));
        }
        message
    }

    fn entities(&self, text: &str) -> Vec<Value> {
        let mut entities = Vec::new();
        if text.starts_with('/') {
            let command = text.split_whitespace().next().unwrap_or_default();
            entities
                .push(json!({"type": "bot_command", "offset": 0, "length": command.encode_utf16().count()}));
        }
        let mention = format!("@{}", self.username);
        if let Some(at) = text.find(&mention).filter(|_| !text.starts_with('/')) {
            let before = text.get(..at).unwrap_or_default().encode_utf16().count();
            entities
                .push(json!({"type": "mention", "offset": before, "length": mention.encode_utf16().count()}));
        }
        entities
    }

    /// A photo, and words under it unless they are empty.
    pub(super) fn photo(&mut self, talker: &Talker, path: &str, bytes: &[u8], caption: &str) -> Value {
        self.files.insert(path.to_owned(), bytes.to_vec());
        let mut message = self.message(talker, caption);
        let photo = json!([{"file_id": path, "file_size": bytes.len(), "width": 1, "height": 1}]);
        if let Some(message) = message.as_object_mut() {
            let text = message.remove("text").filter(|_| !caption.is_empty());
            message.insert("photo".to_owned(), photo);
            message.extend(text.map(|text| ("caption".to_owned(), text)));
            let entities = message.remove("entities");
            message.extend(entities.map(|entities| ("caption_entities".to_owned(), entities)));
        }
        message
    }

    pub(super) fn message_id(&mut self) -> i64 {
        let id = self.next_message;
        self.next_message += 1;
        id
    }

    pub(super) fn note(&mut self, method: &str, params: &Value) {
        if self.calls.len() >= LOG {
            self.calls.pop_front();
        }
        self.calls.push_back((method.to_owned(), params.clone()));
    }

    pub(super) fn user(&self) -> Value {
        json!({
            "id": self.id, "is_bot": true, "first_name": self.username, "username": self.username,
            "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
            "has_topics_enabled": false,
        })
    }
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
