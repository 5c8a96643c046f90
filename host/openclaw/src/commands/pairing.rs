//! `openclaw pairing`

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_protocol::pairing_codes::{
    PairingApproveCodeParams, PairingCodeApproved, PairingCodes, PairingCodesParams,
};
use serde_json::{Value, json};

use crate::{
    client::{self, RpcFlags},
    commands::devices,
    context::Context,
    error::CliError,
    output::{Output, clean, print_json, print_line, table::Table},
};

/// `openclaw pairing …`
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Subcommand {
    /// List who asked to be let in
    List(ListFlags),
    /// Let somebody in
    Approve(ApproveFlags),
}

/// Flags of `openclaw pairing list`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw pairing list                  The only channel that is configured
  openclaw pairing list --channel <channel> --account <account> --json

Devices have requests of their own: openclaw devices list")]
pub(crate) struct ListFlags {
    /// The channel's id; may be left out when one channel is configured
    #[arg(value_name = "CHANNEL", conflicts_with = "channel")]
    positional: Option<String>,
    /// The channel's id
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// Flags of `openclaw pairing approve`.
#[derive(Args, Debug)]
#[command(
    override_usage = "openclaw pairing approve [CHANNEL] <CODE> [OPTIONS]",
    after_help = "\
Examples:
  openclaw pairing approve <channel> ABCD1234 --notify
  openclaw pairing approve --channel <channel> --account <account> ABCD1234"
)]
pub(crate) struct ApproveFlags {
    /// The channel's id and the code; the code alone with --channel, or when one channel is configured
    #[arg(required = true, num_args = 1..=2, value_name = "WORD")]
    words: Vec<String>,
    /// The channel's id
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Tell the person
    #[arg(long)]
    notify: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(crate) fn run(command: &Subcommand, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        Subcommand::List(flags) => list(flags, context),
        Subcommand::Approve(flags) => approve(flags, context),
    }
}

fn list(flags: &ListFlags, context: &Context) -> Result<ExitCode, CliError> {
    let channel = match flags.positional.as_ref().or(flags.channel.as_ref()) {
        Some(channel) => channel.clone(),
        None => only_channel(&context.configured_channels())?,
    };
    let params = PairingCodesParams { channel: Some(channel), account_id: flags.account.clone() };
    let (_, answer) = client::ask(context, &flags.rpc, &params)?;
    if context.json {
        print_json(&json!({"channel": answer.channel, "requests": answer.requests}))?;
    } else {
        print_line(&text(&answer, context.output))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn only_channel(configured: &[String]) -> Result<String, CliError> {
    match configured {
        [] => Err(CliError::invalid(
            "No chat DM pairing channels are configured. To approve a TUI or device request, use openclaw devices \
             approve instead.",
        )),
        [only] => Ok(only.clone()),
        several => {
            Err(CliError::invalid(format!("Channel required (expected one of: {}).", several.join(", "))))
        }
    }
}

fn text(list: &PairingCodes, output: Output) -> String {
    if list.requests.is_empty() {
        return format!("No pending {} pairing requests.", list.channel);
    }
    let label = list.id_label.as_deref().unwrap_or("id");
    let mut table = Table::new(&["Code", label, "Requested", "Meta"]);
    for request in &list.requests {
        let meta = clean(&Value::Object(request.meta.clone()).to_string());
        table.row([request.code.clone(), clean(&request.id), request.created_at.clone(), meta]);
    }
    format!("Pairing requests ({})\n{}", list.requests.len(), table.render(output))
}

fn approve(flags: &ApproveFlags, context: &Context) -> Result<ExitCode, CliError> {
    let (channel, code) = match (flags.words.as_slice(), &flags.channel) {
        ([channel, code], None) => (Some(channel.clone()), code),
        ([code], Some(channel)) => (Some(channel.clone()), code),
        ([code], None) => (None, code),
        _ => return Err(CliError::invalid("Name the channel once: as the first word or with --channel.")),
    };
    let code = code.trim();
    if devices::is_request_id(code) {
        crate::output::note(&format!(
            "{code} is the request of a device; those are approved with: openclaw devices approve {code}"
        ));
        return devices::approve_request(code, &flags.rpc, context);
    }
    let channel = match channel {
        Some(channel) => channel,
        None => match context.configured_channels().as_slice() {
            [only] => only.clone(),
            _ => {
                return Err(CliError::invalid(
                    "Channel and code are required: openclaw pairing approve <channel> <code>. \
                     Run openclaw pairing list to see both.",
                ));
            }
        },
    };
    let params = PairingApproveCodeParams {
        channel,
        code: code.to_uppercase(),
        account_id: flags.account.clone(),
        notify: flags.notify.then_some(true),
    };
    let (raw, approved) = client::ask(context, &flags.rpc, &params)?;
    report(&raw, &approved, context)
}

fn report(raw: &Value, approved: &PairingCodeApproved, context: &Context) -> Result<ExitCode, CliError> {
    if context.json {
        print_json(raw)?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(&format!("Approved {} sender {}.", approved.channel, clean(&approved.id)))?;
    if let Some(owner) = &approved.command_owner {
        print_line(&format!("Command owner configured {owner} (commands.ownerAllowFrom was empty)."))?;
    }
    if approved.notified == Some(false) {
        crate::output::note("The person could not be told; see openclaw logs.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a text has the form of the code that a sender in a chat is told.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Approves the sender with this code, in whichever channel waits for it.
pub(crate) fn approve_anywhere(code: &str, rpc: &RpcFlags, context: &Context) -> Result<ExitCode, CliError> {
    let code = code.to_uppercase();
    for channel in context.configured_channels() {
        let waiting = PairingCodesParams { channel: Some(channel.clone()), account_id: None };
        let (_, list) = client::ask(context, rpc, &waiting)?;
        if list.requests.iter().any(|request| request.code.eq_ignore_ascii_case(&code)) {
            let params = PairingApproveCodeParams { channel, code, account_id: None, notify: None };
            let (raw, approved) = client::ask(context, rpc, &params)?;
            return report(&raw, &approved, context);
        }
    }
    Err(CliError::invalid(format!(
        "No sender and no device waits with {code}. Run openclaw pairing list for senders in chats, openclaw devices \
         list for devices."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::pairing_codes::PairingCode;

    #[test]
    fn requests_are_listed_with_the_channels_own_heading() {
        let mut list = PairingCodes { channel: "chat".to_owned(), ..PairingCodes::default() };
        let plain = Output { columns: None, color: false };
        assert_eq!(text(&list, plain), "No pending chat pairing requests.");
        list.id_label = Some("chatUserId".to_owned());
        list.requests.push(PairingCode {
            id: "777001".to_owned(),
            code: "5FJ4ZCRN".to_owned(),
            created_at: "2026-11-22T06:52:44.240Z".to_owned(),
            last_seen_at: "2026-11-22T06:53:00.780Z".to_owned(),
            meta: [("accountId".to_owned(), json!("default"))].into_iter().collect(),
        });
        let expected = "\
Pairing requests (1)
Code      chatUserId  Requested                 Meta
5FJ4ZCRN  777001      2026-11-22T06:52:44.240Z  {\"accountId\":\"default\"}";
        assert_eq!(text(&list, plain), expected);
    }

    #[test]
    fn the_channel_may_be_left_out_when_there_is_one() {
        let channels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(only_channel(&channels(&["a"])).unwrap(), "a");
        assert_eq!(
            only_channel(&channels(&["a", "b"])).unwrap_err().to_string(),
            "Channel required (expected one of: a, b)."
        );
        assert!(only_channel(&[]).is_err());
    }
}
