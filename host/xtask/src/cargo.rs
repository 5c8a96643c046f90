//! Starts cargo and other programs with a clean environment.

use std::{ffi::OsStr, process::Command};

use openclaw_authoring::Toolchain;

use crate::{error::Error, workspace};

/// Cargo, in the workspace's root.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = program_in_root(program);
    command.args(arguments);
    command
}

/// Any program, in the workspace's root.
pub(crate) fn program_in_root(program: impl AsRef<OsStr>) -> Command {
    Toolchain::of(workspace::root()).program(program)
}

/// Runs a command to its end, with this process's own output.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|source| Error::NotStarted { command: shown(command), source })?;
    if status.success() { Ok(()) } else { Err(Error::Failed { command: shown(command), status }) }
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
