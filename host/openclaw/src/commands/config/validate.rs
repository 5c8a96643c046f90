//! `openclaw config validate`: whether a gateway would start with this file. It gives the verdict of a start, so a file
//! that a start would put back is invalid here, too.

use std::process::ExitCode;

use openclaw_config::{
    Basis, ConfigError, Issue, Objection, Refused, Report, last_good_path, load, load_for_start,
};
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

pub(super) fn run(context: &Context) -> Result<ExitCode, CliError> {
    let plugins = context.plugin_schemas();
    let basis = context.basis(&plugins);
    let loaded = load(&basis)?;
    if loaded.source.is_none() {
        return Err(missing(&basis, context));
    }
    let report = &loaded.report;
    let losses = losses(&basis)?;
    if !report.is_valid() || !losses.is_empty() {
        return Err(invalid(report, &losses, context));
    }
    let warnings = warnings(report);
    if context.json {
        print_json(&valid(report, &warnings, context))?;
    } else {
        print_line(&format!("Config valid: {}", context.shown_config()))?;
        for (issue, consequence) in &warnings {
            eprintln!("warning: {issue} ({}){consequence}", issue.place());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn missing(basis: &Basis<'_>, context: &Context) -> CliError {
    let mut text = format!("Config file not found: {}", context.shown_config());
    if openclaw_config::last_good(basis).is_some() {
        text.push_str("\nIts last good copy is there; put it back with: openclaw doctor --fix");
    }
    let code = ConfigError::NotFound { path: context.paths.config.clone() }.code();
    CliError::Detailed { text, code, extra: json!({"valid": false, "path": context.paths.config}) }
}

/// What the file has lost against the last good one, so that a start would put that back. Faults are in the report.
fn losses(basis: &Basis<'_>) -> Result<Vec<Objection>, ConfigError> {
    let refused = load_for_start(basis, false)?.refused;
    let mut objections = refused.map(|Refused { objections, .. }| objections).unwrap_or_default();
    objections.retain(|objection| matches!(objection, Objection::ModeRemoved | Objection::SizeDrop { .. }));
    Ok(objections)
}

fn sentence(objection: &Objection) -> String {
    match objection {
        Objection::ModeRemoved => "gateway.mode is gone; the last good configuration has it".to_owned(),
        Objection::SizeDrop { old, new } => format!(
            "the file is less than half of the last good configuration ({new} bytes, and {old} before)"
        ),
        Objection::Invalid(issues) => issues.join("; "),
        Objection::Unreadable(why) => why.clone(),
    }
}

fn invalid(report: &Report, losses: &[Objection], context: &Context) -> CliError {
    let path = context.shown_config();
    let mut text = format!("OpenClaw config is invalid: {path}");
    for issue in &report.issues {
        text.push_str(&format!("\n× {issue} ({})", issue.place()));
    }
    for loss in losses {
        text.push_str(&format!("\n× <root>: {} ({})", sentence(loss), loss.token()));
    }
    text.push_str("\nRun: openclaw doctor");
    if !losses.is_empty() {
        let copy = context.shown(&last_good_path(&context.paths.config));
        text.push_str(&format!("\nA start would put {copy} back, and so does: openclaw doctor --fix"));
        if losses.iter().all(|loss| matches!(loss, Objection::SizeDrop { .. })) && report.is_valid() {
            text.push_str(&format!(
                "\nTo keep the file as it is: openclaw config apply --force --file {path}"
            ));
        }
    }
    let mut issues: Vec<Value> = report.issues.iter().map(found).collect();
    issues.extend(
        losses
            .iter()
            .map(|loss| json!({"path": "<root>", "message": sentence(loss), "reason": loss.token()})),
    );
    let extra = json!({"valid": false, "path": context.paths.config, "issues": issues});
    CliError::Detailed { text, code: "CONFIG_INVALID", extra }
}

/// What the gateway starts in spite of, and what that means.
fn warnings(report: &Report) -> Vec<(Issue, String)> {
    let parts = report.issues.iter().map(|issue| (issue.clone(), format!("; {}", issue.owner.consequence())));
    let others = report.warnings.iter().map(|warning| (warning.clone(), String::new()));
    parts.chain(others).collect()
}

fn valid(report: &Report, warnings: &[(Issue, String)], context: &Context) -> Value {
    let disabled = report.disabled().into_iter().map(|(owner, issue)| {
        let mut document = found(issue);
        if let Value::Object(map) = &mut document {
            map.insert("owner".to_owned(), json!(owner.section()));
            map.insert("reason".to_owned(), json!(issue.to_string()));
            map.insert("consequence".to_owned(), json!(owner.consequence()));
        }
        document
    });
    let moved = report.moved.iter().map(|moved| {
        json!({
            "from": moved.from,
            "to": moved.to,
            "message": moved.to_string(),
            "file": moved.place.file,
            "line": moved.place.line,
            "column": moved.place.column,
        })
    });
    json!({
        "valid": true,
        "path": context.paths.config,
        "warnings": warnings.iter().map(|(issue, _)| found(issue)).collect::<Vec<_>>(),
        "disabled": disabled.collect::<Vec<_>>(),
        "moved": moved.collect::<Vec<_>>(),
        "unused": report.unused.iter().map(found).collect::<Vec<_>>(),
    })
}

fn found(issue: &Issue) -> Value {
    let mut document = json!({
        "path": issue.path,
        "message": issue.message,
        "line": issue.line,
        "column": issue.column,
    });
    if let (Some(file), Value::Object(map)) = (&issue.file, &mut document) {
        map.insert("file".to_owned(), json!(file));
    }
    document
}
