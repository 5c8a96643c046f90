//! Which `.env` files count: the one in the working directory, then the one in the state directory, both below the real
//! environment. Read once for each command; the environment of the process itself is never written.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use openclaw_config::{Env as _, Paths, read_own, read_workspace};

const NAME: &str = ".env";

/// Adds what the files have and `environment` has not, and returns what was passed over. `directory` is the working
/// directory, where there is one.
pub(crate) fn fill(
    environment: &mut BTreeMap<String, String>,
    paths: &mut Paths,
    directory: Option<PathBuf>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(directory) = directory.filter(|directory| !same(directory, &paths.state_dir)) {
        let file = directory.join(NAME);
        let mut workspace = read_workspace(&file);
        // The plugins are only asked when there is something to judge.
        if !workspace.is_empty() {
            workspace.without_credentials(&file, &openclaw_gateway::credential_variables(paths));
        }
        warnings.append(&mut workspace.warnings);
        workspace.fill(environment);
    }
    let mut own = read_own(&paths.state_dir.join(NAME));
    warnings.append(&mut own.warnings);
    own.fill(environment);
    // The operator's own file may name another configuration.
    if let Some(config) = environment.non_blank("OPENCLAW_CONFIG_PATH") {
        paths.config = paths.expand(&config);
    }
    warnings
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_real_environment_then_the_working_directory_then_the_state_directory() {
        let home = tempfile::tempdir().unwrap();
        let (state, work) = (home.path().join(".openclaw"), home.path().join("work"));
        fs::create_dir_all(&state).unwrap();
        fs::create_dir_all(&work).unwrap();
        let mut environment = BTreeMap::from([
            ("HOME".to_owned(), home.path().display().to_string()),
            ("REAL".to_owned(), "real".to_owned()),
        ]);
        let mut paths = Paths::resolve(&environment, None).unwrap();
        fs::write(work.join(NAME), "REAL=work\nBOTH=work\nOPENCLAW_CONFIG_PATH=/evil\nHOME=/evil\n").unwrap();
        let own =
            "REAL=own\nBOTH=own\nOPENCLAW_CONFIG_PATH=~/c.json\nOPENCLAW_STATE_DIR=/elsewhere\nbroken\n";
        fs::write(state.join(NAME), own).unwrap();
        let warnings = fill(&mut environment, &mut paths, Some(work.clone()));
        assert_eq!((environment["REAL"].as_str(), environment["BOTH"].as_str()), ("real", "work"));
        assert_eq!(paths.config, home.path().join("c.json"));
        assert_eq!(paths.state_dir, state);
        assert_eq!(warnings.len(), 4, "{warnings:?}");
        assert!(warnings[0].contains("HOME is not used"), "{warnings:?}");
        assert!(warnings[2].contains(".openclaw/.env:5: not of the form NAME=VALUE"), "{warnings:?}");
    }

    #[test]
    fn in_the_state_directory_its_file_is_the_operators_own() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join(".openclaw");
        fs::create_dir_all(&state).unwrap();
        let mut environment = BTreeMap::from([("HOME".to_owned(), home.path().display().to_string())]);
        let mut paths = Paths::resolve(&environment, None).unwrap();
        fs::write(state.join(NAME), "OPENCLAW_GATEWAY_TOKEN=t\n").unwrap();
        assert!(fill(&mut environment, &mut paths, Some(state)).is_empty());
        assert_eq!(environment["OPENCLAW_GATEWAY_TOKEN"], "t");
    }
}
