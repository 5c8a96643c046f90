//! `openclaw plugins doctor`: reads every installed package whole and says what is wrong with it. Changes nothing.

use std::process::ExitCode;

use openclaw_packages::{InstallError, Installed};
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

/// One thing that was found.
struct Finding {
    id: String,
    /// `error` or `warning`.
    severity: &'static str,
    code: &'static str,
    message: String,
}

/// Exits with 1 when something does not work.
pub(super) fn run(context: &Context) -> Result<ExitCode, CliError> {
    let installed = Installed::in_state(&context.paths.state_dir);
    let lock = installed.lock().map_err(InstallError::from)?;
    let present =
        openclaw_gateway::present_plugins(&context.paths, &context.config().cloned().unwrap_or_default());
    let mut found = Vec::new();
    for (id, entry) in &lock.plugins {
        match installed.open(id, entry) {
            Err(error) => found.push(finding(id, "error", error.code(), error.to_string())),
            Ok(_) if entry.publisher.is_none() => {
                let message =
                    "is not signed: nobody answers for it (install a signed package of it)".to_owned();
                found.push(finding(id, "warning", "PLUGIN_UNSIGNED", message));
            }
            Ok(_) => {}
        }
    }
    for plugin in present.iter().filter(|plugin| !lock.plugins.contains_key(&plugin.id)) {
        match &plugin.error {
            Some(error) => found.push(finding(&plugin.id, "error", "PLUGIN_UNUSABLE", error.clone())),
            None if plugin.trust == "folder" => {
                let message = "is loaded from a folder, which nobody has signed and whose files may change \
                               (install it: openclaw plugins install FOLDER)";
                found.push(finding(&plugin.id, "warning", "PLUGIN_FOLDER", message.to_owned()));
            }
            None => {}
        }
    }
    let ok = found.iter().all(|finding| finding.severity != "error");
    if context.json {
        let findings: Vec<Value> = found
            .iter()
            .map(|one| json!({"id": one.id, "severity": one.severity, "code": one.code, "message": one.message}))
            .collect();
        print_json(&json!({"ok": ok, "checked": lock.plugins.len(), "findings": findings}))?;
    } else {
        print_line(&format!("Checked {} installed plugin(s).", lock.plugins.len()))?;
        for one in &found {
            let word = match one.severity {
                "error" => context.output.bad("error"),
                _ => context.output.warn("warning"),
            };
            print_line(&format!("{word}: {}: {}", clean(&one.id), clean(&one.message)))?;
        }
        if found.is_empty() {
            print_line("Nothing is wrong with them.")?;
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn finding(id: &str, severity: &'static str, code: &'static str, message: String) -> Finding {
    Finding { id: id.to_owned(), severity, code, message }
}
