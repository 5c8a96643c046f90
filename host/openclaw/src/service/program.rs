//! Runs the service manager's own program, with a bound on its time.

use std::{process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::{client::block_on, error::CliError};

/// How long it may take; stopping a service waits for the drain of a gateway.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// It ended with 0.
    pub(super) ok: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Said {
    /// Its complaint in a line.
    pub(super) fn complaint(&self) -> String {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given").to_owned()
    }
}

/// Runs a program to its end. A program that is not there, or does not end, has said so.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<Said, CliError> {
    block_on(async {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let complaint = |text: String| Said { stderr: text, ..Said::default() };
        Ok(match timeout(PATIENCE, command.output()).await {
            Ok(Ok(output)) => Said {
                ok: output.status.success(),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            },
            Ok(Err(error)) => complaint(format!("{program}: {error}")),
            Err(_) => complaint(format!("{program} did not end within {} s", PATIENCE.as_secs())),
        })
    })
}
