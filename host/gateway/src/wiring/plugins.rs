//! Which plugins are present, which of them may run, and what became of those that were loaded. Bundled ones come from
//! the binary, installed ones from `<state>/plugins/<id>.wasm` as `plugins.lock` knows them, and ones that are being written from
//! folders `<state>/plugins/<id>/`. A broken one is listed with its reason and costs nobody
//! else anything; one that nothing uses is not even read beyond its manifest. One that this build knows but has no
//! component of is listed too, judges its section and is never loaded.

mod found;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openclaw_config::{ChannelSchema, MovedKey, PluginSchemas, ProviderSchema};
use openclaw_packages::{Installed, Kind, Manifest};
use openclaw_protocol::health::{PluginFault, PluginHealth};
use openclaw_protocol::plugins::PluginEntry;
use openclaw_runtime::{Plugin, Runtime};
use serde_json::Value;
use tracing::warn;

pub(crate) use found::{Found, Unusable};

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
            Ok(packages) => packages.into_iter().for_each(|package| plugins.add(Found::bundled(package))),
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
            found.allow(wanted.allows(&found.id));
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
                None if found.is_loaded() => health.loaded.push(found.id.clone()),
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

#[cfg(test)]
mod tests {
    use openclaw_packages::Package;

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
        Found::bundled(Package {
            manifest,
            schema: Arc::new(Value::Bool(true)),
            component: None,
            bundled: true,
            linked: false,
        })
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
