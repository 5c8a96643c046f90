//! One plugin that was found: where it lies, whether it may run, and what became of loading it.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_packages::{Entry, InstallError, Installed, Kind, Manifest, Package, PackageError};
use openclaw_protocol::plugins::PluginEntry;
use openclaw_runtime::{LoadError, Plugin, Runtime};
use serde_json::Value;
use tokio::sync::OnceCell;

/// One plugin that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(super) source: Source,
    /// Absent when it cannot be read.
    pub(crate) manifest: Option<Manifest>,
    /// The schema of an installed one, read with its manifest.
    schema: Option<Arc<Value>>,
    allowed: AtomicBool,
    /// Why it cannot be used; the last failure counts.
    fault: Mutex<Option<String>>,
    package: OnceCell<Arc<Package>>,
    plugin: OnceCell<Arc<Plugin>>,
    /// Why what has come in its place on disk was not taken over; this one goes on.
    refused: Mutex<Option<String>>,
}

#[derive(Debug)]
pub(super) enum Source {
    Bundled,
    /// Installed by a command, with what the lock file says about it.
    File(Installed, Box<Entry>),
    /// For development: nobody has signed it, and its files change.
    Folder(PathBuf),
    /// Something in the folder of plugins that nobody installed.
    Stray(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Bundled => f.write_str("the bundled one"),
            Source::File(_, entry) => write!(f, "the one from {}", entry.source),
            Source::Folder(path) | Source::Stray(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Why a plugin cannot be used now.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unusable {
    /// The operator does not want it.
    #[error("the plugin `{0}` is switched off by plugins.* in the configuration")]
    SwitchedOff(String),
    /// This build has its manifest and its schema, but not its component.
    #[error("{0} is not available in this build yet (its section is accepted and kept)")]
    Absent(String),
    /// It could not be read just now. That may pass.
    #[error("{0}")]
    Unreadable(String),
    /// The package or the component is not usable until somebody replaces it.
    #[error("{0}")]
    Broken(String),
}

impl Unusable {
    /// A file that cannot be read now may be there again; everything else needs a person.
    fn of(error: PackageError) -> Unusable {
        match error {
            error @ PackageError::Unreadable { .. } => Unusable::Unreadable(error.to_string()),
            error => Unusable::Broken(error.to_string()),
        }
    }
}

impl Found {
    pub(super) fn bundled(package: Package) -> Found {
        let found = Found::new(package.id(), Source::Bundled);
        let manifest = Some(package.manifest.clone());
        Found { manifest, package: OnceCell::new_with(Some(Arc::new(package))), ..found }
    }

    fn new(id: &str, source: Source) -> Found {
        Found {
            id: id.to_owned(),
            source,
            manifest: None,
            schema: None,
            allowed: AtomicBool::new(true),
            fault: Mutex::default(),
            package: OnceCell::new(),
            plugin: OnceCell::new(),
            refused: Mutex::default(),
        }
    }

    pub(super) fn installed(id: &str, installed: &Installed, entry: &Entry) -> Found {
        let found = Found::new(id, Source::File(installed.clone(), Box::new(entry.clone())));
        match installed.describe(id, entry) {
            Ok(described) => {
                Found { manifest: Some(described.manifest), schema: Some(described.schema), ..found }
            }
            Err(fault) => Found { fault: Mutex::new(Some(fault.to_string())), ..found },
        }
    }

    pub(super) fn stray(id: &str, file: PathBuf) -> Found {
        let fault = InstallError::NotLocked { file: file.clone() }.to_string();
        Found { fault: Mutex::new(Some(fault)), ..Found::new(id, Source::Stray(file)) }
    }

    pub(super) fn in_folder(folder: PathBuf) -> Found {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = folder.join("plugin.toml");
        let read = fs::read_to_string(&file)
            .map_err(|error| format!("{}: cannot be read: {error}", file.display()))
            .and_then(|text| {
                Manifest::parse(&text, &file.display().to_string()).map_err(|error| error.to_string())
            });
        match read {
            Ok(manifest) => {
                let found = Found::new(&manifest.plugin.id, Source::Folder(folder));
                Found { manifest: Some(manifest), ..found }
            }
            Err(fault) => {
                Found { fault: Mutex::new(Some(fault)), ..Found::new(&name, Source::Folder(folder)) }
            }
        }
    }

    pub(super) fn origin(&self) -> &'static str {
        match self.source {
            Source::Bundled => "bundled",
            Source::File(..) | Source::Folder(_) | Source::Stray(_) => "installed",
        }
    }

    /// Who answers for it: `bundled`, `signed`, `unsigned`, or `folder` for one that is being written.
    fn trust(&self) -> &'static str {
        match &self.source {
            Source::Bundled => "bundled",
            Source::File(_, entry) if entry.publisher.is_some() => "signed",
            Source::File(..) | Source::Stray(_) => "unsigned",
            Source::Folder(_) => "folder",
        }
    }

    /// It is part of the binary.
    pub(crate) fn is_bundled(&self) -> bool {
        matches!(self.source, Source::Bundled)
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        self.manifest.as_ref().map(|manifest| manifest.plugin.kind)
    }

    /// Why it can never be loaded in this build, if so.
    pub(crate) fn absence(&self) -> Option<Unusable> {
        let package = self.package.get().filter(|package| package.component.is_none())?;
        Some(Unusable::Absent(package.manifest.plugin.label.clone()))
    }

    /// Whether the configuration lets it run from now on.
    pub(super) fn allow(&self, allowed: bool) {
        self.allowed.store(allowed, Ordering::Relaxed);
    }

    /// The configuration lets it run.
    pub(crate) fn is_allowed(&self) -> bool {
        self.allowed.load(Ordering::Relaxed)
    }

    /// The configuration wants it and this build has it.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_allowed() && self.absence().is_none()
    }

    /// The schema of its section: of one account's for a channel, of one provider's for a provider. `None` when it
    /// cannot be read.
    pub(crate) fn schema(&self) -> Option<Arc<Value>> {
        if let Some(package) = self.package.get() {
            return Some(Arc::clone(&package.schema));
        }
        if let Some(schema) = &self.schema {
            return Some(Arc::clone(schema));
        }
        let (Source::Folder(folder), Some(manifest)) = (&self.source, &self.manifest) else { return None };
        let Some(config) = &manifest.config else { return Some(Arc::new(Value::Bool(true))) };
        let text = fs::read_to_string(folder.join(&config.schema)).ok()?;
        serde_json::from_str(&text).ok().map(Arc::new)
    }

    pub(super) fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It could not be used.
    pub(crate) fn has_fault(&self) -> bool {
        self.fault().is_some()
    }

    /// Whether somebody has begun to load it, or has loaded it.
    pub(crate) fn is_begun(&self) -> bool {
        self.package.get().is_some()
    }

    /// The package, if its component is loaded.
    pub(crate) fn loaded(&self) -> Option<&Arc<Package>> {
        self.package.get().filter(|_| self.is_loaded())
    }

    /// Its component runs, or can at once.
    pub(super) fn is_loaded(&self) -> bool {
        self.plugin.initialized()
    }

    /// Why what has come in its place was not taken over, if so.
    pub(crate) fn refused(&self) -> MutexGuard<'_, Option<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole package, read once.
    async fn package(&self) -> Result<Arc<Package>, Unusable> {
        let package = self.package.get_or_try_init(|| async {
            let read = match &self.source {
                Source::Folder(folder) => {
                    let folder = folder.clone();
                    tokio::task::spawn_blocking(move || Package::from_folder(&folder).map_err(Unusable::of))
                }
                Source::File(installed, entry) => {
                    let (id, installed, entry) = (self.id.clone(), installed.clone(), entry.clone());
                    tokio::task::spawn_blocking(move || match installed.open(&id, &entry) {
                        Ok(file) => Ok(file.package()),
                        Err(InstallError::Package(error)) => Err(Unusable::of(error)),
                        Err(error @ InstallError::Io { .. }) => Err(Unusable::Unreadable(error.to_string())),
                        Err(error) => Err(Unusable::Broken(error.to_string())),
                    })
                }
                Source::Stray(file) => {
                    return Err(Unusable::Broken(InstallError::NotLocked { file: file.clone() }.to_string()));
                }
                Source::Bundled => {
                    return Err(Unusable::Broken(format!(
                        "the bundled plugin `{}` is not in this build",
                        self.id
                    )));
                }
            };
            let read = read.await;
            match read {
                Ok(Ok(package)) => Ok(Arc::new(package)),
                Ok(Err(error)) => Err(error),
                Err(lost) => {
                    Err(Unusable::Unreadable(format!("reading the plugin failed inside the host: {lost}")))
                }
            }
        });
        package.await.cloned()
    }

    /// The loaded component; loads it the first time, and again after a failure, since somebody may have replaced it.
    pub(crate) async fn load(&self, runtime: &Runtime) -> Result<Arc<Plugin>, Unusable> {
        if !self.is_allowed() {
            return Err(Unusable::SwitchedOff(self.id.clone()));
        }
        if let Some(absent) = self.absence() {
            return Err(absent);
        }
        let loaded = self.plugin.get_or_try_init(|| async {
            let package = self.package().await?;
            // The engine spreads its words over lines; in a table and in a log they belong on one.
            let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
            runtime.load(&package).await.map_err(|error| match error {
                LoadError::Engine(_) => Unusable::Unreadable(one_line(error.to_string())),
                LoadError::Absent(_)
                | LoadError::Invalid { .. }
                | LoadError::Compile { .. }
                | LoadError::Contract { .. }
                | LoadError::Version { .. }
                | LoadError::NotGranted { .. } => Unusable::Broken(one_line(error.to_string())),
            })
        });
        let loaded = loaded.await.cloned();
        *self.fault() = loaded.as_ref().err().map(ToString::to_string);
        loaded
    }

    pub(super) fn entry(&self, instances: u64) -> PluginEntry {
        let fault = self.fault().clone();
        let refused = self.refused().clone();
        let plugin = self.manifest.as_ref().map(|manifest| &manifest.plugin);
        let entry = match &self.source {
            Source::File(_, entry) => Some(entry),
            Source::Bundled | Source::Folder(_) | Source::Stray(_) => None,
        };
        let loaded = self.package.get().and_then(|package| Some(package.component.as_ref()?.digest.clone()));
        let status = match &fault {
            Some(_) => "error",
            None if self.absence().is_some() => "unavailable",
            None if self.is_allowed() && self.is_loaded() => "loaded",
            None => "disabled",
        };
        PluginEntry {
            id: self.id.clone(),
            name: plugin.map_or_else(|| self.id.clone(), |plugin| plugin.label.clone()),
            kind: plugin.map(|plugin| plugin.kind.as_str().to_owned()).unwrap_or_default(),
            version: plugin.map(|plugin| plugin.version.clone()).unwrap_or_default(),
            origin: self.origin().to_owned(),
            enabled: self.is_wanted(),
            status: status.to_owned(),
            error: fault.or(refused),
            digest: entry.map(|entry| entry.digest.clone()).or(loaded),
            instances: Some(instances),
            trust: self.trust().to_owned(),
            publisher: entry.and_then(|entry| Some(entry.publisher.as_ref()?.to_string())),
            source: entry.map(|entry| entry.source.clone()),
        }
    }
}
