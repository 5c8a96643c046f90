//! `openclaw doctor`: looks at the configuration, the machine and the running gateway, and says what to do about what it
//! finds. It changes nothing unless it is asked to mend what can be mended without a choice.

mod checks;
mod configuration;
mod finding;
mod repair;

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use self::{finding::Findings, repair::Repair};
use crate::{
    client::RpcFlags,
    context::Context,
    error::CliError,
    output::{Output, print_json, print_line},
};

/// Flags of `openclaw doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw doctor
  openclaw doctor --fix       Mend what can be mended, then check
  openclaw doctor --lint      One line a finding; exit with 1 when there is one to do something about

--fix puts the last good configuration back where a start would refuse the file, writes older spellings as those of
today, and takes the file and the state directory from other users. It never asks, and keeps what it replaces.")]
pub(crate) struct Flags {
    /// One line a finding; exit with 1 when there is one to do something about
    #[arg(long)]
    lint: bool,
    /// Mend what can be mended without a choice
    #[arg(long, visible_alias = "repair")]
    fix: bool,
    /// Accepted for compatibility: it never asks anything
    #[arg(long, hide = true)]
    yes: bool,
    /// Accepted for compatibility: it never asks anything
    #[arg(long, hide = true)]
    non_interactive: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    // Before anything is looked at: the checks are of what is there afterwards.
    let repairs = if flags.fix { repair::run(context)? } else { Vec::new() };
    let mut findings = Findings::default();
    checks::run(&flags.rpc, context, &mut findings)?;
    // The worst first; among equals the order of the checks.
    findings.found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    if context.json {
        print_json(&json!({
            "schemaVersion": 1,
            "ok": findings.is_ok(),
            "checksRun": findings.run,
            "checksSkipped": findings.skipped,
            "findings": findings.found,
            "repairs": repairs,
        }))?;
    } else if flags.lint {
        print_line(&format!("{}{}", done(flags, &repairs, Output::plain()), findings.lint()))?;
    } else {
        let output = context.output;
        let heading = output.bold("OpenClaw doctor");
        print_line(&format!("{heading}\n\n{}{}", done(flags, &repairs, output), findings.text(output)))?;
    }
    Ok(if flags.lint && !findings.is_ok() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What was mended, for people; nothing without `--fix`.
fn done(flags: &Flags, repairs: &[Repair], output: Output) -> String {
    if !flags.fix {
        return String::new();
    }
    if repairs.is_empty() {
        return "Nothing was changed.\n\n".to_owned();
    }
    let mut lines = Vec::new();
    for repair in repairs {
        lines.push(output.good(&repair.message));
        lines.extend(repair.details.iter().map(|detail| format!("  {detail}")));
    }
    format!("{}\n\n", lines.join("\n"))
}
