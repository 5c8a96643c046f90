//! Websockets through an endpoint of the manifest. Owns the building of a destination; [`crate::host::Host`] opens it,
//! and what arrives comes through [`crate::events::Events`] as `Occurrence::Frame` and `Occurrence::Closed` alone.

use crate::bindings::channel::openclaw::plugin::{types, websocket};

pub use types::{Closed, Frame, Payload};
pub use websocket::{Destination, Error, ErrorKind};

/// An open socket. Forgetting it does not close it: it is closed by [`crate::host::Host::close`], by the vendor, and with
/// the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket(u32);

impl Socket {
    /// The socket with the number that its events carry.
    #[must_use]
    pub const fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// The number that its events carry.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// A socket to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    endpoint: String,
    at: Destination,
}

impl Opening {
    /// At the own address of the endpoint named `endpoint`.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        let at = Destination { host: None, path: None, query: Vec::new() };
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

    /// The name of the endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where, within what the endpoint allows.
    #[must_use]
    pub const fn destination(&self) -> &Destination {
        &self.at
    }

    pub(crate) async fn open(self) -> Result<Socket, Error> {
        websocket::open(self.endpoint, self.at).await.map(Socket)
    }
}
