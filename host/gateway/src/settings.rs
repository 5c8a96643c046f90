//! The configuration in force: read at the start and replaced as a whole when an edit is accepted. What an edit means for
//! the running parts is `reload`'s to say; nothing is written here.

use std::collections::BTreeMap;
use std::sync::Arc;

use openclaw_config::{Basis, Config, ConfigError, Loaded, Owner, Paths, PluginSchemas, SecretResolver};

use crate::live::Live;
use crate::wiring::Naming;

/// What was read at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) config: Arc<Config>,
    /// What `config` is read for once.
    pub(crate) naming: Arc<Naming>,
    pub(crate) loaded: Loaded,
}

impl Current {
    /// The typed view of what was read; defaults where there is none.
    pub(crate) fn of(loaded: Loaded) -> Current {
        let config = Arc::new(loaded.report.config.clone().unwrap_or_default());
        Current { config, naming: Arc::default(), loaded }
    }

    /// Why a channel has to stay out, if it has.
    pub(crate) fn channel_issue(&self, channel: &str) -> Option<String> {
        let disabled = self.loaded.report.disabled();
        let issue = disabled.get(&Owner::Channel(channel.to_owned()))?;
        Some(format!("{issue} ({})", issue.place()))
    }
}

/// The configuration in force and what is needed to read it again.
#[derive(Debug)]
pub(crate) struct Settings {
    paths: Paths,
    environment: BTreeMap<String, String>,
    schemas: Live<PluginSchemas>,
    current: Live<Current>,
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
    /// Takes what was read and found usable.
    pub(crate) fn new(
        paths: Paths,
        environment: BTreeMap<String, String>,
        schemas: PluginSchemas,
        loaded: Loaded,
    ) -> Settings {
        let (schemas, current) = (Live::new(schemas), Live::new(Current::of(loaded)));
        Settings { paths, environment, schemas, current }
    }

    /// What the plugins that are present say about their sections.
    pub(crate) fn schemas(&self) -> Arc<PluginSchemas> {
        self.schemas.get()
    }

    /// Other plugins are present from now on.
    pub(crate) fn set_schemas(&self, schemas: PluginSchemas) {
        self.schemas.set(schemas);
    }

    /// What a text is judged by here.
    pub(crate) fn basis<'a>(&'a self, schemas: &'a PluginSchemas) -> Basis<'a> {
        Basis::new(&self.paths.config, schemas, &self.environment)
    }

    /// What holds now, with the verdict on it.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.get()
    }

    /// Puts another configuration in force.
    pub(crate) fn replace(&self, current: Current) {
        self.current.set(current);
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
        self.current().channel_issue(channel)
    }

    /// The file as it stands now, without the texts for which `holds_secret` is true.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub(crate) fn shown(&self, holds_secret: impl Fn(&str) -> bool) -> Result<Shown, ConfigError> {
        let schemas = self.schemas();
        let basis = self.basis(&schemas);
        let loaded = openclaw_config::load(&basis)?;
        let content = openclaw_config::shown(&loaded, &basis, holds_secret);
        Ok(Shown { loaded, content, applied: self.current().loaded.revision() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_the_file_without_its_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([("HOME".to_owned(), dir.path().display().to_string())]);
        let paths = Paths::resolve(&env, None).unwrap();
        std::fs::create_dir_all(&paths.state_dir).unwrap();
        let write = |text: &str| std::fs::write(&paths.config, text).unwrap();
        write(r#"{"gateway": {"port": 1234, "auth": {"token": "secret-value"}}}"#);
        let schemas = PluginSchemas::default();
        let loaded = openclaw_config::load(&Basis::new(&paths.config, &schemas, &env)).unwrap();
        let settings = Settings::new(paths.clone(), env, schemas, loaded);
        let shown = settings.shown(|_| false).unwrap();
        assert!(shown.loaded.source.is_some() && shown.loaded.report.is_valid());
        assert_eq!(shown.applied, shown.loaded.revision());
        assert!(!shown.content.config.to_string().contains("secret-value"));
        write("{");
        let shown = settings.shown(|_| false).unwrap();
        assert!(!shown.loaded.report.is_valid() && shown.applied != shown.loaded.revision());
        assert_eq!(settings.config().gateway.port, Some(1234), "looking changes nothing");
    }
}
