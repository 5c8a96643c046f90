//! `openclaw channels add`: an account's secrets are asked for as its plugin words it, tried with the vendor, and written.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Args;
use openclaw_config::{ChangeOptions, Effect};
use openclaw_packages::{AccountSecrets, AutoGenerate, Manifest, SecretEntry};
use openclaw_secrets::Secret;
use serde_json::{Map, Value, json};

use super::account::{Place, changed, manifest_of};
use crate::{
    client::block_on,
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

/// The longest secret that is read from a terminal, in bytes.
const LONGEST: usize = 64 << 10;

/// Flags of `openclaw channels add`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw channels add --channel my-channel                    Asks for what is missing
  openclaw channels add --channel my-channel --account work --token 123:abc
  openclaw channels add --channel my-channel --use-env          The token stays in the environment
  openclaw channels add --channel my-channel --secret signing=abc --set apiRoot=https://chat.example

A secret is tried with the vendor before it is written, where the plugin says how. What the plugin lets the gateway
make by itself is made, and shown once, because the other side has to know it too.")]
pub(crate) struct Flags {
    /// The channel's id
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
    /// The account
    #[arg(long, value_name = "ACCOUNT", default_value = "default")]
    account: String,
    /// A name for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The value of the channel's first secret
    #[arg(long, value_name = "VALUE", visible_alias = "bot-token", conflicts_with_all = ["token_file", "use_env"])]
    token: Option<String>,
    /// A file that holds the value of the channel's first secret, and stays its place
    #[arg(long, value_name = "FILE", conflicts_with = "use_env")]
    token_file: Option<String>,
    /// Leave the secrets in the environment
    #[arg(long)]
    use_env: bool,
    /// The value of a secret by its name in the manifest; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    secret: Vec<(String, String)>,
    /// Another key of the account's section; the value is JSON or a text; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Write without trying the secrets
    #[arg(long)]
    no_check: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let manifest = manifest_of(&flags.channel, context)?;
    let place = Place::of(&flags.channel, &flags.account, context)?;
    let section = place.section(&manifest, context);
    let gathered = Gathered::new(flags, &manifest, &section, context)?;
    if !flags.no_check {
        let mut tried = section;
        if let Value::Object(keys) = &mut tried {
            keys.extend(gathered.keys.clone());
        }
        let environment = context.environment();
        let check = openclaw_gateway::try_credentials(&manifest, &tried, &gathered.secrets, &environment);
        block_on(async { Ok(check.await) })?.map_err(|error| CliError::Detailed {
            text: format!("{error}. Check it, or write it untried with --no-check."),
            code: error.code(),
            extra: json!({ "channel": flags.channel, "accountId": flags.account }),
        })?;
    }
    let asks = place.set(&gathered.keys)?;
    let done = changed(&asks, ChangeOptions::default(), context)?;
    report(flags, &manifest, &gathered, done.effect, context)
}

fn report(
    flags: &Flags,
    manifest: &Manifest,
    gathered: &Gathered,
    effect: Effect,
    context: &Context,
) -> Result<ExitCode, CliError> {
    let label = clean(&manifest.plugin.label);
    if context.json {
        let made: Map<String, Value> =
            gathered.made.iter().map(|(name, value)| (name.clone(), json!(value.expose()))).collect();
        print_json(&json!({
            "ok": true, "channel": flags.channel, "accountId": flags.account, "effect": effect.as_str(),
            "generated": made,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(&format!("Added {label} account \"{}\". {}", flags.account, effect.sentence()))?;
    for (name, value) in &gathered.made {
        print_line(&format!("Made the secret {name}; give it to the other side: {}", value.expose()))?;
    }
    print_line("See how it does: openclaw channels status --probe")?;
    Ok(ExitCode::SUCCESS)
}

/// What shall stand in the account's section.
struct Gathered {
    /// What is written.
    keys: Map<String, Value>,
    secrets: AccountSecrets,
    /// What was made here, by the manifest's names.
    made: Vec<(String, Secret)>,
}

impl Gathered {
    fn new(flags: &Flags, manifest: &Manifest, section: &Value, context: &Context) -> Result<Self, CliError> {
        let keys = Map::from_iter([("enabled".to_owned(), json!(true))]);
        let mut gathered = Self { keys, secrets: AccountSecrets::default(), made: Vec::new() };
        if let Some(name) = &flags.name {
            gathered.put("name", json!(name));
        }
        for (key, value) in &flags.set {
            let value = serde_json::from_str(value).unwrap_or_else(|_text| json!(value));
            gathered.put(key, value);
        }
        if let Some((unknown, _)) =
            flags.secret.iter().find(|(name, _)| !manifest.secrets.iter().any(|entry| entry.name == *name))
        {
            let names: Vec<&str> = manifest.secrets.iter().map(|entry| entry.name.as_str()).collect();
            let text = format!("{} has no secret `{unknown}`; it has: {}", flags.channel, names.join(", "));
            return Err(CliError::invalid(text));
        }
        for (n, entry) in manifest.secrets.iter().enumerate() {
            gathered.secret(entry, n == 0, flags, section, context)?;
        }
        Ok(gathered)
    }

    /// Finds, makes or asks for one secret.
    fn secret(
        &mut self,
        entry: &SecretEntry,
        first: bool,
        flags: &Flags,
        section: &Value,
        context: &Context,
    ) -> Result<(), CliError> {
        let given = flags.secret.iter().find(|(name, _)| *name == entry.name).map(|(_, value)| value);
        if let Some(value) = given.or(flags.token.as_ref().filter(|_| first)) {
            return self.keep(entry, Secret::from(value.clone()));
        }
        if let (true, Some(file)) = (first, &flags.token_file) {
            let key = entry.config_file.as_ref().ok_or_else(|| {
                CliError::invalid(format!("{} takes no file for its secret; use --token", flags.channel))
            })?;
            let value = std::fs::read_to_string(file)
                .map_err(|source| CliError::File { path: file.into(), source })?;
            self.know(entry, Secret::from(value.trim()));
            self.put(key, json!(file));
            return Ok(());
        }
        if flags.use_env {
            return self.leave_in_environment(entry, flags, context);
        }
        let is_set = |key: &Option<String>| {
            let value = key.as_ref().and_then(|key| section.get(key));
            value.is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
        };
        if is_set(&entry.config) || is_set(&entry.config_file) {
            return Ok(());
        }
        if let Some(AutoGenerate { bytes }) = entry.auto_generate {
            let mut random = vec![0; usize::from(bytes)];
            getrandom::fill(&mut random)
                .map_err(|error| CliError::invalid(format!("no random numbers: {error}")))?;
            let value = Secret::from(hex::encode(random));
            self.made.push((entry.name.clone(), value.clone()));
            return self.keep(entry, value);
        }
        if entry.optional {
            return Ok(());
        }
        self.keep(entry, asked(entry, context)?)
    }

    fn leave_in_environment(
        &mut self,
        entry: &SecretEntry,
        flags: &Flags,
        context: &Context,
    ) -> Result<(), CliError> {
        if flags.account != "default" {
            return Err(CliError::invalid(
                "--use-env is for the account `default`: the environment has one value",
            ));
        }
        match entry.env.as_ref().map(|name| (name, context.secret_variable(name))) {
            Some((_, Some(value))) => {
                self.know(entry, value);
                Ok(())
            }
            _ if entry.optional => Ok(()),
            Some((name, None)) => Err(CliError::invalid(format!("{name} is not set: export it first"))),
            None => Err(CliError::invalid(format!("{} is read from no variable; use --secret", entry.name))),
        }
    }

    fn keep(&mut self, entry: &SecretEntry, value: Secret) -> Result<(), CliError> {
        let key = entry.config.as_ref().ok_or_else(|| {
            CliError::invalid(format!("{} cannot stand in the configuration; use --use-env", entry.name))
        })?;
        self.put(key, json!(value.expose()));
        self.know(entry, value);
        Ok(())
    }

    /// The value is to be tried, wherever it stands.
    fn know(&mut self, entry: &SecretEntry, value: Secret) {
        self.secrets = std::mem::take(&mut self.secrets).with(&entry.name, value);
    }

    fn put(&mut self, key: &str, value: Value) {
        self.keys.insert(key.to_owned(), value);
    }
}

/// Asks a person for a secret; what is typed is not shown.
fn asked(entry: &SecretEntry, context: &Context) -> Result<Secret, CliError> {
    let prompt = entry.prompt.as_deref().unwrap_or(&entry.name);
    let stdin = std::io::stdin();
    if context.json || !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        let text = format!(
            "{prompt} is missing, and nobody is here to ask: give it with --secret {}=VALUE, --token or --use-env.",
            entry.name
        );
        return Err(CliError::Detailed {
            text,
            code: "SECRET_MISSING",
            extra: json!({ "secret": entry.name }),
        });
    }
    let mut screen = std::io::stderr();
    if let Some(url) = &entry.help_url {
        writeln!(screen, "Where to get it: {}", clean(url))?;
    }
    write!(screen, "{}: ", clean(prompt))?;
    let typed = unseen(&stdin)?;
    writeln!(screen)?;
    let typed = typed.trim();
    if typed.is_empty() || typed.len() > LONGEST {
        return Err(CliError::invalid(format!("{prompt}: nothing usable was typed, so nothing was written")));
    }
    Ok(Secret::from(typed))
}

/// One line from the terminal, without its echo.
fn unseen(stdin: &std::io::Stdin) -> Result<String, CliError> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let shown = tcgetattr(stdin).map_err(std::io::Error::from)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(stdin, OptionalActions::Flush, &hidden).map_err(std::io::Error::from)?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    // Whatever came of it, the terminal is as it was.
    tcsetattr(stdin, OptionalActions::Now, &shown).map_err(std::io::Error::from)?;
    read?;
    Ok(line)
}
