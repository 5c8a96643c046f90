//! What the proofs about `openclaw.json` share: chance with a seed that is printed, and commands whose duration counts.
//!
//! The proofs know the program as a person does: they put a file in its place, type commands and look at the file. What
//! is fuzzed stands in [`documents`] and [`mutate`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

pub mod documents;
pub mod examples;
pub mod mutate;
mod rng;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use openclaw_e2e::{Home, Ran, SOON};
use tokio::process::Command;

pub use rng::{Rng, seed};

/// The bar for every command and every refused start.
pub const BAR: Duration = Duration::from_secs(1);

/// A command that has ended, and how long it took.
#[derive(Debug)]
pub struct Timed {
    /// What it printed.
    pub ran: Ran,
    /// From the spawn to the end.
    pub took: Duration,
}

/// Types a command, in the state directory, and waits for its end.
pub async fn timed(home: &Home, arguments: &[&str]) -> Timed {
    let mut command = home.command(arguments);
    timed_command(command.current_dir(home.state())).await
}

/// As [`timed`], with a command that the test has prepared.
pub async fn timed_command(command: &mut Command) -> Timed {
    let began = Instant::now();
    let output = tokio::time::timeout(SOON, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("did not end: {command:?}")).unwrap();
    let ran = Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    Timed { ran, took: began.elapsed() }
}

/// As [`timed`], and within [`BAR`]. A machine that is busy may make one try slow; a program that is slow makes all of
/// them slow.
pub async fn prompt(home: &Home, arguments: &[&str]) -> Ran {
    let mut took = Vec::new();
    for _ in 0..3 {
        let timed = timed(home, arguments).await;
        if timed.took <= BAR {
            return timed.ran;
        }
        took.push(timed.took);
    }
    panic!("`openclaw {}` took {took:?}", arguments.join(" "));
}

/// Fails unless the text has all of these words.
pub fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no `{word}` in:\n{text}");
    }
}

/// The names in the state directory that begin with `openclaw.json`, and others that nobody may leave behind, sorted.
pub fn names(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.state()).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("openclaw.json")).collect();
    names.sort();
    names
}

/// Where `cargo xtask test` has put the documentation of the original.
pub fn peer_docs() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/peer-docs/2026.9.6/docs");
    assert!(
        folder.is_dir(),
        "{} is missing: run `cargo xtask test` (it needs npm, tar and a network, once)",
        folder.display()
    );
    folder
}
