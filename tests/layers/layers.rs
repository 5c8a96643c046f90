//! The layer test: what may depend on what, which word may stand where.
//!
//! It reads `cargo metadata` and the sources below `host/`. A failure names the place and what to do about it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of it is test code")]

mod edges;
mod sources;

use std::path::{Path, PathBuf};

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Fails with all faults at once.
fn report(rule: &str, faults: &[String], remedy: &str) {
    assert!(faults.is_empty(), "{rule}\n\n  {}\n\nWhat to do: {remedy}\n", faults.join("\n  "));
}
