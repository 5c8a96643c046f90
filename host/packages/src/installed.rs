//! The folder of installed plugins: `<state>/plugins/<id>.wasm` and `plugins.lock`. Decides whether a package may take the place
//! of what is there, and puts it there so that at any moment, also after a crash, either the old one or the new one is whole and
//! known.
//!
//! Invariants: no package runs whose digest is not in the lock file; an id keeps the publisher of its first signed package; nobody's
//! reach grows without a yes.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::PackageError;
use crate::file::{Described, PackageFile};
use crate::lock::{Entry, Lock, LockError, Pin, replace, sync_folder};
use crate::reach::{Fact, Reach};
use crate::signature::Publisher;
use crate::version;

/// The folder.
#[derive(Clone, Debug)]
pub struct Installed {
    folder: PathBuf,
}

/// Why something was not installed, removed or opened. What was there is there still.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The package does not hold together.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The folder cannot be used.
    #[error("{}: {cause}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// Another command is changing the folder.
    #[error("another command is installing or removing plugins (wait for it, then try again)")]
    Busy,
    /// There is no such plugin in the lock file.
    #[error("no installed plugin is called {0} (see: openclaw plugins list)")]
    Unknown(String),
    /// The file is not the one that was installed.
    #[error(
        "{}: was changed since it was installed: its digest is not that of plugins.lock (install it again: openclaw plugins install FILE)",
        file.display()
    )]
    Tampered {
        /// The file.
        file: PathBuf,
    },
    /// A file beside the lock file that it does not know.
    #[error("{}: was not installed by a command (run: openclaw plugins install FILE with a copy of it elsewhere)", file.display())]
    NotLocked {
        /// The file.
        file: PathBuf,
    },
    /// It carries no signature.
    #[error(
        "{id} is not signed, so that nobody answers for it (get a signed package, or accept it with --allow-unsigned)"
    )]
    Unsigned {
        /// The plugin.
        id: String,
    },
    /// Somebody else signed it, or nobody.
    #[error(
        "{id} belongs to the publisher {pinned}, and this package is {found} (if that is right, accept it with --accept-publisher {accept})"
    )]
    OtherPublisher {
        /// The plugin.
        id: String,
        /// Whose the id is, shortened.
        pinned: String,
        /// Whose package it is, in words.
        found: String,
        /// What to write.
        accept: String,
    },
    /// A higher version was installed before.
    #[error(
        "{id} {offered} is older than {highest}, which was installed before (go back with --allow-downgrade)"
    )]
    Downgrade {
        /// The plugin.
        id: String,
        /// The version of the package.
        offered: String,
        /// The version that was installed.
        highest: String,
    },
    /// A folder of the same plugin stands in the way.
    #[error("{}: a folder of the same plugin is there for development (remove it first)", folder.display())]
    FolderInTheWay {
        /// The folder.
        folder: PathBuf,
    },
}

impl InstallError {
    /// A stable word for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Package(error) => error.code(),
            Self::Lock(_) => "PLUGIN_LOCK_UNUSABLE",
            Self::Io { .. } => "PLUGIN_FOLDER_UNUSABLE",
            Self::Busy => "PLUGIN_FOLDER_BUSY",
            Self::Unknown(_) => "PLUGIN_UNKNOWN",
            Self::Tampered { .. } => "PLUGIN_TAMPERED",
            Self::NotLocked { .. } => "PLUGIN_NOT_LOCKED",
            Self::Unsigned { .. } => "PLUGIN_UNSIGNED",
            Self::OtherPublisher { .. } => "PLUGIN_OTHER_PUBLISHER",
            Self::Downgrade { .. } => "PLUGIN_DOWNGRADE",
            Self::FolderInTheWay { .. } => "PLUGIN_FOLDER_IN_THE_WAY",
        }
    }
}

/// What a person agreed to beforehand.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// `--allow-unsigned`
    pub unsigned: bool,
    /// `--allow-downgrade`
    pub downgrade: bool,
    /// `--accept-publisher`: the id of a publisher, or `unsigned`.
    pub publisher: Option<String>,
}

/// What installing a package would mean.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is installed under the id now.
    pub previous: Option<Entry>,
    /// Everything that the package asks for.
    pub reach: Reach,
    /// What it asks for beyond what the installed one may do. Everything, where none is installed, or the one that is cannot be
    /// trusted.
    pub widened: Vec<Fact>,
    /// The very same package is installed already.
    pub same: bool,
    /// The id is bound to a publisher by this installation.
    pub first_use: bool,
}

impl Installed {
    /// The plugins of a state directory.
    #[must_use]
    pub fn in_state(state_dir: &Path) -> Self {
        Self { folder: state_dir.join("plugins") }
    }

    /// The file of a plugin, whether it is there or not.
    #[must_use]
    pub fn file(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.wasm"))
    }

    /// What is installed.
    ///
    /// # Errors
    /// When the lock file is there and cannot be used.
    pub fn lock(&self) -> Result<Lock, LockError> {
        Lock::read(&self.lock_file())
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("plugins.lock")
    }

    /// Reads what an installed package says about itself, and checks that it is what was installed. The code is not read.
    ///
    /// # Errors
    /// [`InstallError::Tampered`] when it is not; and when it cannot be read.
    pub fn describe(&self, id: &str, entry: &Entry) -> Result<Described, InstallError> {
        let file = self.file(id);
        let described = Described::open(&file)?;
        if described.manifest.plugin.id != id || !entry.knows_manifest(&described.manifest_digest) {
            return Err(InstallError::Tampered { file });
        }
        Ok(described)
    }

    /// Reads a whole installed package and checks that it is what was installed.
    ///
    /// # Errors
    /// [`InstallError::Tampered`] when it is not; and when it cannot be read.
    pub fn open(&self, id: &str, entry: &Entry) -> Result<PackageFile, InstallError> {
        let file = self.file(id);
        let package = match PackageFile::open(&file) {
            // Whatever was done to it: the lock file knows that it was whole.
            Err(
                PackageError::Damaged { .. }
                | PackageError::Signature { .. }
                | PackageError::NoManifest { .. }
                | PackageError::SectionTwice { .. },
            ) => return Err(InstallError::Tampered { file }),
            read => read?,
        };
        if package.manifest.plugin.id != id || !entry.knows(&package.digest) {
            return Err(InstallError::Tampered { file });
        }
        Ok(package)
    }

    /// Keeps other commands out until it is dropped.
    ///
    /// # Errors
    /// [`InstallError::Busy`] when one is at work; and when the folder cannot be used.
    pub fn change(&self) -> Result<Change<'_>, InstallError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |cause| InstallError::Io { path, cause }
        };
        std::fs::create_dir_all(&self.folder).map_err(io(&self.folder))?;
        let file = self.folder.join(".changing");
        let guard = File::create(&file).map_err(io(&file))?;
        match guard.try_lock() {
            Ok(()) => Ok(Change { installed: self, _guard: guard }),
            Err(std::fs::TryLockError::WouldBlock) => Err(InstallError::Busy),
            Err(std::fs::TryLockError::Error(cause)) => Err(InstallError::Io { path: file, cause }),
        }
    }
}

/// The folder while one command changes it.
#[derive(Debug)]
pub struct Change<'i> {
    installed: &'i Installed,
    /// Released by the system, also after a crash.
    _guard: File,
}

impl Change<'_> {
    /// Finds out what installing a package would mean, and refuses what needs more than a yes.
    ///
    /// # Errors
    /// When it is unsigned, of another publisher or older, and the person did not agree to that.
    pub fn plan(&self, package: &PackageFile, consent: &Consent) -> Result<Plan, InstallError> {
        let lock = self.installed.lock()?;
        let id = &package.manifest.plugin.id;
        let folder = self.installed.folder.join(id);
        if folder.is_dir() {
            return Err(InstallError::FolderInTheWay { folder });
        }
        let (pin, previous) = (lock.pins.get(id), lock.plugins.get(id));
        check_publisher(id, package.publisher.as_ref(), pin, consent)?;
        let highest = pin.map(|pin| &pin.highest).or(previous.map(|entry| &entry.version));
        let offered = &package.manifest.plugin.version;
        if let Some(highest) = highest.filter(|highest| version::compare(offered, highest).is_lt())
            && !consent.downgrade
        {
            let (id, offered, highest) = (id.clone(), offered.clone(), highest.clone());
            return Err(InstallError::Downgrade { id, offered, highest });
        }
        let reach = Reach::of(&package.manifest);
        // A file that is not the installed one has no say in what was granted.
        let before = previous.and_then(|entry| self.installed.open(id, entry).ok());
        let granted = before.as_ref().map(|before| Reach::of(&before.manifest)).unwrap_or_default();
        Ok(Plan {
            widened: granted.widened_by(&reach),
            same: before.is_some_and(|before| before.bytes() == package.bytes()),
            first_use: package.publisher.is_some() && pin.is_none(),
            previous: previous.cloned(),
            reach,
        })
    }

    /// Puts a package in its place. Call it only after [`Change::plan`], and after a person has agreed to what the plan says.
    ///
    /// # Errors
    /// When the system refuses; what was there is there still.
    pub fn install(&self, package: &PackageFile, source: &str, now_ms: u64) -> Result<Entry, InstallError> {
        let mut lock = self.installed.lock()?;
        let (lock_file, id) = (self.installed.lock_file(), package.manifest.plugin.id.clone());
        let file = self.installed.file(&id);
        let before = lock.plugins.get(&id).map(|entry| (entry.digest.clone(), entry.manifest_digest.clone()));
        let mut entry = Entry {
            version: package.manifest.plugin.version.clone(),
            digest: package.digest.clone(),
            manifest_digest: package.manifest_digest.clone(),
            replaces: before.filter(|(digest, _)| *digest != package.digest),
            source: source.to_owned(),
            publisher: package.publisher.clone(),
            granted: Reach::of(&package.manifest).facts().iter().map(ToString::to_string).collect(),
            installed_at_ms: now_ms,
        };
        let unchanged = lock.clone();
        // Both files are known from here on, whichever of them stands there after a crash.
        lock.plugins.insert(id.clone(), entry.clone());
        lock.write(&lock_file)?;
        if let Err(cause) = replace(&file, package.bytes()) {
            unchanged.write(&lock_file)?;
            return Err(InstallError::Io { path: file, cause });
        }
        entry.replaces = None;
        lock.plugins.insert(id.clone(), entry.clone());
        match &package.publisher {
            Some(publisher) => {
                let version = entry.version.clone();
                lock.pins.insert(id, Pin { publisher: publisher.clone(), highest: version });
            }
            // Only with a yes to that: the plan refuses it otherwise.
            None => {
                lock.pins.remove(&id);
            }
        }
        lock.write(&lock_file)?;
        Ok(entry)
    }

    /// Removes a plugin. Its publisher stays known.
    ///
    /// # Errors
    /// When there is none, or the system refuses.
    pub fn uninstall(&self, id: &str) -> Result<Entry, InstallError> {
        let mut lock = self.installed.lock()?;
        let entry = lock.plugins.remove(id).ok_or_else(|| InstallError::Unknown(id.to_owned()))?;
        let file = self.installed.file(id);
        let io = |cause| InstallError::Io { path: file.clone(), cause };
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => sync_folder(&file).map_err(io)?,
        }
        lock.write(&self.installed.lock_file())?;
        Ok(entry)
    }
}

fn check_publisher(
    id: &str,
    found: Option<&Publisher>,
    pin: Option<&Pin>,
    consent: &Consent,
) -> Result<(), InstallError> {
    let accepted = |found: Option<&Publisher>| {
        let written = consent.publisher.as_deref();
        match found {
            Some(publisher) => written.is_some_and(|written| publisher.is_meant_by(written)),
            None => written == Some("unsigned"),
        }
    };
    if let Some(pin) = pin
        && found != Some(&pin.publisher)
        && !accepted(found)
    {
        let (words, accept) = match found {
            Some(publisher) => (format!("signed by {}", publisher.short()), publisher.short().to_owned()),
            None => ("not signed".to_owned(), "unsigned".to_owned()),
        };
        let pinned = pin.publisher.short().to_owned();
        return Err(InstallError::OtherPublisher { id: id.to_owned(), pinned, found: words, accept });
    }
    if found.is_none() && !consent.unsigned {
        return Err(InstallError::Unsigned { id: id.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
#[path = "installed_tests.rs"]
mod tests;
