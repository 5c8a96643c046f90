//! The author's Rust toolchain: what is asked of it, and what it needs for WebAssembly.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::AuthoringError;

/// Which side of the contract a plugin stands on; it decides how it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Uses the standard library and asynchronous imports.
    Channel,
    /// Imports nothing at all.
    Provider,
}

/// What encodes a core module as a component; it comes with every Rust toolchain, and `wasm32-wasip2` uses it by itself.
const COMPONENT_LINKER: &str = "wasm-component-ld";
/// Cargo sets these for the program that it runs. A build script that watches one of them would run again, and its dependants
/// with it, each time that a build is started by hand and then by a program.
const OWN_VARIABLES: &[&str] =
    &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_PRIMARY_PACKAGE", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"];

impl Kind {
    /// The target that this kind is built for. What is built for `wasm32-wasip2` always imports WASI, so that a shim, which may
    /// import nothing, is built for the bare machine.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::Channel => "wasm32-wasip2",
            Self::Provider => "wasm32-unknown-unknown",
        }
    }
}

/// The toolchain of one folder, which may name its own.
#[derive(Clone, Debug)]
pub struct Toolchain {
    folder: PathBuf,
}

impl Toolchain {
    /// The toolchain that is used in `folder`.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Any program, in the folder.
    #[must_use]
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| OWN_VARIABLES.iter().any(|own| name.starts_with(own))) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Cargo, in the folder.
    #[must_use]
    pub fn cargo(&self) -> Command {
        self.program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// The one command that builds a component. It is made by the toolchain's own linker, for either kind.
    #[must_use]
    pub fn component(&self, kind: Kind) -> Command {
        let mut command = self.cargo();
        command.args(["build", "--profile", "guest", "--target", kind.target()]);
        if kind == Kind::Provider {
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", COMPONENT_LINKER);
        }
        command
    }

    /// Adds what the toolchain lacks for this kind. `told` hears what is about to be added.
    ///
    /// # Errors
    /// When there is no toolchain, or it cannot be completed.
    pub fn complete(&self, kind: Kind, told: &mut dyn FnMut(&str)) -> Result<(), AuthoringError> {
        let target = kind.target();
        let mut asked = self.program("rustc");
        asked.args(["--print", "target-libdir", "--target", target]).stderr(Stdio::null());
        let asked = asked.output().map_err(|cause| not_started("rustc", cause))?;
        let library = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        if asked.status.success() && Path::new(&library).exists() {
            return Ok(());
        }
        told(&format!("Adding the Rust target {target}"));
        let missing = |reason: String| AuthoringError::NoTarget { target, reason };
        let added = self.program("rustup").args(["target", "add", target]).status();
        match added {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(missing(format!("rustup failed ({status})"))),
            Err(cause) => Err(missing(format!("rustup cannot be started: {cause}"))),
        }
    }
}

pub(crate) fn not_started(program: &str, cause: std::io::Error) -> AuthoringError {
    AuthoringError::NoToolchain { program: program.to_owned(), cause }
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
