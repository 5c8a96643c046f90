//! What the protocol needs from outside: the one seam between it and the gateway. Owns the shapes of what crosses it;
//! never decides what an answer means.

use openclaw_sdk::channel::Message;
use openclaw_sdk::http::{Answer, Error, Method};
use openclaw_sdk::inbound::{Admission, AdmitError, Connection};
use openclaw_sdk::log::Level;

/// One request below Discord's REST base.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// For instance `/users/@me`.
    pub(crate) path: String,
    /// JSON; empty for none.
    pub(crate) body: Vec<u8>,
    pub(crate) timeout_ms: u64,
}

/// What arrives while the account runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Frame { socket: u32, text: String },
    Closed { socket: u32, code: Option<u16>, reason: String },
    Timer(String),
    Shutdown,
}

/// The gateway, as the protocol sees it. The guest's shell implements it; tests bring their own.
pub(crate) trait Host {
    async fn http(&self, call: &Call) -> Result<Answer, Error>;
    /// Opens a socket to the gateway: at `host`, which is one of Discord's, or where the manifest says. The error is for
    /// people.
    async fn open(&self, host: Option<&str>) -> Result<u32, String>;
    /// Sends a text frame; the host puts the token into an identify and a resume.
    async fn send(&self, socket: u32, text: String) -> Result<(), String>;
    fn close(&self, socket: u32, code: u16);
    fn arm(&self, timer: &str, ms: u64);
    fn disarm(&self, timer: &str);
    /// Hands a message over; durable when it returns.
    async fn admit(&self, message: Message, cursor: Vec<u8>) -> Result<Admission, AdmitError>;
    async fn sleep(&self, ms: u64);
    fn state(&self, connection: Connection);
    fn log(&self, level: Level, message: &str);
    fn monotonic_us(&self) -> u64;
}

/// Where what arrives comes from. One reader: two would take each other's.
pub(crate) trait Source {
    /// Waits for the next one. A future that is dropped before it is ready loses nothing.
    async fn next(&mut self) -> Incoming;
}
