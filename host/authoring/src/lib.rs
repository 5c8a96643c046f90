//! Owns what an author of a plugin needs besides a Rust toolchain: the SDK, the contract and the templates, which this crate carries
//! and writes; and the one way in which a plugin is built, for authors and for this repository alike. Knows no manifest, no
//! engine and no gateway.
//!
//! Invariants: nothing is written outside the folder that is named; nothing of an author's is overwritten but `.openclaw/`, which
//! says so.

mod build;
mod error;
mod kit;
mod project;
mod toolchain;

pub use build::{Build, Built, Plan, lay_out};
pub use error::AuthoringError;
pub use kit::{Refreshed, refresh};
pub use project::create;
pub use toolchain::{Kind, Toolchain};
