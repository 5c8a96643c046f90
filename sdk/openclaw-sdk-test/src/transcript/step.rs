//! The lines of a transcript.

use openclaw_sdk::channel::{ChatKind, Failure, FailureKind, Message, Outbound, Outcome, SenderKind, Target};
use openclaw_sdk::http::ErrorKind;
use openclaw_sdk::inbound::Connection;
use openclaw_sdk::sockets::{Opening, Payload};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::fake::method;
use crate::vendor::{Asked, Reply};

/// The first line, if it says how to begin.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    #[serde(rename = "transcript", default)]
    _why: String,
    #[serde(default)]
    pub(super) config: Option<Value>,
    #[serde(default)]
    pub(super) cursor: Option<Value>,
    #[serde(default = "yes")]
    pub(super) run: bool,
}

const fn yes() -> bool {
    true
}

/// One line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    Exchange(Exchange),
    Open {
        open: Value,
    },
    Frame {
        frame: Value,
    },
    Close {
        close: Value,
    },
    Sent {
        sent: Value,
    },
    Admitted {
        admitted: Value,
        #[serde(default = "anything")]
        cursor: Value,
    },
    Send {
        send: Send,
        outcome: Value,
    },
    State {
        state: Value,
    },
    Ended {
        ended: Value,
    },
}

fn anything() -> Value {
    json!("*")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    pub(super) expect: Value,
    #[serde(default)]
    answer: Option<Answer>,
    #[serde(default)]
    fails: Option<String>,
    #[serde(default)]
    holds: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Send {
    room: String,
    #[serde(default)]
    thread: Option<String>,
    text: String,
    #[serde(default)]
    reply_to: Option<String>,
    #[serde(default)]
    silent: bool,
    #[serde(default = "key")]
    key: String,
}

fn key() -> String {
    "key-1".to_owned()
}

impl Send {
    pub(super) fn outbound(&self) -> Outbound {
        Outbound {
            idempotency_key: self.key.clone(),
            target: Target { room: self.room.clone(), thread: self.thread.clone() },
            text: self.text.clone(),
            reply_to: self.reply_to.clone(),
            reply_context: Vec::new(),
            silent: self.silent,
        }
    }
}

impl Exchange {
    pub(super) fn reply(&self) -> Result<Reply, String> {
        match (&self.answer, self.fails.as_deref(), self.holds) {
            (Some(answer), None, false) => {
                let headers: Vec<(&str, String)> =
                    answer.headers.iter().map(|(name, value)| (name.as_str(), plain(value))).collect();
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                Ok(Reply::with_headers(answer.status, &headers, body(&answer.body)))
            }
            (None, Some(word), false) => Ok(Reply::Fail(match word {
                "denied" => ErrorKind::Denied,
                "not-sent" => ErrorKind::NotSent,
                "interrupted" => ErrorKind::Interrupted,
                "timeout" => ErrorKind::Timeout,
                "too-large" => ErrorKind::TooLarge,
                other => return Err(format!("`fails` knows no `{other}`")),
            })),
            (None, None, true) => Ok(Reply::Over),
            _ => Err("an exchange has one of `answer`, `fails` and `holds`".to_owned()),
        }
    }
}

/// A body or a frame as it is sent.
pub(super) fn body(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Bytes as they stand in a transcript.
fn read(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)))
}

pub(super) fn request(record: &Asked) -> Value {
    let query: Map<String, Value> =
        record.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let headers: Map<String, Value> =
        record.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({"grant": record.grant, "host": record.host, "method": method(record), "path": record.path,
        "query": query, "headers": headers, "body": read(&record.body)})
}

pub(super) fn opening(opening: &Opening) -> Value {
    let at = opening.destination();
    json!({"endpoint": opening.endpoint(), "host": at.host, "path": at.path, "query": at.query})
}

pub(super) fn payload(payload: &Payload) -> Value {
    match payload {
        Payload::Text(text) => read(text.as_bytes()),
        Payload::Binary(bytes) => json!({"binary": bytes}),
    }
}

pub(super) fn cursor(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, read)
}

pub(super) fn message(message: &Message) -> Value {
    let kind = match message.conversation.kind {
        ChatKind::Direct => "direct",
        ChatKind::Group => "group",
        ChatKind::Channel => "channel",
    };
    let sender = match message.sender.kind {
        SenderKind::Person => "person",
        SenderKind::Bot => "bot",
        SenderKind::Anonymous => "anonymous",
        SenderKind::Myself => "myself",
    };
    let quote = message
        .quote
        .as_ref()
        .map(|quote| json!({"message-id": quote.message_id, "author": quote.author, "text": quote.text}));
    let room = &message.conversation;
    json!({
        "id": message.id,
        "conversation": {"kind": kind, "space": room.space, "room": room.room, "thread": room.thread, "title": room.title},
        "sender": {"kind": sender, "id": message.sender.id, "username": message.sender.username,
            "display-name": message.sender.display_name},
        "text": message.text,
        "sent-at-ms": message.sent_at_ms,
        "mentions-self": message.mentions_self,
        "reply-to-self": message.reply_to_self,
        "addresses-others": message.addresses_others,
        "edited": message.edited,
        "forwarded": message.forwarded,
        "quote": quote,
    })
}

pub(super) fn failure(failure: &Failure) -> Value {
    let kind = match failure.kind {
        FailureKind::Unauthorised => "unauthorised",
        FailureKind::Conflict => "conflict",
        FailureKind::RateLimited => "rate-limited",
        FailureKind::Unavailable => "unavailable",
        FailureKind::Permanent => "permanent",
    };
    json!({"kind": kind, "code": failure.code, "detail": failure.detail,
        "retry-after-ms": failure.retry_after_ms})
}

pub(super) fn outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Sent(receipt) => json!({"sent": receipt.message_ids}),
        Outcome::Retryable(why) => json!({"retryable": failure(why)}),
        Outcome::Ambiguous(why) => json!({"ambiguous": failure(why)}),
        Outcome::Permanent(why) => json!({"permanent": failure(why)}),
        Outcome::Unauthorised(why) => json!({"unauthorised": failure(why)}),
    }
}

pub(super) fn state(connection: &Connection) -> &'static str {
    match connection {
        Connection::Connecting => "connecting",
        Connection::Ready => "ready",
        Connection::Degraded(_) => "degraded",
        Connection::AuthRequired(_) => "auth-required",
    }
}
