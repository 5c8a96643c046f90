//! Owns what a plugin package is: its manifest `plugin.toml`, its schema, its component if it has one, and what the manifest
//! grants: which secrets, which hosts, which places for a secret. Turns a grant and a guest's wishes into one request
//! line, without sending it. Never runs a component, never opens a connection, never judges a message.

mod bundled;
mod compose;
mod error;
mod grant;
mod manifest;
mod moved;
mod package;
mod policy;
mod secret;
mod template;

pub use bundled::bundled;
pub use compose::{Composed, Denied};
pub use error::{GrantError, PackageError, SecretProblem};
pub use grant::{Base, ResolvedGrant};
pub use manifest::{
    Channel, ChannelPolicyMap, Http, Kind, KnownProvider, LocalProvider, Manifest, Origin, Plugin, Provider,
    SecretEntry, TextUnit, WIT_VERSION,
};
pub use moved::{Moved, ValueType};
pub use package::{Component, Package, Wasm};
pub use policy::{ChannelPolicy, GroupPolicy};
pub use secret::{AccountSecrets, SecretLookup};
