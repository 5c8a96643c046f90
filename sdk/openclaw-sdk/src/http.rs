//! HTTP through a grant of the manifest. Owns the building of requests and the bounded reading of answers; it never
//! retries, because only the protocol knows what is safe to repeat.

use crate::bindings::channel::openclaw::plugin::http;
use crate::wit_bindgen::rt::async_support::StreamResult;

pub use http::{Error, ErrorKind, Method};

/// One request below a grant.
#[derive(Clone, Debug)]
pub struct Request(http::Request);

impl Request {
    /// `path` is absolute below the grant named `grant`; `timeout_ms` runs from the first byte sent to the last byte
    /// received, at most 120,000.
    #[must_use]
    pub fn new(grant: &str, method: Method, path: &str, timeout_ms: u64) -> Self {
        Self(http::Request {
            grant: grant.to_owned(),
            host: None,
            method,
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms,
        })
    }

    /// Asks another host than the grant's own: one that its `hosts` allow.
    #[must_use]
    pub fn at(mut self, host: &str) -> Self {
        self.0.host = Some(host.to_owned());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a JSON body and its content type.
    #[must_use]
    pub fn json(self, body: Vec<u8>) -> Self {
        let mut request = self.header("content-type", "application/json");
        request.0.body = body;
        request
    }

    /// Sends the request and reads the whole answer, at most `limit` bytes of it.
    ///
    /// # Errors
    ///
    /// The host's word for what went wrong. An answer that is cut short is an error too, and one longer than `limit`
    /// is [`ErrorKind::TooLarge`].
    pub async fn send(self, limit: usize) -> Result<Answer, Error> {
        let http::Response { status, headers, mut body, end } = http::send(self.0).await?;
        let mut collected = Vec::new();
        loop {
            // One buffer grows with the answer: each read fills what is spare.
            collected.reserve(READ);
            let (result, buffer) = body.read(collected).await;
            collected = buffer;
            if collected.len() > limit {
                let detail = format!("the answer is longer than {limit} bytes");
                return Err(Error { kind: ErrorKind::TooLarge, detail });
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
    /// The first header of that name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
