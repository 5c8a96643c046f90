//! The vendor's protocol as pure functions: what to ask, and what an answer means.

use openclaw_sdk::channel::{
    ChatKind, Conversation, Failure, Identity, Message, Outbound, Sender, SenderKind,
};
use openclaw_sdk::http::{Answer, Method, Request};
use openclaw_sdk::long_poll::{Item, LongPoll, Unread};
use openclaw_sdk::protocol;
use openclaw_text::{Unit, mentions, split};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many messages to ask for at once.
const MOST: u8 = 100;
/// How long the vendor holds a question open, in seconds.
const WAIT_S: u64 = 25;
/// Longer than that, for the way there and back.
const POLL_TIMEOUT_MS: u64 = 40_000;
/// Below the 10 s that the gateway waits for a probe.
const ME_TIMEOUT_MS: u64 = 8_000;
const SEND_TIMEOUT_MS: u64 = 20_000;
/// The longest text of one message, in UTF-16 code units.
const MAX_TEXT: usize = 2_000;

/// The state of the protocol: who we are, once the vendor has said so.
#[derive(Debug, Default)]
pub struct Protocol {
    me: Option<Author>,
}

#[derive(Clone, Debug, Deserialize)]
struct Author {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    /// Read one by one, so that one that is not understood does not hide the others.
    messages: Vec<Value>,
}

#[derive(Deserialize)]
struct Posted {
    id: u64,
    room: String,
    #[serde(default)]
    direct: bool,
    author: Author,
    text: String,
    #[serde(default)]
    at: u64,
}

#[derive(Serialize)]
struct Post<'a> {
    room: &'a str,
    text: &'a str,
}

#[derive(Deserialize)]
struct Made {
    id: u64,
}

impl protocol::Protocol for Protocol {
    fn configure(_config: &str) -> Result<Self, Failure> {
        // Everything in the configuration is the gateway's own so far.
        Ok(Self::default())
    }

    fn identify(&self) -> Request {
        Request::new("api", Method::Get, "/me", ME_TIMEOUT_MS)
    }

    fn identity(&mut self, answer: &Answer) -> Result<Identity, Failure> {
        let me: Author = read(answer)?;
        self.me = Some(me.clone());
        Ok(Identity { id: me.id, username: None, display_name: me.name, facts: Vec::new() })
    }

    fn posts(&self, outbound: &Outbound) -> Result<Vec<Request>, Failure> {
        let room = outbound.target.room.as_str();
        if room.is_empty() {
            return Err(Failure::permanent("invalid_target", "the target is empty; name a room"));
        }
        let post = |text: &String| {
            // The record holds nothing that JSON cannot say.
            let body = serde_json::to_vec(&Post { room, text }).unwrap_or_default();
            Request::new("api", Method::Post, "/messages", SEND_TIMEOUT_MS).json(body)
        };
        Ok(split(&outbound.text, MAX_TEXT, Unit::Utf16).iter().map(post).collect())
    }

    fn receipt(&self, answer: &Answer) -> Result<String, Failure> {
        read(answer).map(|Made { id }| id.to_string())
    }
}

impl LongPoll for Protocol {
    fn poll(&self, cursor: Option<&[u8]>) -> Request {
        poll(cursor, MOST)
    }

    fn poll_one(&self, cursor: Option<&[u8]>) -> Request {
        poll(cursor, 1)
    }

    fn first(&self, answer: &Answer) -> Option<Unread> {
        let Page { messages } = read(answer).ok()?;
        let id = messages.first()?.get("id")?.as_u64()?.to_string();
        Some(Unread { cursor: id.clone().into_bytes(), id: Some(id) })
    }

    fn items(&mut self, answer: &Answer) -> Result<Vec<Item>, Failure> {
        let Page { messages } = read(answer)?;
        Ok(messages.into_iter().filter_map(|json| self.item(json)).collect())
    }
}

impl Protocol {
    /// One message. What has no number cannot be acknowledged, and is passed with the next one that has.
    fn item(&self, json: Value) -> Option<Item> {
        let cursor = json.get("id")?.as_u64()?.to_string().into_bytes();
        let posted: Option<Posted> = serde_json::from_value(json).ok();
        let is_me = |posted: &Posted| self.me.as_ref().is_some_and(|me| me.id == posted.author.id);
        let message = posted.filter(|posted| !is_me(posted)).map(|posted| self.message(posted));
        Some(Item { message, cursor })
    }

    fn message(&self, posted: Posted) -> Message {
        let named = self.me.as_ref().is_some_and(|me| mentions(&posted.text, &me.id));
        Message {
            id: posted.id.to_string(),
            conversation: Conversation {
                kind: if posted.direct { ChatKind::Direct } else { ChatKind::Group },
                space: None,
                room: posted.room,
                thread: None,
                title: None,
            },
            sender: Sender {
                kind: SenderKind::Person,
                id: posted.author.id,
                username: None,
                display_name: posted.author.name,
                roles: Vec::new(),
            },
            text: posted.text,
            sent_at_ms: posted.at,
            mentions_self: named,
            reply_to_self: false,
            addresses_others: false,
            edited: false,
            forwarded: false,
            quote: None,
            media: Vec::new(),
            album: None,
            reply_context: Vec::new(),
        }
    }
}

fn poll(cursor: Option<&[u8]>, limit: u8) -> Request {
    let after = cursor.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("0");
    Request::new("api", Method::Get, "/messages", POLL_TIMEOUT_MS)
        .query("after", after)
        .query("limit", &limit.to_string())
        .query("wait", &WAIT_S.to_string())
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, Failure> {
    // The error names a place in the JSON, never its content.
    serde_json::from_slice(&answer.body).map_err(|error| {
        Failure::unavailable("bad_json", &format!("the answer is not the vendor's: {error}"))
    })
}
