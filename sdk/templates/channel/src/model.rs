//! The vendor as it is when it works, and the suite that every channel has to pass.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use openclaw_sdk::http::Method;
use openclaw_sdk::long_poll::LongPolling;
use openclaw_sdk_test::conformance::{Model, Subject};
use openclaw_sdk_test::{Asked, Reply, Vendor};
use serde_json::{Value, json};

/// A lobby in which people write, and the bot too.
#[derive(Default)]
struct Lobby {
    said: Vec<(u64, String)>,
    acknowledged: u64,
    posted: Vec<String>,
}

impl Vendor for Lobby {
    fn http(&mut self, request: &Asked, _now_ms: u64) -> Reply {
        match (request.method, request.path.as_str()) {
            (Method::Get, "/me") => Reply::answer(200, r#"{"id": "bot", "name": "A bot"}"#),
            (Method::Get, "/messages") => {
                let after: u64 = request.query[0].1.parse().unwrap();
                self.acknowledged = self.acknowledged.max(after);
                let new = self.said.iter().filter(|(n, _)| *n > after);
                let new: Vec<Value> = new.map(|(n, text)| message(*n, text)).collect();
                let wait = if new.is_empty() { 25_000 } else { 0 };
                Reply::answer(200, json!({"messages": new}).to_string()).after(wait)
            }
            (Method::Post, "/messages") => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                self.posted.push(body["text"].as_str().unwrap().to_owned());
                Reply::answer(200, json!({"id": 1_000 + self.posted.len()}).to_string())
            }
            _ => Reply::answer(404, ""),
        }
    }
}

fn message(n: u64, text: &str) -> Value {
    json!({"id": n, "room": "lobby", "author": {"id": "ada"}, "text": text, "at": n})
}

impl Model for Lobby {
    fn say(&mut self, n: u64, text: &str) {
        self.said.push((n, text.to_owned()));
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    fn visible(&self) -> Vec<String> {
        self.posted.clone()
    }

    fn is_post(&self, request: &Asked) -> bool {
        request.method == Method::Post
    }

    fn unauthorised(&self) -> Reply {
        Reply::answer(401, "who are you?")
    }

    fn limited(&self, retry_after_s: Option<u64>) -> Reply {
        match retry_after_s {
            Some(seconds) => Reply::with_headers(429, &[("retry-after", &seconds.to_string())], ""),
            None => Reply::answer(429, ""),
        }
    }
}

struct Channel;

impl Subject for Channel {
    type Account = LongPolling<crate::Protocol>;
    type Model = Lobby;
    const ROOM: &'static str = "lobby";
    const LIMIT: usize = 2_000;

    fn model() -> Lobby {
        Lobby::default()
    }
}

openclaw_sdk_test::conformance!(Channel);

#[test]
fn transcripts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
    openclaw_sdk_test::transcript::replay_all::<LongPolling<crate::Protocol>>(folder);
}
