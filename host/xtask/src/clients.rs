//! Other people's clients, for the tests that run them against the gateway: OpenClaw's own, OpenAI's libraries for
//! Node.js and Python, and a Node.js that is new enough. Installed once, as their lock files say; no script of a
//! package is run. And a registry for plugins, by the system's package manager.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::run;
use crate::error::{AtPath, Error};
use crate::workspace;

/// Installs what is not there. Without npm, Python or a network everything else can still be tested: this says so, and
/// the tests that need a client fail in their turn.
pub(crate) fn install() -> Result<(), Error> {
    for (what, result) in [("Node.js", node()), ("Python", python()), ("OCI", registry())] {
        match result {
            Err(error @ (Error::NotStarted { .. } | Error::Failed { .. })) => println!(
                "warning: the clients for {what} could not be installed: {error}\n\
                 The tests that run them will fail. They need npm, Python 3.9 or newer with venv, docker-registry, and a network on the first run."
            ),
            result => result?,
        }
    }
    Ok(())
}

fn node() -> Result<(), Error> {
    let folder = source().join("js");
    let modules = folder.join("node_modules");
    once(&folder.join("package-lock.json"), &modules, || {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        run(npm.current_dir(&folder))
    })
}

fn python() -> Result<(), Error> {
    let requirements = source().join("py").join("requirements.txt");
    let venv = workspace::root().join("target").join("clients").join("venv");
    once(&requirements, &venv, || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin").join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        run(pip.arg(&requirements))
    })
}

/// The registry that Debian packages. Where there is another package manager, or no right to use it, the test says what it
/// needs.
fn registry() -> Result<(), Error> {
    let there = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join("docker-registry").is_file())
    });
    if there {
        println!("docker-registry is there");
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install = ["install", "--yes", "--quiet", "--no-install-recommends", "docker-registry"];
    // On a machine that has never asked what there is, the first try finds nothing.
    apt(&install).or_else(|_| apt(&["update", "--quiet"]).and_then(|()| apt(&install)))
}

fn source() -> PathBuf {
    workspace::root().join("tests").join("clients")
}

/// Runs `install`, unless `folder` holds what `lock` says already.
fn once(lock: &Path, folder: &Path, install: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let stamp = folder.join(".installed");
    let wanted = std::fs::read(lock).at(lock)?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("{} is there", folder.display());
        return Ok(());
    }
    install()?;
    std::fs::write(&stamp, wanted).at(&stamp)
}
