//! A channel without a vendor, for the proofs of the runtime: what it does is chosen by its configuration and by the
//! text it is told to send. It exports no `typing`, so that the host's look at the exports is proven too.
//!
//! Configuration, all optional but `mode`:
//! `{"mode": "echo" | "poll" | "race" | "admit" | "listen", "tickMs", "sendDelayMs", "timers", "count", "deadlineUs", "messages"}`.
//!
//! What `send` does, by its text: `spin:<ms>` burns CPU, `trap` traps, `grow:<MiB>` keeps that much memory,
//! `block:<ms>` calls the blocking sleep of `std` (which the host has to trap), `sleep:<ms>` waits, `report` answers with
//! the counters. `use:` and a capability's call in JSON (see [`Use`]) makes the call and answers with what came of it; with the
//! mode `listen`, `events` answers with the events that arrived, and `listen:<n>` lets that many more arrive. Any other text is
//! answered with its length as the message id.

#[cfg(target_arch = "wasm32")]
mod guest;
mod modes;

pub use modes::{Command, Config, Mode, Report, Use};
