//! What the protocol needs from outside: the one seam between it and the gateway. Owns the shape of a Bot API call;
//! never decides what an answer means.

use openclaw_sdk::channel::Message;
use openclaw_sdk::http::{Answer, Error};
use openclaw_sdk::inbound::{Admission, AdmitError, Connection};
use openclaw_sdk::log::Level;
use serde::Serialize;

/// The gateway, as the protocol sees it. The guest's shell implements it; tests bring their own.
pub(crate) trait Host {
    /// `POST` to a method of the Bot API, with a JSON body.
    async fn post(&self, method: &str, body: Vec<u8>, timeout_ms: u64) -> Result<Answer, Error>;
    /// Hands a message over; durable when it returns.
    async fn admit(&self, message: Message, cursor: Vec<u8>) -> Result<Admission, AdmitError>;
    async fn sleep(&self, ms: u64);
    fn state(&self, connection: Connection);
    fn log(&self, level: Level, message: &str);
    fn monotonic_us(&self) -> u64;
}

/// Calls a method with `parameters`.
pub(crate) async fn call<H: Host>(
    host: &H,
    method: &str,
    parameters: &impl Serialize,
    timeout_ms: u64,
) -> Result<Answer, Error> {
    // These records hold nothing that JSON cannot say.
    let body = serde_json::to_vec(parameters).unwrap_or_else(|_| b"{}".to_vec());
    host.post(method, body, timeout_ms).await
}
