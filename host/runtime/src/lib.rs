//! The only crate that knows wasmtime: it loads components, lends them capabilities and drives them.
//!
//! A *channel* component is persistent: one instance (one `Store`) for each account, driven by one long
//! `run_concurrent` ([`Runtime::start_channel`]). A *provider* component (a shim) is a pure function; its instances come
//! from a pool and are called inline ([`ShimPool`]).
//!
//! What is deliberately absent: policy. The runtime never decides who may talk to whom, never restarts anything and
//! never reads the configuration; it is told what an instance may reach and reports how the instance ended.
//!
//! Invariants, each with a test in `tests/`:
//! - a guest reaches nothing that was not granted, and a refused import fails the load, not a later call;
//! - a secret is never in a guest's memory;
//! - an event is kept until it is acknowledged, so that a dropped `next` loses nothing;
//! - a trap, a runaway loop or a deadline ends one instance and nothing else.

mod artifact;
mod bindings;
mod capability;
mod channel;
mod compiler;
mod contract;
mod engine;
mod error;
mod exports;
mod plugin;
mod shim;
mod shim_exports;
mod v0_1_0;
mod wasi;

pub use bindings::channel_types as guest;
pub use bindings::provider_types as dialect;
pub use capability::events::Occurrence;
pub use capability::inbound::{Admission, AdmitError, Connection, Inbox, Unreadable};
pub use capability::kv::{Kv, KvAnswer, KvChange, KvEntry, KvError};
pub use capability::media::{
    Media, MediaAnswer, MediaDescription, MediaError, MediaFile, MediaReader, MediaWriter, media_description,
};
pub use channel::facts::{Facts, Over, Stamp};
pub use channel::{ChannelInstance, ChannelSetup, Exit, Limits, NotRunning};
pub use compiler::{Compiler, compile_here};
pub use engine::{Runtime, RuntimeOptions};
pub use error::LoadError;
pub use plugin::{Features, Plugin};
pub use shim::{ShimDecoder, ShimError, ShimPool};
