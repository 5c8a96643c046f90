//! `openclaw channels remove`: switches an account off, or takes it out of the configuration.

use std::process::ExitCode;

use clap::Args;
use openclaw_config::{Ask, ChangeOptions};
use serde_json::json;

use super::account::{Place, changed};
use crate::{
    commands::agreed,
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// Flags of `openclaw channels remove`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw channels remove --channel my-channel --account work            Switches it off; its section stays
  openclaw channels remove --channel my-channel --account work --delete   Takes its section out")]
pub(crate) struct Flags {
    /// The channel's id
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
    /// The account
    #[arg(long, value_name = "ACCOUNT", default_value = "default")]
    account: String,
    /// Take the account's section out of the configuration
    #[arg(long)]
    delete: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let Flags { channel, account, delete, yes } = flags;
    let place = Place::of(channel, account, context)?;
    if !place.exists(context) {
        let text = format!("channels.{channel} has no account \"{account}\" (see: openclaw channels list)");
        return Err(CliError::Detailed { text, code: "ACCOUNT_UNKNOWN", extra: json!({}) });
    }
    let question = format!("Switch the {channel} account \"{account}\" off?");
    if !delete && !agreed(&question, *yes, context)? {
        return Ok(ExitCode::FAILURE);
    }
    let ask = if *delete {
        Ask::Remove { path: place.path().parse()? }
    } else {
        let path = format!("{}.enabled", place.path()).parse()?;
        Ask::Set { path, value: json!(false), replace: false }
    };
    // Whoever says --delete means it, however much of the file that is.
    let options = ChangeOptions { force: *delete, ..ChangeOptions::default() };
    let done = changed(&[ask], options, context)?;
    let word = if *delete { "Deleted" } else { "Disabled" };
    if context.json {
        print_json(&json!({
            "ok": true, "channel": channel, "accountId": account, "deleted": delete, "effect": done.effect.as_str(),
        }))?;
    } else {
        print_line(&format!("{word} {channel} account \"{account}\". {}", done.effect.sentence()))?;
    }
    Ok(ExitCode::SUCCESS)
}
