//! `openclaw plugins build`: from sources to a folder that can be installed, packed or loaded.

use std::process::ExitCode;

use clap::Args;
use openclaw_authoring::Built;
use openclaw_gateway::{Examined, NotTaken};
use openclaw_packages::Package;
use serde_json::json;

use super::project::{FolderFlags, Project};
use crate::{
    client::block_on,
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// Flags of `openclaw plugins build`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins build
  openclaw plugins build ./my-channel --json
  openclaw plugins build -- --offline           What follows -- goes to cargo

The result lies in target/openclaw/ID. Install it from there, or pack it.")]
pub(crate) struct Flags {
    #[command(flatten)]
    folder: FolderFlags,
    #[command(flatten)]
    cargo: CargoFlags,
}

/// What goes to cargo as it is.
#[derive(Args, Clone, Debug)]
pub(super) struct CargoFlags {
    /// Arguments for cargo
    #[arg(last = true, value_name = "CARGO ARGUMENTS")]
    pub(super) arguments: Vec<String>,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let project = Project::read(&flags.folder.resolve()?)?;
    let built = project.build(&flags.cargo.arguments, context)?;
    let examined = examine(&built, context)?;
    let (plugin, component) = (&project.manifest.plugin, built.folder.join("component.wasm"));
    if context.json {
        print_json(&json!({
            "ok": true, "id": plugin.id, "kind": plugin.kind.as_str(), "version": plugin.version, "wit": plugin.wit,
            "folder": built.folder, "component": component, "bytes": built.bytes, "features": examined.features,
            "imports": examined.imports,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(&format!("{}.", sentence(&project, &built, &examined)))?;
    print_line(&format!("It lies in {}", built.folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// What a gateway says about what was built.
pub(super) fn examine(built: &Built, context: &Context) -> Result<Examined, CliError> {
    let package = Package::from_folder(&built.folder)?;
    Ok(examined(&package, context)??)
}

pub(super) fn examined(package: &Package, context: &Context) -> Result<Result<Examined, NotTaken>, CliError> {
    block_on(async { Ok(openclaw_gateway::examine_plugin(&context.paths, package).await) })
}

impl From<NotTaken> for CliError {
    fn from(error: NotTaken) -> Self {
        Self::Detailed { text: error.text, code: error.code, extra: json!({}) }
    }
}

/// What was built, without a full stop.
pub(super) fn sentence(project: &Project, built: &Built, examined: &Examined) -> String {
    let plugin = &project.manifest.plugin;
    let features = match examined.features.as_slice() {
        [] => String::new(),
        features => format!(", with {}", features.join(" and ")),
    };
    let (id, version, kind) = (&plugin.id, &plugin.version, plugin.kind.as_str());
    format!("Built the {kind} {id} {version} ({} KiB{features})", built.bytes.div_ceil(1024))
}
