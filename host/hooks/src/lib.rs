//! What a request below `hooks.path` asks for (openclaw-compat §4.10): the bodies of `/hooks/wake` and `/hooks/agent`, the
//! mappings and their templates, and the mark on what came from outside.
//!
//! Pure functions over what strangers send, apart from the gateway so that they are fuzzed without an engine. Who may
//! call, which session a name leads to and what runs is `openclaw-gateway`'s business.

mod mapping;
mod payload;
mod template;
mod untrusted;

pub use mapping::{Action, MOST_ITEMS, Mapped, apply, lacks_session};
pub use payload::{Destination, MAX_KEY, Run, Wake, fields, idempotency_key, read};
pub use template::{Context, is_templated};
pub use untrusted::wrap;

/// Where the name of an agent or of a session comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// From the caller, or from what the caller sent.
    Outside,
    /// From the file.
    Inside,
}
