//! What a dry run says: whether the change would be made, what the file would look like, and whether the secrets that
//! it refers to are there. The document for programs has the keys of the original (openclaw-compat §5.12).

use std::process::ExitCode;

use openclaw_config::{Basis, Changed, CheckedReferences, ConfigError, SecretRef, check_references};
use serde_json::{Map, Value, json};

use super::change::Request;
use crate::{
    context::Context,
    error::CliError,
    output::{Output, print_json, print_line},
};

pub(super) fn report(
    request: &Request,
    result: Result<Changed, ConfigError>,
    basis: &Basis<'_>,
    context: &Context,
) -> Result<ExitCode, CliError> {
    let changed = match result {
        Ok(changed) => changed,
        Err(error) => {
            // Without a file that can be understood there is nothing to try the change on.
            let Some(kind) = kind(&error).filter(|_| context.json) else { return Err(error.into()) };
            let mut document = request.head(false, &CheckedReferences::default(), context);
            let messages = match &error {
                ConfigError::Rejected { issues } => issues.iter().map(ToString::to_string).collect(),
                other => vec![other.to_string()],
            };
            let errors: Vec<Value> =
                messages.iter().map(|message| json!({"kind": kind, "message": message})).collect();
            document.insert("errors".to_owned(), json!(errors));
            document.insert("dryRun".to_owned(), json!(true));
            let failure = CliError::from(error).to_json().get_mut("error").map(Value::take);
            document.insert("error".to_owned(), failure.unwrap_or_default());
            print_json(&document)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let references = check_references(basis, &changed, &context.paths.home, request.allow_exec);
    let ok = references.failures.is_empty();
    for warning in &changed.warnings {
        crate::output::note(&format!("warning: {warning}"));
    }
    if context.json {
        let mut document = request.head(ok, &references, context);
        if !ok {
            let errors = references.failures.iter().map(|(reference, error)| {
                json!({"kind": "resolvability", "message": error.to_string(), "ref": shown(reference)})
            });
            document.insert("errors".to_owned(), json!(errors.collect::<Vec<_>>()));
        }
        document.insert("dryRun".to_owned(), json!(true));
        document.insert("changed".to_owned(), json!(false));
        for (key, value) in request.facts(&changed, context) {
            document.entry(key).or_insert(value);
        }
        document.insert("diff".to_owned(), json!(changed.diff));
        print_json(&document)?;
    } else if ok {
        let mut text = format!(
            "Dry run successful: {} update(s) validated against {}.",
            request.operations,
            context.shown_config()
        );
        text.push('\n');
        text.push_str(&if changed.diff.is_empty() {
            "The file would stay as it is.".to_owned()
        } else {
            painted(&changed.diff, context.output)
        });
        print_line(text.trim_end())?;
    } else {
        let lines = references.failures.iter().map(|(_, error)| format!("\n- {error}"));
        return Err(CliError::invalid(format!(
            "Dry run failed: {} SecretRef assignment(s) could not be resolved.{}",
            references.failures.len(),
            lines.collect::<String>()
        )));
    }
    if references.skipped_exec > 0 {
        crate::output::note(&format!(
            "Dry run note: skipped {} exec SecretRef resolvability check(s). Re-run with --allow-exec to run their \
             programs.",
            references.skipped_exec
        ));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Request {
    /// The keys of the original, in its order.
    fn head(&self, ok: bool, references: &CheckedReferences, context: &Context) -> Map<String, Value> {
        let document = json!({
            "ok": ok,
            "operations": self.operations,
            "configPath": context.paths.config,
            "inputModes": self.modes,
            "checks": {
                "schema": true,
                "resolvability": true,
                "resolvabilityComplete": references.skipped_exec == 0,
            },
            "refsChecked": references.checked,
            "skippedExecRefs": references.skipped_exec,
        });
        match document {
            Value::Object(document) => document,
            _ => Map::new(),
        }
    }
}

/// What about the change is refused; `None` when it is not the change.
fn kind(error: &ConfigError) -> Option<&'static str> {
    match error {
        ConfigError::Rejected { .. }
        | ConfigError::InvalidValue { .. }
        | ConfigError::NotAContainer { .. }
        | ConfigError::BeyondEnd { .. }
        | ConfigError::WouldDrop { .. }
        | ConfigError::WriteRejected { .. }
        | ConfigError::Included { .. }
        | ConfigError::TwoFiles { .. } => Some("schema"),
        ConfigError::NothingToRemove { .. } => Some("missing-path"),
        ConfigError::Changed { .. } | ConfigError::Unexpected { .. } => Some("conflict"),
        _ => None,
    }
}

/// `source:provider:id`
fn shown(reference: &SecretRef) -> String {
    format!("{}:{}:{}", reference.source.as_str(), reference.provider, reference.id)
}

fn painted(diff: &str, output: Output) -> String {
    let line = |line: &str| match line.as_bytes().first() {
        _ if line.starts_with("--- ") || line.starts_with("+++ ") => output.bold(line),
        Some(b'-') => output.bad(line),
        Some(b'+') => output.good(line),
        _ => line.to_owned(),
    };
    diff.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_has_colours_only_where_they_may_be() {
        let diff = "--- c\n+++ c (new)\n@@ -1 +1 @@\n-a\n+b\n";
        assert_eq!(painted(diff, Output { columns: None, color: false }), diff.trim_end());
        let shown = painted(diff, Output { columns: Some(80), color: true });
        assert!(shown.contains("\u{1b}[31m-a\u{1b}[0m\n\u{1b}[32m+b\u{1b}[0m"), "{shown:?}");
        assert!(shown.contains("\u{1b}[1m--- c\u{1b}[0m\n"), "{shown:?}");
    }
}
