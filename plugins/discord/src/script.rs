//! What Discord says, for the scripts of tests.

use openclaw_sdk::channel::Message;
use openclaw_sdk::sockets::Payload;
use openclaw_sdk_test::FakeHost;
use serde_json::{Value, json};

pub(crate) trait Script: Sized {
    /// The request succeeds.
    fn says(self, body: Value) -> Self;
    /// The request succeeds without an answer.
    fn says_nothing(self) -> Self;
    fn refuses(self, status: u16, code: u64, message: &str) -> Self;
    fn limits(self, retry_after: f64) -> Self;
    /// Method and path, and the body, of each request.
    fn asked(&self) -> Vec<(String, Value)>;
    /// The frames of each socket.
    fn wired(&self) -> Vec<(u32, Value)>;
    /// The hosts of the sockets that were opened.
    fn places(&self) -> Vec<Option<String>>;
    /// Messages and their cursors.
    fn taken(&self) -> Vec<(Message, Value)>;
}

impl Script for FakeHost {
    fn says(self, body: Value) -> Self {
        self.answers(200, &[], body.to_string())
    }

    fn says_nothing(self) -> Self {
        self.answers(204, &[], "")
    }

    fn refuses(self, status: u16, code: u64, message: &str) -> Self {
        self.answers(status, &[], json!({"code": code, "message": message}).to_string())
    }

    fn limits(self, retry_after: f64) -> Self {
        let body =
            json!({"message": "You are being rate limited.", "retry_after": retry_after, "global": false});
        self.answers(429, &[], body.to_string())
    }

    fn asked(&self) -> Vec<(String, Value)> {
        let body = |body: Vec<u8>| {
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() }
        };
        self.paths().into_iter().zip(self.calls().into_iter().map(|call| body(call.body))).collect()
    }

    fn wired(&self) -> Vec<(u32, Value)> {
        let text = |payload: &Payload| match payload {
            Payload::Text(text) => serde_json::from_str(text).unwrap(),
            Payload::Binary(_) => panic!("Discord gets no binary frames"),
        };
        self.frames().iter().map(|(socket, payload)| (*socket, text(payload))).collect()
    }

    fn places(&self) -> Vec<Option<String>> {
        self.opened().iter().map(|opening| opening.destination().host.clone()).collect()
    }

    fn taken(&self) -> Vec<(Message, Value)> {
        let cursor = |cursor: Option<Vec<u8>>| serde_json::from_slice(&cursor.unwrap()).unwrap();
        self.admitted().into_iter().map(|taken| (taken.message, cursor(taken.cursor))).collect()
    }
}
