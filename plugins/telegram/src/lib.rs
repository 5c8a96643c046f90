//! Telegram, by the Bot API over long polling.
//!
//! The protocol is plain functions and a loop over the small trait `host::Host`, so all of it is tested natively; the
//! shell that calls the real host is `guest`, which exists only on WebAssembly. The component never sees the bot token:
//! it asks the grant `api` for `/getMe`, and the host puts `/bot<token>` in front.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "natively only the tests reach what the guest shell calls")
)]

mod api;
mod config;
mod format;
#[cfg(target_arch = "wasm32")]
mod guest;
mod host;
mod id;
mod inbound;
mod mention;
mod outcome;
mod poll;
mod probe;
mod send;
mod target;
mod typing;

#[cfg(test)]
mod fake;
