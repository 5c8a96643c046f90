//! What anybody on the network can make the gateway read, fed with inputs that nobody would send on purpose.
//!
//! A target is a function from bytes to a number that says which of its ways the input took; it panics when something is
//! wrong. An input that takes a way that no earlier one took is kept and changed further: this finds deep ways without a
//! special compiler. A run follows from its seed, except for when it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a fault is found by a panic"
)]

mod mutate;
mod run;
mod targets;

use std::path::{Path, PathBuf};

pub use run::{Found, Outcome, fuzz, replay};
pub use targets::TARGETS;

/// One thing that reads what strangers send.
#[derive(Clone, Copy)]
pub struct Target {
    /// Also the name of its folder in the corpus.
    pub name: &'static str,
    /// Reads an input, panics when something is wrong, and returns which way the input took.
    pub read: fn(&[u8]) -> u64,
    /// Words that mean something to it.
    pub words: fn() -> &'static [&'static str],
}

/// The folder with the inputs of all targets.
#[must_use]
pub fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The kept inputs of one target in the order of their names, the empty input first.
#[must_use]
pub fn inputs(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut inputs = vec![(folder.join("(empty)"), Vec::new())];
    let files = std::fs::read_dir(folder).map(|files| files.map(|file| file.unwrap().path()));
    let mut files: Vec<PathBuf> = files.into_iter().flatten().collect();
    files.sort();
    inputs.extend(files.into_iter().map(|path| {
        let input = std::fs::read(&path).unwrap();
        (path, input)
    }));
    inputs
}
