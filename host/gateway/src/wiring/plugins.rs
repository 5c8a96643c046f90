//! Which plugins are present, which of them may run, and what became of those that were loaded. Bundled ones come from
//! the binary, installed ones from `<state>/plugins/<id>.wasm` as `plugins.lock` knows them, and ones that are being written from
//! folders `<state>/plugins/<id>/`. A broken one is listed with its reason and costs nobody
//! else anything; one that nothing uses is not even read beyond its manifest. One that this build knows but has no
//! component of is listed too, judges its section and is never loaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use openclaw_config::{ChannelSchema, MovedKey, PluginSchemas, ProviderSchema};
use openclaw_packages::{Entry, InstallError, Installed, Kind, Manifest, Package, PackageError};
use openclaw_protocol::health::{PluginFault, PluginHealth};
use openclaw_protocol::plugins::PluginEntry;
use openclaw_runtime::{LoadError, Plugin, Runtime};
use serde_json::Value;
use tokio::sync::OnceCell;
use tracing::warn;

/// One plugin that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: String,
    source: Source,
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
enum Source {
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

/// Everything that was found, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plugins {
    pub(super) found: BTreeMap<String, Arc<Found>>,
    /// What went wrong while looking, for the log, which starts later.
    complaints: Vec<String>,
}

impl Plugins {
    /// Looks for plugins. Reads manifests only. All may run until `restrict` says otherwise.
    pub(crate) fn discover(state_dir: &Path) -> Plugins {
        let mut plugins = Plugins::default();
        match openclaw_packages::bundled() {
            Ok(packages) => {
                for package in packages {
                    let found = Found::new(package.id(), Source::Bundled);
                    let manifest = Some(package.manifest.clone());
                    let package = OnceCell::new_with(Some(Arc::new(package)));
                    plugins.add(Found { manifest, package, ..found });
                }
            }
            Err(error) => plugins.complaints.push(format!("the bundled plugins cannot be used: {error}")),
        }
        let installed = Installed::in_state(state_dir);
        let lock = installed.lock().unwrap_or_else(|error| {
            plugins.complaints.push(format!("the installed plugins cannot be used: {error}"));
            openclaw_packages::Lock::default()
        });
        for (id, entry) in &lock.plugins {
            plugins.add(Found::installed(id, &installed, entry));
        }
        // No folder: nothing is installed.
        let Ok(entries) = fs::read_dir(state_dir.join("plugins")) else { return plugins };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                plugins.add(Found::in_folder(path));
            } else if path.extension().is_some_and(|extension| extension == "wasm") {
                let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if !lock.plugins.contains_key(&id) {
                    plugins.add(Found::stray(&id, path));
                }
            }
        }
        plugins
    }

    fn add(&mut self, found: Found) {
        // What is only announced gives way to one that is there.
        let announced = self.found.get(&found.id).is_some_and(|other| other.absence().is_some());
        if announced && found.manifest.is_some() {
            self.found.remove(&found.id);
        }
        let complaint = match (self.found.get(&found.id), &*found.fault()) {
            (Some(other), _) => Some(format!(
                "a second plugin `{}` is ignored: {} stands beside {}; remove one",
                found.id, found.source, other.source
            )),
            (None, Some(fault)) => Some(format!("the plugin `{}` cannot be used: {fault}", found.id)),
            (None, None) => None,
        };
        self.complaints.extend(complaint);
        self.found.entry(found.id.clone()).or_insert_with(|| Arc::new(found));
    }

    /// What went wrong while looking.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// From now on only what the configuration wants may run.
    pub(crate) fn restrict(&self, wanted: &openclaw_config::Plugins) {
        for found in self.found.values() {
            found.allowed.store(wanted.allows(&found.id), Ordering::Relaxed);
        }
    }

    /// What the plugins say about their sections of the configuration. One whose schema cannot be read lets everything
    /// pass: its start will say why.
    pub(crate) fn schemas(&self) -> PluginSchemas {
        let mut schemas = PluginSchemas::default();
        for found in self.found.values() {
            let Some(manifest) = &found.manifest else { continue };
            let schema = found.schema().unwrap_or_else(|| Arc::new(Value::Bool(true)));
            match &manifest.provider {
                Some(provider) => schemas.providers.push(ProviderSchema {
                    apis: provider.api.clone(),
                    known: provider.known.iter().map(|known| known.id.clone()).collect(),
                    schema,
                }),
                None => {
                    let secrets = manifest.secret_keys().map(str::to_owned).collect();
                    let channel = ChannelSchema {
                        schema,
                        secrets,
                        moved: manifest.moved().iter().map(moved).collect(),
                        unusable: found.absence().map(|absence| absence.to_string()),
                    };
                    schemas.channels.insert(found.id.clone(), channel);
                }
            }
        }
        schemas
    }

    /// The environment variables in which the present plugins look for credentials.
    pub(crate) fn credential_variables(&self) -> Vec<String> {
        let manifests = self.found.values().filter_map(|found| found.manifest.as_ref());
        let variables = manifests.flat_map(|manifest| {
            let known = manifest.provider.iter().flat_map(|provider| &provider.known);
            let own = manifest.secrets.iter().filter_map(|secret| secret.env.as_ref());
            known.flat_map(|known| &known.env).chain(own)
        });
        variables.cloned().collect()
    }

    /// The plugin of a channel.
    pub(crate) fn channel(&self, id: &str) -> Option<&Found> {
        let found = self.found.get(id).map(Arc::as_ref);
        found.filter(|found| found.kind().is_none_or(|kind| kind == Kind::Channel))
    }

    /// The ids that `channel` knows.
    pub(crate) fn channel_ids(&self) -> impl Iterator<Item = &str> {
        self.found.keys().map(String::as_str).filter(|id| self.channel(id).is_some())
    }

    /// The manifests of providers that may run.
    pub(crate) fn provider_manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.providers().filter_map(|found| found.manifest.as_ref())
    }

    fn providers(&self) -> impl Iterator<Item = &Found> {
        let found = self.found.values().map(Arc::as_ref);
        found.filter(|found| found.kind() == Some(Kind::Provider) && found.is_wanted())
    }

    /// Loads the providers that may run, by the API kinds they speak. Those that fail are left out, with a line in the
    /// log.
    pub(crate) async fn load_providers(&self, runtime: &Runtime) -> BTreeMap<String, Arc<Plugin>> {
        let mut loaded = BTreeMap::new();
        for found in self.providers() {
            let plugin = match found.load(runtime).await {
                Ok(plugin) => plugin,
                Err(error) => {
                    warn!(plugin = found.id, "the plugin cannot be used: {error}");
                    continue;
                }
            };
            let speaks = found.manifest.as_ref().and_then(|manifest| manifest.provider.as_ref());
            for api in speaks.into_iter().flat_map(|provider| &provider.api) {
                loaded.entry(api.clone()).or_insert_with(|| Arc::clone(&plugin));
            }
        }
        loaded
    }

    /// For `plugins.list`. `instances` counts the running instances of a plugin.
    pub(crate) fn list(&self, instances: impl Fn(&str) -> u64) -> Vec<PluginEntry> {
        self.found.values().map(|found| found.entry(instances(&found.id))).collect()
    }

    /// For `health`.
    pub(crate) fn health(&self) -> PluginHealth {
        let mut health = PluginHealth::default();
        for found in self.found.values() {
            if let Some(error) = &*found.refused() {
                health.errors.push(PluginFault {
                    id: found.id.clone(),
                    origin: found.origin().to_owned(),
                    activated: true,
                    error: error.clone(),
                });
            }
            match &*found.fault() {
                Some(error) => health.errors.push(PluginFault {
                    id: found.id.clone(),
                    origin: found.origin().to_owned(),
                    activated: false,
                    error: error.clone(),
                }),
                None if found.plugin.initialized() => health.loaded.push(found.id.clone()),
                None => {}
            }
        }
        health
    }
}

/// An older spelling in the configuration's own terms.
fn moved(moved: &openclaw_packages::Moved) -> MovedKey {
    let steps = |pointer: &str| {
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
    };
    MovedKey {
        from: steps(&moved.from),
        to: steps(&moved.to),
        when: moved.when.map(|when| when.as_str().to_owned()),
        values: moved.values.clone(),
    }
}

impl Found {
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

    fn installed(id: &str, installed: &Installed, entry: &Entry) -> Found {
        let found = Found::new(id, Source::File(installed.clone(), Box::new(entry.clone())));
        match installed.describe(id, entry) {
            Ok(described) => {
                Found { manifest: Some(described.manifest), schema: Some(described.schema), ..found }
            }
            Err(fault) => Found { fault: Mutex::new(Some(fault.to_string())), ..found },
        }
    }

    fn stray(id: &str, file: PathBuf) -> Found {
        let fault = InstallError::NotLocked { file: file.clone() }.to_string();
        Found { fault: Mutex::new(Some(fault)), ..Found::new(id, Source::Stray(file)) }
    }

    fn in_folder(folder: PathBuf) -> Found {
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

    fn origin(&self) -> &'static str {
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
    pub(super) fn is_bundled(&self) -> bool {
        matches!(self.source, Source::Bundled)
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.manifest.as_ref().map(|manifest| manifest.plugin.kind)
    }

    /// Why it can never be loaded in this build, if so.
    pub(crate) fn absence(&self) -> Option<Unusable> {
        let package = self.package.get().filter(|package| package.component.is_none())?;
        Some(Unusable::Absent(package.manifest.plugin.label.clone()))
    }

    /// The configuration lets it run.
    pub(crate) fn is_allowed(&self) -> bool {
        self.allowed.load(Ordering::Relaxed)
    }

    /// The configuration wants it and this build has it.
    fn is_wanted(&self) -> bool {
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

    fn fault(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It could not be used.
    pub(super) fn has_fault(&self) -> bool {
        self.fault().is_some()
    }

    /// Whether somebody has begun to load it, or has loaded it.
    pub(super) fn is_begun(&self) -> bool {
        self.package.get().is_some()
    }

    /// The package, if its component is loaded.
    pub(super) fn loaded(&self) -> Option<&Arc<Package>> {
        self.package.get().filter(|_| self.plugin.initialized())
    }

    /// Why what has come in its place was not taken over, if so.
    pub(super) fn refused(&self) -> std::sync::MutexGuard<'_, Option<String>> {
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

    fn entry(&self, instances: u64) -> PluginEntry {
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
            None if self.is_allowed() && self.plugin.initialized() => "loaded",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_folder_is_listed_and_disturbs_nobody() {
        let state = tempfile::tempdir().unwrap();
        for (name, manifest) in [("wrong", Some("[plugin")), ("empty", None)] {
            let folder = state.path().join("plugins").join(name);
            fs::create_dir_all(&folder).unwrap();
            if let Some(manifest) = manifest {
                fs::write(folder.join("plugin.toml"), manifest).unwrap();
            }
        }
        let plugins = Plugins::discover(state.path());
        let listed = plugins.list(|_| 0);
        let installed: Vec<_> = listed.iter().filter(|entry| entry.origin == "installed").collect();
        let states: Vec<_> =
            installed.iter().map(|entry| (entry.id.as_str(), entry.status.as_str())).collect();
        assert_eq!(states, [("empty", "error"), ("wrong", "error")]);
        assert!(
            installed.iter().all(|entry| entry.error.as_ref().is_some_and(|why| why.contains("plugin.toml")))
        );
        assert_eq!(plugins.health().errors.len(), 2);
    }

    const MANIFEST: &str = r#"
        [plugin]
        id = "chat"
        kind = "channel"
        version = "1.0.0"
        wit = "openclaw:plugin@0.1.0"
        license = "MIT"
        label = "Chat"
        [channel]
        text-limit = 4000
        text-unit = "utf16"
        sender-id-line = "Your id: {id}"
        sender-id-label = "id"
    "#;

    /// A bundled plugin without a component.
    fn announced() -> Found {
        let manifest = Manifest::parse(MANIFEST, "plugin.toml").unwrap();
        let package = Package {
            manifest: manifest.clone(),
            schema: Arc::new(Value::Bool(true)),
            component: None,
            bundled: true,
            linked: false,
        };
        let package = OnceCell::new_with(Some(Arc::new(package)));
        Found { manifest: Some(manifest), package, ..Found::new("chat", Source::Bundled) }
    }

    #[test]
    fn a_plugin_without_a_component_judges_its_section_and_is_not_available() {
        let mut plugins = Plugins::default();
        plugins.add(announced());
        let listed = plugins.list(|_| 0);
        let [entry] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!((entry.status.as_str(), entry.enabled, &entry.error), ("unavailable", false, &None));
        assert_eq!(entry.digest, None);
        assert!(plugins.schemas().channels.contains_key("chat") && plugins.health().errors.is_empty());
        let absence = plugins.channel("chat").unwrap().absence().unwrap();
        assert_eq!(
            absence.to_string(),
            "Chat is not available in this build yet (its section is accepted and kept)"
        );
    }

    #[test]
    fn an_installed_plugin_takes_the_place_of_one_without_a_component() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plugin.toml"), MANIFEST).unwrap();
        let mut plugins = Plugins::default();
        plugins.add(announced());
        plugins.add(Found::in_folder(folder.path().to_owned()));
        assert_eq!((plugins.list(|_| 0)[0].origin.as_str(), plugins.complaints()), ("installed", &[][..]));
        assert!(plugins.channel("chat").unwrap().absence().is_none());
    }
}
