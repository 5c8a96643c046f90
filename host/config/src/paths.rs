//! Where everything lies. Names only: nothing here is created or read.

use std::path::{Path, PathBuf};

use crate::ConfigError;
use crate::env::Env;

/// Where the log files of everybody on this machine lie.
const LOG_DIR: &str = "/tmp/openclaw";

/// The places that one installation uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `~/.openclaw`, or `~/.openclaw-<profile>`, or what `OPENCLAW_STATE_DIR` says.
    pub state_dir: PathBuf,
    /// `openclaw.json` in the state directory, or what `OPENCLAW_CONFIG_PATH` says.
    pub config: PathBuf,
    /// What `~` means: `OPENCLAW_HOME`, else the user's home.
    pub home: PathBuf,
    /// `--profile`, unless it is the default one.
    pub profile: Option<String>,
}

impl Paths {
    /// Finds the places. `profile` is `--profile` or `OPENCLAW_PROFILE`; `default` means none.
    ///
    /// # Errors
    /// When there is no home directory, or the profile cannot be part of a directory's name.
    pub fn resolve(env: &dyn Env, profile: Option<&str>) -> Result<Self, ConfigError> {
        let named = profile.map(str::to_owned).or_else(|| env.non_blank("OPENCLAW_PROFILE"));
        let profile =
            named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty() && name != "default");
        if let Some(name) = profile.as_deref().filter(|name| !is_profile(name)) {
            return Err(ConfigError::InvalidProfile(name.to_owned()));
        }
        let user_home = env.non_blank("HOME").map(PathBuf::from).or_else(std::env::home_dir);
        let home = match env.non_blank("OPENCLAW_HOME") {
            Some(home) => Some(expand(&home, user_home.as_deref())),
            None => user_home,
        };
        let state_dir = match (env.non_blank("OPENCLAW_STATE_DIR"), &home) {
            (Some(dir), home) => expand(&dir, home.as_deref()),
            (None, Some(home)) => home.join(match &profile {
                Some(profile) => format!(".openclaw-{profile}"),
                None => ".openclaw".to_owned(),
            }),
            (None, None) => return Err(ConfigError::NoHome),
        };
        let home = home.unwrap_or_else(|| state_dir.clone());
        let config = match env.non_blank("OPENCLAW_CONFIG_PATH") {
            Some(path) => expand(&path, Some(&home)),
            None => state_dir.join("openclaw.json"),
        };
        Ok(Self { state_dir, config, home, profile })
    }

    /// The gateway's database. The original's `openclaw.sqlite` beside it is never opened.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.state_dir.join("state").join("gateway.sqlite")
    }

    /// Compiled components and other things that may be thrown away.
    #[must_use]
    pub fn cache_dir(&self) -> PathBuf {
        self.state_dir.join("cache")
    }

    /// The sessions of an agent.
    #[must_use]
    pub fn sessions_dir(&self, agent: &str) -> PathBuf {
        self.state_dir.join("agents").join(agent).join("sessions")
    }

    /// The working directory of the agents when the configuration names none.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.state_dir.join("workspace")
    }

    /// The log file of a day; `date` is `YYYY-MM-DD` in local time.
    #[must_use]
    pub fn log_file(&self, date: &str) -> PathBuf {
        let profile = self.profile.as_ref().map(|profile| format!("{profile}-")).unwrap_or_default();
        Path::new(LOG_DIR).join(format!("openclaw-{profile}{date}.log"))
    }

    /// A path from the configuration with its `~` replaced.
    #[must_use]
    pub fn expand(&self, path: &str) -> PathBuf {
        expand(path, Some(&self.home))
    }
}

/// A path with its `~` replaced.
pub(crate) fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.trim().strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path.trim()),
    }
}

fn is_profile(name: &str) -> bool {
    name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn paths(vars: &[(&str, &str)], profile: Option<&str>) -> Result<Paths, ConfigError> {
        let env: BTreeMap<String, String> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Paths::resolve(&env, profile)
    }

    fn check(vars: &[(&str, &str)], profile: Option<&str>, state_dir: &str, config: &str) {
        let paths = paths(vars, profile).unwrap();
        assert_eq!(
            (paths.state_dir.to_str(), paths.config.to_str()),
            (Some(state_dir), Some(config)),
            "{vars:?}"
        );
    }

    #[test]
    fn variables_and_profiles_choose_the_places() {
        let home = ("HOME", "/h");
        check(&[home], None, "/h/.openclaw", "/h/.openclaw/openclaw.json");
        check(&[home], Some("default"), "/h/.openclaw", "/h/.openclaw/openclaw.json");
        check(&[home], Some("work"), "/h/.openclaw-work", "/h/.openclaw-work/openclaw.json");
        check(&[home, ("OPENCLAW_PROFILE", "p")], None, "/h/.openclaw-p", "/h/.openclaw-p/openclaw.json");
        check(&[home, ("OPENCLAW_HOME", "~/o")], None, "/h/o/.openclaw", "/h/o/.openclaw/openclaw.json");
        check(&[home, ("OPENCLAW_STATE_DIR", "/s")], Some("p"), "/s", "/s/openclaw.json");
        check(&[home, ("OPENCLAW_CONFIG_PATH", "~/c.json")], None, "/h/.openclaw", "/h/c.json");
        check(&[home, ("OPENCLAW_STATE_DIR", " ")], None, "/h/.openclaw", "/h/.openclaw/openclaw.json");
        assert!(matches!(paths(&[home], Some("../x")), Err(ConfigError::InvalidProfile(_))));
    }

    #[test]
    fn the_log_file_has_the_date_and_the_profile() {
        let named = |profile| paths(&[("HOME", "/h")], profile).unwrap().log_file("2026-11-22");
        assert_eq!(named(None), Path::new("/tmp/openclaw/openclaw-2026-11-22.log"));
        assert_eq!(named(Some("dev")), Path::new("/tmp/openclaw/openclaw-dev-2026-11-22.log"));
    }
}
