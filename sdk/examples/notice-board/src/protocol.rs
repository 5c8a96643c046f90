//! The board's protocol as pure functions: what its calls bring, what to ask, and what an answer means.

use openclaw_sdk::channel::{
    ChatKind, Conversation, Failure, Identity, Message, Outbound, Sender, SenderKind, WebhookRequest,
    WebhookResponse,
};
use openclaw_sdk::http::{Answer, Method, Request};
use openclaw_sdk::protocol::Protocol;
use openclaw_sdk::webhook::{Hook, Taken};
use openclaw_text::{Unit, split};
use serde::{Deserialize, Serialize};

/// Below the 10 s that the gateway waits for a probe.
const ME_TIMEOUT_MS: u64 = 8_000;
const SEND_TIMEOUT_MS: u64 = 20_000;
/// The longest note, in UTF-16 code units.
const MAX_TEXT: usize = 1_000;

/// The state of the protocol: who we are, once the board has said so.
#[derive(Debug, Default)]
pub struct Board {
    me: Option<String>,
}

#[derive(Deserialize)]
struct Author {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    board: String,
    author: Author,
    text: String,
    #[serde(default)]
    at: u64,
}

#[derive(Serialize)]
struct NewNote<'a> {
    text: &'a str,
    /// The note that this one stands under.
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<u64>,
}

#[derive(Deserialize)]
struct Made {
    id: u64,
}

impl Protocol for Board {
    fn configure(_config: &str) -> Result<Self, Failure> {
        // Everything in the configuration is the gateway's own.
        Ok(Self::default())
    }

    fn identify(&self) -> Request {
        Request::new("api", Method::Get, "/me", ME_TIMEOUT_MS)
    }

    fn identity(&mut self, answer: &Answer) -> Result<Identity, Failure> {
        let me: Author = read(answer)?;
        self.me = Some(me.id.clone());
        Ok(Identity { id: me.id, username: None, display_name: me.name, facts: Vec::new() })
    }

    fn posts(&self, outbound: &Outbound) -> Result<Vec<Request>, Failure> {
        let board = outbound.target.room.as_str();
        // It becomes part of a path.
        if board.is_empty()
            || !board.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            let detail = format!("\"{board}\" is not the name of a board; use A-Z, a-z, 0-9, - and _");
            return Err(Failure::permanent("invalid_target", &detail));
        }
        let answers = std::str::from_utf8(&outbound.reply_context).ok().and_then(|id| id.parse().ok());
        let path = format!("/boards/{board}/notes");
        let post = |text: &String| {
            // The record holds nothing that JSON cannot say.
            let body = serde_json::to_vec(&NewNote { text, answers }).unwrap_or_default();
            Request::new("api", Method::Post, &path, SEND_TIMEOUT_MS).json(body)
        };
        Ok(split(&outbound.text, MAX_TEXT, Unit::Utf16).iter().map(post).collect())
    }

    fn receipt(&self, answer: &Answer) -> Result<String, Failure> {
        read(answer).map(|Made { id }| id.to_string())
    }
}

impl Hook for Board {
    fn take(&mut self, request: &WebhookRequest) -> Taken {
        let answer = |status| WebhookResponse { status, headers: Vec::new(), body: Vec::new() };
        match serde_json::from_slice::<Note>(&request.body) {
            // What the bot wrote comes back like everybody's.
            Ok(note) if self.me.as_ref() == Some(&note.author.id) => {
                Taken { messages: Vec::new(), response: answer(204) }
            }
            Ok(note) => Taken { messages: vec![self.message(note)], response: answer(204) },
            // It would not be understood the next time either: the board must not come again with it.
            Err(_) => Taken { messages: Vec::new(), response: answer(422) },
        }
    }
}

impl Board {
    fn message(&self, note: Note) -> Message {
        let named = self.me.as_ref().is_some_and(|me| note.text.contains(&format!("@{me}")));
        Message {
            id: note.id.to_string(),
            conversation: Conversation {
                kind: ChatKind::Group,
                space: None,
                room: note.board,
                thread: None,
                title: None,
            },
            sender: Sender {
                kind: SenderKind::Person,
                id: note.author.id,
                username: None,
                display_name: note.author.name,
                roles: Vec::new(),
            },
            text: note.text,
            sent_at_ms: note.at,
            mentions_self: named,
            reply_to_self: false,
            addresses_others: false,
            edited: false,
            forwarded: false,
            quote: None,
            media: Vec::new(),
            album: None,
            // So that the answer stands under the note.
            reply_context: note.id.to_string().into_bytes(),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, Failure> {
    // The error names a place in the JSON, never its content.
    serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::unavailable("bad_json", &format!("the answer is not the board's: {error}")))
}
