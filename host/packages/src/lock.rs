//! `plugins.lock`: which packages are installed, from where, whose they are and what they were granted. The file is the word that
//! counts: a package beside it that it does not know, or knows with another digest, is not run.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::signature::Publisher;

/// The form of the file.
const FORM: u32 = 1;
/// The largest lock file, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The whole file, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    form: u32,
    /// The installed packages by id.
    #[serde(default)]
    pub plugins: BTreeMap<String, Entry>,
    /// The publishers of ids, from the first installation on, also after an uninstall.
    #[serde(default)]
    pub pins: BTreeMap<String, Pin>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { form: FORM, plugins: BTreeMap::new(), pins: BTreeMap::new() }
    }
}

/// One installed package.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The plugin's own version.
    pub version: String,
    /// Lower-case hexadecimal SHA-256 of the package without its signature.
    pub digest: String,
    /// Of manifest and schema alone, so that they can be trusted before the code is read.
    pub manifest_digest: String,
    /// While an update is made: the digest and the manifest's digest of what stands there until the new file is in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<(String, String)>,
    /// Where it came from: a path, a URL, or `oci://…@sha256:…`.
    pub source: String,
    /// Who signed it.
    pub publisher: Option<Publisher>,
    /// What it was granted, in the words that were shown.
    pub granted: Vec<String>,
    /// Unix milliseconds.
    pub installed_at_ms: u64,
}

impl Entry {
    /// Whether a package with this digest is the one that was installed.
    #[must_use]
    pub fn knows(&self, digest: &str) -> bool {
        self.digest == digest || self.replaces.as_ref().is_some_and(|(before, _)| before == digest)
    }

    /// The same for the digest of manifest and schema.
    #[must_use]
    pub fn knows_manifest(&self, digest: &str) -> bool {
        self.manifest_digest == digest || self.replaces.as_ref().is_some_and(|(_, before)| before == digest)
    }
}

/// Whose an id is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Only this publisher's packages are taken for the id.
    pub publisher: Publisher,
    /// The highest version that was ever installed.
    pub highest: String,
}

/// Why the lock file cannot be used. Nothing that is installed runs then.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error("{}: {cause}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// It holds something else.
    #[error(
        "{}: is not a lock file of this version: {detail} (put it back from a backup, or move it away and install the plugins again)",
        file.display()
    )]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

impl Lock {
    /// Reads the file; without one nothing is installed.
    ///
    /// # Errors
    /// When it is there and cannot be understood.
    pub fn read(file: &Path) -> Result<Self, LockError> {
        let io = |cause| LockError::Io { file: file.to_owned(), cause };
        let invalid = |detail: String| LockError::Invalid { file: file.to_owned(), detail };
        match std::fs::metadata(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io(error)),
            Ok(metadata) if metadata.len() > LARGEST => {
                return Err(invalid(format!("it is longer than {LARGEST} bytes")));
            }
            Ok(_) => {}
        }
        let text = std::fs::read(file).map_err(io)?;
        let lock: Self = serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
        if lock.form != FORM {
            return Err(invalid(format!("its form is {}, and this version knows {FORM}", lock.form)));
        }
        Ok(lock)
    }

    /// Writes the file: whole or not at all, for the owner alone.
    ///
    /// # Errors
    /// When the system refuses; the old file stands then.
    pub fn write(&self, file: &Path) -> Result<(), LockError> {
        let io = |cause| LockError::Io { file: file.to_owned(), cause };
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        replace(file, &text).map_err(io)
    }
}

/// Puts a file in its place in one step, durably, with mode 0600.
pub(crate) fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let staged = file.with_file_name(format!(".{name}.new"));
    let write = || {
        // What a run that was interrupted left.
        match std::fs::remove_file(&staged) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged)?;
        open.write_all(content)?;
        open.sync_all()?;
        std::fs::rename(&staged, file)?;
        sync_folder(file)
    };
    write().inspect_err(|_| {
        // The failure that counts is the first one.
        let _staged_is_gone = std::fs::remove_file(&staged);
    })
}

/// Makes a rename or a removal beside `file` durable.
pub(crate) fn sync_folder(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
