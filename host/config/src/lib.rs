//! Owns `openclaw.json`: where it lies, how it is read, judged, shown and changed, and what of it the gateway uses.
//! Never changes a byte that an edit did not ask for, never writes on reading, and knows no channel's or provider's
//! own keys: those are judged by schemas that the caller hands in.

mod bounded;
mod channel;
mod dotenv;
mod edit;
mod env;
mod error;
mod json5;
mod model;
mod onboard;
mod ops;
mod path;
mod paths;
mod print;
mod read;
mod redact;
mod report;
mod secret_ref;
mod sections;
mod shape;
mod shell_env;
pub mod start;
mod substitute;
mod validate;
mod write;

pub use dotenv::{DotEnv, read_own, read_workspace};
pub use env::{Env, LayeredEnv, ProcessEnv};
pub use error::ConfigError;
pub use json5::{MAX_BYTES, MAX_DEPTH, SyntaxError};
pub use model::*;
pub use onboard::{OnboardOptions, Onboarded, is_foreign_installation, onboard_local};
pub use ops::{ChangeOutcome, Changed, Loaded, SetOptions, get, load, set, unset};
pub use path::{KeyPath, Step};
pub use paths::Paths;
pub use read::{Source, hash};
pub use report::{Issue, Owner, Report};
pub use secret_ref::{
    REDACTED, SecretError, SecretInput, SecretRef, SecretResolver, SecretSource, present, resolve_secret,
};
pub use shell_env::login_shell_variables;
pub use validate::{ChannelSchema, ChannelSchemas, validate};
pub use write::{Written, update};
