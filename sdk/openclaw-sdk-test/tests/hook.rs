//! The suite, run for the smallest channel that takes webhooks: it tries the prepared shell too.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use openclaw_sdk::account::WebhookAccount;
use openclaw_sdk::channel::{
    ChatKind, Conversation, Failure, Identity, Message, Outbound, Sender, SenderKind, WebhookMethod,
    WebhookRequest, WebhookResponse,
};
use openclaw_sdk::http::{Answer, Method, Request};
use openclaw_sdk::protocol::Protocol;
use openclaw_sdk::webhook::{Hook, Hooked, Taken};
use openclaw_sdk_test::conformance::{Model, Subject};
use openclaw_sdk_test::{Asked, FakeHost, Reply, Vendor};

/// A protocol of plain text: `7 hello` is message 7.
struct Plain;

impl Protocol for Plain {
    fn configure(_config: &str) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn identify(&self) -> Request {
        Request::new("api", Method::Get, "/me", 8_000)
    }

    fn identity(&mut self, answer: &Answer) -> Result<Identity, Failure> {
        let id = text(&answer.body).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| Failure::unavailable("bad_answer", "no id"))?.to_owned();
        Ok(Identity { id, username: None, display_name: None, facts: Vec::new() })
    }

    fn posts(&self, outbound: &Outbound) -> Result<Vec<Request>, Failure> {
        let letters: Vec<char> = outbound.text.chars().collect();
        let post = |part: &[char]| {
            let body: String = part.iter().collect();
            Request::new("api", Method::Post, "/say", 20_000).json(body.into_bytes())
        };
        Ok(letters.chunks(50).map(post).collect())
    }

    fn receipt(&self, answer: &Answer) -> Result<String, Failure> {
        let id = text(&answer.body).and_then(|body| body.strip_prefix("said "));
        id.map(str::to_owned).ok_or_else(|| Failure::unavailable("bad_answer", "no receipt"))
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

impl Hook for Plain {
    fn take(&mut self, request: &WebhookRequest) -> Taken {
        let read = text(&request.body).and_then(|body| body.split_once(' '));
        let read = read.filter(|(id, _)| id.parse::<u64>().is_ok());
        let status = if read.is_some() { 200 } else { 400 };
        let messages = read.map(|(id, text)| message(id, text)).into_iter().collect();
        Taken { messages, response: WebhookResponse { status, headers: Vec::new(), body: Vec::new() } }
    }
}

fn message(id: &str, text: &str) -> Message {
    Message {
        id: id.to_owned(),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: "1".to_owned(),
            thread: None,
            title: None,
        },
        sender: Sender {
            kind: SenderKind::Person,
            id: "1".to_owned(),
            username: None,
            display_name: None,
            roles: Vec::new(),
        },
        text: text.to_owned(),
        sent_at_ms: 0,
        mentions_self: false,
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

/// Calls until it is answered with 200; on 400 it gives a message up.
#[derive(Default)]
struct Caller {
    waiting: Vec<(u64, String)>,
    acknowledged: u64,
    said: Vec<String>,
}

impl Vendor for Caller {
    fn http(&mut self, request: &Asked, _now_ms: u64) -> Reply {
        if request.path == "/me" {
            return Reply::answer(200, "bot");
        }
        self.said.push(String::from_utf8(request.body.clone()).unwrap());
        Reply::answer(200, format!("said {}", self.said.len()))
    }
}

impl Model for Caller {
    fn say(&mut self, n: u64, text: &str) {
        self.waiting.push((n, text.to_owned()));
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    fn visible(&self) -> Vec<String> {
        self.said.clone()
    }

    fn is_post(&self, request: &Asked) -> bool {
        request.path == "/say"
    }

    fn unauthorised(&self) -> Reply {
        Reply::answer(401, "")
    }

    fn limited(&self, retry_after_s: Option<u64>) -> Reply {
        let seconds = retry_after_s.map(|seconds| seconds.to_string());
        let headers: Vec<_> = seconds.iter().map(|seconds| ("retry-after", seconds.as_str())).collect();
        Reply::with_headers(429, &headers, "")
    }

    fn calls(&mut self) -> Option<WebhookRequest> {
        let (n, text) = self.waiting.first()?;
        Some(WebhookRequest {
            route: "hook".to_owned(),
            method: WebhookMethod::Post,
            query: Vec::new(),
            headers: Vec::new(),
            body: format!("{n} {text}").into_bytes(),
        })
    }

    fn answered(&mut self, response: &WebhookResponse) {
        if response.status == 200 {
            self.acknowledged = self.acknowledged.max(self.waiting.remove(0).0);
        }
    }
}

struct Channel;

impl Subject for Channel {
    type Account = Hooked<Plain>;
    type Model = Caller;
    const ROOM: &'static str = "1";
    const LIMIT: usize = 100;

    fn model() -> Caller {
        Caller::default()
    }

    async fn handle(account: &Hooked<Plain>, host: &FakeHost, request: &WebhookRequest) -> WebhookResponse {
        account.handle(host, request).await
    }
}

openclaw_sdk_test::conformance!(Channel);
