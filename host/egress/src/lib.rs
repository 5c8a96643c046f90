//! The one HTTP client of the host, websockets included. Owns connections, address policy and the bounds of an exchange; never holds a
//! secret, never follows a redirect, never logs a URL.
//!
//! Invariants, each with a test:
//! - A connection is opened only to an address that was checked for the request's [`Network`].
//! - [`ErrorKind::NotSent`] and [`ErrorKind::Denied`] are returned only when no byte of the request left.
//! - No error text holds a URL.

mod address;
mod body;
mod client;
mod connect;
mod error;
mod resolve;
mod socket;
mod upload;

pub use address::Network;
pub use body::Body;
pub use client::{Egress, Limits, Options, Request, Response};
pub use error::{EgressError, ErrorKind};
pub use http;
pub use socket::{Incoming, PING_EVERY, SocketError, SocketReader, SocketRequest, SocketWriter};
pub use upload::Upload;
