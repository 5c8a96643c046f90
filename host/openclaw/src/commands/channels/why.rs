//! `openclaw channels why`: what became of a message, step by step.

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::decisions::{ChannelsWhyParams, MOST_DECISIONS, MessageDecision, MessageDecisions};

use crate::client::{self, RpcFlags};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{age, clean, print_json, print_line};

/// Nothing is known of the message.
const UNKNOWN: u8 = 1;

/// Flags of `openclaw channels why`.
#[derive(Args, Debug)]
#[command(after_help = "\
Every message has one decision, and it is kept for 30 days with each check that led to it.
The log has the same id as message_id.

Examples:
  openclaw channels why                      The newest messages, a line each
  openclaw channels why 4711                 One message, step by step
  openclaw channels why 4711 --channel <channel> --account <account> --json")]
pub(crate) struct Flags {
    /// The vendor's id of the message; without it, the newest messages
    #[arg(value_name = "MESSAGE_ID")]
    message: Option<String>,
    /// Only of this channel
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only of this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// How many at most (default: 20)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_DECISIONS as u64))]
    limit: Option<u64>,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let params = ChannelsWhyParams {
        message_id: flags.message.clone(),
        channel: flags.channel.clone(),
        account_id: flags.account.clone(),
        limit: flags.limit.and_then(|limit| usize::try_from(limit).ok()),
    };
    let (raw, found) = client::ask(context, &flags.rpc, &params)?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&text(&found, flags.message.as_deref()))?;
    }
    let missed = found.messages.is_empty() && flags.message.is_some();
    Ok(if missed { ExitCode::from(UNKNOWN) } else { ExitCode::SUCCESS })
}

fn text(found: &MessageDecisions, asked: Option<&str>) -> String {
    match asked {
        Some(id) if found.messages.is_empty() => format!(
            "No account had a message {}, or it is over 30 days ago. `openclaw channels why` lists the newest ones.",
            clean(id)
        ),
        Some(_) => {
            let each = found.messages.iter().map(|message| steps(message, found.ts));
            each.collect::<Vec<_>>().join("\n\n")
        }
        None if found.messages.is_empty() => "No message has come in.".to_owned(),
        None => found.messages.iter().map(|message| line(message, found.ts)).collect::<Vec<_>>().join("\n"),
    }
}

/// One message in two lines: what became of it, and where it came from.
fn line(message: &MessageDecision, now_ms: u64) -> String {
    let MessageDecision { message_id, outcome, reason, at, .. } = message;
    let reason = reason.as_deref().unwrap_or("not yet");
    let ago = age::ago(*at, now_ms);
    format!("{:<9}  {}  {}\n           {ago}, {}", outcome, clean(message_id), clean(reason), place(message))
}

fn place(message: &MessageDecision) -> String {
    let MessageDecision { channel, account_id, room, thread_id, sender_id, chat_type, .. } = message;
    let thread = thread_id.as_ref().map(|thread| format!("/{}", clean(thread))).unwrap_or_default();
    format!("{channel}:{account_id}, {chat_type} {}{thread}, sender {}", clean(room), clean(sender_id))
}

/// One message with every check.
fn steps(message: &MessageDecision, now_ms: u64) -> String {
    let mut lines = vec![
        format!("Message {} ({})", clean(&message.message_id), place(message)),
        format!("Came in  {}", age::ago(message.at, now_ms)),
    ];
    for step in &message.steps {
        let mark = if step.passed { "passed" } else { "ended " };
        lines.push(format!("  {mark}  {}: {}", clean(&step.check), clean(&step.found)));
    }
    if message.steps.is_empty() && message.outcome != "undecided" {
        lines.push("  (decided before the checks were kept)".to_owned());
    }
    let reason = message.reason.as_deref().map(|reason| format!(": {}", clean(reason))).unwrap_or_default();
    lines.push(format!("Outcome  {}{reason}", message.outcome));
    if let Some(session) = &message.session_key {
        lines.push(format!("Session  {}", clean(session)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use openclaw_protocol::decisions::DecisionStep;

    use super::*;

    #[test]
    fn a_message_is_told_step_by_step() {
        let step = |check: &str, passed, found: &str| DecisionStep {
            check: check.to_owned(),
            passed,
            found: found.to_owned(),
        };
        let message = MessageDecision {
            message_id: "47".to_owned(),
            channel: "chat".to_owned(),
            account_id: "default".to_owned(),
            chat_type: "group".to_owned(),
            room: "-5".to_owned(),
            sender_id: "7".to_owned(),
            at: 1_000,
            outcome: "dropped".to_owned(),
            reason: Some("the bot was not named".to_owned()),
            steps: vec![
                step("groupPolicy", true, "allowlist"),
                step("requireMention", false, "nobody named the agent"),
            ],
            ..MessageDecision::default()
        };
        let found = MessageDecisions { ts: 61_000, messages: vec![message] };
        let expected = "Message 47 (chat:default, group -5, sender 7)\nCame in  1m ago\n  passed  groupPolicy: allowlist\n  \
                        ended   requireMention: nobody named the agent\nOutcome  dropped: the bot was not named";
        assert_eq!(text(&found, Some("47")), expected);
        let list =
            "dropped    47  the bot was not named\n           1m ago, chat:default, group -5, sender 7";
        assert_eq!(text(&found, None), list);
        let nothing = MessageDecisions::default();
        assert!(text(&nothing, Some("48")).starts_with("No account had a message 48, "));
    }
}
