//! The gateway as a service of this user: which manager there is, what is installed, what runs, and the few things that
//! can be done with it. What a definition says is rendered by `systemd` and `launchd` as text.

mod definition;
mod launchd;
mod program;
mod systemd;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{context::Context, error::CliError};

pub(crate) use definition::{Definition, Installed, is_secret_name};
use program::{Said, run};

/// What runs services here.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Manager {
    Systemd,
    Launchd,
    /// Nothing that can be asked, and why.
    None(String),
}

/// The service of this installation, installed or not.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    manager: Manager,
    profile: Option<String>,
    home: PathBuf,
}

/// What the manager knows of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// It starts by itself.
    pub(crate) enabled: bool,
    /// There is no definition.
    pub(crate) missing: bool,
    /// For instance `active`.
    pub(crate) state: Option<String>,
    /// For instance `running`.
    pub(crate) sub_state: Option<String>,
    /// Its process.
    pub(crate) pid: Option<u32>,
    /// The last exit code.
    pub(crate) last_exit: Option<i32>,
}

impl State {
    /// Whether its process runs.
    pub(crate) fn is_running(&self) -> bool {
        self.pid.is_some() && !matches!(self.state.as_deref(), Some("failed" | "inactive"))
    }
}

/// Another service that looks like a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// The unit.
    pub(crate) label: String,
    /// `user` or `system`.
    pub(crate) scope: &'static str,
    /// The file.
    pub(crate) path: PathBuf,
}

/// Where units of other hands lie.
const SYSTEM_UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/usr/lib/systemd/user"];
/// Names of this program and of its older ones.
const NAMES: [&str; 3] = ["openclaw", "clawdbot", "moltbot"];

impl Service {
    /// Finds out what runs services here.
    pub(crate) fn detect(context: &Context) -> Result<Self, CliError> {
        let manager = if cfg!(target_os = "macos") {
            Manager::Launchd
        } else {
            // Succeeds only where the user's own manager can be reached.
            let said = run("systemctl", &["--user", "show-environment"])?;
            if said.ok { Manager::Systemd } else { Manager::None(said.complaint()) }
        };
        let home = context.variable("HOME").map_or_else(|| context.paths.home.clone(), PathBuf::from);
        Ok(Self { manager, profile: context.paths.profile.clone(), home })
    }

    /// What the manager is called.
    pub(crate) fn label(&self) -> &'static str {
        match self.manager {
            Manager::Systemd => "systemd",
            Manager::Launchd => "launchd",
            Manager::None(_) => "no supported service manager detected",
        }
    }

    /// Why there is no manager.
    pub(crate) fn unavailable(&self) -> Option<&str> {
        match &self.manager {
            Manager::None(reason) => Some(reason),
            Manager::Systemd | Manager::Launchd => None,
        }
    }

    /// Words for a service that starts by itself, and for one that does not.
    pub(crate) fn words(&self) -> (&'static str, &'static str) {
        match self.manager {
            Manager::Launchd => ("loaded", "not loaded"),
            Manager::Systemd | Manager::None(_) => ("enabled", "disabled"),
        }
    }

    /// Where the definition lies, or would.
    pub(crate) fn path(&self) -> PathBuf {
        match self.manager {
            Manager::Launchd => launchd::plist_path(&self.home, self.profile.as_deref()),
            Manager::Systemd | Manager::None(_) => systemd::unit_path(&self.home, self.profile.as_deref()),
        }
    }

    /// The unit's name or the agent's label.
    pub(crate) fn name(&self) -> String {
        match self.manager {
            Manager::Launchd => launchd::label(self.profile.as_deref()),
            Manager::Systemd | Manager::None(_) => systemd::unit_name(self.profile.as_deref()),
        }
    }

    /// How a person reads its output.
    pub(crate) fn logs(&self) -> String {
        match self.manager {
            Manager::Launchd => format!("tail -n 200 {}", launchd::log_path(&self.home).display()),
            Manager::Systemd | Manager::None(_) => {
                format!("journalctl --user -u {} -n 200 --no-pager", self.name())
            }
        }
    }

    /// How a person starts it by hand.
    pub(crate) fn start_by_hand(&self) -> String {
        match self.manager {
            Manager::Launchd => format!("launchctl bootstrap gui/$UID {}", self.path().display()),
            Manager::Systemd | Manager::None(_) => format!("systemctl --user start {}", self.name()),
        }
    }

    /// What is installed.
    pub(crate) fn installed(&self) -> Option<Installed> {
        let path = self.path();
        let text = fs::read_to_string(&path).ok()?;
        Some(match self.manager {
            Manager::Launchd => launchd::parse(&text, &path),
            Manager::Systemd | Manager::None(_) => systemd::parse(&text, &path),
        })
    }

    /// What is wrong with the installed definition: code and words.
    pub(crate) fn issues(&self, context: &Context, port: u16) -> Vec<(&'static str, String)> {
        let mut found = match (&self.manager, fs::read_to_string(self.path())) {
            (Manager::Systemd | Manager::None(_), Ok(text)) => systemd::audit(&text),
            _ => Vec::new(),
        };
        let Some(installed) = self.installed() else { return found };
        if installed.port().is_some_and(|pinned| pinned != port) {
            let text = "Gateway service port does not match current gateway config.";
            found.push(("gateway-port-mismatch", text.to_owned()));
        }
        if installed.environment.get("OPENCLAW_GATEWAY_TOKEN").is_some_and(|token| !token.trim().is_empty()) {
            let text =
                "Gateway service embeds OPENCLAW_GATEWAY_TOKEN; keep the token in the configuration instead.";
            found.push(("gateway-token-embedded", text.to_owned()));
        }
        if let Some(program) = installed.command.first().filter(|program| !Path::new(program).exists()) {
            found.push((
                "gateway-program-missing",
                format!("{} does not exist.", context.shown(Path::new(program))),
            ));
        }
        found
    }

    /// What the manager knows. Nothing where there is none.
    pub(crate) fn state(&self) -> Result<State, CliError> {
        match self.manager {
            Manager::Systemd => {
                let properties = "LoadState,UnitFileState,ActiveState,SubState,MainPID,ExecMainStatus";
                let said = run("systemctl", &["--user", "show", &self.name(), "--property", properties])?;
                Ok(systemd_state(&said.stdout))
            }
            Manager::Launchd => {
                let said = run("launchctl", &["print", &self.domain_target()])?;
                Ok(launchd_state(&said, !self.path().exists()))
            }
            Manager::None(_) => Ok(State { missing: !self.path().exists(), ..State::default() }),
        }
    }

    /// Writes the definition and has it run, now and after each boot.
    pub(crate) fn install(&self, definition: &Definition) -> Result<(), CliError> {
        let path = self.path();
        let text = match self.manager {
            Manager::Launchd => launchd::render(definition),
            Manager::Systemd | Manager::None(_) => systemd::render(definition),
        };
        write(&path, &text).map_err(|source| CliError::File { path: path.clone(), source })?;
        match self.manager {
            Manager::Systemd => {
                self.systemctl(&["daemon-reload"])?;
                self.systemctl(&["enable", &self.name()])?;
                self.systemctl(&["restart", &self.name()])
            }
            Manager::Launchd => {
                let log = launchd::log_path(&self.home);
                if let Some(folder) = log.parent() {
                    fs::create_dir_all(folder)
                        .map_err(|source| CliError::File { path: log.clone(), source })?;
                }
                // An agent of this name may be loaded with its old definition; that it is not is no failure.
                run("launchctl", &["bootout", &self.domain_target()])?;
                self.launchctl(&["bootstrap", &self.domain(), &path.display().to_string()])
            }
            Manager::None(_) => Ok(()),
        }
    }

    /// Ends it and takes the definition away.
    pub(crate) fn uninstall(&self) -> Result<(), CliError> {
        match self.manager {
            Manager::Systemd => self.systemctl(&["disable", "--now", &self.name()])?,
            Manager::Launchd => drop(run("launchctl", &["bootout", &self.domain_target()])?),
            Manager::None(_) => {}
        }
        let path = self.path();
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(CliError::File { path, source });
            }
            _ => {}
        }
        if self.manager == Manager::Systemd { self.systemctl(&["daemon-reload"]) } else { Ok(()) }
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Result<(), CliError> {
        match self.manager {
            Manager::Systemd => self.systemctl(&["start", &self.name()]),
            Manager::Launchd => {
                self.launchctl(&["bootstrap", &self.domain(), &self.path().display().to_string()])
            }
            Manager::None(_) => Ok(()),
        }
    }

    /// Ends it until the next start or boot.
    pub(crate) fn stop(&self) -> Result<(), CliError> {
        match self.manager {
            Manager::Systemd => self.systemctl(&["stop", &self.name()]),
            Manager::Launchd => self.launchctl(&["bootout", &self.domain_target()]),
            Manager::None(_) => Ok(()),
        }
    }

    /// Ends it and starts it again.
    pub(crate) fn restart(&self) -> Result<(), CliError> {
        match self.manager {
            Manager::Systemd => self.systemctl(&["restart", &self.name()]),
            Manager::Launchd => self.launchctl(&["kickstart", "-k", &self.domain_target()]),
            Manager::None(_) => Ok(()),
        }
    }

    /// Why the service would not run while nobody is logged in, and what to do. `None` where it does.
    pub(crate) fn lingering_hint(&self) -> Result<Option<String>, CliError> {
        if self.manager != Manager::Systemd {
            return Ok(None);
        }
        let user = rustix::process::getuid().as_raw().to_string();
        let said = run("loginctl", &["show-user", &user, "--property", "Linger", "--value"])?;
        let lingers = said.ok && said.stdout.trim() == "yes";
        Ok((!lingers).then(|| {
            "The service ends when you log out. To keep it running: loginctl enable-linger".to_owned()
        }))
    }

    /// Services that look like gateways and are not this one.
    pub(crate) fn others(&self) -> Vec<Other> {
        let own = self.path();
        let user = own.parent().map(Path::to_owned);
        let folders = user.map(|folder| (folder, "user")).into_iter();
        let folders =
            folders.chain(SYSTEM_UNITS.iter().map(|folder| {
                (PathBuf::from(folder), if folder.ends_with("user") { "user" } else { "system" })
            }));
        let mut found = Vec::new();
        for (folder, scope) in folders {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                let is_unit = path.extension().is_some_and(|kind| kind == "service" || kind == "plist");
                if !is_unit
                    || path == own
                    || !fs::read_to_string(&path).is_ok_and(|text| looks_like_gateway(&text))
                {
                    continue;
                }
                let label = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                found.push(Other { label, scope, path });
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    fn systemctl(&self, arguments: &[&str]) -> Result<(), CliError> {
        let all: Vec<&str> = std::iter::once("--user").chain(arguments.iter().copied()).collect();
        done("systemctl", &all)
    }

    fn launchctl(&self, arguments: &[&str]) -> Result<(), CliError> {
        done("launchctl", arguments)
    }

    fn domain(&self) -> String {
        format!("gui/{}", rustix::process::getuid().as_raw())
    }

    fn domain_target(&self) -> String {
        format!("{}/{}", self.domain(), self.name())
    }
}

fn done(program: &str, arguments: &[&str]) -> Result<(), CliError> {
    let said = run(program, arguments)?;
    if said.ok {
        return Ok(());
    }
    Err(CliError::invalid(format!("{program} {} failed: {}", arguments.join(" "), said.complaint())))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Whole or not at all: a manager may read it at any moment.
    let draft = path.with_extension("tmp");
    fs::write(&draft, text)?;
    fs::rename(&draft, path)
}

fn looks_like_gateway(text: &str) -> bool {
    let runs = |line: &str| line.contains("gateway") && NAMES.iter().any(|name| line.contains(name));
    let unit = text.lines().filter(|line| line.trim_start().starts_with("ExecStart=")).any(runs);
    unit || (text.contains("<key>ProgramArguments</key>") && runs(text))
}

fn systemd_state(shown: &str) -> State {
    let value = |name: &str| {
        let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::trim).filter(|value| !value.is_empty())
    };
    State {
        enabled: value("UnitFileState").is_some_and(|state| state.starts_with("enabled")),
        missing: value("LoadState").is_none_or(|state| state == "not-found"),
        state: value("ActiveState").map(str::to_owned),
        sub_state: value("SubState").map(str::to_owned),
        pid: value("MainPID").and_then(|pid| pid.parse().ok()).filter(|&pid| pid != 0),
        last_exit: value("ExecMainStatus").and_then(|code| code.parse().ok()),
    }
}

fn launchd_state(said: &Said, missing: bool) -> State {
    let value = |name: &str| {
        let line = said.stdout.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(" = "));
        line.map(str::trim)
    };
    State {
        enabled: said.ok,
        missing,
        state: value("state").map(str::to_owned),
        sub_state: None,
        pid: value("pid").and_then(|pid| pid.parse().ok()),
        last_exit: value("last exit code").and_then(|code| code.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_managers_say_is_understood() {
        let running = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nSubState=running\nMainPID=42\n\
                       ExecMainStatus=0\n";
        let state = systemd_state(running);
        assert!(state.enabled && !state.missing && state.is_running());
        assert_eq!((state.pid, state.last_exit), (Some(42), Some(0)));
        let absent = systemd_state("LoadState=not-found\nUnitFileState=\nActiveState=inactive\nMainPID=0\n");
        assert!(!absent.enabled && absent.missing && !absent.is_running());
        let said = Said {
            ok: true,
            stdout: "gui/501/ai.openclaw.gateway = {\n\tstate = running\n\tpid = 7\n\tlast exit code = 0\n}"
                .to_owned(),
            stderr: String::new(),
        };
        assert_eq!(launchd_state(&said, false).pid, Some(7));
        assert!(!launchd_state(&Said::default(), true).is_running());
    }

    #[test]
    fn gateways_of_other_names_are_recognised() {
        assert!(looks_like_gateway(
            "[Service]\nExecStart=/usr/bin/node /opt/moltbot/index.js gateway --port 1\n"
        ));
        assert!(!looks_like_gateway(
            "[Unit]\nDescription=openclaw gateway\n[Service]\nExecStart=/bin/true\n"
        ));
    }
}
