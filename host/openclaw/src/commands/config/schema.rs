//! `openclaw config schema`: JSON in both modes, so that it can be redirected into a file for an editor.

use std::process::ExitCode;

use clap::Args;
use openclaw_config::{ConfigError, KeyPath, Schema, effect};
use serde_json::{Value, json};

use crate::{context::Context, error::CliError, output::print_json};

/// Flags of `openclaw config schema`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw config schema > openclaw.schema.json
  openclaw config schema gateway.auth")]
pub(super) struct Flags {
    /// Only what may stand at this path: its type, what a change of it asks for, and the keys below
    path: Option<String>,
    /// The same as the argument
    #[arg(long = "path", value_name = "PATH", conflicts_with = "path")]
    path_flag: Option<String>,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let channels = context.plugin_schemas().channels;
    let Some(path) = flags.path.as_ref().or(flags.path_flag.as_ref()) else {
        print_json(Schema::of(&channels).json())?;
        return Ok(ExitCode::SUCCESS);
    };
    let path: KeyPath = path.parse()?;
    let schema = Schema::of(&channels);
    let found = schema.lookup(&path).ok_or_else(|| ConfigError::UnknownPath { path: path.to_string() })?;
    let mut found = serde_json::to_value(found).map_err(std::io::Error::from)?;
    if let Value::Object(map) = &mut found {
        map.insert("reloadKind".to_owned(), json!(effect(&path).as_str()));
    }
    print_json(&found)?;
    Ok(ExitCode::SUCCESS)
}
