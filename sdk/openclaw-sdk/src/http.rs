//! HTTP through a grant of the manifest. Owns the building of requests and the bounded reading of answers;
//! [`crate::host::Host`] sends them. It never retries, because only the protocol knows what is safe to repeat.

use crate::bindings::channel::openclaw::plugin::http;
use crate::wit_bindgen::rt::async_support::StreamResult;

pub use http::{Error, ErrorKind, Method};

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
        let Self { record, limit } = self;
        let http::Response { status, headers, mut body, end } = http::send(record).await?;
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
        Ok(Answer { status, headers, body: collected })
    }
}

/// The error for an answer of more than `limit` bytes.
#[must_use]
pub fn too_large(limit: usize) -> Error {
    Error { kind: ErrorKind::TooLarge, detail: format!("the answer is longer than {limit} bytes") }
}

/// The least that one read asks for.
const READ: usize = 16 * 1024;

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
