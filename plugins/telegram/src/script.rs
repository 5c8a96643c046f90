//! What the Bot API says, for the scripts of tests.

use openclaw_sdk::channel::Message;
use openclaw_sdk_test::FakeHost;
use serde_json::{Value, json};

pub(crate) trait Script: Sized {
    /// The call succeeds.
    fn says(self, result: Value) -> Self;
    /// A message was sent.
    fn sent(self, message_id: i64) -> Self;
    fn refuses(self, status: u16, description: &str, retry_after: Option<u64>) -> Self;
    /// Method and parameters of each call.
    fn asked(&self) -> Vec<(String, Value)>;
    /// The parameters of each call of one method.
    fn asked_for(&self, method: &str) -> Vec<Value>;
    /// Messages and their cursors.
    fn taken(&self) -> Vec<(Message, Value)>;
}

impl Script for FakeHost {
    fn says(self, result: Value) -> Self {
        let mut body = json!({"ok": true});
        body["result"] = result;
        self.answers(200, &[], body.to_string())
    }

    fn sent(self, message_id: i64) -> Self {
        self.says(json!({"message_id": message_id}))
    }

    fn refuses(self, status: u16, description: &str, retry_after: Option<u64>) -> Self {
        let mut body = json!({"ok": false, "error_code": status, "description": description});
        if let Some(seconds) = retry_after {
            body["parameters"] = json!({"retry_after": seconds});
        }
        self.answers(status, &[], body.to_string())
    }

    fn asked(&self) -> Vec<(String, Value)> {
        let asked = |call: &openclaw_sdk_test::Asked| {
            (call.path.trim_start_matches('/').to_owned(), serde_json::from_slice(&call.body).unwrap())
        };
        self.calls().iter().map(asked).collect()
    }

    fn asked_for(&self, method: &str) -> Vec<Value> {
        self.asked().into_iter().filter(|(name, _)| name == method).map(|(_, asked)| asked).collect()
    }

    fn taken(&self) -> Vec<(Message, Value)> {
        let cursor = |cursor: Option<Vec<u8>>| serde_json::from_slice(&cursor.unwrap()).unwrap();
        self.admitted().into_iter().map(|taken| (taken.message, cursor(taken.cursor))).collect()
    }
}
