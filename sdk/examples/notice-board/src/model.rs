//! The board as it is when it works, and the rules of the suite that are about sending: it is the board that calls, so that those about
//! being asked again and again do not apply.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use openclaw_sdk::http::{Method, Record};
use openclaw_sdk::webhook::Hooked;
use openclaw_sdk_test::conformance::{Model, Subject};
use openclaw_sdk_test::{Reply, Vendor};
use serde_json::{Value, json};

use crate::Board;

/// A board on which the bot writes.
#[derive(Default)]
struct Kitchen {
    notes: Vec<String>,
}

impl Vendor for Kitchen {
    fn http(&mut self, request: &Record, _now_ms: u64) -> Reply {
        match (request.method, request.path.as_str()) {
            (Method::Get, "/me") => Reply::answer(200, r#"{"id": "bot", "name": "A bot"}"#),
            (Method::Post, "/boards/kitchen/notes") => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                self.notes.push(body["text"].as_str().unwrap().to_owned());
                Reply::answer(201, json!({"id": 1_000 + self.notes.len()}).to_string())
            }
            _ => Reply::answer(404, ""),
        }
    }
}

impl Model for Kitchen {
    fn say(&mut self, _n: u64, _text: &str) {}

    fn acknowledged(&self) -> u64 {
        0
    }

    fn visible(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn is_post(&self, request: &Record) -> bool {
        request.method == Method::Post
    }

    fn unauthorised(&self) -> Reply {
        Reply::answer(401, "")
    }

    fn limited(&self, retry_after_s: Option<u64>) -> Reply {
        let seconds = retry_after_s.map(|seconds| seconds.to_string());
        let headers: Vec<_> = seconds.iter().map(|seconds| ("retry-after", seconds.as_str())).collect();
        Reply::with_headers(429, &headers, "")
    }
}

struct Posting;

impl Subject for Posting {
    type Account = Hooked<Board>;
    type Model = Kitchen;
    const ROOM: &'static str = "kitchen";
    const LIMIT: usize = 1_000;

    fn model() -> Kitchen {
        Kitchen::default()
    }
}

openclaw_sdk_test::conformance!(Posting:
    a_refused_credential_waits_for_a_person
    the_end_is_heeded
    a_probe_tells_who_we_are
    long_texts_are_split
    every_character_leaves
    a_refused_credential_is_told_by_a_send
    a_limit_is_told_by_a_send
    a_send_that_is_lost_says_whether_it_left
    garbage_is_no_receipt
);
