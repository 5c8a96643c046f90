//! Owns the crate's one error. Never decides what to do about it: the variant says what the caller can do.

use std::path::PathBuf;
use std::sync::Arc;

/// A cause that several waiting callers may share.
pub(crate) type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written; trying again later may help. `code` is one of `disk_full`, `io`, `read_only`, `busy`.
    #[error("the state database {path} cannot be used now ({code}): {cause}. {}", advice(code))]
    Unavailable {
        /// Stable, for searching.
        code: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite or the system said.
        #[source]
        cause: Cause,
    },
    /// The file is damaged. A person has to act; nothing was changed.
    #[error(
        "the state database {path} is damaged (corrupt): {detail}. Stop the gateway, move the file and its -wal and -shm \
         neighbours aside (or restore a backup), and start again"
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What the check found.
        detail: String,
    },
    /// Another process holds the file.
    #[error(
        "the state database {path} is in use by another gateway (locked). Stop that one first (`openclaw gateway status` \
         shows its pid), or choose another directory with OPENCLAW_STATE_DIR"
    )]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// A later version of this program wrote the file.
    #[error(
        "the state database {path} has schema {found}, and this program knows up to {known} (schema_too_new). Start the \
         newer version, or choose another directory with OPENCLAW_STATE_DIR"
    )]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The request contradicts what is stored; the text names it. Nothing was written.
    #[error("{0} (conflict)")]
    Conflict(String),
    /// A value could not be stored or read back: a defect of this program, or a row edited by hand.
    #[error("the state database gave or was given an impossible value (internal): {0}")]
    Internal(#[source] Cause),
    /// The store was closed.
    #[error("the state database is closed: the gateway is shutting down (closed)")]
    Closed,
}

fn advice(code: &str) -> &'static str {
    match code {
        "disk_full" => "Free some space; the gateway goes on by itself",
        "read_only" => "Make the file and its directory writable for this user",
        _ => "The gateway tries again; look at the disk if it stays",
    }
}

impl StoreError {
    /// A stable code for searching and for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { code, .. } => code,
            Self::Corrupt { .. } => "corrupt",
            Self::Locked { .. } => "locked",
            Self::TooNew { .. } => "schema_too_new",
            Self::Conflict(_) => "conflict",
            Self::Internal(_) => "internal",
            Self::Closed => "closed",
        }
    }

    /// Whether it speaks of the disk or the file, not of the one request: then no other write is taken either.
    pub fn stops_writing(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Corrupt { .. })
    }

    /// Whether the same request may succeed later without anybody changing it.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
