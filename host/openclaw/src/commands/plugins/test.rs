//! `openclaw plugins test`: everything that an author can find out without a vendor.

use std::process::{ExitCode, Stdio};
use std::time::Instant;

use clap::Args;
use openclaw_authoring::Toolchain;
use serde_json::json;

use super::build::{CargoFlags, sentence};
use super::check::{self, Finding};
use super::project::{FolderFlags, Project};
use crate::{
    context::Context,
    error::CliError,
    output::{age, print_json, print_line},
};

/// Flags of `openclaw plugins test`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw plugins test
  openclaw plugins test ./my-channel --json
  openclaw plugins test -- --offline            What follows -- goes to cargo

It builds the plugin, runs its tests on this machine (cargo test) and checks it (openclaw plugins check).")]
pub(crate) struct Flags {
    #[command(flatten)]
    folder: FolderFlags,
    #[command(flatten)]
    cargo: CargoFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let begun = Instant::now();
    let project = Project::read(&flags.folder.resolve()?)?;
    let built = project.build(&flags.cargo.arguments, context)?;
    // As an author types it himself: with overflow checks, and linked in a moment.
    let mut tests = Toolchain::of(&project.folder).cargo();
    tests.arg("test").args(&flags.cargo.arguments).stdin(Stdio::null());
    if context.json {
        // The document is all that stands on the standard output.
        tests.stdout(std::io::stderr());
    }
    let status = tests.status().map_err(|cause| CliError::invalid(format!("cannot start cargo: {cause}")))?;
    let checked = check::check(&project.folder, Some(&built.folder), context)?;
    let errors = checked.findings.iter().filter(|finding| finding.is_error()).count();
    let ok = status.success() && errors == 0;
    let took = age::latency(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
    if context.json {
        let findings: Vec<_> = checked.findings.iter().map(Finding::to_json).collect();
        print_json(&json!({
            "ok": ok, "id": project.manifest.plugin.id, "folder": built.folder, "bytes": built.bytes,
            "testsPassed": status.success(), "findings": findings,
        }))?;
    } else {
        check::print(&checked.findings, context)?;
        let built = sentence(&project, &built, &checked.examined.unwrap_or_default());
        let tests = if status.success() { "its tests pass" } else { "its tests FAIL" };
        let findings = match checked.findings.len() {
            0 => "nothing to find fault with".to_owned(),
            1 => "1 finding".to_owned(),
            n => format!("{n} findings"),
        };
        print_line(&format!("{built}; {tests}; {findings}. {took}"))?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
