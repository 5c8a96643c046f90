//! What a plugin author builds on: the bindings of the contract in `wit/`, one macro for each export, and the few
//! helpers that every component needs. It never holds a secret, opens a socket or reads a file, because a component
//! cannot.
//!
//! A channel enables the feature `channel`, implements [`channel::Channel`] and calls [`export_channel!`]; what it can
//! do beyond that is an optional interface with a macro of its own, such as [`export_typing!`]. A component has exactly
//! the exports whose macros it calls. A model shim enables `provider`, implements [`provider::Provider`] and
//! [`provider::Decoder`], calls [`export_provider!`], and imports nothing at all; [`export_embeddings!`] adds vectors.
//!
//! Keep the protocol itself free of I/O and put a thin asynchronous shell around it: the core is then tested natively.
//!
//! A component for `wasm32-wasip2` must not use what drags WASI interfaces into it beyond those that `std` needs to
//! start: no `HashMap` with the default hasher, no `std::time`, `std::thread`, `std::env` or `println!`. Blocking calls
//! trap.

// The bindings name this crate by its public name, so that the export macros also work in other crates.
extern crate self as openclaw_sdk;

#[doc(hidden)]
pub use wit_bindgen;

#[cfg(any(feature = "channel", feature = "provider"))]
#[doc(hidden)]
pub mod bindings;

#[cfg(feature = "channel")]
pub mod account;
pub mod backoff;
pub mod bounds;
#[cfg(feature = "channel")]
pub mod channel;
#[cfg(feature = "channel")]
pub mod events;
#[cfg(feature = "channel")]
pub mod failure;
#[cfg(feature = "channel")]
pub mod gateway;
#[cfg(feature = "channel")]
pub mod host;
#[cfg(feature = "channel")]
pub mod http;
#[cfg(feature = "channel")]
pub mod inbound;
#[cfg(feature = "channel")]
pub mod kv;
#[cfg(feature = "channel")]
pub mod log;
#[cfg(feature = "channel")]
pub mod long_poll;
#[cfg(feature = "channel")]
pub mod process;
#[cfg(feature = "channel")]
pub mod protocol;
#[cfg(feature = "provider")]
pub mod provider;
pub mod race;
#[cfg(feature = "channel")]
pub mod sockets;
#[cfg(feature = "channel")]
pub mod typing;
#[cfg(feature = "channel")]
pub mod webhook;
#[cfg(feature = "channel")]
pub mod websocket;
