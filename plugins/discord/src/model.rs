//! Discord as it is when it works, and the suite that every channel has to pass.

use std::collections::BTreeMap;

use openclaw_sdk::sockets::{Opening, Payload};
use openclaw_sdk_test::conformance::{Model, Subject};
use openclaw_sdk_test::{Act, Asked, Opened, Reply, Vendor};
use serde_json::{Value, json};

use crate::account::Discord;

/// One bot, and a channel in which a person writes.
#[derive(Default)]
struct Discords {
    /// Said before there was a session, which begins with them.
    early: Vec<(u64, String)>,
    /// The events of the session, by their numbers from 1.
    events: Vec<Event>,
    has_session: bool,
    /// The socket on which the session lives, and how much of it was sent there.
    live: Option<(u32, usize)>,
    /// How many events the account said that it had, when it resumed.
    resumed_after: usize,
    /// By nonce: the same one twice is the same message.
    posts: BTreeMap<String, String>,
    shown: Vec<String>,
}

enum Event {
    Ready,
    Message(u64, String),
}

impl Vendor for Discords {
    fn http(&mut self, request: &Asked, _now_ms: u64) -> Reply {
        match request.path.as_str() {
            "/gateway/bot" => says(&json!({"url": "wss://gateway.discord.gg",
                "session_start_limit": {"total": 1_000, "remaining": 999, "reset_after": 0}})),
            "/users/@me" => says(&json!({"id": "1000", "username": "claw", "bot": true})),
            "/applications/@me" => says(&json!({"id": "99", "flags": 1 << 18})),
            "/channels/42/messages" => {
                let asked: Value = serde_json::from_slice(&request.body).unwrap();
                let nonce = asked["nonce"].as_str().unwrap().to_owned();
                let content = asked["content"].as_str().unwrap();
                let id = match self.posts.get(&nonce) {
                    Some(id) => id.clone(),
                    None => {
                        self.shown.push(content.to_owned());
                        (1_000 + self.shown.len()).to_string()
                    }
                };
                self.posts.insert(nonce, id.clone());
                says(&json!({"id": id, "channel_id": "42"}))
            }
            other => panic!("nobody asked for {other} so far"),
        }
    }

    fn open(&mut self, _socket: u32, _opening: &Opening, _now_ms: u64) -> Opened {
        Opened::Socket(vec![text(&json!({"op": 10, "d": {"heartbeat_interval": 41_250}}))])
    }

    fn frame(&mut self, socket: u32, payload: &Payload, _now_ms: u64) -> Vec<Act> {
        let Payload::Text(sent) = payload else { panic!("Discord was not asked for binary frames") };
        let sent: Value = serde_json::from_str(sent).unwrap();
        match sent["op"].as_u64() {
            Some(1) => return vec![text(&json!({"op": 11}))],
            Some(2) => {
                self.has_session = true;
                self.events = vec![Event::Ready];
                self.events.extend(self.early.drain(..).map(|(n, said)| Event::Message(n, said)));
                self.live = Some((socket, 0));
            }
            Some(6) if !self.has_session => return vec![text(&json!({"op": 9, "d": false}))],
            Some(6) => {
                let after = usize::try_from(sent["d"]["seq"].as_u64().unwrap()).unwrap();
                self.resumed_after = self.resumed_after.max(after);
                let replayed =
                    (1..).zip(&self.events).skip(after).map(|(number, event)| frame(number, event));
                let mut acts: Vec<Act> = replayed.collect();
                acts.push(text(&json!({"op": 0, "s": self.events.len(), "t": "RESUMED", "d": {}})));
                self.live = Some((socket, self.events.len()));
                return acts;
            }
            other => panic!("an account sends no {other:?}"),
        }
        Vec::new()
    }

    fn news(&mut self, _now_ms: u64) -> Vec<(u32, Vec<Act>)> {
        let Some((socket, sent)) = self.live.filter(|(_, sent)| *sent < self.events.len()) else {
            return Vec::new();
        };
        let new = (1..).zip(&self.events).skip(sent).map(|(number, event)| frame(number, event)).collect();
        self.live = Some((socket, self.events.len()));
        vec![(socket, new)]
    }

    fn closed(&mut self, socket: u32, _code: u16) {
        self.live = self.live.filter(|(live, _)| *live != socket);
    }
}

fn says(body: &Value) -> Reply {
    Reply::answer(200, body.to_string())
}

fn text(frame: &Value) -> Act {
    Act::Text(frame.to_string())
}

fn frame(number: usize, event: &Event) -> Act {
    let (name, data) = match event {
        Event::Ready => {
            let user = json!({"id": "1000", "username": "claw", "bot": true});
            ("READY", json!({"session_id": "abc", "resume_gateway_url": "wss://us.discord.gg", "user": user}))
        }
        Event::Message(n, said) => {
            let author = json!({"id": "7", "username": "ada"});
            let message = json!({"id": n.to_string(), "channel_id": "42", "guild_id": "10", "channel_type": 0,
                "content": said, "author": author});
            ("MESSAGE_CREATE", message)
        }
    };
    text(&json!({"op": 0, "s": number, "t": name, "d": data}))
}

impl Model for Discords {
    fn say(&mut self, n: u64, text: &str) {
        if self.has_session {
            self.events.push(Event::Message(n, text.to_owned()));
        } else {
            self.early.push((n, text.to_owned()));
        }
    }

    fn acknowledged(&self) -> u64 {
        let had = self.events.iter().take(self.resumed_after);
        let messages = had.filter_map(|event| match event {
            Event::Ready => None,
            Event::Message(n, _) => Some(*n),
        });
        messages.max().unwrap_or_default()
    }

    fn visible(&self) -> Vec<String> {
        self.shown.clone()
    }

    fn is_post(&self, request: &Asked) -> bool {
        request.path.ends_with("/messages")
    }

    fn unauthorised(&self) -> Reply {
        Reply::answer(401, r#"{"message": "401: Unauthorized", "code": 0}"#)
    }

    fn unauthorised_socket(&self) -> Opened {
        let hello = text(&json!({"op": 10, "d": {"heartbeat_interval": 41_250}}));
        Opened::Socket(vec![hello, Act::Wait(50), Act::Close(Some(4004), "Authentication failed.".into())])
    }

    fn limited(&self, retry_after_s: Option<u64>) -> Reply {
        let mut body = json!({"message": "You are being rate limited.", "global": false});
        if let Some(seconds) = retry_after_s {
            body["retry_after"] = json!(seconds);
        }
        Reply::answer(429, body.to_string())
    }
}

struct Channel;

impl Subject for Channel {
    type Account = Discord;
    type Model = Discords;
    const ROOM: &'static str = "42";
    const LIMIT: usize = 2_000;

    fn model() -> Discords {
        Discords::default()
    }
}

openclaw_sdk_test::conformance!(Channel);

#[test]
fn transcripts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
    openclaw_sdk_test::transcript::replay_all::<Discord>(folder);
}
