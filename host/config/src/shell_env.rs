//! `env.shellEnv`: what the login shell would export, for a gateway that was started without it. Runs the user's own
//! start-up files; only asked for when the configuration says so, and never overrides anything.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::bounded::{Bounds, run};
use crate::env::Env;

/// How long the shell may take when nobody says (the original's default).
const TIMEOUT: Duration = Duration::from_secs(15);
const MOST_BYTES: u64 = 2 * 1024 * 1024;
const FALLBACK_SHELL: &str = "/bin/sh";
/// The NUL sets apart what start-up files print.
const PRINT: &str = "printf '\\0'; env -0";

/// Asks the login shell for those of `wanted` that `environment` does not have.
///
/// # Errors
/// When the shell gives no answer: a text for people, without any value.
pub fn login_shell_variables(
    environment: &BTreeMap<String, String>,
    wanted: &[String],
    timeout: Option<Duration>,
) -> Result<BTreeMap<String, String>, String> {
    let missing: Vec<&String> = wanted.iter().filter(|name| !environment.contains_key(*name)).collect();
    if missing.is_empty() {
        return Ok(BTreeMap::new());
    }
    let shells = std::fs::read_to_string("/etc/shells").unwrap_or_default();
    let shell = shell(environment, &shells);
    let mut found = ask(&shell, environment, timeout.unwrap_or(TIMEOUT))?;
    found.retain(|name, _| missing.contains(&name));
    Ok(found)
}

/// `SHELL`, when the system knows it as a shell.
fn shell(environment: &BTreeMap<String, String>, shells: &str) -> String {
    let named = environment.non_blank("SHELL").map(|shell| shell.trim().to_owned());
    named
        .filter(|shell| shell.starts_with('/') && shells.lines().any(|known| known.trim() == shell))
        .unwrap_or_else(|| FALLBACK_SHELL.to_owned())
}

fn ask(
    shell: &str,
    environment: &BTreeMap<String, String>,
    timeout: Duration,
) -> Result<BTreeMap<String, String>, String> {
    let mut command = Command::new(Path::new(shell));
    command.args(["-l", "-c", PRINT]).env_clear().envs(environment);
    let bounds = Bounds { timeout, silence: timeout, most_bytes: MOST_BYTES };
    let output = run(command, &[], bounds).map_err(|error| format!("the login shell {shell} {error}"))?;
    let output = String::from_utf8_lossy(&output);
    let Some((_, exported)) = output.split_once('\0') else { return Ok(BTreeMap::new()) };
    let pairs = exported.split('\0').filter_map(|pair| pair.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(profile: &str) -> (tempfile::TempDir, BTreeMap<String, String>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".profile"), profile).unwrap();
        let environment = [
            ("HOME".to_owned(), dir.path().display().to_string()),
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("SET".to_owned(), String::new()),
        ];
        (dir, environment.into())
    }

    #[test]
    fn only_missing_variables_that_are_wanted_come_in() {
        let (_dir, environment) = home("echo noise\nexport NEW='a=b' SET=other UNASKED=1\n");
        let wanted = ["NEW", "SET", "NOT_THERE"].map(str::to_owned);
        let found = login_shell_variables(&environment, &wanted, None).unwrap();
        assert_eq!(found, BTreeMap::from([("NEW".to_owned(), "a=b".to_owned())]));
        assert!(login_shell_variables(&environment, &["SET".to_owned()], None).unwrap().is_empty());
    }

    #[test]
    fn a_shell_that_hangs_is_given_up() {
        let (_dir, environment) = home("sleep 60\n");
        let timeout = Some(Duration::from_millis(100));
        let error = login_shell_variables(&environment, &["NEW".to_owned()], timeout).unwrap_err();
        assert!(error.ends_with("did not end within 100 ms"), "{error}");
    }

    #[test]
    fn only_a_known_shell_is_run() {
        let check = |named: &str, expected: &str| {
            let environment = BTreeMap::from([("SHELL".to_owned(), named.to_owned())]);
            assert_eq!(shell(&environment, "# shells\n/bin/zsh\n"), expected);
        };
        check("/bin/zsh", "/bin/zsh");
        check("/tmp/zsh", "/bin/sh");
        check("zsh", "/bin/sh");
        check(" ", "/bin/sh");
    }
}
