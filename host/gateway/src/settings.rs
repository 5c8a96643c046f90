//! The configuration in force: read once at the start and again on request, judged with the schemas of the plugins that
//! are present. A file that has become unusable changes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use openclaw_config::{Basis, Config, ConfigError, Loaded, Owner, Paths, PluginSchemas, SecretResolver};
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

/// The file as it stands now.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) loaded: Loaded,
    /// Without secrets.
    pub(crate) content: openclaw_config::Shown,
    /// The revision that is in force.
    pub(crate) applied: String,
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
    pub(crate) fn basis(&self) -> Basis<'_> {
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

    /// The file as it stands now, without the texts for which `holds_secret` is true.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub(crate) fn shown(&self, holds_secret: impl Fn(&str) -> bool) -> Result<Shown, ConfigError> {
        let loaded = self.read()?;
        let content = openclaw_config::shown(&loaded, &self.basis(), holds_secret);
        Ok(Shown { loaded, content, applied: self.current().loaded.revision() })
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
        let shown = settings.shown(|_| false).unwrap();
        assert!(shown.loaded.source.is_some() && shown.loaded.report.is_valid());
        assert_eq!(shown.applied, shown.loaded.revision());
        assert!(!shown.content.config.to_string().contains("secret-value"));
        write("{");
        settings.reload();
        assert_eq!(settings.config().gateway.port, Some(1234));
        let shown = settings.shown(|_| false).unwrap();
        assert!(!shown.loaded.report.is_valid() && shown.applied != shown.loaded.revision());
        write(r#"{"gateway": {"port": 4321}}"#);
        settings.reload();
        assert_eq!(settings.config().gateway.port, Some(4321));
    }
}
