//! `openclaw message`

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_protocol::outbound::SendParams;
use serde_json::json;
use uuid::Uuid;

use crate::{
    client::{self, RpcFlags},
    context::Context,
    error::CliError,
    output::{print_json, print_line},
};

/// A vendor may be slow, and a message must not be sent twice for impatience, in milliseconds.
const PATIENCE_MS: u64 = 70_000;

/// `openclaw message …`
#[derive(Debug, ClapSubcommand)]
pub(crate) enum Subcommand {
    /// Send a text
    Send(SendFlags),
}

/// Flags of `openclaw message send`.
#[derive(Args, Debug)]
pub(crate) struct SendFlags {
    /// The channel's id
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// The vendor's id of the conversation
    #[arg(long, short, alias = "to", value_name = "TARGET")]
    target: String,
    /// The text
    #[arg(long, short, value_name = "TEXT")]
    message: String,
    /// The account (default: the channel's default account)
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// The message that this one answers
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
    /// The thread or topic
    #[arg(long, value_name = "ID")]
    thread_id: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(crate) fn run(command: &Subcommand, context: &Context) -> Result<ExitCode, CliError> {
    let Subcommand::Send(flags) = command;
    if flags.message.trim().is_empty() {
        return Err(CliError::invalid("--message cannot be empty or whitespace-only."));
    }
    let params = SendParams {
        to: flags.target.clone(),
        message: Some(flags.message.clone()),
        channel: flags.channel.clone(),
        account_id: flags.account.clone(),
        reply_to_id: flags.reply_to.clone(),
        thread_id: flags.thread_id.clone(),
        idempotency_key: Uuid::new_v4().to_string(),
        ..SendParams::default()
    };
    let rpc = RpcFlags { timeout: Some(flags.rpc.timeout.unwrap_or(PATIENCE_MS)), ..flags.rpc.clone() };
    let (_, sent) = client::ask(context, &rpc, &params)?;
    if context.json {
        print_json(&json!({
            "action": "send",
            "channel": sent.channel,
            "dryRun": false,
            "handledBy": "plugin",
            "messageId": sent.message_id,
            "payload": {"ok": true, "messageId": sent.message_id, "chatId": sent.chat_id},
        }))?;
    } else {
        print_line(&format!("✅ Sent via {}. Message ID: {}", sent.channel, sent.message_id))?;
    }
    Ok(ExitCode::SUCCESS)
}
