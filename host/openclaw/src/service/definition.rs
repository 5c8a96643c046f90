//! What a service manager is told to run: the program, its arguments, its surroundings. Never a secret: whoever may read
//! the definition may be anybody on this machine.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{context::Context, error::CliError};

/// Names a service of this program, as the original names its own.
const MARKER: &str = "openclaw";
/// Variables that say where things are, and are passed on as they are set.
const PLACES: [&str; 5] =
    ["OPENCLAW_HOME", "OPENCLAW_CONFIG_PATH", "OPENCLAW_AGENT_DIR", "OPENCLAW_CONFIG_READONLY", "TMPDIR"];
/// Where programs are looked for, besides the user's own folder: what a login shell adds is not there at boot.
const SEARCH: &str = "/usr/local/bin:/usr/bin:/bin";

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// `--profile`, if there is one.
    pub(crate) profile: Option<String>,
    /// The version that writes this.
    pub(crate) version: String,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Where it is started.
    pub(crate) working_directory: PathBuf,
    /// A file with further variables, for secrets that a person puts there. It may be missing.
    pub(crate) environment_file: PathBuf,
    /// Variables, none of which is a secret.
    pub(crate) environment: BTreeMap<String, String>,
    /// The user's home.
    pub(crate) home: PathBuf,
}

impl Definition {
    /// The service of this installation.
    ///
    /// # Errors
    /// When this program's own path is not known.
    pub(crate) fn new(context: &Context, port: u16, wrapper: Option<&Path>) -> Result<Self, CliError> {
        let program = match wrapper {
            Some(wrapper) => wrapper.to_owned(),
            None => std::env::current_exe()
                .map_err(|e| CliError::invalid(format!("where this program is: {e}")))?,
        };
        let paths = &context.paths;
        let profile = paths.profile.clone();
        let mut command = vec![program.display().to_string()];
        if let Some(profile) = &profile {
            command.extend(["--profile".to_owned(), profile.clone()]);
        }
        command.extend(["gateway".to_owned(), "--port".to_owned(), port.to_string()]);
        let home = context.variable("HOME").map_or_else(|| paths.home.clone(), PathBuf::from);
        let mut environment = BTreeMap::from([
            ("HOME".to_owned(), home.display().to_string()),
            ("PATH".to_owned(), format!("{}/.local/bin:{SEARCH}", home.display())),
            ("OPENCLAW_STATE_DIR".to_owned(), paths.state_dir.display().to_string()),
            ("OPENCLAW_GATEWAY_PORT".to_owned(), port.to_string()),
            ("OPENCLAW_SERVICE_MARKER".to_owned(), MARKER.to_owned()),
            ("OPENCLAW_SERVICE_KIND".to_owned(), "gateway".to_owned()),
            ("OPENCLAW_SERVICE_VERSION".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]);
        for name in PLACES {
            environment.extend(context.variable(name).map(|value| (name.to_owned(), value)));
        }
        environment.extend(profile.clone().map(|profile| ("OPENCLAW_PROFILE".to_owned(), profile)));
        Ok(Self {
            profile,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command,
            working_directory: paths.state_dir.clone(),
            environment_file: paths.state_dir.join("gateway.systemd.env"),
            environment,
            home,
        })
    }

    /// The service's name for people, with the profile where there is one.
    pub(crate) fn description(&self) -> String {
        match &self.profile {
            Some(profile) => format!("OpenClaw Gateway (profile: {profile}, v{})", self.version),
            None => "OpenClaw Gateway".to_owned(),
        }
    }
}

/// What an installed definition says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Installed {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Where it is started.
    pub(crate) working_directory: Option<String>,
    /// Its variables.
    pub(crate) environment: BTreeMap<String, String>,
    /// The file.
    pub(crate) source: PathBuf,
}

impl Installed {
    /// The value behind `--port`.
    pub(crate) fn port(&self) -> Option<u16> {
        let mut words = self.command.iter();
        while let Some(word) = words.next() {
            if let Some(port) = word.strip_prefix("--port=") {
                return port.parse().ok();
            }
            if word == "--port" {
                return words.next()?.parse().ok();
            }
        }
        None
    }

    /// The configuration that the service reads.
    pub(crate) fn config(&self) -> Option<PathBuf> {
        let set = |name: &str| self.environment.get(name).filter(|value| !value.trim().is_empty());
        match (set("OPENCLAW_CONFIG_PATH"), set("OPENCLAW_STATE_DIR")) {
            (Some(config), _) => Some(PathBuf::from(config)),
            (None, Some(state)) => Some(Path::new(state).join("openclaw.json")),
            (None, None) => None,
        }
    }

    /// The variables as they may be shown: a definition that somebody else wrote may hold secrets.
    pub(crate) fn shown_environment(&self) -> BTreeMap<String, String> {
        let shown = |(name, value): (&String, &String)| {
            let value = if is_secret_name(name) { "***".to_owned() } else { value.clone() };
            (name.clone(), value)
        };
        self.environment.iter().map(shown).collect()
    }
}

/// Whether a variable of this name holds a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    ["TOKEN", "PASSWORD", "SECRET", "KEY"].iter().any(|word| name.to_ascii_uppercase().contains(word))
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A definition with every kind of value.
    pub(crate) fn sample(profile: Option<&str>) -> Definition {
        Definition {
            profile: profile.map(str::to_owned),
            version: "1.2.3".to_owned(),
            command: ["/opt/my tools/openclaw", "gateway", "--port", "18789"].map(str::to_owned).to_vec(),
            working_directory: PathBuf::from("/home/me/.openclaw"),
            environment_file: PathBuf::from("/home/me/.openclaw/gateway.systemd.env"),
            environment: BTreeMap::from([
                ("HOME".to_owned(), "/home/me".to_owned()),
                ("ODD".to_owned(), "100% \"a\\b\" $x <&>".to_owned()),
            ]),
            home: PathBuf::from("/home/me"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_definition_tells_its_port_and_configuration() {
        let check = |command: &str, expected| {
            let command = command.split(' ').map(str::to_owned).collect();
            assert_eq!(Installed { command, ..Installed::default() }.port(), expected, "{expected:?}");
        };
        check("openclaw gateway --port 19000", Some(19000));
        check("openclaw gateway --port=19000", Some(19000));
        check("openclaw gateway --port", None);
        check("openclaw gateway", None);
        let mut installed = Installed::default();
        assert_eq!(installed.config(), None);
        installed.environment.insert("OPENCLAW_STATE_DIR".to_owned(), "/s".to_owned());
        assert_eq!(installed.config(), Some(PathBuf::from("/s/openclaw.json")));
        installed.environment.insert("OPENCLAW_GATEWAY_TOKEN".to_owned(), "secret".to_owned());
        assert_eq!(installed.shown_environment()["OPENCLAW_GATEWAY_TOKEN"], "***");
    }
}
