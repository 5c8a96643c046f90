//! The environment of a starting gateway: what it was given and, where the configuration says so, what the login shell
//! would have exported. Nothing is overridden.

use std::collections::BTreeMap;
use std::time::Duration;

use openclaw_config::{Config, Env, login_shell_variables};

use crate::wiring::Plugins;

/// The gateway's own credentials, which a login shell may export.
const OWN_CREDENTIALS: [&str; 2] = ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"];

/// What the login shell adds to `given`: the credentials that the present plugins and the gateway look for, as far as
/// neither `given` nor `env.vars` has them. Empty when nobody asked for it.
///
/// # Errors
/// When the shell gives no answer: a text for the log.
pub(super) fn from_login_shell(
    given: &BTreeMap<String, String>,
    config: &Config,
    plugins: &Plugins,
) -> Result<BTreeMap<String, String>, String> {
    let asked = given.non_blank("OPENCLAW_LOAD_SHELL_ENV");
    let asked = asked.is_some_and(|word| matches!(word.trim(), "1" | "true" | "yes" | "on"));
    if !config.shell_env.enabled && !asked {
        return Ok(BTreeMap::new());
    }
    let wanted = plugins.credential_variables().into_iter().chain(OWN_CREDENTIALS.map(str::to_owned));
    let wanted: Vec<String> = wanted.filter(|name| !config.env_vars.contains_key(name)).collect();
    let told = given.non_blank("OPENCLAW_SHELL_ENV_TIMEOUT_MS").and_then(|told| told.trim().parse().ok());
    let timeout = told.or(config.shell_env.timeout_ms).map(Duration::from_millis);
    login_shell_variables(given, &wanted, timeout)
        .map_err(|why| format!("env.shellEnv: nothing is imported: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_shell_is_asked_only_on_request() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".profile"), "export OPENCLAW_GATEWAY_TOKEN=from-shell OTHER=1\n")
            .unwrap();
        let given = BTreeMap::from([
            ("HOME".to_owned(), home.path().display().to_string()),
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ]);
        let plugins = Plugins::default();
        let mut config = Config::default();
        assert!(from_login_shell(&given, &config, &plugins).unwrap().is_empty());
        config.shell_env.enabled = true;
        let expected = BTreeMap::from([("OPENCLAW_GATEWAY_TOKEN".to_owned(), "from-shell".to_owned())]);
        assert_eq!(from_login_shell(&given, &config, &plugins).unwrap(), expected);
        config.env_vars.insert("OPENCLAW_GATEWAY_TOKEN".to_owned(), "from-file".to_owned());
        assert!(from_login_shell(&given, &config, &plugins).unwrap().is_empty());
    }
}
