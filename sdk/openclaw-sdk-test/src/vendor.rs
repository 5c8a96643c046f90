//! What a vendor does, as the fake host asks for it. Owns no time: a vendor says how long something takes, and the host
//! lets it pass.

use openclaw_sdk::http::{Answer, ErrorKind, Method};
use openclaw_sdk::process;
use openclaw_sdk::sockets::{self, Opening, Payload};

/// A request as the vendor sees it: the files in its body are bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The grant of the manifest.
    pub grant: String,
    /// Another host than the grant's own.
    pub host: Option<String>,
    /// The method.
    pub method: Method,
    /// The path below the grant.
    pub path: String,
    /// Names and values.
    pub query: Vec<(String, String)>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// How long the account waits for the answer.
    pub timeout_ms: u64,
}

/// What comes of a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An answer.
    Answer(Answer),
    /// No complete answer. Whether the vendor did what was asked is the vendor's own affair.
    Fail(ErrorKind),
    /// The same, so many milliseconds later.
    After(u64, Box<Reply>),
    /// No answer ever: the request's own timeout ends it.
    Never,
    /// Not even a timeout: who asks this waits until the test is over.
    Over,
}

impl Reply {
    /// An answer with a body.
    #[must_use]
    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(Answer { status, headers: Vec::new(), body: body.into() })
    }

    /// An answer with headers and a body.
    #[must_use]
    pub fn with_headers(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Answer(Answer { status, headers, body: body.into() })
    }

    /// The same, `ms` milliseconds later.
    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self::After(ms, Box::new(self))
    }
}

/// What happens on a socket or in a program, in its order.
#[derive(Clone, Debug)]
pub enum Act {
    /// So many milliseconds pass.
    Wait(u64),
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The socket closes, with the vendor's code or without one.
    Close(Option<u16>, String),
    /// A program writes a line.
    Line(String),
    /// A program ends.
    Exit(Option<i32>),
}

/// What comes of opening a socket.
#[derive(Clone, Debug)]
pub enum Opened {
    /// It is open, and this happens on it.
    Socket(Vec<Act>),
    /// It is not.
    Fail(sockets::Error),
    /// Nothing comes of it: who opens this waits until the test is over.
    Over,
}

impl Opened {
    /// The vendor refuses the handshake with a status.
    #[must_use]
    pub fn refused(status: u16) -> Self {
        let detail = format!("the vendor answered with status {status}");
        Self::Fail(sockets::Error { kind: sockets::ErrorKind::Refused, status: Some(status), detail })
    }

    /// There is no connection.
    #[must_use]
    pub fn not_connected() -> Self {
        let detail = "no connection".to_owned();
        Self::Fail(sockets::Error { kind: sockets::ErrorKind::NotConnected, status: None, detail })
    }
}

/// A vendor that a test writes. Only what the channel uses has to be played.
pub trait Vendor {
    /// A request; `now_ms` is the time since the test began.
    fn http(&mut self, request: &Asked, now_ms: u64) -> Reply;

    /// A socket is opened. It has the number `socket`.
    fn open(&mut self, socket: u32, opening: &Opening, now_ms: u64) -> Opened {
        let _ = (socket, opening, now_ms);
        Opened::not_connected()
    }

    /// A message on a socket; what happens on it then.
    fn frame(&mut self, socket: u32, payload: &Payload, now_ms: u64) -> Vec<Act> {
        let _ = (socket, payload, now_ms);
        Vec::new()
    }

    /// What happens on sockets without being asked for; asked again and again.
    fn news(&mut self, now_ms: u64) -> Vec<(u32, Vec<Act>)> {
        let _ = now_ms;
        Vec::new()
    }

    /// The account closes a socket.
    fn closed(&mut self, socket: u32, code: u16) {
        let _ = (socket, code);
    }

    /// A program is started; what happens in it.
    ///
    /// # Errors
    ///
    /// Why it is not.
    fn start(&mut self, name: &str) -> Result<Vec<Act>, process::Error> {
        Err(process::Error::NotStarted(format!("the test has no program {name}")))
    }

    /// A line for a program; what happens in it then.
    fn line(&mut self, process: u32, line: &str) -> Vec<Act> {
        let _ = (process, line);
        Vec::new()
    }
}
