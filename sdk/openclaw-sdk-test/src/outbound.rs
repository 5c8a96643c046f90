//! Messages to send.

use openclaw_sdk::channel::{Outbound, Target};

/// A message for a room, with nothing special about it.
#[must_use]
pub fn outbound(room: &str, text: &str) -> Outbound {
    Outbound {
        idempotency_key: "key-1".to_owned(),
        target: Target { room: room.to_owned(), thread: None },
        text: text.to_owned(),
        reply_to: None,
        reply_context: Vec::new(),
        silent: false,
    }
}
