//! What the raw flags and the environment resolve to: places, output, and the configuration once somebody asks for it.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    io::IsTerminal as _,
    path::{Path, PathBuf},
};

use openclaw_config::{
    Basis, Bind, Config, ConfigError, Env as _, GatewayMode, Paths, PluginSchemas, Report, start,
};
use openclaw_secrets::Secret;

use crate::{cli::GlobalFlags, dotenv, error::CliError, installation, output::Output};

/// What every command works with.
pub(crate) struct Context {
    /// Where state and configuration are.
    pub(crate) paths: Paths,
    /// How results are shown.
    pub(crate) output: Output,
    /// Whether results are one JSON document.
    pub(crate) json: bool,
    /// `--log-level`.
    pub(crate) log_level: Option<String>,
    /// Whether colours may be used on stderr.
    pub(crate) stderr_color: bool,
    /// The usual state directory, when another program works there.
    passed_over: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    /// What of the `.env` files was passed over.
    dotenv_warnings: Vec<String>,
    loaded: OnceCell<Loaded>,
}

/// The configuration as it was found.
pub(crate) struct Loaded {
    /// Whether there is a file.
    pub(crate) exists: bool,
    /// What is wrong with it, and what it says. Empty when there is no file.
    pub(crate) report: Report,
    /// Why the file could not be read.
    pub(crate) error: Option<ConfigError>,
}

impl Context {
    /// Resolves the places. Reads no file but the `.env` ones.
    pub(crate) fn new(flags: &GlobalFlags) -> Result<Self, CliError> {
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let mut environment: BTreeMap<String, String> = std::env::vars_os().filter_map(unicode).collect();
        let mut paths = Paths::resolve(&environment, flags.profile.as_deref())?;
        let passed_over = installation::keep_apart(&mut paths, &environment);
        let dotenv_warnings = dotenv::fill(&mut environment, &mut paths, std::env::current_dir().ok());
        let output = Output::detect(flags.no_color);
        let stderr_color =
            !flags.no_color && environment.non_blank("NO_COLOR").is_none() && std::io::stderr().is_terminal();
        Ok(Self {
            paths,
            output,
            json: flags.json,
            log_level: flags.log_level.clone(),
            stderr_color,
            passed_over,
            environment,
            dotenv_warnings,
            loaded: OnceCell::new(),
        })
    }

    /// Says once, where it matters, that the usual state directory belongs to another program.
    pub(crate) fn announce_own_state(&self) {
        if let Some(usual) = &self.passed_over {
            crate::output::note(&format!(
                "{} holds an installation of another program; this one keeps its state in {}.\n\
                 To use the former all the same, stop that program and set OPENCLAW_STATE_DIR={}.",
                self.shown(usual),
                self.shown(&self.paths.state_dir),
                self.shown(usual)
            ));
        }
    }

    /// What of the `.env` files was passed over, for commands that are about the installation.
    pub(crate) fn dotenv_warnings(&self) -> &[String] {
        &self.dotenv_warnings
    }

    /// A variable that is set and not blank.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.environment.non_blank(name)
    }

    /// A variable that holds a secret; words that mean "no value" count as not set.
    pub(crate) fn secret_variable(&self, name: &str) -> Option<Secret> {
        let value = self.environment.get(name)?;
        openclaw_config::present(value).map(Secret::from)
    }

    /// A snapshot of the environment, with what `.env` files add.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        self.environment.clone()
    }

    /// The path as people read it: with `~` for the home directory.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let home = self.variable("HOME").map(PathBuf::from).filter(|home| home.components().count() > 1);
        match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// The configuration file as people read it.
    pub(crate) fn shown_config(&self) -> String {
        self.shown(&self.paths.config)
    }

    /// The configuration, read on first use. A file that cannot be read counts as empty here and is told by those
    /// commands that are about the file.
    pub(crate) fn loaded(&self) -> &Loaded {
        self.loaded.get_or_init(|| match openclaw_config::load(&self.basis(&self.plugin_schemas())) {
            Ok(loaded) => Loaded { exists: loaded.source.is_some(), report: loaded.report, error: None },
            Err(error) => Loaded { exists: true, report: Report::default(), error: Some(error) },
        })
    }

    /// What the present plugins say about their sections.
    pub(crate) fn plugin_schemas(&self) -> PluginSchemas {
        openclaw_gateway::plugin_schemas(&self.paths)
    }

    /// What the file is judged by.
    pub(crate) fn basis<'a>(&'a self, plugins: &'a PluginSchemas) -> Basis<'a> {
        Basis::new(&self.paths.config, plugins, &self.environment)
    }

    /// What the configuration says, as far as it can be understood.
    pub(crate) fn config(&self) -> Option<&Config> {
        self.loaded().report.config.as_ref()
    }

    /// `gateway.mode`, or `unset`.
    pub(crate) fn mode_word(&self) -> &'static str {
        match self.config().and_then(|config| config.gateway.mode) {
            Some(GatewayMode::Local) => "local",
            Some(GatewayMode::Remote) => "remote",
            None => "unset",
        }
    }

    /// `gateway.bind`.
    pub(crate) fn bind(&self) -> Bind {
        self.config().and_then(|config| config.gateway.bind).unwrap_or_default()
    }

    /// The port of the gateway that runs with this state directory, unless a variable says which port is meant.
    pub(crate) fn running_port(&self) -> Option<u16> {
        match self.variable("OPENCLAW_GATEWAY_PORT") {
            Some(_) => None,
            None => openclaw_gateway::running_port(&self.paths),
        }
    }

    /// The port of this machine's gateway. A variable that is no port is complained about where a gateway is asked.
    pub(crate) fn port(&self) -> u16 {
        let config = self.config().cloned().unwrap_or_default();
        let configured = start::port(None, &config, &self.environment).unwrap_or(start::DEFAULT_PORT);
        self.running_port().unwrap_or(configured)
    }

    /// The ids of the channels that have a section.
    pub(crate) fn configured_channels(&self) -> Vec<String> {
        self.config()
            .map(|config| config.channels.iter().map(|channel| channel.id.clone()).collect())
            .unwrap_or_default()
    }

    /// Channel, account and whether it is enabled, as the configuration says.
    pub(crate) fn configured_accounts(&self) -> Vec<(String, String, bool)> {
        let channels = self.config().map(|config| config.channels.as_slice()).unwrap_or_default();
        channels
            .iter()
            .flat_map(|channel| {
                let enabled = channel.enabled;
                channel
                    .accounts
                    .iter()
                    .map(move |account| (channel.id.clone(), account.id.clone(), enabled && account.enabled))
            })
            .collect()
    }

    /// `agents.defaults.model.primary`.
    pub(crate) fn default_model(&self) -> Option<String> {
        self.config()?.agents.defaults.model.as_ref()?.primary.clone()
    }

    /// `agents.defaults.model.fallbacks`.
    pub(crate) fn fallback_models(&self) -> Vec<String> {
        let model = self.config().and_then(|config| config.agents.defaults.model.as_ref());
        model.map(|model| model.fallbacks.clone()).unwrap_or_default()
    }
}
