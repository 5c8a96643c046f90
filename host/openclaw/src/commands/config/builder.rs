//! Values that are put together from flags: a reference to a secret, and a provider of secrets. Whether the result is
//! right is judged with the whole file; here only flags are refused that do not belong together.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use openclaw_config::{KeyPath, SecretRef, Step};
use serde_json::{Map, Value, json};

use crate::error::CliError;

const SOURCES: [&str; 4] = ["env", "file", "exec", "store"];

/// Flags that make a reference.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "A reference to a secret, as the value")]
pub(super) struct RefFlags {
    /// Where the secret is
    #[arg(long, value_name = "SOURCE", value_parser = SOURCES, requires = "ref_id")]
    ref_source: Option<String>,
    /// The name in secrets.providers (default: default)
    #[arg(long, value_name = "NAME", requires = "ref_source")]
    ref_provider: Option<String>,
    /// The secret's name there: a variable, a JSON pointer, or what the program understands
    #[arg(long, value_name = "ID", requires = "ref_source")]
    ref_id: Option<String>,
}

impl RefFlags {
    /// The reference, if the flags ask for one.
    pub(super) fn value(&self) -> Result<Option<Value>, CliError> {
        // The parser asks for the missing one only as long as the value is not given as well.
        let (source, id) = match (&self.ref_source, &self.ref_id) {
            (None, None) if self.ref_provider.is_none() => return Ok(None),
            (Some(source), Some(id)) => (source, id),
            _ => return Err(CliError::invalid("a reference needs --ref-source and --ref-id")),
        };
        let provider = self.ref_provider.as_deref().unwrap_or("default");
        reference(&json!({"source": source, "provider": provider, "id": id})).map(Some)
    }
}

/// A reference as it is to stand in the file.
pub(super) fn reference(value: &Value) -> Result<Value, CliError> {
    let map = value.as_object().ok_or_else(|| {
        CliError::invalid("a reference is an object {source, provider, id}, and this is none")
    })?;
    let reference = SecretRef::parse(map).map_err(CliError::invalid)?;
    Ok(json!({
        "source": reference.source.as_str(),
        "provider": reference.provider,
        "id": reference.id,
    }))
}

/// Flags that make a provider.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "A provider of secrets, as the value (the path is secrets.providers.<name>)")]
pub(super) struct ProviderFlags {
    /// Where the provider finds secrets
    #[arg(long, value_name = "SOURCE", value_parser = SOURCES)]
    provider_source: Option<String>,
    /// env: a variable that may be read; may be given several times
    #[arg(long, value_name = "VARIABLE", requires = "provider_source")]
    provider_allowlist: Vec<String>,
    /// file: the file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "provider_source")]
    provider_path: Option<PathBuf>,
    /// file: one secret, or JSON with many
    #[arg(long, value_name = "MODE", value_parser = ["singleValue", "json"], requires = "provider_source")]
    provider_mode: Option<String>,
    /// file: the largest file that is read
    #[arg(long, value_name = "BYTES", requires = "provider_source")]
    provider_max_bytes: Option<u64>,
    /// file, exec: how long it may take
    #[arg(long, value_name = "MS", requires = "provider_source")]
    provider_timeout_ms: Option<u64>,
    /// exec: the program, as an absolute path
    #[arg(long, value_name = "FILE", value_hint = ValueHint::ExecutablePath, requires = "provider_source")]
    provider_command: Option<PathBuf>,
    /// exec: an argument, exactly as it is; may be given several times
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true, requires = "provider_source")]
    provider_arg: Vec<String>,
    /// exec: how long the program may print nothing
    #[arg(long, value_name = "MS", requires = "provider_source")]
    provider_no_output_timeout_ms: Option<u64>,
    /// exec: the most that the program may print
    #[arg(long, value_name = "BYTES", requires = "provider_source")]
    provider_max_output_bytes: Option<u64>,
    /// exec: refuse an answer that is not JSON
    #[arg(long, requires = "provider_source")]
    provider_json_only: bool,
    /// exec: a further variable for the program; may be given several times
    #[arg(long, value_name = "KEY=VALUE", requires = "provider_source")]
    provider_env: Vec<String>,
    /// exec: a variable of the gateway that the program may see; may be given several times
    #[arg(long, value_name = "VARIABLE", requires = "provider_source")]
    provider_pass_env: Vec<String>,
    /// exec: a directory that the program may lie in; may be given several times
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath, requires = "provider_source")]
    provider_trusted_dir: Vec<PathBuf>,
}

impl ProviderFlags {
    /// The provider, if the flags ask for one.
    pub(super) fn value(&self) -> Result<Option<Value>, CliError> {
        let parts = self.parts()?;
        let Some(source) = self.provider_source.as_deref() else {
            let stray = parts.iter().find(|(.., value)| value.is_some());
            return stray.map_or(Ok(None), |(_, flag, ..)| {
                Err(CliError::invalid(format!("{flag} needs --provider-source")))
            });
        };
        let mut provider = Map::from_iter([("source".to_owned(), json!(source))]);
        for (sources, flag, key, value) in parts {
            let Some(value) = value else { continue };
            if !sources.contains(&source) {
                let sources = sources.join(" or ");
                return Err(CliError::invalid(format!(
                    "{flag} belongs to --provider-source {sources}, not {source}"
                )));
            }
            provider.insert(key.to_owned(), value);
        }
        let needed = match source {
            "file" if self.provider_path.is_none() => Some("--provider-path"),
            "exec" if self.provider_command.is_none() => Some("--provider-command"),
            _ => None,
        };
        match needed {
            Some(flag) => Err(CliError::invalid(format!("--provider-source {source} needs {flag}"))),
            None => Ok(Some(Value::Object(provider))),
        }
    }

    /// For each flag the sources that it belongs to, the key in the file, and the value if it was given.
    #[expect(clippy::type_complexity, reason = "a table that is read in one place")]
    fn parts(
        &self,
    ) -> Result<[(&'static [&'static str], &'static str, &'static str, Option<Value>); 13], CliError> {
        const ENV: &[&str] = &["env"];
        const FILE: &[&str] = &["file"];
        const EXEC: &[&str] = &["exec"];
        let list = |items: &[String]| (!items.is_empty()).then(|| json!(items));
        let number = |number: Option<u64>| number.map(Value::from);
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| json!(path));
        Ok([
            (ENV, "--provider-allowlist", "allowlist", list(&self.provider_allowlist)),
            (FILE, "--provider-path", "path", path(&self.provider_path)),
            (FILE, "--provider-mode", "mode", self.provider_mode.as_ref().map(|mode| json!(mode))),
            (FILE, "--provider-max-bytes", "maxBytes", number(self.provider_max_bytes)),
            (&["file", "exec"], "--provider-timeout-ms", "timeoutMs", number(self.provider_timeout_ms)),
            (EXEC, "--provider-command", "command", path(&self.provider_command)),
            (EXEC, "--provider-arg", "args", list(&self.provider_arg)),
            (
                EXEC,
                "--provider-no-output-timeout-ms",
                "noOutputTimeoutMs",
                number(self.provider_no_output_timeout_ms),
            ),
            (EXEC, "--provider-max-output-bytes", "maxOutputBytes", number(self.provider_max_output_bytes)),
            (EXEC, "--provider-json-only", "jsonOnly", self.provider_json_only.then(|| json!(true))),
            (EXEC, "--provider-env", "env", variables(&self.provider_env)?),
            (EXEC, "--provider-pass-env", "passEnv", list(&self.provider_pass_env)),
            (
                EXEC,
                "--provider-trusted-dir",
                "trustedDirs",
                (!self.provider_trusted_dir.is_empty()).then(|| json!(self.provider_trusted_dir)),
            ),
        ])
    }
}

/// Refuses a path at which no provider can stand.
pub(super) fn provider_place(path: &KeyPath) -> Result<(), CliError> {
    let is_key = |step: &Step, wanted: &str| matches!(step, Step::Key(key) if key == wanted);
    match path.steps() {
        [first, second, Step::Key(_)] if is_key(first, "secrets") && is_key(second, "providers") => Ok(()),
        _ => Err(CliError::invalid(format!(
            "a provider of secrets stands at secrets.providers.<name>, not at {path}"
        ))),
    }
}

/// The values may be secrets: no complaint shows one.
fn variables(pairs: &[String]) -> Result<Option<Value>, CliError> {
    let mut map = Map::new();
    for pair in pairs {
        match pair.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                map.insert(name.to_owned(), json!(value));
            }
            _ => return Err(CliError::invalid("--provider-env takes NAME=VALUE")),
        }
    }
    Ok((!map.is_empty()).then_some(Value::Object(map)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        reference: RefFlags,
        #[command(flatten)]
        provider: ProviderFlags,
    }

    fn line(words: &str) -> Line {
        Line::try_parse_from(std::iter::once("x").chain(words.split(' '))).unwrap()
    }

    #[test]
    fn a_reference_is_built_and_its_grammar_checked() {
        let value = |words: &str| line(words).reference.value();
        assert_eq!(
            value("--ref-source env --ref-id SOME_TOKEN").unwrap(),
            Some(json!({"source": "env", "provider": "default", "id": "SOME_TOKEN"}))
        );
        assert_eq!(
            value("--ref-provider vault --ref-source exec --ref-id chat/token").unwrap(),
            Some(json!({"source": "exec", "provider": "vault", "id": "chat/token"}))
        );
        let error = value("--ref-source env --ref-id lower").unwrap_err().to_string();
        assert!(error.contains("a name in capital letters"), "{error}");
        assert!(Line::try_parse_from(["x", "--ref-provider", "p"]).is_err());
        assert!(Line::try_parse_from(["x", "--ref-source", "env"]).is_err());
    }

    #[test]
    fn a_provider_is_built_of_the_flags_of_its_source() {
        let check = |words: &str, expected: Value| {
            assert_eq!(line(words).provider.value().unwrap(), Some(expected), "{words}");
        };
        check("--provider-source env", json!({"source": "env"}));
        check(
            "--provider-source env --provider-allowlist A --provider-allowlist B",
            json!({"source": "env", "allowlist": ["A", "B"]}),
        );
        check(
            "--provider-source file --provider-path /s.json --provider-mode json --provider-max-bytes 9",
            json!({"source": "file", "path": "/s.json", "mode": "json", "maxBytes": 9}),
        );
        check(
            "--provider-source exec --provider-command /bin/v --provider-arg read --provider-arg -x \
             --provider-json-only --provider-env A=b=c --provider-pass-env T --provider-trusted-dir /bin \
             --provider-timeout-ms 5 --provider-no-output-timeout-ms 6 --provider-max-output-bytes 7",
            json!({
                "source": "exec", "timeoutMs": 5, "command": "/bin/v", "args": ["read", "-x"],
                "noOutputTimeoutMs": 6, "maxOutputBytes": 7, "jsonOnly": true, "env": {"A": "b=c"},
                "passEnv": ["T"], "trustedDirs": ["/bin"],
            }),
        );
    }

    #[test]
    fn flags_of_another_source_are_refused() {
        let check = |words: &str, expected: &str| {
            assert_eq!(line(words).provider.value().unwrap_err().to_string(), expected);
        };
        check(
            "--provider-source env --provider-path /x",
            "--provider-path belongs to --provider-source file, not env",
        );
        check("--provider-source file", "--provider-source file needs --provider-path");
        check("--provider-source exec", "--provider-source exec needs --provider-command");
        check(
            "--provider-source exec --provider-command /x --provider-env secret",
            "--provider-env takes NAME=VALUE",
        );
    }

    #[test]
    fn a_provider_has_one_place() {
        let check = |path: &str, fits: bool| {
            assert_eq!(provider_place(&path.parse().unwrap()).is_ok(), fits, "{path}");
        };
        check("secrets.providers.vault", true);
        check("secrets.providers", false);
        check("secrets.providers.vault.path", false);
        check("gateway.auth.token", false);
    }
}
