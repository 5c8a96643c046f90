//! `openclaw sessions show`: the facts of one session, and what was said last.

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::sessions::{SessionRow, SessionsDescribeParams, SessionsPreviewParams};
use serde_json::{Value, json};

use super::list;
use crate::{
    client::{RpcFlags, block_on},
    context::Context,
    error::CliError,
    output::{age, clean, print_json, print_line},
};

/// Characters of one message.
const CHARS: u64 = 1_000;

/// Flags of `openclaw sessions show`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions show agent:main:main
  openclaw sessions show main --messages 20 --json")]
pub(super) struct Flags {
    /// Its key, as the list shows it; the id of its transcript or its label will do
    #[arg(value_name = "SESSION")]
    session: String,
    /// How many of the last messages to show, at most 50
    #[arg(long, value_name = "N", default_value = "6", value_parser = clap::value_parser!(u64).range(1..=50))]
    messages: u64,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let (raw, row, said) = block_on(async {
        let mut client = super::connect(&flags.rpc, context).await?;
        let key = super::find(&mut client, &flags.session).await?;
        let describe = SessionsDescribeParams { key: key.clone(), ..SessionsDescribeParams::default() };
        let (raw, described) = client.call(&describe).await?;
        let preview =
            SessionsPreviewParams { keys: vec![key], limit: Some(flags.messages), max_chars: Some(CHARS) };
        let (_, preview) = client.call(&preview).await?;
        let items = preview.previews.into_iter().flat_map(|preview| preview.items);
        let said = items.map(|item| (item.role, item.text)).collect::<Vec<_>>();
        Ok((raw, described.session, said))
    })?;
    // It was there a moment ago.
    let row = row.ok_or_else(|| CliError::invalid("The session was deleted meanwhile."))?;
    if context.json {
        let messages = said.iter().map(|(role, text)| json!({"role": role, "text": text}));
        let messages: Vec<Value> = messages.collect();
        print_json(&json!({"session": raw.get("session"), "messages": messages}))?;
    } else {
        print_line(&text(&row, &said, age::now_ms()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(row: &SessionRow, said: &[(String, String)], now_ms: u64) -> String {
    let mut lines = Vec::new();
    let mut fact = |name: &str, value: String| lines.push(format!("{name:<12}{value}"));
    fact("Session", clean(&row.key));
    fact("Kind", row.kind.clone());
    fact("Agent", clean(&row.agent_id));
    if let Some(channel) = &row.channel {
        fact("Channel", clean(channel));
    }
    fact("Begun", age::ago(row.created_at, now_ms));
    fact("Used", age::ago(row.updated_at, now_ms));
    if let Some(model) = &row.model {
        let provider = row.model_provider.as_ref().map(|provider| format!("{}/", clean(provider)));
        fact("Model", format!("{}{}", provider.unwrap_or_default(), clean(model)));
    }
    fact("Tokens", list::tokens(row));
    fact("Flags", list::marks(row).join(" "));
    if said.is_empty() {
        lines.push("\nNothing was said yet.".to_owned());
    }
    for (role, text) in said {
        let text: Vec<String> = text.lines().map(|line| format!("  {}", clean(line))).collect();
        lines.push(format!("\n{}:\n{}", clean(role), text.join("\n")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_shown_with_its_last_words() {
        let row = SessionRow {
            key: "agent:main:main".to_owned(),
            session_id: "s1".to_owned(),
            kind: "direct".to_owned(),
            agent_id: "main".to_owned(),
            model_provider: Some("fake".to_owned()),
            model: Some("echo".to_owned()),
            ..SessionRow::default()
        };
        let said = [("user".to_owned(), "one\n\u{1b}[31mtwo".to_owned())];
        let text = super::text(&row, &said, 120_000);
        assert!(text.starts_with("Session     agent:main:main\nKind        direct\n"), "{text}");
        assert!(
            text.contains("\nModel       fake/echo\n") && text.contains("\nFlags       id:s1\n"),
            "{text}"
        );
        assert!(text.ends_with("\n\nuser:\n  one\n   [31mtwo"), "{text}");
        assert!(super::text(&row, &[], 0).ends_with("\nNothing was said yet."));
    }
}
