//! `openclaw doctor`: looks at the configuration, the machine and the running gateway, and says what to do about what it
//! finds. It changes nothing.

mod checks;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;

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
  openclaw doctor --lint      One line a finding; exit with 1 when there is one")]
pub(crate) struct Flags {
    /// One line a finding; exit with 1 when there is one
    #[arg(long)]
    lint: bool,
    /// Accepted for compatibility: it never asks anything
    #[arg(long, hide = true)]
    non_interactive: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Worth knowing.
    Info,
    /// Something will not work as expected.
    Warning,
    /// Something does not work.
    Error,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing to do something about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    check_id: &'static str,
    severity: Severity,
    message: String,
    /// A path in the configuration, or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix_hint: Option<String>,
}

impl Finding {
    fn new(check_id: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            check_id,
            severity,
            message: message.into(),
            path: None,
            line: None,
            column: None,
            fix_hint: None,
        }
    }

    fn at(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    fn fix(self, hint: impl Into<String>) -> Self {
        Self { fix_hint: Some(hint.into()), ..self }
    }
}

/// What the checks found, and how many there were.
#[derive(Default)]
struct Findings {
    run: usize,
    skipped: usize,
    found: Vec<Finding>,
}

impl Findings {
    fn ran(&mut self, found: impl IntoIterator<Item = Finding>) {
        self.run += 1;
        self.found.extend(found);
    }

    fn is_ok(&self) -> bool {
        self.found.iter().all(|finding| finding.severity == Severity::Info)
    }
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
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
        }))?;
    } else if flags.lint {
        print_line(&lint(&findings))?;
    } else {
        print_line(&text(&findings, context.output))?;
    }
    Ok(if flags.lint && !findings.is_ok() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn lint(findings: &Findings) -> String {
    let mut lines =
        vec![format!("doctor --lint: ran {} check(s), {} finding(s)", findings.run, findings.found.len())];
    for finding in &findings.found {
        let path = finding.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
        lines.push(format!(
            "  [{}] {}{path} - {}",
            finding.severity.word(),
            finding.check_id,
            finding.message
        ));
        lines.extend(finding.fix_hint.as_ref().map(|hint| format!("    fix: {hint}")));
    }
    lines.join("\n")
}

fn text(findings: &Findings, output: Output) -> String {
    let mut lines = vec![output.bold("OpenClaw doctor"), String::new()];
    for finding in &findings.found {
        let word = finding.severity.word();
        let word = match finding.severity {
            Severity::Info => word.to_owned(),
            Severity::Warning => output.warn(word),
            Severity::Error => output.bad(word),
        };
        let path = finding.path.as_ref().map(|path| format!(" ({path})")).unwrap_or_default();
        lines.push(format!("{word}: {}{path}", finding.message));
        lines.extend(finding.fix_hint.as_ref().map(|hint| format!("  fix: {hint}")));
    }
    if findings.found.is_empty() {
        lines.push(output.good("Nothing to mend."));
    }
    let skipped =
        if findings.skipped > 0 { format!(", {} skipped", findings.skipped) } else { String::new() };
    lines.push(format!("\nRan {} checks{skipped}. Doctor complete.", findings.run));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_check_its_place_and_its_fix() {
        let mut findings = Findings::default();
        findings.ran([Finding::new("core/doctor/x", Severity::Warning, "it is wrong")
            .at("gateway.bind")
            .fix("mend it")]);
        assert_eq!(
            lint(&findings),
            "doctor --lint: ran 1 check(s), 1 finding(s)\n  [warning] core/doctor/x gateway.bind - it is wrong\n    \
             fix: mend it"
        );
        assert!(!findings.is_ok());
    }
}
