//! What the server knows of one bot: its rooms, its sessions, and what it did.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::fault::DiscordFault;
use super::gateway::Command;

/// Requests kept in the log.
const LOG: usize = 10_000;
/// The first second of 2015 in Unix milliseconds, where the vendor's ids begin.
const EPOCH_MS: u64 = 1_420_070_400_000;

const GUILDS: u64 = 1;
const GUILD_MESSAGES: u64 = 1 << 9;
const DIRECT_MESSAGES: u64 = 1 << 12;
const MESSAGE_CONTENT: u64 = 1 << 15;
/// Those that the vendor hands out on request only.
pub(super) const PRIVILEGED: u64 = 1 << 1 | 1 << 8 | MESSAGE_CONTENT;
/// The highest that there is.
pub(super) const ALL_INTENTS: u64 = (1 << 26) - 1;

/// Something that a bot sent.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscordSent {
    /// When.
    pub at: Instant,
    /// Where.
    pub channel_id: String,
    /// The words; `None` for a typing notice.
    pub content: Option<String>,
    /// The id that the bot was given; empty for a typing notice.
    pub message_id: String,
    /// Everything that the bot sent.
    pub params: Value,
}

/// Who says something where.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscordTalker {
    user: Value,
    place: Place,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Private,
    Channel { guild: u64, channel: u64 },
    Thread { guild: u64, channel: u64, thread: u64 },
}

impl DiscordTalker {
    /// A person in a private conversation with the bot.
    #[must_use]
    pub fn private(user: u64, username: &str) -> Self {
        Self { user: person(user, username), place: Place::Private }
    }

    /// A person in a channel of a server.
    #[must_use]
    pub fn in_channel(guild: u64, channel: u64, user: u64, username: &str) -> Self {
        Self { user: person(user, username), place: Place::Channel { guild, channel } }
    }

    /// A person in a thread of a channel.
    #[must_use]
    pub fn in_thread(guild: u64, channel: u64, thread: u64, user: u64, username: &str) -> Self {
        Self { user: person(user, username), place: Place::Thread { guild, channel, thread } }
    }
}

fn person(user: u64, username: &str) -> Value {
    json!({"id": user.to_string(), "username": username, "discriminator": "0", "global_name": null, "avatar": null})
}

/// One session of the gateway. It outlives its connections.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) intents: u64,
    pub(super) sequence: u64,
    /// What was dispatched, for a replay: the number and the frame.
    pub(super) events: Vec<(u64, String)>,
    /// The connection that it has.
    pub(super) connection: Option<mpsc::UnboundedSender<Command>>,
}

impl Session {
    /// Numbers an event and keeps it; who is connected gets it.
    pub(super) fn dispatch(&mut self, event: &str, data: &Value) {
        self.sequence += 1;
        let frame = json!({"op": 0, "s": self.sequence, "t": event, "d": data}).to_string();
        self.events.push((self.sequence, frame.clone()));
        if let Some(connection) = &self.connection {
            // A connection that has just ended resumes, or not.
            let _ = connection.send(Command::Frame(frame));
        }
    }
}

#[derive(Debug)]
pub(super) struct Bot {
    pub(super) id: u64,
    pub(super) username: String,
    pub(super) revoked: bool,
    /// Privileged intents that the portal allows.
    pub(super) allowed: u64,
    pub(super) acks: bool,
    /// Sessions that may still be begun today.
    pub(super) remaining: u64,
    pub(super) identify_gap: Duration,
    pub(super) last_identify: Option<Instant>,
    /// Codes with which the next identifies are refused.
    pub(super) refuse_identify: VecDeque<u16>,
    pub(super) sessions: HashMap<String, Session>,
    pub(super) identifies: Vec<Value>,
    pub(super) resumes: Vec<Value>,
    pub(super) heartbeats: usize,
    /// Each room as `GET /channels/{id}` answers it.
    pub(super) rooms: BTreeMap<u64, Value>,
    /// Rooms that the bot may not see.
    pub(super) hidden: Vec<u64>,
    /// What everybody may do on each server.
    pub(super) permissions: u64,
    pub(super) limit: (u32, Duration),
    pub(super) windows: HashMap<String, (Instant, u32)>,
    pub(super) nonces: HashMap<(String, String), Value>,
    pub(super) messages: HashMap<String, Value>,
    pub(super) sent: Vec<DiscordSent>,
    /// What the bot edited, oldest first.
    pub(super) edits: Vec<DiscordSent>,
    /// The reactions that the bot changed, oldest first: `PUT` or `DELETE`, the message's id, and the emoji as in the path.
    pub(super) reactions: Vec<(String, String, String)>,
    pub(super) calls: VecDeque<(String, Value)>,
    pub(super) faults: HashMap<String, VecDeque<DiscordFault>>,
    last_id: u64,
}

impl Bot {
    pub(super) fn new(id: u64, username: &str) -> Self {
        Self {
            id,
            username: username.to_owned(),
            revoked: false,
            allowed: PRIVILEGED,
            acks: true,
            remaining: 1_000,
            identify_gap: Duration::from_secs(5),
            last_identify: None,
            refuse_identify: VecDeque::new(),
            sessions: HashMap::new(),
            identifies: Vec::new(),
            resumes: Vec::new(),
            heartbeats: 0,
            rooms: BTreeMap::new(),
            hidden: Vec::new(),
            // View channels, send messages, also in threads.
            permissions: 1 << 10 | 1 << 11 | 1 << 38,
            limit: (5, Duration::from_secs(5)),
            windows: HashMap::new(),
            nonces: HashMap::new(),
            messages: HashMap::new(),
            sent: Vec::new(),
            edits: Vec::new(),
            reactions: Vec::new(),
            calls: VecDeque::new(),
            faults: HashMap::new(),
            last_id: 0,
        }
    }

    pub(super) fn user(&self) -> Value {
        json!({"id": self.id.to_string(), "username": self.username, "discriminator": "0", "global_name": null,
            "avatar": null, "bot": true})
    }

    /// The flags of the application, which tell what the portal allows; fewer than 100 servers, so "limited".
    pub(super) fn flags(&self) -> u64 {
        [(1 << 8, 1 << 13), (1 << 1, 1 << 15), (MESSAGE_CONTENT, 1 << 19)]
            .iter()
            .filter(|(intent, _)| self.allowed & intent != 0)
            .fold(0, |flags, (_, flag)| flags | flag)
    }

    /// An id of its own that holds the time.
    pub(super) fn id(&mut self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        self.last_id = (now.saturating_sub(EPOCH_MS) << 22).max(self.last_id + 1);
        self.last_id
    }

    /// The private channel of a person, which begins to exist when it is asked for.
    pub(super) fn private(&mut self, user: &str) -> u64 {
        let of_user = |room: &Value| {
            room.pointer("/recipients/0/id")
                .and_then(Value::as_str)
                .is_some_and(|recipient| recipient == user)
        };
        if let Some((id, _)) = self.rooms.iter().find(|(_, room)| of_user(room)) {
            return *id;
        }
        let id = self.id();
        let recipient = json!({"id": user, "username": user});
        self.rooms.insert(id, json!({"id": id.to_string(), "type": 1, "recipients": [recipient]}));
        id
    }

    fn channel(&mut self, guild: u64, channel: u64) {
        let room = json!({"id": channel.to_string(), "type": 0, "guild_id": guild.to_string(), "parent_id": null,
            "name": format!("channel-{channel}"), "permission_overwrites": []});
        self.rooms.entry(channel).or_insert(room);
    }

    /// Makes sure that there is the place in which `talker` speaks. The room, its server if it has one, and its type.
    pub(super) fn place(&mut self, talker: &DiscordTalker) -> (u64, Option<u64>, u8) {
        match talker.place {
            Place::Private => {
                let user = talker.user.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                (self.private(&user), None, 1)
            }
            Place::Channel { guild, channel } => {
                self.channel(guild, channel);
                (channel, Some(guild), 0)
            }
            Place::Thread { guild, channel, thread } => {
                self.channel(guild, channel);
                let room = json!({"id": thread.to_string(), "type": 11, "guild_id": guild.to_string(),
                    "parent_id": channel.to_string(), "name": format!("thread-{thread}")});
                self.rooms.entry(thread).or_insert(room);
                (thread, Some(guild), 11)
            }
        }
    }

    /// A message of `talker` as the vendor tells it.
    pub(super) fn message(&mut self, talker: &DiscordTalker, text: &str) -> Value {
        let (channel, guild, kind) = self.place(talker);
        let id = self.id();
        let mut message = json!({
            "id": id.to_string(), "channel_id": channel.to_string(), "channel_type": kind, "type": 0, "author": talker.user,
            "content": text, "timestamp": "2026-01-01T00:00:00.000000+00:00", "edited_timestamp": null, "tts": false,
            "mention_everyone": text.contains("@everyone"), "mentions": self.mentions(text),
            "mention_roles": named(text).filter_map(|named| named.strip_prefix('&')).collect::<Vec<_>>(),
            "attachments": [], "embeds": [], "components": [], "pinned": false,
        });
        if let (Some(guild), Some(message)) = (guild, message.as_object_mut()) {
            message.insert("guild_id".to_owned(), json!(guild.to_string()));
            message.insert("member".to_owned(), json!({"nick": null, "roles": []}));
        }
        message
    }

    fn mentions(&self, text: &str) -> Vec<Value> {
        let people = named(text).filter_map(|named| named.strip_prefix('!').unwrap_or(named).parse().ok());
        people
            .map(|id: u64| match id == self.id {
                true => self.user(),
                false => json!({"id": id.to_string(), "username": format!("user-{id}")}),
            })
            .collect()
    }

    /// Tells every session of an event about `message`, as far as its intents reach.
    pub(super) fn tell(&mut self, event: &str, message: &Value) {
        if let Some(id) = message.get("id").and_then(Value::as_str) {
            self.messages.insert(id.to_owned(), message.clone());
        }
        let in_guild = message.get("guild_id").is_some();
        let own = self.id.to_string();
        let named = message.get("mentions").and_then(Value::as_array).is_some_and(|users| {
            users.iter().any(|user| user.get("id").and_then(Value::as_str) == Some(&own))
        });
        for session in self.sessions.values_mut() {
            if session.intents & if in_guild { GUILD_MESSAGES } else { DIRECT_MESSAGES } == 0 {
                continue;
            }
            let mut shown = message.clone();
            let hides = in_guild && !named && session.intents & MESSAGE_CONTENT == 0;
            if let Some(shown) = shown.as_object_mut().filter(|_| hides) {
                shown.insert("content".to_owned(), json!(""));
                for list in ["attachments", "embeds", "components"] {
                    shown.insert(list.to_owned(), json!([]));
                }
                shown.remove("poll");
            }
            session.dispatch(event, &shown);
        }
    }

    /// What a new session is told of the servers.
    pub(super) fn guilds(&self, intents: u64) -> Vec<Value> {
        let mut guilds: BTreeMap<String, (Vec<Value>, Vec<Value>)> = BTreeMap::new();
        for room in self.rooms.values().filter(|_| intents & GUILDS != 0) {
            let Some(guild) = room.get("guild_id").and_then(Value::as_str) else { continue };
            let (channels, threads) = guilds.entry(guild.to_owned()).or_default();
            let is_thread = room.get("type").and_then(Value::as_u64) == Some(11);
            if is_thread { threads } else { channels }.push(room.clone());
        }
        guilds
            .into_iter()
            .map(|(id, (channels, threads))| json!({"id": id, "channels": channels, "threads": threads}))
            .collect()
    }

    pub(super) fn note(&mut self, route: &str, params: &Value) {
        if self.calls.len() >= LOG {
            self.calls.pop_front();
        }
        self.calls.push_back((route.to_owned(), params.clone()));
    }
}

/// What stands between `<@` and `>` in a text: who is mentioned.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split("<@").skip(1).filter_map(|rest| Some(rest.split_once('>')?.0))
}
