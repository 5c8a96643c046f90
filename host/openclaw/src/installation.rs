//! Whose the state directory is.
//!
//! This program reads the original's configuration, but it never shares a state directory with an installation of it
//! unasked: two programs that write one directory lose each other's changes. `OPENCLAW_STATE_DIR` and `--profile` are
//! a person's own choice and are taken as they are.

use std::path::PathBuf;

use openclaw_config::{Env, Paths, is_foreign_installation};

/// The state directory, below the home, when the usual one belongs to another program.
const OWN: &str = ".openclaw-gateway";

/// Replaces the usual places by our own when another program works in the usual ones; returns what was passed over.
pub(crate) fn keep_apart(paths: &mut Paths, env: &dyn Env) -> Option<PathBuf> {
    let chosen = paths.profile.is_some()
        || env.non_blank("OPENCLAW_STATE_DIR").is_some()
        || env.non_blank("OPENCLAW_CONFIG_PATH").is_some();
    if chosen || !is_foreign_installation(&paths.state_dir) {
        return None;
    }
    let usual = std::mem::replace(&mut paths.state_dir, paths.home.join(OWN));
    paths.config = paths.state_dir.join("openclaw.json");
    Some(usual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, fs, path::Path};

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
        assert_eq!(places(&variables).0.state_dir, usual);

        fs::create_dir_all(usual.join("agents")).unwrap();
        let (paths, passed_over) = places(&variables);
        assert_eq!(paths.state_dir, home.path().join(OWN));
        assert_eq!(paths.config, home.path().join(OWN).join("openclaw.json"));
        assert_eq!(passed_over, Some(usual.clone()));

        let (paths, passed_over) = places(&[("HOME", home.path()), ("OPENCLAW_STATE_DIR", &usual)]);
        assert_eq!((paths.state_dir, passed_over), (usual, None), "a person's choice is taken");
    }
}
