//! A secret out of a program: the original's protocol, version 1, as its documentation of exec providers describes it.
//! One request on standard input, one answer on standard output, no shell, and an environment of its own.

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use openclaw_secrets::Secret;
use serde_json::{Value, json};

use super::file::owned_alone;
use crate::bounded::{Bounds, RunError, run};
use crate::env::Env;
use crate::model::ExecProvider;
use crate::paths::expand;

const PROTOCOL: u64 = 1;
/// The codes of an answer that are shown. Everything else that a program says may hold a secret.
const SHOWN_CODES: &[&str] = &["NOT_FOUND", "AMBIGUOUS_DUPLICATE_KEY"];

/// Why there is no value.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) problem: String,
    /// The program did not answer in time, and would not for another id.
    pub(super) silent: bool,
}

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Self { problem, silent: false }
    }
}

/// Asks the program of the provider `name` for `id`.
pub(super) fn ask(
    name: &str,
    provider: &ExecProvider,
    id: &str,
    env: &dyn Env,
    home: &Path,
) -> Result<Secret, Failure> {
    let program = program(name, provider, home)?;
    let mut command = Command::new(&program);
    command.args(&provider.args).env_clear();
    command.envs(provider.pass_env.iter().filter_map(|name| Some((name, env.var(name)?))));
    command.envs(provider.env.iter().map(|(name, value)| (name, value.expose())));
    if let Some(directory) = program.parent() {
        command.current_dir(directory);
    }
    let request = json!({"protocolVersion": PROTOCOL, "provider": name, "ids": [id]}).to_string();
    let bounds = Bounds {
        timeout: provider.timeout(),
        silence: provider.silence(),
        most_bytes: provider.most_bytes(),
    };
    let output = run(command, request.as_bytes(), bounds).map_err(|error| Failure {
        problem: format!("the program {error}"),
        silent: matches!(error, RunError::Timeout(_) | RunError::Silent(_)),
    })?;
    let output = String::from_utf8(output).map(Secret::from);
    let output = output.map_err(|_| "the program's answer is not UTF-8".to_owned())?;
    Ok(answer(output.expose(), id, provider.json_only())?)
}

/// The program's file, when nobody else can have put it there.
fn program(name: &str, provider: &ExecProvider, home: &Path) -> Result<PathBuf, String> {
    let place = format!("secrets.providers.{name}.command");
    let Some(written) = &provider.command else {
        return Err(format!(
            "it names no program: set {place} (this gateway does not have the original's plugin integrations)"
        ));
    };
    let path = expand(written, Some(home));
    let told = |problem: &str| format!("{place}: {} {problem}", path.display());
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(told("is not an absolute path without `..`: write the whole path of the program"));
    }
    let mut facts = std::fs::symlink_metadata(&path).map_err(|error| told(&missing(error.kind())))?;
    let mut program = path.clone();
    if facts.is_symlink() {
        if !provider.allow_symlink_command {
            return Err(told("is a symbolic link: write the path of the program itself"));
        }
        program = std::fs::canonicalize(&path).map_err(|error| told(&missing(error.kind())))?;
        facts = std::fs::metadata(&program).map_err(|error| told(&missing(error.kind())))?;
    }
    if !facts.is_file() {
        return Err(told("is not a file"));
    }
    let trusted = |dir: &String| program.starts_with(expand(dir, Some(home)));
    if !provider.trusted_dirs.is_empty() && !provider.trusted_dirs.iter().any(trusted) {
        return Err(told("is in none of the trustedDirs"));
    }
    if !provider.allow_insecure_path {
        owned_alone(&facts).map_err(|problem| told(&problem))?;
    }
    Ok(program)
}

fn missing(kind: std::io::ErrorKind) -> String {
    match kind {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        other => format!("cannot be looked at: {other}"),
    }
}

/// The value in an answer. No error quotes the answer.
fn answer(output: &str, id: &str, json_only: bool) -> Result<Secret, String> {
    let output = output.trim();
    if output.is_empty() {
        return Err("the program printed nothing".to_owned());
    }
    let parsed = serde_json::from_str::<Value>(output);
    let answer = match parsed {
        Ok(Value::Object(answer)) => answer,
        Ok(Value::String(value)) if !json_only => return Ok(Secret::from(value)),
        _ if !json_only => return Ok(Secret::from(output)),
        Ok(_) => return Err("the program's answer is not a JSON object".to_owned()),
        Err(error) => {
            return Err(format!(
                "the program's answer is not JSON (line {}, column {}); for a program that prints the value alone set \
                 jsonOnly: false",
                error.line(),
                error.column()
            ));
        }
    };
    if answer.get("protocolVersion").is_some_and(|version| version.as_u64() != Some(PROTOCOL)) {
        return Err(format!("the program's answer is not of protocolVersion {PROTOCOL}"));
    }
    if let Some(error) = answer.get("errors").and_then(|errors| errors.get(id)) {
        let code = error.get("code").and_then(Value::as_str).filter(|code| SHOWN_CODES.contains(code));
        return Err(match code {
            Some(code) => format!("the program says {code}"),
            None => "the program reports an error for it".to_owned(),
        });
    }
    let Some(values) = answer.get("values").and_then(Value::as_object) else {
        return Err("the program's answer has no \"values\"".to_owned());
    };
    match values.get(id) {
        Some(Value::String(value)) => Ok(Secret::from(value.as_str())),
        Some(_) => Err("the program's answer holds something other than text for it".to_owned()),
        None => Err("the program's answer does not hold it".to_owned()),
    }
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
