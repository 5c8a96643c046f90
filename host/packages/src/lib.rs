//! Owns what a plugin package is: its manifest `plugin.toml`, its schema, its component if it has one, and what the manifest
//! grants: which secrets, which hosts, which places for a secret, which callers. Turns a grant and a guest's wishes into one
//! request line, one frame or one verdict, without sending anything. Never runs a component, never opens a connection, never
//! judges a message.

mod bundled;
mod compose;
mod endpoint;
mod error;
mod file;
mod grant;
mod host_pattern;
mod inject;
mod installed;
mod lock;
mod manifest;
mod package;
mod pointer;
mod policy;
mod process;
mod reach;
mod replies;
mod secret;
mod sections;
mod signature;
mod template;
mod version;
mod webhook;

pub use bundled::bundled;
pub use compose::{Composed, Denied};
pub use endpoint::ResolvedEndpoint;
pub use error::{GrantError, PackageError, SecretProblem};
pub use file::{Described, LARGEST_PACKAGE, PackageFile};
pub use grant::{Base, ResolvedGrant};
pub use host_pattern::HostPattern;
pub use inject::{FrameRefused, OutboundFrame};
pub use installed::{Change, Consent, InstallError, Installed, Plan};
pub use lock::{Entry, Lock, LockError, Pin};
pub use manifest::{
    AutoGenerate, Challenge, Channel, ChannelPolicyMap, ChannelReplyMap, ConfiguredOrigin, Ed25519, Encoding,
    HmacSha256, Http, Inject, Kind, KnownProvider, Limits, LocalProvider, Manifest, Moved, Origin, Plugin,
    Process, ProcessOption, Provider, PublicKey, SecretEntry, SharedToken, TextUnit, Validation, ValueType,
    Verify, WIT_VERSIONS, Webhook, Websocket,
};
pub use package::{Component, Package, Wasm};
pub use pointer::Pointer;
pub use policy::{BotLoop, ChannelPolicy, GroupPolicy, MentionScope};
pub use process::ResolvedProcess;
pub use reach::{Fact, Reach};
pub use replies::{ChannelBlocks, ChannelReplies};
pub use secret::{AccountSecrets, SecretLookup};
pub use sections::SectionError;
pub use signature::{Publisher, PublisherKey};
pub use webhook::{Incoming, ResolvedWebhook, Unverified, Verdict};
