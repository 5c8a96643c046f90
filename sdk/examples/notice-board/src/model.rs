//! The board as it is when it works, and the suite that every channel has to pass.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use openclaw_sdk::account::WebhookAccount;
use openclaw_sdk::channel::{WebhookMethod, WebhookRequest, WebhookResponse};
use openclaw_sdk::http::Method;
use openclaw_sdk::webhook::Hooked;
use openclaw_sdk_test::conformance::{Model, Subject};
use openclaw_sdk_test::{Asked, FakeHost, Reply, Vendor};
use serde_json::{Value, json};

use crate::Board;

/// A board on which people write, and the bot too. It calls until it is answered with 204.
#[derive(Default)]
struct Kitchen {
    waiting: Vec<(u64, String)>,
    acknowledged: u64,
    notes: Vec<String>,
}

impl Vendor for Kitchen {
    fn http(&mut self, request: &Asked, _now_ms: u64) -> Reply {
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
    fn say(&mut self, n: u64, text: &str) {
        self.waiting.push((n, text.to_owned()));
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    fn calls(&mut self) -> Option<WebhookRequest> {
        let (n, text) = self.waiting.first()?;
        let body = json!({"id": n, "board": "kitchen", "author": {"id": "ada"}, "text": text, "at": n});
        Some(WebhookRequest {
            route: "notes".to_owned(),
            method: WebhookMethod::Post,
            query: Vec::new(),
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        })
    }

    fn answered(&mut self, response: &WebhookResponse) {
        if response.status == 204 {
            self.acknowledged = self.acknowledged.max(self.waiting.remove(0).0);
        }
    }

    fn visible(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn is_post(&self, request: &Asked) -> bool {
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

struct Channel;

impl Subject for Channel {
    type Account = Hooked<Board>;
    type Model = Kitchen;
    const ROOM: &'static str = "kitchen";
    const LIMIT: usize = 1_000;

    fn model() -> Kitchen {
        Kitchen::default()
    }

    async fn handle(account: &Hooked<Board>, host: &FakeHost, request: &WebhookRequest) -> WebhookResponse {
        account.handle(host, request).await
    }
}

openclaw_sdk_test::conformance!(Channel);
