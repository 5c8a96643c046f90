//! `openclaw config validate`: whether a gateway would start with this file. It gives the verdict of a start, so a file
//! that a start would put back is invalid here, too.

use std::process::ExitCode;

use openclaw_config::{
    Basis, ConfigError, Issue, Objection, Owner, Refused, Report, last_good_path, load, load_for_start,
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
    let refused = load_for_start(&basis, false).ok().and_then(|chosen| chosen.refused);
    let loaded = match load(&basis) {
        Ok(loaded) => loaded,
        Err(error) => return Err(unreadable(&error, refused.is_some(), context)),
    };
    if loaded.source.is_none() {
        return Err(missing(&basis, context));
    }
    let report = &loaded.report;
    if !report.is_valid() || refused.is_some() {
        return Err(invalid(report, refused.as_ref(), context));
    }
    if context.json {
        print_json(&valid(report, context))?;
    } else {
        print_line(&format!("Config valid: {}", context.shown_config()))?;
        for issue in &report.issues {
            crate::output::note(&format!(
                "warning: {issue} ({}); {}",
                issue.place(),
                issue.owner.consequence()
            ));
        }
        for warning in &report.warnings {
            crate::output::note(&format!("warning: {warning} ({})", warning.place()));
        }
        if !has_mode(report) {
            crate::output::note(&format!("warning: {MODE}: {NO_MODE}"));
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

fn unreadable(error: &ConfigError, refused: bool, context: &Context) -> CliError {
    let mut text = error.to_string();
    if refused {
        text.push_str(&put_back(context));
    }
    let extra = json!({"valid": false, "path": context.paths.config});
    CliError::Detailed { text, code: error.code(), extra }
}

/// What a start would do, as a further line.
fn put_back(context: &Context) -> String {
    let copy = context.shown(&last_good_path(&context.paths.config));
    format!("\nA start would put {copy} back, and so does: openclaw doctor --fix")
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

fn invalid(report: &Report, refused: Option<&Refused>, context: &Context) -> CliError {
    let path = context.shown_config();
    let mut text = format!("OpenClaw config is invalid: {path}");
    for issue in &report.issues {
        text.push_str(&format!("\n× {issue} ({})", issue.place()));
        if issue.owner != Owner::Gateway {
            text.push_str(&format!("; {}", issue.owner.consequence()));
        }
    }
    // Faults are among the issues; what is left is what the file has lost against the last good one.
    let objections = refused.map(|refused| refused.objections.as_slice()).unwrap_or_default();
    let is_loss = |found: &&Objection| matches!(found, Objection::ModeRemoved | Objection::SizeDrop { .. });
    let losses: Vec<&Objection> = objections.iter().filter(is_loss).collect();
    for loss in &losses {
        text.push_str(&format!("\n× <root>: {} ({})", sentence(loss), loss.token()));
    }
    text.push_str("\nRun: openclaw doctor");
    if refused.is_some() {
        text.push_str(&put_back(context));
    }
    if matches!(objections, [Objection::SizeDrop { .. }]) {
        text.push_str(&format!("\nTo keep the file as it is: openclaw config apply --force --file {path}"));
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

const MODE: &str = "gateway.mode";
/// The file may be meant for a client, or be finished later: that is no fault of it.
const NO_MODE: &str =
    "it is unset; a gateway start is blocked until it is set (openclaw config set gateway.mode local)";

fn has_mode(report: &Report) -> bool {
    report.config.as_ref().is_some_and(|config| config.gateway.mode.is_some())
}

fn valid(report: &Report, context: &Context) -> Value {
    let mut warnings: Vec<Value> = report.issues.iter().chain(&report.warnings).map(found).collect();
    if !has_mode(report) {
        warnings.push(json!({"path": MODE, "message": NO_MODE}));
    }
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
        "warnings": warnings,
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
