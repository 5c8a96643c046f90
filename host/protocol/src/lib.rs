//! Wire types of the control plane: frames, methods, events and error codes of protocol 4, and the body with which a
//! program asks for a tool over HTTP.
//!
//! This crate describes and checks what travels between a gateway and its clients. It never opens a socket, never
//! reads a file and takes no decision about who may do what.
//!
//! Every method has one parameter type that implements [`Call`]: it names the method, the scope that it needs, the
//! checked shape of its parameters and the type of its answer. The gateway decodes with [`decode`], a client encodes
//! the same type. [`METHODS`] and [`EVENTS`] are the tables that the gateway enforces. Keys are camelCase on the wire;
//! optional keys are left out when there is nothing to say.

pub mod absent;
pub mod agent;
pub mod agents;
pub mod call;
pub mod channels;
pub mod chat;
pub mod codes;
pub mod commands;
pub mod config;
pub mod connect;
pub mod dead_letters;
pub mod decisions;
pub mod devices;
pub mod diagnostics;
pub mod error;
pub mod events;
pub mod frame;
pub mod health;
pub mod hello;
pub mod logs;
pub mod method;
pub mod models;
pub mod outbound;
pub mod pairing;
pub mod pairing_codes;
pub mod plugins;
pub mod restart;
pub mod scope;
pub mod sessions;
pub mod shape;
pub mod status;
pub mod system;
pub mod tools;

pub use call::{Call, check, decode};
pub use error::{ErrorCode, RpcError};
pub use events::{EVENTS, EventKind};
pub use frame::{Event, Frame, Request, Response, StateVersion};
pub use method::{METHODS, Method, Permission, Role};
pub use scope::Scope;

/// The protocol version that this program speaks.
pub const PROTOCOL_VERSION: u32 = 4;

/// The lowest version that a client of mode `probe` or of role `node` may ask for.
pub const MIN_PROBE_VERSION: u32 = 3;

/// Frames that may travel before `hello-ok` are at most this long, in bytes.
pub const MAX_PREAUTH_PAYLOAD: usize = 65_536;

/// Frames are at most this long, in bytes.
pub const MAX_PAYLOAD: usize = 26_214_400;

/// A client that has more than this many bytes waiting to be sent to it is a slow consumer.
pub const MAX_BUFFERED_BYTES: usize = 52_428_800;

/// Milliseconds between two `tick` events.
pub const TICK_INTERVAL_MS: u64 = 30_000;

/// Milliseconds that a client has for its `connect` request. The original allows 15 s, and 10 s in its older versions.
pub const HANDSHAKE_TIMEOUT_MS: u64 = 10_000;
