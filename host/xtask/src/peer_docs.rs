//! The documentation in the original's npm package, for the test of its examples: taken out once, into `target/`, and
//! never committed. No script of the package is run.

use std::path::PathBuf;
use std::process::Command;

use crate::cargo::run;
use crate::error::{AtPath, Error};
use crate::workspace;

/// The original's version that this gateway is compared with.
const VERSION: &str = "2026.9.6";

/// What is taken out.
const FOLDERS: &[&str] = &["package/docs/gateway", "package/docs/channels"];

/// Puts the documentation where the test looks for it. Without npm or a network everything else can still be tested:
/// this says so, and the one test that needs the documentation fails in its turn.
pub(crate) fn fetch() -> Result<(), Error> {
    let folder = folder();
    if folder.join("docs").is_dir() {
        println!("{} is there", folder.display());
        return Ok(());
    }
    match fetch_to(&folder) {
        Err(error @ (Error::NotStarted { .. } | Error::Failed { .. })) => {
            println!(
                "warning: the documentation of openclaw@{VERSION} could not be taken out of its npm package: {error}\n\
                 The test of its examples will fail. It needs npm, tar, and a network on the first run."
            );
            Ok(())
        }
        result => result,
    }
}

fn folder() -> PathBuf {
    workspace::root().join("target").join("peer-docs").join(VERSION)
}

fn fetch_to(folder: &std::path::Path) -> Result<(), Error> {
    let staging = folder.with_extension("new");
    if staging.exists() {
        std::fs::remove_dir_all(&staging).at(&staging)?;
    }
    std::fs::create_dir_all(&staging).at(&staging)?;
    let mut pack = Command::new("npm");
    pack.arg("pack").arg(format!("openclaw@{VERSION}")).args(["--ignore-scripts", "--silent"]);
    run(pack.arg("--pack-destination").arg(&staging).current_dir(&staging))?;
    let archive = staging.join(format!("openclaw-{VERSION}.tgz"));
    run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&staging).args(FOLDERS))?;
    // Whole or not at all: the folder gets its name last.
    if folder.exists() {
        std::fs::remove_dir_all(folder).at(folder)?;
    }
    std::fs::rename(staging.join("package"), folder).at(folder)?;
    std::fs::remove_dir_all(&staging).at(&staging)
}
