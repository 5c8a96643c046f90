//! Which plugins are present, which of them may run, and what became of those that were loaded. Bundled ones come from
//! the binary, installed ones from `<state>/plugins/<id>/`. A broken one is listed with its reason and costs nobody
//! else anything; one that nothing uses is not even read beyond its manifest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use openclaw_config::{ChannelSchema, PluginSchemas, ProviderSchema};
use openclaw_packages::{Kind, Manifest, Package};
use openclaw_protocol::health::{PluginFault, PluginHealth};
use openclaw_protocol::plugins::PluginEntry;
use openclaw_runtime::{Plugin, Runtime};
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
    allowed: bool,
    /// Why it cannot be used; the last failure counts.
    fault: Mutex<Option<String>>,
    package: OnceCell<Arc<Package>>,
    plugin: OnceCell<Arc<Plugin>>,
}

#[derive(Debug)]
enum Source {
    Bundled,
    Folder(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Bundled => f.write_str("the bundled one"),
            Source::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// Why a plugin cannot be used now.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unusable {
    /// The operator does not want it.
    #[error("the plugin `{0}` is switched off by plugins.* in the configuration")]
    SwitchedOff(String),
    /// The package or the component is not usable until somebody replaces it.
    #[error("{0}")]
    Broken(String),
}

/// Everything that was found, by id.
#[derive(Debug, Default)]
pub(crate) struct Plugins {
    found: BTreeMap<String, Found>,
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
        let folder = state_dir.join("plugins");
        // No folder: nothing is installed.
        let Ok(entries) = fs::read_dir(&folder) else { return plugins };
        let mut folders: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        for folder in folders {
            plugins.add(Found::in_folder(folder));
        }
        plugins
    }

    fn add(&mut self, found: Found) {
        let complaint = match (self.found.get(&found.id), &*found.fault()) {
            (Some(other), _) => Some(format!(
                "a second plugin `{}` is ignored: {} stands beside {}; remove one",
                found.id, found.source, other.source
            )),
            (None, Some(fault)) => Some(format!("the plugin `{}` cannot be used: {fault}", found.id)),
            (None, None) => None,
        };
        self.complaints.extend(complaint);
        self.found.entry(found.id.clone()).or_insert(found);
    }

    /// What went wrong while looking.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// From now on only what the configuration wants may run.
    pub(crate) fn restrict(&mut self, wanted: &openclaw_config::Plugins) {
        for found in self.found.values_mut() {
            found.allowed = wanted.allows(&found.id);
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
                    let channel = ChannelSchema { schema, secrets, moved: Vec::new(), unusable: None };
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
        self.found.get(id).filter(|found| found.kind().is_none_or(|kind| kind == Kind::Channel))
    }

    /// The ids that `channel` knows.
    pub(crate) fn channel_ids(&self) -> impl Iterator<Item = &str> {
        self.found.keys().map(String::as_str).filter(|id| self.channel(id).is_some())
    }

    /// The manifests of providers that may run.
    pub(crate) fn provider_manifests(&self) -> impl Iterator<Item = &Manifest> {
        let allowed =
            self.found.values().filter(|found| found.allowed && found.kind() == Some(Kind::Provider));
        allowed.filter_map(|found| found.manifest.as_ref())
    }

    /// Loads the providers that may run, by the API kinds they speak. Those that fail are left out, with a line in the
    /// log.
    pub(crate) async fn load_providers(&self, runtime: &Runtime) -> BTreeMap<String, Arc<Plugin>> {
        let mut loaded = BTreeMap::new();
        for found in self.found.values().filter(|found| found.allowed && found.kind() == Some(Kind::Provider))
        {
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
            match &*found.fault() {
                Some(error) => health.errors.push(PluginFault { id: found.id.clone(), error: error.clone() }),
                None if found.plugin.initialized() => health.loaded.push(found.id.clone()),
                None => {}
            }
        }
        health
    }
}

impl Found {
    fn new(id: &str, source: Source) -> Found {
        Found {
            id: id.to_owned(),
            source,
            manifest: None,
            allowed: true,
            fault: Mutex::default(),
            package: OnceCell::new(),
            plugin: OnceCell::new(),
        }
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

    fn kind(&self) -> Option<Kind> {
        self.manifest.as_ref().map(|manifest| manifest.plugin.kind)
    }

    fn schema(&self) -> Option<Arc<Value>> {
        if let Some(package) = self.package.get() {
            return Some(Arc::clone(&package.schema));
        }
        let (Source::Folder(folder), Some(manifest)) = (&self.source, &self.manifest) else { return None };
        let Some(config) = &manifest.config else { return Some(Arc::new(Value::Bool(true))) };
        let text = fs::read_to_string(folder.join(&config.schema)).ok()?;
        serde_json::from_str(&text).ok().map(Arc::new)
    }

    fn fault(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole package, read once.
    async fn package(&self) -> Result<Arc<Package>, Unusable> {
        let package = self.package.get_or_try_init(|| async {
            let Source::Folder(folder) = &self.source else {
                return Err(Unusable::Broken(format!(
                    "the bundled plugin `{}` is not in this build",
                    self.id
                )));
            };
            let folder = folder.clone();
            let read = tokio::task::spawn_blocking(move || Package::from_folder(&folder)).await;
            match read {
                Ok(Ok(package)) => Ok(Arc::new(package)),
                Ok(Err(error)) => Err(Unusable::Broken(error.to_string())),
                Err(lost) => {
                    Err(Unusable::Broken(format!("reading the plugin failed inside the host: {lost}")))
                }
            }
        });
        package.await.cloned()
    }

    /// The loaded component; loads it the first time, and again after a failure, since somebody may have replaced it.
    pub(crate) async fn load(&self, runtime: &Runtime) -> Result<Arc<Plugin>, Unusable> {
        if !self.allowed {
            return Err(Unusable::SwitchedOff(self.id.clone()));
        }
        let loaded = self.plugin.get_or_try_init(|| async {
            let package = self.package().await?;
            // The engine spreads its words over lines; in a table and in a log they belong on one.
            let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
            runtime.load(&package).await.map_err(|error| Unusable::Broken(one_line(error.to_string())))
        });
        let loaded = loaded.await.cloned();
        *self.fault() = loaded.as_ref().err().map(ToString::to_string);
        loaded
    }

    fn entry(&self, instances: u64) -> PluginEntry {
        let fault = self.fault().clone();
        let plugin = self.manifest.as_ref().map(|manifest| &manifest.plugin);
        let status = match (&fault, self.allowed, self.plugin.initialized()) {
            (Some(_), ..) => "error",
            (None, true, true) => "loaded",
            (None, ..) => "disabled",
        };
        PluginEntry {
            id: self.id.clone(),
            name: plugin.map_or_else(|| self.id.clone(), |plugin| plugin.label.clone()),
            kind: plugin.map(|plugin| plugin.kind.as_str().to_owned()).unwrap_or_default(),
            version: plugin.map(|plugin| plugin.version.clone()).unwrap_or_default(),
            origin: match self.source {
                Source::Bundled => "bundled".to_owned(),
                Source::Folder(_) => "installed".to_owned(),
            },
            enabled: self.allowed,
            status: status.to_owned(),
            error: fault,
            digest: self.package.get().map(|package| package.digest.clone()),
            instances: Some(instances),
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
}
