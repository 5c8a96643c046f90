//! Builds one plugin: cargo makes the component, and what belongs to the plugin is laid out in one folder, from which it is
//! packed, installed or loaded. A file is written only when its bytes change, whole or not at all.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::error::{AtPath, AuthoringError};
use crate::toolchain::{Kind, Toolchain, not_started, shown};

/// The largest component that is laid out, in bytes: as many as a package may have.
const LARGEST: u64 = 64 << 20;

/// What to build.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where `Cargo.toml` and `plugin.toml` stand. Absolute.
    pub folder: PathBuf,
    /// The plugin's id.
    pub id: String,
    /// How it is built.
    pub kind: Kind,
    /// The files beside the manifest that belong to the plugin, for instance its schema.
    pub files: Vec<String>,
    /// Where to lay it out; without one `openclaw/<id>` in cargo's target folder.
    pub destination: Option<PathBuf>,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Holds `plugin.toml`, `component.wasm` and the further files.
    pub folder: PathBuf,
    /// The component's size in bytes.
    pub bytes: u64,
    /// When the compiler had finished.
    pub compiled: Instant,
}

/// A build that is under way. It ends with its owner's word or by itself, not when this is dropped.
#[derive(Debug)]
pub struct Build {
    plan: Plan,
    command: String,
    child: Child,
}

impl Build {
    /// Starts cargo with these further arguments. Its words for people go to the standard error of this process. `apart`: in a
    /// process group of its own, of which [`Build::group`] tells the number.
    ///
    /// # Errors
    /// When cargo cannot be started.
    pub fn start(plan: Plan, arguments: &[String], apart: bool) -> Result<Self, AuthoringError> {
        let mut command = Toolchain::of(&plan.folder).component(plan.kind);
        command.arg("--message-format=json-render-diagnostics").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        if apart {
            command.process_group(0);
        }
        let child = command.spawn().map_err(|cause| not_started("cargo", cause))?;
        Ok(Self { plan, command: shown(&command), child })
    }

    /// The process, and its group where it was started apart.
    #[must_use]
    pub fn group(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end and lays out what was built.
    ///
    /// # Errors
    /// When the build fails, or what it made cannot be laid out.
    pub fn wait(mut self) -> Result<Built, AuthoringError> {
        let built = component_of(&mut self.child, &self.plan.folder);
        let status = self.child.wait().at(&self.plan.folder)?;
        let compiled = Instant::now();
        if !status.success() {
            return Err(AuthoringError::Failed { command: self.command, status });
        }
        let wasm = built.ok_or_else(|| AuthoringError::NoComponent(self.plan.folder.join("Cargo.toml")))?;
        // <target>/<triple>/<profile>/<name>.wasm
        let target = wasm.ancestors().nth(3).unwrap_or(&self.plan.folder);
        let folder =
            self.plan.destination.clone().unwrap_or_else(|| target.join("openclaw").join(&self.plan.id));
        let bytes = lay_out(&self.plan, Some(&wasm), &folder)?;
        Ok(Built { folder, bytes, compiled })
    }
}

/// Puts the component, if there is one, the manifest and the further files of a plugin into `destination`, and takes a component away
/// that is not meant. Returns the component's size.
///
/// # Errors
/// When a file cannot be read or written.
pub fn lay_out(plan: &Plan, component: Option<&Path>, destination: &Path) -> Result<u64, AuthoringError> {
    std::fs::create_dir_all(destination).at(destination)?;
    let mut size = 0;
    let place = destination.join("component.wasm");
    match component {
        Some(component) => {
            let mut bytes = Vec::new();
            std::fs::File::open(component)
                .at(component)?
                .take(LARGEST)
                .read_to_end(&mut bytes)
                .at(component)?;
            size = bytes.len() as u64;
            write_if_changed(&place, &bytes)?;
        }
        None if place.exists() => std::fs::remove_file(&place).at(&place)?,
        None => {}
    }
    for name in plan.files.iter().map(String::as_str).chain(["plugin.toml"]) {
        let source = plan.folder.join(name);
        write_if_changed(&destination.join(name), &std::fs::read(&source).at(&source)?)?;
    }
    Ok(size)
}

/// What cargo says that it made of the package in `folder`. Reads until cargo says no more.
fn component_of(child: &mut Child, folder: &Path) -> Option<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    let mut found = None;
    for line in BufReader::new(child.stdout.take()?).lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        let text = |key: &str| message.get(key).and_then(Value::as_str);
        if text("reason") != Some("compiler-artifact")
            || text("manifest_path").map(Path::new) != Some(&manifest)
        {
            continue;
        }
        let files = message.get("filenames").and_then(Value::as_array).into_iter().flatten();
        let wasm = files.filter_map(Value::as_str).find(|file| file.ends_with(".wasm"));
        found = wasm.map(PathBuf::from).or(found);
    }
    found
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), AuthoringError> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    // A gateway that watches the folder sees the old file or the new one. No folder of plugins is searched for this name.
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let staged = PathBuf::from(staged);
    std::fs::write(&staged, bytes).at(&staged)?;
    std::fs::rename(&staged, path).at(path)
}
