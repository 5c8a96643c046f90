//! `openclaw plugins`: what is there, what comes and goes, and what an author needs to hand a plugin on.

mod author;
mod build;
mod check;
mod dev;
mod doctor;
mod fetch;
mod inspect;
mod install;
mod list;
mod new;
mod progress;
mod project;
mod reload;
mod remove;
mod test;
mod toggle;

use std::process::ExitCode;

use clap::Subcommand as ClapSubcommand;
use openclaw_packages::{InstallError, PackageError};
use serde_json::json;

use crate::{context::Context, error::CliError};

/// `openclaw plugins …`
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Subcommand {
    /// List the plugins of the gateway
    List(list::Flags),
    /// Show one plugin: where it comes from, who signed it, what it may reach
    Inspect(inspect::Flags),
    /// Install a plugin from a folder, a file, an https URL or an OCI registry
    Install(install::Flags),
    /// Install newer versions from where the plugins came from
    Update(install::UpdateFlags),
    /// Remove an installed plugin
    Uninstall(remove::Flags),
    /// Take plugins whose files have changed into use; only their accounts start anew
    #[command(after_help = "\
Examples:
  openclaw plugins reload                Look at every installed plugin
  openclaw plugins reload my-channel     Look at this one

The gateway does the same by itself when a file changes. A plugin that does not load replaces nothing: the one from
before goes on, and the exit code is 1.")]
    Reload(reload::Flags),
    /// Let a plugin run
    Enable(toggle::Flags),
    /// Keep a plugin from running
    Disable(toggle::Flags),
    /// Check the installed plugins: files, digests, signatures
    Doctor,
    /// Begin a plugin: a folder that builds, passes its tests and runs as it stands
    New(new::Flags),
    /// Build a plugin
    Build(build::Flags),
    /// Say what is wrong with a plugin, before a gateway does
    Check(check::Flags),
    /// Build a plugin, run its tests and check it
    Test(test::Flags),
    /// Run a plugin in the gateway of this machine, and again after each change
    Dev(dev::Flags),
    /// Pack a folder with plugin.toml and component.wasm into one file
    Pack(author::PackFlags),
    /// Sign a package
    Sign(author::SignFlags),
    /// Check a package and say whose it is
    Verify(author::VerifyFlags),
}

pub(crate) fn run(command: &Subcommand, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        Subcommand::List(flags) => list::run(flags, context),
        Subcommand::Inspect(flags) => inspect::run(flags, context),
        Subcommand::Install(flags) => install::run(flags, context),
        Subcommand::Update(flags) => install::update(flags, context),
        Subcommand::Uninstall(flags) => remove::run(flags, context),
        Subcommand::Reload(flags) => reload::run(flags, context),
        Subcommand::Enable(flags) => toggle::run(flags, true, context),
        Subcommand::Disable(flags) => toggle::run(flags, false, context),
        Subcommand::Doctor => doctor::run(context),
        Subcommand::New(flags) => new::run(flags, context),
        Subcommand::Build(flags) => build::run(flags, context),
        Subcommand::Check(flags) => check::run(flags, context),
        Subcommand::Test(flags) => test::run(flags, context),
        Subcommand::Dev(flags) => dev::run(flags, context),
        Subcommand::Pack(flags) => author::pack(flags, context),
        Subcommand::Sign(flags) => author::sign(flags, context),
        Subcommand::Verify(flags) => author::verify(flags, context),
    }
}

impl From<InstallError> for CliError {
    fn from(error: InstallError) -> Self {
        Self::Detailed { text: error.to_string(), code: error.code(), extra: json!({}) }
    }
}

impl From<PackageError> for CliError {
    fn from(error: PackageError) -> Self {
        Self::Detailed { text: error.to_string(), code: error.code(), extra: json!({}) }
    }
}

/// The command that a running gateway needs before it takes a change into use; `None` when none runs.
fn to_take_into_use(context: &Context) -> Option<&'static str> {
    context.running_port().map(|_| "openclaw plugins reload")
}
