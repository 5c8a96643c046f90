//! `openclaw message`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
    /// Send a text, a file, or both
    #[command(after_help = EXAMPLES)]
    Send(SendFlags),
}

const EXAMPLES: &str = "Examples:
  openclaw message send --channel my-channel --target 777001 --message \"It is done\"
  openclaw message send --target 777001 --media ./report.pdf --message \"The report\"";

/// Bytes of the largest file that one request can carry, in base64 and with words beside it.
const LARGEST: u64 = 18 << 20;

/// Flags of `openclaw message send`.
#[derive(Args, Debug)]
pub(crate) struct SendFlags {
    /// The channel's id
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// The vendor's id of the conversation
    #[arg(long, short, alias = "to", value_name = "TARGET")]
    target: String,
    /// The text; may be left out where there is a file
    #[arg(long, short, value_name = "TEXT", required_unless_present = "media")]
    message: Option<String>,
    /// A file of this machine to send with the text
    #[arg(long, value_name = "PATH")]
    media: Option<PathBuf>,
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
    if flags.media.is_none() && flags.message.as_ref().is_none_or(|text| text.trim().is_empty()) {
        return Err(CliError::invalid("--message cannot be empty or whitespace-only."));
    }
    let attached = flags.media.as_deref().map(attached).transpose()?.unwrap_or_default();
    let params = SendParams {
        to: flags.target.clone(),
        message: flags.message.clone(),
        channel: flags.channel.clone(),
        account_id: flags.account.clone(),
        reply_to_id: flags.reply_to.clone(),
        thread_id: flags.thread_id.clone(),
        idempotency_key: Uuid::new_v4().to_string(),
        ..attached
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

/// A file as parameters that carry it.
fn attached(path: &Path) -> Result<SendParams, CliError> {
    let unreadable = |error: &std::io::Error| {
        CliError::invalid(format!(
            "{} cannot be read: {error}. Name a file that you may read",
            path.display()
        ))
    };
    let size = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
    if size > LARGEST {
        return Err(CliError::invalid(format!(
            "{} has {size} bytes; a message takes a file of at most {LARGEST}. Send a smaller one, or a link to it",
            path.display()
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
    Ok(SendParams {
        buffer: Some(STANDARD.encode(bytes)),
        filename: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        content_type: mime_guess::from_path(path).first_raw().map(str::to_owned),
        ..SendParams::default()
    })
}
