//! Websockets through an endpoint of the manifest. Owns the building of a destination; what arrives comes through
//! [`crate::events::Events`] as `Occurrence::Frame` and `Occurrence::Closed`, and nowhere else.

use crate::bindings::channel::openclaw::plugin::{types, websocket};

pub use types::{Closed, Frame, Payload};
pub use websocket::{Error, ErrorKind};

/// An open socket. Forgetting it does not close it: it closes by [`Socket::close`], by the vendor, and with the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket(u32);

impl Socket {
    /// Opens a socket of the endpoint named `endpoint`, at its own address.
    ///
    /// # Errors
    ///
    /// The host's word for why there is none; only [`ErrorKind::Refused`] comes from the vendor, with its `status`.
    pub async fn open(endpoint: &str) -> Result<Self, Error> {
        Opening::new(endpoint).open().await
    }

    /// The number that its events carry.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Sends a text message. Where the manifest says so, the host sets a secret into it on its way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Interrupted`] means that it may have arrived; after any other kind it has not left.
    pub async fn text(self, text: String) -> Result<(), Error> {
        websocket::send(self.0, Payload::Text(text)).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`Socket::text`].
    pub async fn binary(self, bytes: Vec<u8>) -> Result<(), Error> {
        websocket::send(self.0, Payload::Binary(bytes)).await
    }

    /// Starts to close: `Occurrence::Closed` follows. `code` is 1000 or 3000 to 4999.
    pub fn close(self, code: u16, reason: &str) {
        websocket::close(self.0, code, reason);
    }
}

/// A socket to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    endpoint: String,
    at: websocket::Destination,
}

impl Opening {
    /// At the own address of the endpoint named `endpoint`.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        let at = websocket::Destination { host: None, path: None, query: Vec::new() };
        Self { endpoint: endpoint.to_owned(), at }
    }

    /// At another host, which the endpoint's `hosts` allow.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.at.host = Some(host.to_owned());
        self
    }

    /// At another path, which begins with `/`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.at.path = Some(path.to_owned());
        self
    }

    /// Adds a name and a value to the query; the host encodes them.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.at.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// As [`Socket::open`].
    pub async fn open(self) -> Result<Socket, Error> {
        websocket::open(self.endpoint, self.at).await.map(Socket)
    }
}
