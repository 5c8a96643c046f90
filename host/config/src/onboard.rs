//! `onboard --mode local`: makes an installation that the gateway starts with. Run again it changes nothing; on a file
//! that exists it only adds what is missing.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::ConfigError;
use crate::basis::{Basis, PluginSchemas};
use crate::change::{ChangeOptions, Draft, document, make};
use crate::edit::{self, Edit};
use crate::env::Env;
use crate::model::{AuthMode, Bind, Config};
use crate::path::KeyPath;
use crate::paths::Paths;
use crate::secret_ref::{REDACTED, SecretInput, present};
use crate::start::{DEFAULT_PORT, random_token};
use crate::write::{Written, create_private_dir};

/// Says that this program created the installation. It is a file of its own and not a key in `openclaw.json`, because
/// the original refuses a file with keys that it does not know.
const MARKER: &str = "installation.json";
/// What an installation of the original has in its state directory.
const TRACES: &[&str] = &["openclaw.json", "state/openclaw.sqlite", "agents", "credentials", "identity"];
/// The agent whose directories are made.
const FIRST_AGENT: &str = "main";

/// What the command line may choose. What is `None` is added only where the file says nothing.
#[derive(Clone, Debug, Default)]
pub struct OnboardOptions {
    /// `--gateway-port`
    pub port: Option<u16>,
    /// `--gateway-bind`
    pub bind: Option<Bind>,
    /// `--workspace`
    pub workspace: Option<String>,
    /// This program's version, for the stamps.
    pub version: String,
    /// Now, in RFC 3339, for the stamps.
    pub now: String,
}

/// What there is now.
#[derive(Clone, Debug)]
pub struct Onboarded {
    /// What happened to the file.
    pub written: Written,
    /// The agents' working directory; it exists.
    pub workspace: PathBuf,
    /// The main agent's sessions; the directory exists.
    pub sessions: PathBuf,
    /// `gateway.port`
    pub port: u16,
    /// `gateway.bind`
    pub bind: Bind,
    /// `gateway.auth.mode`
    pub auth_mode: AuthMode,
    /// A token was made and written.
    pub generated_token: bool,
}

/// Whether the directory holds an installation that this program did not create.
#[must_use]
pub fn is_foreign_installation(state_dir: &Path) -> bool {
    !state_dir.join(MARKER).exists() && TRACES.iter().any(|trace| state_dir.join(trace).exists())
}

/// Makes or completes the installation.
///
/// # Errors
/// When the file is broken or would become so, or something cannot be created. A broken file is never replaced.
pub fn onboard_local(
    paths: &Paths,
    options: &OnboardOptions,
    plugins: &PluginSchemas,
    env: &dyn Env,
) -> Result<Onboarded, ConfigError> {
    let basis = Basis::new(&paths.config, plugins, env);
    let foreign = is_foreign_installation(&paths.state_dir);
    let generated_token = Cell::new(false);
    let done = make(&basis, &ChangeOptions::default(), |old| {
        let (text, generated, edits) = complete(old, &paths.config, options)?;
        generated_token.set(generated);
        Ok(Draft { file: None, text, edits })
    })?;
    let config = done.loaded.report.config.unwrap_or_default();
    let configured = config.agents.defaults.workspace.as_deref();
    let workspace = configured.map_or_else(|| paths.workspace(), |workspace| paths.expand(workspace));
    let sessions = paths.sessions_dir(FIRST_AGENT);
    for dir in [&paths.state_dir, &workspace, &sessions] {
        create_private_dir(dir).map_err(|cause| unwritable(dir, cause))?;
    }
    if !foreign {
        stamp(&paths.state_dir, &options.version)?;
    }
    Ok(Onboarded {
        written: done.written,
        workspace,
        sessions,
        port: config.gateway.port.unwrap_or(DEFAULT_PORT),
        bind: config.gateway.bind.unwrap_or_default(),
        auth_mode: config.gateway.auth.effective_mode(),
        generated_token: generated_token.get(),
    })
}

/// The text with what is missing, whether a token was made, and how many edits that took.
fn complete(old: &str, place: &Path, options: &OnboardOptions) -> Result<(String, bool, usize), ConfigError> {
    let document = document(old, place)?;
    let config = Config::from_value(&document);
    let path = |keys: &[&str]| KeyPath::from_keys(keys);
    let missing = |keys: &[&str]| path(keys).find(&document).is_none_or(Value::is_null);
    let mut changes: Vec<(KeyPath, Value)> = Vec::new();
    let mode = path(&["gateway", "mode"]);
    if mode.find(&document) != Some(&json!("local")) {
        changes.push((mode, json!("local")));
    }
    if let Some(port) = options.port.or_else(|| missing(&["gateway", "port"]).then_some(DEFAULT_PORT)) {
        changes.push((path(&["gateway", "port"]), json!(port)));
    }
    if let Some(bind) = options.bind.or_else(|| missing(&["gateway", "bind"]).then_some(Bind::Loopback)) {
        changes.push((path(&["gateway", "bind"]), json!(bind.as_str())));
    }
    let generate = needs_token(&config);
    if generate {
        if missing(&["gateway", "auth", "mode"]) {
            changes.push((path(&["gateway", "auth", "mode"]), json!("token")));
        }
        let token = random_token().map_err(|error| ConfigError::Unwritable {
            path: "openclaw.json".into(),
            cause: io::Error::other(error.to_string()),
        })?;
        changes.push((path(&["gateway", "auth", "token"]), json!(token.expose())));
    }
    if let Some(workspace) = &options.workspace {
        changes.push((path(&["agents", "defaults", "workspace"]), json!(workspace)));
    }
    changes.retain(|(path, value)| path.find(&document) != Some(value));
    if !changes.is_empty() {
        // Only with a real change: a second run must leave the file as it is.
        let stamps = [
            ("lastRunAt", options.now.as_str()),
            ("lastRunVersion", options.version.as_str()),
            ("lastRunCommand", "onboard"),
            ("lastRunMode", "local"),
        ];
        changes.extend(stamps.map(|(key, value)| (path(&["wizard", key]), json!(value))));
    }
    let edits: Vec<Edit> = changes.into_iter().map(|(path, value)| Edit::Set { path, value }).collect();
    Ok((edit::apply(old, &edits)?, generate, edits.len()))
}

/// Whether nobody could prove anything to the gateway yet. A mode other than `token` is the operator's choice.
fn needs_token(config: &Config) -> bool {
    let auth = &config.gateway.auth;
    let usable = |input: &Option<SecretInput>| match input {
        Some(SecretInput::Literal(secret)) => {
            secret.expose() != REDACTED && present(secret.expose()).is_some()
        }
        // A reference is a choice, even while it leads nowhere.
        Some(SecretInput::Reference(_)) => true,
        None => false,
    };
    matches!(auth.mode, None | Some(AuthMode::Token))
        && !usable(&auth.token)
        && !(auth.mode.is_none() && usable(&auth.password))
}

fn stamp(state_dir: &Path, version: &str) -> Result<(), ConfigError> {
    let marker = state_dir.join(MARKER);
    if marker.exists() {
        return Ok(());
    }
    let text = format!("{}\n", json!({"createdBy": "openclaw-gateway", "version": version}));
    std::fs::write(&marker, text).map_err(|cause| unwritable(&marker, cause))
}

fn unwritable(path: &Path, cause: io::Error) -> ConfigError {
    ConfigError::Unwritable { path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::write::Written;

    fn paths(dir: &Path) -> Paths {
        let env = BTreeMap::from([("HOME".to_owned(), dir.display().to_string())]);
        Paths::resolve(&env, None).unwrap()
    }

    fn run(paths: &Paths, now: &str) -> Result<Onboarded, ConfigError> {
        let options =
            OnboardOptions { version: "0.1.0".to_owned(), now: now.to_owned(), ..OnboardOptions::default() };
        onboard_local(paths, &options, &PluginSchemas::default(), &BTreeMap::new())
    }

    fn read(paths: &Paths) -> String {
        std::fs::read_to_string(&paths.config).unwrap()
    }

    #[test]
    fn makes_an_installation_that_the_gateway_starts_with() {
        let home = tempfile::tempdir().unwrap();
        let paths = paths(home.path());
        assert!(!is_foreign_installation(&paths.state_dir));
        let done = run(&paths, "2026-11-22T08:00:00Z").unwrap();
        assert_eq!((done.written, done.generated_token), (Written::Created, true));
        assert_eq!((done.port, done.bind, done.auth_mode), (18_789, Bind::Loopback, AuthMode::Token));
        assert!(done.workspace.ends_with(".openclaw/workspace") && done.workspace.is_dir());
        assert!(done.sessions.ends_with(".openclaw/agents/main/sessions") && done.sessions.is_dir());
        let mode = std::fs::metadata(&paths.state_dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let report = crate::validate(
            &read(&paths),
            &Basis::new(&paths.config, &PluginSchemas::default(), &BTreeMap::new()),
        );
        assert!(report.is_valid() && report.warnings.is_empty(), "{:?}", report.issues);
        let document = super::document(&read(&paths), &paths.config).unwrap();
        assert_eq!(document["gateway"]["auth"]["token"].as_str().unwrap().len(), 48);
        assert!(!is_foreign_installation(&paths.state_dir));
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let paths = paths(home.path());
        run(&paths, "2026-11-22T08:00:00Z").unwrap();
        let before = read(&paths);
        let done = run(&paths, "2027-01-01T00:00:00Z").unwrap();
        assert_eq!((done.written, done.generated_token), (Written::Unchanged, false));
        assert_eq!(read(&paths), before);
    }

    #[test]
    fn an_existing_file_keeps_every_key_and_comment() {
        let home = tempfile::tempdir().unwrap();
        let paths = paths(home.path());
        std::fs::create_dir_all(&paths.state_dir).unwrap();
        let old = "{\n  // mine\n  gateway: {\n    port: 5, // odd\n    auth: { password: 'p' },\n  },\n  tools: { x: 1 },\n}\n";
        std::fs::write(&paths.config, old).unwrap();
        assert!(is_foreign_installation(&paths.state_dir));
        let done = run(&paths, "now").unwrap();
        assert!(
            matches!(done.written, Written::Replaced { ref backup } if std::fs::read_to_string(backup).unwrap() == old)
        );
        assert_eq!((done.port, done.auth_mode, done.generated_token), (5, AuthMode::Password, false));
        let new = read(&paths);
        for kept in ["// mine", "port: 5, // odd", "auth: { password: 'p' },", "tools: { x: 1 },"] {
            assert!(new.contains(kept), "{new}");
        }
        assert!(new.contains("mode: \"local\",\n    bind: \"loopback\",\n"), "{new}");
        assert!(is_foreign_installation(&paths.state_dir), "completing it does not make it ours");
    }

    #[test]
    fn a_broken_file_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let paths = paths(home.path());
        std::fs::create_dir_all(&paths.state_dir).unwrap();
        std::fs::write(&paths.config, "{gateway: {").unwrap();
        let error = run(&paths, "now").unwrap_err().to_string();
        assert!(
            error.contains(&paths.config.display().to_string()) && error.contains("is not closed"),
            "{error}"
        );
        assert_eq!(read(&paths), "{gateway: {");
    }

    #[test]
    fn the_operators_choice_of_auth_stays() {
        let check = |text: &str, expected: bool| {
            let config = Config::from_value(&super::document(text, Path::new("c")).unwrap());
            assert_eq!(needs_token(&config), expected, "{text}");
        };
        check("{}", true);
        check("{gateway: {auth: {mode: 'token'}}}", true);
        check("{gateway: {auth: {token: 'undefined'}}}", true);
        check("{gateway: {auth: {mode: 'token', password: 'p'}}}", true);
        check("{gateway: {auth: {token: '${T}'}}}", false);
        check("{gateway: {auth: {mode: 'none'}}}", false);
        check("{gateway: {auth: {mode: 'password'}}}", false);
    }
}
