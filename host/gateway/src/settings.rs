//! The configuration in force: read once at the start and again on request, judged with the schemas of the plugins that
//! are present. A file that has become unusable changes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use openclaw_config::{
    Basis, Config, ConfigError, KeyPath, Loaded, Owner, Paths, PluginSchemas, SecretResolver,
};
use serde_json::Value;
use tracing::warn;

/// What was read at one moment.
#[derive(Debug)]
struct Current {
    config: Arc<Config>,
    loaded: Loaded,
}

/// The configuration in force and what is needed to read it again.
#[derive(Debug)]
pub(crate) struct Settings {
    paths: Paths,
    environment: BTreeMap<String, String>,
    schemas: PluginSchemas,
    current: RwLock<Arc<Current>>,
}

/// The file as it stands now, fit to be shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) exists: bool,
    /// Without secrets; `null` when the file has no structure.
    pub(crate) document: Value,
    pub(crate) hash: String,
    /// Dotted path and words.
    pub(crate) issues: Vec<(String, String)>,
}

impl Settings {
    /// Takes what was read and found usable. `config` is the typed view of `loaded`.
    pub(crate) fn new(
        paths: Paths,
        environment: BTreeMap<String, String>,
        schemas: PluginSchemas,
        config: Config,
        loaded: Loaded,
    ) -> Settings {
        let current = Arc::new(Current { config: Arc::new(config), loaded });
        Settings { paths, environment, schemas, current: RwLock::new(current) }
    }

    /// Reads the file again. When it is unusable that is logged, and the old configuration stays in force.
    pub(crate) fn reload(&self) {
        let loaded = match self.read() {
            Ok(loaded) => loaded,
            Err(error) => {
                warn!(code = error.code(), "the configuration in force stays: {error}");
                return;
            }
        };
        let blocking: Vec<String> = loaded.report.blocking().map(ToString::to_string).collect();
        match loaded.report.config.clone() {
            Some(config) if blocking.is_empty() => {
                let current = Arc::new(Current { config: Arc::new(config), loaded });
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
            }
            Some(_) | None => {
                warn!("the configuration in force stays, since the file is invalid: {}", blocking.join("; "));
            }
        }
    }

    /// What a text is judged by here.
    fn basis(&self) -> Basis<'_> {
        Basis::new(&self.paths.config, &self.schemas, &self.environment)
    }

    fn read(&self) -> Result<Loaded, ConfigError> {
        openclaw_config::load(&self.basis())
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What holds now.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.current().config)
    }

    /// The environment that the process was started with.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// What finds the secrets that `config` refers to, in the environment of this process and elsewhere.
    pub(crate) fn secrets<'a>(&'a self, config: &'a Config) -> SecretResolver<'a> {
        SecretResolver::new(config, &self.environment, &self.paths.home)
    }

    /// Why a channel has to stay out, if it has.
    pub(crate) fn channel_issue(&self, channel: &str) -> Option<String> {
        let current = self.current();
        let disabled = current.loaded.report.disabled();
        let issue = disabled.get(&Owner::Channel(channel.to_owned()))?;
        Some(format!("{issue} (line {})", issue.line))
    }

    /// The file as it stands now.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub(crate) fn shown(&self) -> Result<Shown, ConfigError> {
        let loaded = self.read()?;
        let issues = loaded.report.issues.iter().map(|issue| (issue.path.clone(), issue.message.clone()));
        let issues = issues.collect();
        // A file without structure has no document; its issue says why.
        let document = openclaw_config::get(&self.basis(), &KeyPath::root());
        Ok(Shown {
            exists: loaded.source.is_some(),
            document: document.unwrap_or(Value::Null),
            hash: loaded.source.map(|source| source.hash).unwrap_or_default(),
            issues,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_edit_changes_nothing_and_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([("HOME".to_owned(), dir.path().display().to_string())]);
        let paths = Paths::resolve(&env, None).unwrap();
        std::fs::create_dir_all(&paths.state_dir).unwrap();
        let write = |text: &str| std::fs::write(&paths.config, text).unwrap();
        write(r#"{"gateway": {"port": 1234, "auth": {"token": "secret-value"}}}"#);
        let schemas = PluginSchemas::default();
        let loaded = openclaw_config::load(&Basis::new(&paths.config, &schemas, &env)).unwrap();
        let config = loaded.report.config.clone().unwrap();
        let settings = Settings::new(paths.clone(), env, schemas, config, loaded);
        let shown = settings.shown().unwrap();
        assert!(shown.exists && shown.issues.is_empty());
        assert!(!shown.document.to_string().contains("secret-value"));
        write("{");
        settings.reload();
        assert_eq!(settings.config().gateway.port, Some(1234));
        assert_eq!(settings.shown().unwrap().issues.len(), 1);
        write(r#"{"gateway": {"port": 4321}}"#);
        settings.reload();
        assert_eq!(settings.config().gateway.port, Some(4321));
    }
}
