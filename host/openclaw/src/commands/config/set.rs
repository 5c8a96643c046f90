//! `openclaw config set`: one value, typed or put together from flags, or a batch of them.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, ValueHint};
use openclaw_config::{Ask, ChangeOptions, KeyPath, PluginSchemas, read_value};
use serde_json::Value;

use super::{
    batch::{self, How},
    builder::{ProviderFlags, RefFlags, provider_place},
    change::{Request, Subject},
    input,
};
use crate::{context::Context, error::CliError};

/// Flags of `openclaw config set`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw config set gateway.port 19000
  openclaw config set gateway.controlUi.allowedOrigins '[\"http://your-host:18789\"]'
  openclaw config set 'models.providers.local.models[0].compat.supportsTools' false
  openclaw config set agents.defaults.models '{\"local/large\":{}}' --strict-json --merge
  openclaw config set gateway.auth.token --ref-source env --ref-id GATEWAY_TOKEN --dry-run
  openclaw config set secrets.providers.vault --provider-source file --provider-path /etc/openclaw/secrets.json
  openclaw config set --batch-json '[{\"path\":\"gateway.port\",\"value\":19000},{\"path\":\"gateway.bind\",\"value\":\"lan\"}]'

A value is read as JSON5, and what is not JSON5 is text. Earlier versions read --json of this command as --strict-json;
here it chooses the output, as everywhere.")]
pub(super) struct Flags {
    /// Dotted, for instance gateway.port
    #[arg(required_unless_present_any = ["batch_json", "batch_file"])]
    path: Option<String>,
    /// JSON5, or a bare text
    #[arg(allow_hyphen_values = true, conflicts_with_all = ["ref_source", "provider_source"],
          required_unless_present_any = ["batch_json", "batch_file", "ref_source", "provider_source"])]
    value: Option<String>,
    /// Refuse a value that is not standard JSON
    #[arg(long)]
    strict_json: bool,
    /// Merge an object, or a list whose entries have an id, into what is there
    #[arg(long, conflicts_with_all = ["replace", "ref_source", "provider_source"])]
    merge: bool,
    /// The value is complete: entries of a protected map, such as models.providers, may go
    #[arg(long)]
    replace: bool,
    /// Accept that the file becomes less than half as long
    #[arg(long)]
    force: bool,
    /// Check and show what would change, but write nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: run the programs of exec providers to see whether their secrets are there
    #[arg(long, requires = "dry_run")]
    allow_exec: bool,
    /// Write only if this is what stands at the path now
    #[arg(long, value_name = "JSON", allow_hyphen_values = true,
          conflicts_with_all = ["expect_current_absent", "batch_json", "batch_file", "dry_run"])]
    expect_current_json: Option<String>,
    /// Write only if nothing stands at the path now
    #[arg(long, conflicts_with_all = ["batch_json", "batch_file", "dry_run"])]
    expect_current_absent: bool,
    /// Set several paths in one write: a JSON list of {path, value}, {path, ref} or {path, provider}
    #[arg(long, value_name = "JSON",
          conflicts_with_all = ["batch_file", "path", "value", "ref_source", "provider_source"])]
    batch_json: Option<String>,
    /// The same from a file of at most 8 MiB
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["path", "value", "ref_source", "provider_source"])]
    batch_file: Option<PathBuf>,
    #[command(flatten)]
    reference: RefFlags,
    #[command(flatten)]
    provider: ProviderFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let plugins = context.plugin_schemas();
    let options = ChangeOptions {
        dry_run: flags.dry_run,
        force: flags.force,
        expect: flags.expectation()?,
        ..ChangeOptions::default()
    };
    let (subject, modes, asks) = flags.asks(&plugins)?;
    let request = Request { subject, modes, operations: asks.len(), allow_exec: flags.allow_exec, options };
    request.run(context, &plugins, |basis, options| openclaw_config::change(basis, &asks, options))
}

impl Flags {
    fn asks(&self, plugins: &PluginSchemas) -> Result<(Subject, Vec<&'static str>, Vec<Ask>), CliError> {
        // First, so that a flag of theirs that is left over is never passed over in silence.
        let built = (self.reference.value()?, self.provider.value()?);
        let how = How { merge: self.merge, replace: self.replace };
        let batch = match (&self.batch_json, &self.batch_file) {
            (Some(text), _) => Some(batch::read(text, "--batch-json", how)?),
            (None, Some(file)) => {
                Some(batch::read(&input::read_file(file)?, &file.display().to_string(), how)?)
            }
            (None, None) => None,
        };
        if let Some(batch) = batch {
            return Ok((Subject::Several, batch.modes, batch.asks));
        }
        let path = self.path()?;
        let (value, mode) = self.value(&path, built, plugins)?;
        let ask = if self.merge {
            Ask::Merge { path: path.clone(), value }
        } else {
            Ask::Set { path: path.clone(), value, replace: self.replace }
        };
        Ok((Subject::Updated(path), vec![mode], vec![ask]))
    }

    fn path(&self) -> Result<KeyPath, CliError> {
        Ok(self.path.as_deref().unwrap_or_default().parse()?)
    }

    fn value(
        &self,
        path: &KeyPath,
        built: (Option<Value>, Option<Value>),
        plugins: &PluginSchemas,
    ) -> Result<(Value, &'static str), CliError> {
        match built {
            (Some(_), Some(_)) => Err(CliError::invalid(
                "a value is a reference (--ref-…) or a provider (--provider-…), not both",
            )),
            (Some(reference), None) => Ok((reference, "builder")),
            (None, Some(provider)) => {
                provider_place(path)?;
                Ok((provider, "builder"))
            }
            (None, None) => {
                let text = self.value.as_deref().unwrap_or_default();
                let value = read_value(text, path, self.strict_json, &plugins.channels)?;
                Ok((value, if self.strict_json { "json" } else { "value" }))
            }
        }
    }

    fn expectation(&self) -> Result<Option<(KeyPath, Option<Value>)>, CliError> {
        if self.expect_current_absent {
            return Ok(Some((self.path()?, None)));
        }
        let Some(text) = &self.expect_current_json else { return Ok(None) };
        let expected = serde_json::from_str(text).map_err(|error| {
            CliError::invalid(format!("--expect-current-json is not valid JSON: {error}"))
        })?;
        Ok(Some((self.path()?, Some(expected))))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn parse(words: &[&str]) -> Result<Flags, clap::Error> {
        Line::try_parse_from(std::iter::once("set").chain(words.iter().copied())).map(|line| line.flags)
    }

    fn asks(words: &[&str]) -> (Vec<&'static str>, Vec<Ask>) {
        let (_, modes, asks) = parse(words).unwrap().asks(&PluginSchemas::default()).unwrap();
        (modes, asks)
    }

    fn set(path: &str, value: Value) -> Ask {
        Ask::Set { path: path.parse().unwrap(), value, replace: false }
    }

    #[test]
    fn a_value_is_read_as_the_flags_say() {
        let check = |words: &[&str], mode: &'static str, expected: Ask| {
            assert_eq!(asks(words), (vec![mode], vec![expected]), "{words:?}");
        };
        check(&["gateway.port", "19000"], "value", set("gateway.port", json!(19000)));
        check(&["gateway.port", "-1", "--dry-run"], "value", set("gateway.port", json!(-1)));
        check(&["a.b", "--strict-json", "\"x\""], "json", set("a.b", json!("x")));
        check(&["a.b", "{c: [1,]}"], "value", set("a.b", json!({"c": [1]})));
        check(
            &["a.b", "{}", "--merge"],
            "value",
            Ask::Merge { path: "a.b".parse().unwrap(), value: json!({}) },
        );
        check(
            &["a.b", "{}", "--replace"],
            "value",
            Ask::Set { path: "a.b".parse().unwrap(), value: json!({}), replace: true },
        );
        check(
            &["a.token", "--ref-provider", "default", "--ref-source", "env", "--ref-id", "T"],
            "builder",
            set("a.token", json!({"source": "env", "provider": "default", "id": "T"})),
        );
        check(
            &["secrets.providers.e", "--provider-source", "env"],
            "builder",
            set("secrets.providers.e", json!({"source": "env"})),
        );
        assert_eq!(asks(&["--batch-json", r#"[{"path": "a", "value": 1}]"#]).0, ["json"]);
    }

    #[test]
    fn flags_that_exclude_each_other_are_refused() {
        for words in [
            &["a.b"][..],
            &[],
            &["a.b", "1", "--ref-source", "env", "--ref-id", "T"],
            &["a.b", "1", "--merge", "--replace"],
            &["a.b", "1", "--allow-exec"],
            &["a.b", "1", "--batch-json", "[]"],
            &["--batch-json", "[]", "--batch-file", "x"],
            &["a.b", "1", "--expect-current-absent", "--expect-current-json", "1"],
            &["a.b", "1", "--expect-current-absent", "--dry-run"],
            &["--batch-json", "[]", "--expect-current-json", "1"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
        // The parser takes these: what they lack is excluded by what is there.
        for words in [
            &["a.b", "1", "--provider-path", "/x"][..],
            &["a.b", "1", "--ref-id", "T"],
            &["--batch-json", r#"[{"path": "a", "value": 1}]"#, "--ref-id", "T"],
        ] {
            let refused = parse(words).is_ok_and(|flags| flags.asks(&PluginSchemas::default()).is_err());
            assert!(refused, "{words:?}");
        }
    }

    #[test]
    fn an_expectation_is_strict_json() {
        let expected = |words: &[&str]| parse(words).unwrap().expectation();
        let path: KeyPath = "a.b".parse().unwrap();
        assert_eq!(
            expected(&["a.b", "1", "--expect-current-json", "null"]).unwrap(),
            Some((path.clone(), Some(Value::Null)))
        );
        assert_eq!(expected(&["a.b", "1", "--expect-current-absent"]).unwrap(), Some((path, None)));
        assert_eq!(expected(&["a.b", "1"]).unwrap(), None);
        assert!(expected(&["a.b", "1", "--expect-current-json", "{a: 1}"]).is_err());
    }
}
