//! Telegram as it is when it works, and the suite that every channel has to pass.

use openclaw_sdk_test::conformance::{Model, Subject};
use openclaw_sdk_test::{Asked, Reply, Vendor};
use serde_json::{Value, json};

use crate::account::Telegram;

/// One bot and one person who writes to it.
#[derive(Default)]
struct BotApi {
    /// The numbers of the updates are their places from 1.
    updates: Vec<(u64, String)>,
    /// Updates below this one are forgotten.
    offset: usize,
    shown: Vec<String>,
}

impl Vendor for BotApi {
    fn http(&mut self, request: &Asked, _now_ms: u64) -> Reply {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        match request.path.as_str() {
            "/getMe" => ok(&json!({"id": 7, "is_bot": true, "first_name": "Claw", "username": "claw_bot"})),
            "/deleteWebhook" => ok(&json!(true)),
            "/getWebhookInfo" => ok(&json!({"url": "", "pending_update_count": 0})),
            "/getUpdates" => {
                if let Some(offset) = asked["offset"].as_u64() {
                    self.offset = self.offset.max(usize::try_from(offset).unwrap());
                }
                let limit = usize::try_from(asked["limit"].as_u64().unwrap()).unwrap();
                let new = (1..).zip(&self.updates).filter(|(id, _)| *id >= self.offset).take(limit);
                let new: Vec<Value> = new.map(|(id, (n, text))| update(id, *n, text)).collect();
                let wait = if new.is_empty() { asked["timeout"].as_u64().unwrap() * 1_000 } else { 0 };
                ok(&json!(new)).after(wait)
            }
            "/sendMessage" => {
                let text = asked["text"].as_str().unwrap();
                let html = asked["parse_mode"] == "HTML";
                self.shown.push(if html { shown(text) } else { text.to_owned() });
                ok(&json!({"message_id": 1_000 + self.shown.len()}))
            }
            other => panic!("the Bot API has no method {other}"),
        }
    }
}

fn ok(result: &Value) -> Reply {
    Reply::answer(200, json!({"ok": true, "result": result}).to_string())
}

fn update(id: usize, n: u64, text: &str) -> Value {
    json!({"update_id": id, "message": {"message_id": n, "date": n, "text": text,
        "chat": {"id": 5, "type": "private"}, "from": {"id": 5, "first_name": "Ada"}}})
}

/// What people see of the HTML.
fn shown(html: &str) -> String {
    let mut text = String::new();
    let mut tag = false;
    for c in html.chars() {
        match c {
            '<' => tag = true,
            '>' if tag => tag = false,
            c if !tag => text.push(c),
            _ => {}
        }
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

impl Model for BotApi {
    fn say(&mut self, n: u64, text: &str) {
        self.updates.push((n, text.to_owned()));
    }

    fn acknowledged(&self) -> u64 {
        let forgotten = self.updates.iter().take(self.offset.saturating_sub(1));
        forgotten.map(|(n, _)| *n).max().unwrap_or_default()
    }

    fn visible(&self) -> Vec<String> {
        self.shown.clone()
    }

    fn is_post(&self, request: &Asked) -> bool {
        request.path == "/sendMessage"
    }

    fn unauthorised(&self) -> Reply {
        Reply::answer(401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#)
    }

    fn limited(&self, retry_after_s: Option<u64>) -> Reply {
        let mut body = json!({"ok": false, "error_code": 429, "description": "Too Many Requests"});
        if let Some(seconds) = retry_after_s {
            body["parameters"] = json!({"retry_after": seconds});
        }
        Reply::answer(429, body.to_string())
    }
}

struct Channel;

impl Subject for Channel {
    type Account = Telegram;
    type Model = BotApi;
    const ROOM: &'static str = "5";
    const LIMIT: usize = 4_096;

    fn model() -> BotApi {
        BotApi::default()
    }
}

openclaw_sdk_test::conformance!(Channel);

#[test]
fn transcripts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
    openclaw_sdk_test::transcript::replay_all::<Telegram>(folder);
}
