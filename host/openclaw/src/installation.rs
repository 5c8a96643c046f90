//! Whose the state directory is.
//!
//! This program reads the original's configuration, but it never shares a state directory with an installation of it
//! unasked: two programs that write one directory lose each other's changes. `OPENCLAW_STATE_DIR` and `--profile` are
//! a person's own choice and are taken as they are.

use std::path::{Path, PathBuf};

use openclaw_config::{Env, Paths};

/// The state directory, below the home, when the usual one belongs to another program.
const OWN: &str = ".openclaw-gateway";
/// Says that this program created the directory.
const MARK: &str = "state/gateway.json";
/// Any of these shows that another program works there.
const FOREIGN: &[&str] = &["state/openclaw.sqlite", "agents", "identity", "credentials", "sessions"];

/// Replaces the usual places by our own when another program works in the usual ones; returns what was passed over.
pub(crate) fn keep_apart(paths: &mut Paths, env: &dyn Env) -> Option<PathBuf> {
    let chosen = paths.profile.is_some() || env.non_blank("OPENCLAW_STATE_DIR").is_some();
    if chosen || !is_foreign(paths) {
        return None;
    }
    let usual = std::mem::replace(&mut paths.state_dir, paths.home.join(OWN));
    if env.non_blank("OPENCLAW_CONFIG_PATH").is_none() {
        paths.config = paths.state_dir.join("openclaw.json");
    }
    Some(usual)
}

/// Remembers that this program created the state directory. Writes nothing when that is known already.
pub(crate) fn mark(state_dir: &Path) -> std::io::Result<()> {
    let mark = state_dir.join(MARK);
    if mark.exists() {
        return Ok(());
    }
    let text =
        format!("{{\"createdBy\":\"openclaw-gateway\",\"version\":\"{}\"}}\n", env!("CARGO_PKG_VERSION"));
    std::fs::write(mark, text)
}

fn is_foreign(paths: &Paths) -> bool {
    let has = |name: &&str| paths.state_dir.join(name).exists();
    !has(&MARK) && !paths.database().exists() && FOREIGN.iter().any(|name| has(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, fs};

    fn places(variables: &[(&str, &Path)]) -> (Paths, Option<PathBuf>) {
        let variables = variables.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string()));
        let env: BTreeMap<String, String> = variables.collect();
        let mut paths = Paths::resolve(&env, None).unwrap();
        let passed_over = keep_apart(&mut paths, &env);
        (paths, passed_over)
    }

    #[test]
    fn a_directory_of_another_program_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let usual = home.path().join(".openclaw");
        let variables = [("HOME", home.path())];
        fs::create_dir_all(usual.join("state")).unwrap();
        fs::write(usual.join("openclaw.json"), "{}").unwrap();
        assert_eq!(places(&variables).0.state_dir, usual, "a configuration alone is nobody's installation");

        fs::create_dir(usual.join("agents")).unwrap();
        let (paths, passed_over) = places(&variables);
        assert_eq!(paths.state_dir, home.path().join(OWN));
        assert_eq!(paths.config, home.path().join(OWN).join("openclaw.json"));
        assert_eq!(passed_over, Some(usual.clone()));

        let (paths, passed_over) = places(&[("HOME", home.path()), ("OPENCLAW_STATE_DIR", &usual)]);
        assert_eq!((paths.state_dir, passed_over), (usual.clone(), None), "a person's choice is taken");

        mark(&usual).unwrap();
        assert_eq!(places(&variables).0.state_dir, usual, "created by this program");
    }
}
