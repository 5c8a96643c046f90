//! What can go wrong, with what to type next.

use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a plugin was not written or not built.
#[derive(Debug, thiserror::Error)]
pub enum AuthoringError {
    /// Something is in the way of a new plugin.
    #[error("{}: is there already (choose another place with --dir)", .0.display())]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// What this program carries cannot be read.
    #[error("the SDK inside this program is damaged: {0} (install openclaw again)")]
    Damaged(String),
    /// There is no Rust toolchain.
    #[error(
        "cannot start {program}: {cause} (a plugin is built with Rust: install it from https://rustup.rs, then try again)"
    )]
    NoToolchain {
        /// `cargo`, `rustc` or `rustup`.
        program: String,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The toolchain cannot build for WebAssembly, and cannot be made to.
    #[error(
        "the Rust target {target} is missing and could not be added: {reason} (with rustup: rustup target add {target})"
    )]
    NoTarget {
        /// The target.
        target: &'static str,
        /// Why.
        reason: String,
    },
    /// Cargo has said what is wrong.
    #[error("{command} failed ({status}); what is wrong stands above")]
    Failed {
        /// As one would type it.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It was built, and there is no component.
    #[error("{}: its build made no WebAssembly (write crate-type = [\"cdylib\", \"rlib\"] under [lib])", .0.display())]
    NoComponent(PathBuf),
    /// The unpacked SDK is of a later program than this one.
    #[error(
        "{}: was written by openclaw {theirs}, and this is {own} (update openclaw; or delete the folder, to build with the SDK of this one)",
        folder.display()
    )]
    NewerKit {
        /// `.openclaw`
        folder: PathBuf,
        /// The version that it says.
        theirs: String,
        /// The version of this program.
        own: &'static str,
    },
}

impl AuthoringError {
    /// A stable word for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "PLUGIN_FOLDER_EXISTS",
            Self::File { .. } => "PLUGIN_FILE_UNUSABLE",
            Self::Damaged(_) => "PLUGIN_SDK_DAMAGED",
            Self::NoToolchain { .. } => "TOOLCHAIN_MISSING",
            Self::NoTarget { .. } => "TOOLCHAIN_TARGET_MISSING",
            Self::Failed { .. } => "PLUGIN_BUILD_FAILED",
            Self::NoComponent(_) => "PLUGIN_NO_COMPONENT",
            Self::NewerKit { .. } => "PLUGIN_SDK_NEWER",
        }
    }
}

/// Attaches a path to an I/O error.
pub(crate) trait AtPath<T> {
    fn at(self, path: &std::path::Path) -> Result<T, AuthoringError>;
}

impl<T> AtPath<T> for std::io::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T, AuthoringError> {
        self.map_err(|cause| AuthoringError::File { path: path.to_owned(), cause })
    }
}
