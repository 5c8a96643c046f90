//! What can go wrong in a task, worded with the next thing to do.

use std::path::PathBuf;

use openclaw_authoring::AuthoringError;

/// Why a task stopped.
#[derive(Debug)]
pub(crate) enum Error {
    /// A program ran and failed; it has said why.
    Failed { command: String, status: std::process::ExitStatus },
    /// A program could not be started.
    NotStarted { command: String, source: std::io::Error },
    /// A file could not be read or written.
    File { path: PathBuf, source: std::io::Error },
    /// A file does not say what it should.
    Content { path: PathBuf, reason: String },
    /// A guest was not built.
    Guest(AuthoringError),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed { command, status } => write!(f, "`{command}` failed ({status})"),
            Self::NotStarted { command, source } => write!(f, "cannot start `{command}`: {source}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Content { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Guest(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotStarted { source, .. } | Self::File { source, .. } => Some(source),
            Self::Guest(error) => error.source(),
            Self::Failed { .. } | Self::Content { .. } => None,
        }
    }
}

impl From<AuthoringError> for Error {
    fn from(error: AuthoringError) -> Self {
        Self::Guest(error)
    }
}

/// Attaches a path to an I/O error.
pub(crate) trait AtPath<T> {
    fn at(self, path: &std::path::Path) -> Result<T, Error>;
}

impl<T> AtPath<T> for std::io::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T, Error> {
        self.map_err(|source| Error::File { path: path.to_owned(), source })
    }
}
