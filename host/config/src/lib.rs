//! Owns `openclaw.json`: where it lies, how it is read, judged, shown and changed, and what of it the gateway uses.
//! Never changes a byte that an edit did not ask for, never writes on reading, and knows no channel's or provider's
//! own keys: those are judged by schemas that the caller hands in.

mod ask;
mod basis;
mod bounded;
mod by_schema;
mod change;
mod channel;
mod check;
pub mod diff;
mod dotenv;
pub mod edit;
mod env;
mod error;
mod get;
mod guard;
mod include;
mod json5;
mod known;
mod last_good;
mod load;
mod migrate;
mod model;
mod onboard;
pub mod patch;
mod path;
mod paths;
mod print;
mod provider;
mod read;
mod redact;
mod reload;
mod report;
mod schema;
mod secret_ref;
mod sections;
mod shape;
mod shell_env;
mod shown;
pub mod start;
mod substitute;
mod unused;
mod validate;
mod write;

pub use ask::{Ask, read_value};
pub use basis::{Basis, ChannelSchema, ChannelSchemas, MovedKey, PluginSchemas, ProviderSchema};
pub use change::{ChangeOptions, Changed, change, is_managed, replace};
pub use dotenv::{DotEnv, read_own, read_workspace};
pub use env::{Env, LayeredEnv, ProcessEnv};
pub use error::ConfigError;
pub use get::get;
pub use guard::{Objection, Standing, objections, tokens};
pub use include::Included;
pub use json5::{MAX_BYTES, MAX_DEPTH, SyntaxError, value};
pub use last_good::{Kept, LastGood, Restored, keep, last_good, last_good_path, restore};
pub use load::{Chosen, Loaded, Refused, load, load_for_start};
pub use migrate::Moved;
pub use model::*;
pub use onboard::{OnboardOptions, Onboarded, is_foreign_installation, onboard_local};
pub use path::{KeyPath, PathPattern, Step};
pub use paths::Paths;
pub use provider::DEFAULT_API;
pub use read::{Fingerprint, Observed, Source, hash};
pub use reload::{Effect, Plan, effect};
pub use report::{Issue, Owner, Report};
pub use schema::{Hint, Lookup, LookupChild, Schema, json_schema};
pub use secret_ref::{
    REDACTED, SecretError, SecretInput, SecretRef, SecretResolver, SecretSource, present, resolve_secret,
};
pub use shell_env::login_shell_variables;
pub use shown::{Shown, shown};
pub use validate::validate;
pub use write::{Written, replace_rejected, save_rejected, stamp, update, write_private};
