//! Owns `openclaw.json`: where it lies, how it is read, judged, shown and changed, and what of it the gateway uses.
//! Never changes a byte that an edit did not ask for, never writes on reading, and knows no channel's or provider's
//! own keys: those are judged by schemas that the caller hands in.

mod channel;
pub mod diff;
pub mod edit;
mod env;
mod error;
mod json5;
mod model;
mod onboard;
mod ops;
pub mod patch;
mod path;
mod paths;
mod print;
mod read;
mod redact;
mod report;
mod secret_ref;
mod sections;
mod shape;
pub mod start;
mod substitute;
mod validate;
mod write;

pub use env::{Env, LayeredEnv, ProcessEnv};
pub use error::ConfigError;
pub use json5::{MAX_BYTES, MAX_DEPTH, SyntaxError};
pub use model::*;
pub use onboard::{OnboardOptions, Onboarded, is_foreign_installation, onboard_local};
pub use ops::{ChangeOutcome, Changed, Loaded, SetOptions, get, load, set, unset};
pub use path::{KeyPath, PathPattern, Step};
pub use paths::Paths;
pub use read::{Fingerprint, Observed, Source, hash};
pub use report::{Issue, Owner, Report};
pub use secret_ref::{REDACTED, SecretError, SecretInput, present, resolve_secret};
pub use validate::{ChannelSchema, ChannelSchemas, validate};
pub use write::{Written, replace_rejected, save_rejected, update, write_private};
