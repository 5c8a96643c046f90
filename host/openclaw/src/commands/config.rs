//! `openclaw config`: reads and changes the file. It never asks a gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_config::{Ask, ChangeOptions, Changed, KeyPath, read_value};
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// `openclaw config …`
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Subcommand {
    /// Print a value; secrets are shown as __OPENCLAW_REDACTED__
    Get(GetFlags),
    /// Change a value; a file that would not be valid is not written
    #[command(after_help = "\
Examples:
  openclaw config set gateway.port 19000
  openclaw config set agents.defaults.model.primary openai/gpt-5
  openclaw config set models.providers.local.models[0].compat.supportsTools false")]
    Set(SetFlags),
    /// Remove a value
    Unset(UnsetFlags),
    /// Check the file
    Validate,
    /// Print where the file is
    File,
}

/// Flags of `openclaw config get`.
#[derive(Args, Debug)]
pub(crate) struct GetFlags {
    /// Dotted, for instance gateway.port or agents.defaults.model.primary
    path: String,
}

/// Flags of `openclaw config set`.
#[derive(Args, Debug)]
pub(crate) struct SetFlags {
    /// Dotted, for instance gateway.port
    path: String,
    /// JSON5, or a bare text
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// Refuse a value that is not JSON
    #[arg(long)]
    strict_json: bool,
    /// Check and say what would change, but write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Flags of `openclaw config unset`.
#[derive(Args, Debug)]
pub(crate) struct UnsetFlags {
    /// Dotted, for instance gateway.port
    path: String,
    /// Check and say what would change, but write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(command: &Subcommand, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        Subcommand::Get(flags) => get(flags, context),
        Subcommand::Set(flags) => {
            let path: KeyPath = flags.path.parse()?;
            let plugins = context.plugin_schemas();
            let value = read_value(&flags.value, &path, flags.strict_json, &plugins.channels)?;
            let options = ChangeOptions { dry_run: flags.dry_run, ..ChangeOptions::default() };
            let ask = Ask::Set { path: path.clone(), value, replace: false };
            let changed = openclaw_config::change(&context.basis(&plugins), &[ask], &options)?;
            changed_report("Updated", flags.dry_run, &changed, &path, context)
        }
        Subcommand::Unset(flags) => {
            let path: KeyPath = flags.path.parse()?;
            let plugins = context.plugin_schemas();
            let options = ChangeOptions { dry_run: flags.dry_run, ..ChangeOptions::default() };
            let ask = Ask::Remove { path: path.clone() };
            let changed = openclaw_config::change(&context.basis(&plugins), &[ask], &options)?;
            changed_report("Removed", flags.dry_run, &changed, &path, context)
        }
        Subcommand::Validate => validate(context),
        Subcommand::File => {
            if context.json {
                print_json(&json!({"path": context.paths.config}))?;
            } else {
                print_line(&context.shown_config())?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn get(flags: &GetFlags, context: &Context) -> Result<ExitCode, CliError> {
    let path: KeyPath = flags.path.parse()?;
    let value = openclaw_config::get(&context.basis(&context.plugin_schemas()), &path)?;
    match &value {
        // Scalars are printed bare, so that a script can use them.
        Value::String(text) if !context.json => print_line(text)?,
        other => print_json(other)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn changed_report(
    done: &str,
    dry_run: bool,
    changed: &Changed,
    path: &KeyPath,
    context: &Context,
) -> Result<ExitCode, CliError> {
    for warning in &changed.warnings {
        eprintln!("warning: {warning}");
    }
    if context.json {
        print_json(&json!({
            "ok": true,
            "path": path.to_string(),
            "configPath": context.paths.config,
            "changed": changed.changed && !dry_run,
            "dryRun": dry_run,
            "warnings": changed.warnings,
        }))?;
    } else {
        let line = match (dry_run, changed.changed) {
            (true, _) => {
                format!("Dry run successful: 1 update(s) validated against {}.", context.shown_config())
            }
            (false, true) => format!("{done} {path}. {}", changed.effect.sentence()),
            (false, false) => format!("No change: {path} already has this value."),
        };
        print_line(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn validate(context: &Context) -> Result<ExitCode, CliError> {
    let loaded = context.loaded();
    let path = context.shown_config();
    let found = |issue: &openclaw_config::Issue| json!({"path": issue.path, "message": issue.message, "line": issue.line, "column": issue.column});
    if let Some(error) = &loaded.error {
        return Err(CliError::invalid(error.to_string()));
    }
    if !loaded.exists {
        return Err(CliError::invalid(format!("Config file not found: {path}")));
    }
    let report = &loaded.report;
    if report.is_valid() {
        if context.json {
            let warnings: Vec<Value> = report.warnings.iter().map(found).collect();
            print_json(&json!({"valid": true, "path": context.paths.config, "warnings": warnings}))?;
        } else {
            print_line(&format!("Config valid: {path}"))?;
            for warning in &report.warnings {
                eprintln!("warning: {warning} (line {})", warning.line);
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("OpenClaw config is invalid: {path}");
    for issue in &report.issues {
        text.push_str(&format!("\n× {issue} (line {}, column {})", issue.line, issue.column));
    }
    text.push_str("\nRun: openclaw doctor");
    let issues: Vec<Value> = report.issues.iter().map(found).collect();
    Err(CliError::Detailed {
        text,
        extra: json!({"valid": false, "path": context.paths.config, "issues": issues}),
    })
}
