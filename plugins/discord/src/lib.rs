//! Discord, by the gateway (version 10, JSON over one websocket) and the REST API.
//!
//! The session with the gateway is a state machine without I/O (`gateway`), and everything else is plain functions over
//! the small trait `host::Host`, so all of it is tested natively; the shell that calls the real host is `guest`, which
//! exists only on WebAssembly. The component never sees the bot token: it sends an identify without one, and the host
//! puts it in on the way out, there and into the header of each request.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "natively only the tests reach what the guest shell calls")
)]

mod api;
mod audit;
mod config;
mod gateway;
#[cfg(target_arch = "wasm32")]
mod guest;
mod host;
mod inbound;
mod intents;
mod mention;
mod outcome;
mod probe;
mod receive;
mod rest;
mod rooms;
mod send;
mod snowflake;
mod table;
mod target;
mod typing;

#[cfg(test)]
mod fake;
