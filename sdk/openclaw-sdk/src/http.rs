//! HTTP through a grant of the manifest. Owns the building of requests and the bounded reading of answers;
//! [`crate::host::Host`] sends them. It never retries, because only the protocol knows what is safe to repeat.

use crate::bindings::channel::openclaw::plugin::http;
use crate::multipart::Form;
use crate::wit_bindgen::rt::async_support::{FutureReader, StreamReader, StreamResult};

pub use http::{Error, ErrorKind, Method, Piece};

/// The record that crosses the contract.
pub use http::Request as Record;

/// The most that is read of an answer where the request says nothing else: 1 MiB.
const LIMIT: usize = 1 << 20;

/// One request below a grant.
#[derive(Clone, Debug)]
pub struct Request {
    record: Record,
    limit: usize,
}

impl Request {
    /// `path` is absolute below the grant named `grant`; `timeout_ms` runs from the first byte sent to the last byte
    /// received, at most 120,000.
    #[must_use]
    pub fn new(grant: &str, method: Method, path: &str, timeout_ms: u64) -> Self {
        let record = Record {
            grant: grant.to_owned(),
            host: None,
            method,
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms,
        };
        Self { record, limit: LIMIT }
    }

    /// Asks another host than the grant's own: one that its `hosts` allow.
    #[must_use]
    pub fn at(mut self, host: &str) -> Self {
        self.record.host = Some(host.to_owned());
        self
    }

    /// Adds a name and a value to the query; the host encodes them.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.record.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.record.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a JSON body and its content type.
    #[must_use]
    pub fn json(self, body: Vec<u8>) -> Self {
        let mut request = self.header("content-type", "application/json");
        request.record.body = vec![Piece::Bytes(body)];
        request
    }

    /// Adds bytes at the end of the body.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.record.body.push(Piece::Bytes(bytes.into()));
        self
    }

    /// Adds a file of the account at the end of the body: the host reads it while it sends.
    #[must_use]
    pub fn file(mut self, handle: u64) -> Self {
        self.record.body.push(Piece::File(handle));
        self
    }

    /// Sets a form as the body, and its content type.
    #[must_use]
    pub fn form(self, form: Form) -> Self {
        let (content_type, body) = form.finish();
        let mut request = self.header("content-type", &content_type);
        request.record.body = body;
        request
    }

    /// The most bytes of the answer that are read, 1 MiB unless it is set; a longer answer is [`ErrorKind::TooLarge`].
    #[must_use]
    pub const fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// What crosses the contract.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// What [`Request::limit`] set.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.limit
    }

    /// Sends the request and reads the whole answer. An answer that is cut short is an error too.
    pub(crate) async fn send(self) -> Result<Answer, Error> {
        self.begin().await?.collect().await
    }

    /// Sends the request and waits for the head of the answer.
    pub(crate) async fn begin(self) -> Result<Begun, Error> {
        let Self { record, limit } = self;
        let http::Response { status, headers, body, end } = http::send(record).await?;
        Ok(Begun { head: Answer { status, headers, body: Vec::new() }, body, end, limit })
    }
}

/// An answer whose body is still to come.
pub(crate) struct Begun {
    /// Without its body.
    pub(crate) head: Answer,
    body: StreamReader<u8>,
    end: FutureReader<Result<(), Error>>,
    limit: usize,
}

impl Begun {
    /// The body, and whether it is complete.
    pub(crate) fn into_parts(self) -> (StreamReader<u8>, FutureReader<Result<(), Error>>) {
        (self.body, self.end)
    }

    /// Reads the whole answer. One that is cut short is an error too.
    pub(crate) async fn collect(self) -> Result<Answer, Error> {
        let Self { head, mut body, end, limit } = self;
        let mut collected = Vec::new();
        loop {
            // One buffer grows with the answer: each read fills what is spare.
            collected.reserve(READ);
            let (result, buffer) = body.read(collected).await;
            collected = buffer;
            if collected.len() > limit {
                return Err(too_large(limit));
            }
            match result {
                StreamResult::Complete(_) => {}
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        end.await?;
        Ok(Answer { body: collected, ..head })
    }
}

/// The error for an answer of more than `limit` bytes.
#[must_use]
pub fn too_large(limit: usize) -> Error {
    Error { kind: ErrorKind::TooLarge, detail: format!("the answer is longer than {limit} bytes") }
}

/// The least that one read asks for: answers to polls are short, and the buffer doubles with those that are not.
const READ: usize = 1024;

/// A complete answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names and values as they came.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the status is 200 to 299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The whole seconds of `retry-after`, in milliseconds; a date there counts as nothing said.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        let seconds = self.header("retry-after")?.trim().parse::<u64>().ok()?;
        Some(seconds.saturating_mul(1_000))
    }

    /// The first header of that name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
