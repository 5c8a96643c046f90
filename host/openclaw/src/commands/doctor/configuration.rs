//! The checks of the configuration file and of what lies beside it. They only read.

use std::path::{Path, PathBuf};

use openclaw_config::{
    Basis, GatewayMode, Issue, Owner, Place, Report, last_good, last_good_path, load_for_start, tokens,
};

use super::{
    finding::{Finding, Findings, Severity},
    repair,
};
use crate::context::Context;

const CONFIG: &str = "core/doctor/gateway-config";
const LEGACY: &str = "core/doctor/legacy-config";
const UNUSED: &str = "core/doctor/unused-config";
const LAST_GOOD: &str = "core/doctor/last-good-config";
const REJECTED: &str = "core/doctor/rejected-config";

/// The command that mends.
const FIX: &str = "openclaw doctor --fix";

pub(super) fn run(context: &Context, findings: &mut Findings) {
    let plugins = context.plugin_schemas();
    let basis = context.basis(&plugins);
    let report = &context.loaded().report;
    findings.ran(faults(&basis, context));
    findings.ran(mode(context));
    findings.ran(older_spellings(report, context));
    findings.ran(unused(report));
    findings.ran(copy(&basis, context));
    findings.ran(rejected(context));
}

/// Where the finding stands in the file.
fn placed(
    finding: Finding,
    file: Option<&Path>,
    (line, column): (usize, usize),
    context: &Context,
) -> Finding {
    Finding { file: file.map(|file| context.shown(file)), line: Some(line), column: Some(column), ..finding }
}

fn faults(basis: &Basis<'_>, context: &Context) -> Vec<Finding> {
    let loaded = context.loaded();
    if let Some(error) = &loaded.error {
        return vec![Finding::new(CONFIG, Severity::Error, error.to_string()).at(context.shown_config())];
    }
    if !loaded.exists {
        let missing =
            Finding::new(CONFIG, Severity::Error, "There is no configuration.").at(context.shown_config());
        return vec![match last_good(basis) {
            Some(_) => missing.fix(format!("{FIX} (its last good copy is there)")),
            None => missing.fix("openclaw onboard --mode local --non-interactive --accept-risk"),
        }];
    }
    let found = |issue: &Issue, severity: Severity| {
        let finding = Finding::new(CONFIG, severity, issue.message.clone()).at(issue.path.clone());
        placed(finding, issue.file.as_deref(), (issue.line, issue.column), context)
    };
    let file = |issue: &Issue| match &issue.file {
        Some(file) => context.shown(file),
        None => context.shown_config(),
    };
    let issues = loaded.report.issues.iter().map(|issue| {
        let consequence = issue.owner.consequence();
        let hint = match &issue.owner {
            Owner::Gateway => {
                format!("Edit line {} of {}; until then {consequence}.", issue.line, file(issue))
            }
            _ => format!("Until then {consequence}."),
        };
        found(issue, Severity::Error).fix(hint)
    });
    let warnings = loaded.report.warnings.iter().map(|issue| found(issue, Severity::Warning));
    issues.chain(warnings).collect()
}

fn mode(context: &Context) -> Option<Finding> {
    let loaded = context.loaded();
    if !loaded.exists || loaded.report.config.is_none() {
        return None;
    }
    match context.config().and_then(|config| config.gateway.mode) {
        Some(GatewayMode::Local | GatewayMode::Remote) => None,
        None => Some(
            Finding::new(CONFIG, Severity::Error, "gateway.mode is unset; gateway start will be blocked.")
                .at("gateway.mode")
                .fix("Run `openclaw config set gateway.mode local`."),
        ),
    }
}

/// Older spellings, and what `--fix` would do about each.
fn older_spellings(report: &Report, context: &Context) -> Vec<Finding> {
    let found = report.moved.iter().map(|moved| {
        let message = match &moved.to {
            Some(to) if *to == moved.from => "An older form, read as the one of today.".to_owned(),
            Some(to) => format!("An older spelling, read as {to}."),
            None => "An older key that means nothing today, or whose newer one is set, too.".to_owned(),
        };
        let hint = match (&moved.place.file, &moved.to) {
            (Some(_), _) => repair::advice(moved, context),
            (None, Some(to)) if *to == moved.from => format!("{FIX} (rewrites it)"),
            (None, Some(to)) => format!("{FIX} (moves it to {to})"),
            (None, None) => format!("{FIX} (removes it)"),
        };
        let finding = Finding::new(LEGACY, Severity::Info, message).at(moved.from.clone()).fix(hint);
        let Place { file, line, column } = &moved.place;
        placed(finding, file.as_deref(), (*line, *column), context)
    });
    found.collect()
}

/// One finding for all of them: real files have many, and none of them does harm.
fn unused(report: &Report) -> Option<Finding> {
    let details: Vec<String> = report.unused.iter().map(|issue| issue.path.clone()).collect();
    if details.is_empty() {
        return None;
    }
    let message = format!("{} key(s) are accepted, not used by this gateway:", details.len());
    Some(Finding { details, ..Finding::new(UNUSED, Severity::Info, message) })
}

/// The copy of the last configuration that a gateway ran with.
fn copy(basis: &Basis<'_>, context: &Context) -> Option<Finding> {
    let copy = last_good_path(basis.config);
    let shown = context.shown(&copy);
    let refused = load_for_start(basis, false).ok().and_then(|chosen| chosen.refused);
    if let Some(refused) = refused {
        let reasons = tokens(&refused.objections);
        let message = format!("A start would use the last good copy instead of this file ({reasons}).");
        let finding = Finding::new(LAST_GOOD, Severity::Error, message).at(context.shown_config());
        return Some(finding.fix(format!("Mend the file, or run {FIX} to put {shown} back.")));
    }
    let loaded = context.loaded();
    if !loaded.exists || !loaded.report.is_valid() || loaded.error.is_some() {
        return None;
    }
    if !copy.exists() {
        let message =
            "There is no last good copy of the configuration yet; a gateway makes one when it starts.";
        return Some(Finding::new(LAST_GOOD, Severity::Info, message).at(shown));
    }
    match (last_good(basis), openclaw_config::load(basis)) {
        (None, _) => {
            let message = "The last good copy of the configuration cannot be used any more; a gateway renews it \
                           when it starts.";
            Some(Finding::new(LAST_GOOD, Severity::Warning, message).at(shown))
        }
        (Some(_), Ok(now)) if !openclaw_config::is_kept(basis.config, &now) => {
            let message = "The last good copy differs from the configuration: no gateway has run with what the \
                           file says now.";
            Some(Finding::new(LAST_GOOD, Severity::Info, message).at(shown))
        }
        _ => None,
    }
}

/// Files that were refused and set aside.
fn rejected(context: &Context) -> Option<Finding> {
    let files = rejected_files(&context.paths.config);
    let newest = files.iter().max()?;
    let message = format!("{} refused file(s) are kept beside the configuration.", files.len());
    let finding = Finding::new(REJECTED, Severity::Info, message).at(context.shown(newest));
    Some(finding.fix("Compare the newest with the configuration, and remove what is not needed any more."))
}

/// Their names end with the time, so that the last in order is the newest.
fn rejected_files(config: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (config.parent(), config.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let prefix = format!("{name}.rejected.");
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|entry| entry.starts_with(&prefix)))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_files_are_found_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("openclaw.json");
        for name in
            ["openclaw.json", "openclaw.json.bak", "openclaw.json.rejected.2026-01-02", "other.rejected.1"]
        {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        assert_eq!(rejected_files(&config), [dir.path().join("openclaw.json.rejected.2026-01-02")]);
    }
}
