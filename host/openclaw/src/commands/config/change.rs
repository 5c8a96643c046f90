//! What all commands that change the file share: they ask `host/config` for the change and say what became of it.

use std::process::ExitCode;

use openclaw_config::{Basis, ChangeOptions, Changed, ConfigError, KeyPath, PluginSchemas, Written};
use serde_json::{Map, Value, json};

use super::dry_run;
use crate::{
    context::Context,
    error::CliError,
    output::{age::file_stamp, print_json, print_line},
};

/// A change as a command asks for it.
pub(super) struct Request {
    pub(super) subject: Subject,
    /// How the values were given: `value`, `json`, `builder` or `unset`.
    pub(super) modes: Vec<&'static str>,
    /// How many values are assigned or removed.
    pub(super) operations: usize,
    /// A dry run may start programs of secret providers.
    pub(super) allow_exec: bool,
    /// The time is filled in here.
    pub(super) options: ChangeOptions,
}

/// What is changed, for the sentence about it.
pub(super) enum Subject {
    Updated(KeyPath),
    Removed(KeyPath),
    Several,
    Whole,
}

impl Request {
    /// Makes the change and reports it.
    pub(super) fn run(
        mut self,
        context: &Context,
        plugins: &PluginSchemas,
        make: impl FnOnce(&Basis<'_>, &ChangeOptions) -> Result<Changed, ConfigError>,
    ) -> Result<ExitCode, CliError> {
        self.options.stamp = file_stamp();
        let basis = context.basis(plugins);
        let result = make(&basis, &self.options);
        if self.options.dry_run {
            return dry_run::report(&self, result, &basis, context);
        }
        let changed = result.inspect_err(|error| self.advise(error))?;
        for warning in &changed.warnings {
            crate::output::note(&format!("warning: {warning}"));
        }
        if context.json {
            print_json(&self.json(&changed, context))?;
        } else {
            print_line(&self.text(&changed, context))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// How to say that the loss is meant; nothing helps a file without its mode.
    fn advise(&self, error: &ConfigError) {
        if let ConfigError::WriteRejected { reasons, .. } = error
            && matches!(self.subject, Subject::Whole)
            && reasons.starts_with("size-drop")
        {
            crate::output::note(
                "If the file is meant to become this small, run the command again with --force.",
            );
        }
    }

    fn text(&self, changed: &Changed, context: &Context) -> String {
        let effect = changed.effect.sentence();
        let line = match (&self.subject, changed.changed) {
            (Subject::Updated(path), true) => format!("Updated {path}. {effect}"),
            (Subject::Updated(path), false) => format!("No change: {path} already has this value."),
            // What is absent is refused, so something was removed.
            (Subject::Removed(path), _) => format!("Removed {path}. {effect}"),
            (Subject::Several, true) => format!("Applied {} config update(s). {effect}", self.operations),
            (Subject::Several, false) => "No change: the file has all these values already.".to_owned(),
            (Subject::Whole, true) => format!("Replaced {}. {effect}", context.shown_config()),
            (Subject::Whole, false) if self.options.force => {
                "No change: the file is the same already. It counts as the last good one now.".to_owned()
            }
            (Subject::Whole, false) => "No change: the file is the same already.".to_owned(),
        };
        let backup = match (&self.subject, &changed.written) {
            (Subject::Whole, Written::Replaced { backup }) => {
                format!("\n  The file before: {}", context.shown(backup))
            }
            _ => String::new(),
        };
        let elsewhere = if changed.file == context.paths.config {
            String::new()
        } else {
            format!("\n  Written to the included file {}", context.shown(&changed.file))
        };
        format!("{line}{backup}{elsewhere}")
    }

    fn json(&self, changed: &Changed, context: &Context) -> Value {
        let mut document = Map::from_iter([("ok".to_owned(), json!(true))]);
        document.extend(self.facts(changed, context));
        document.insert("changed".to_owned(), json!(changed.changed));
        document.insert("dryRun".to_owned(), json!(false));
        document.insert(
            "backup".to_owned(),
            match &changed.written {
                Written::Replaced { backup } => json!(backup),
                Written::Created | Written::Unchanged => Value::Null,
            },
        );
        Value::Object(document)
    }

    /// What a change and a dry run tell alike.
    pub(super) fn facts(&self, changed: &Changed, context: &Context) -> Map<String, Value> {
        let mut facts = Map::new();
        if let Subject::Updated(path) | Subject::Removed(path) = &self.subject {
            facts.insert("path".to_owned(), json!(path.to_string()));
        }
        let paths: Vec<String> = changed.paths.iter().map(ToString::to_string).collect();
        facts.insert("configPath".to_owned(), json!(context.paths.config));
        if changed.file != context.paths.config {
            facts.insert("file".to_owned(), json!(changed.file));
        }
        facts.insert("operations".to_owned(), json!(self.operations));
        facts.insert("changedPaths".to_owned(), json!(paths));
        facts.insert("effect".to_owned(), json!(changed.effect.as_str()));
        facts.insert("warnings".to_owned(), json!(changed.warnings));
        facts
    }
}
