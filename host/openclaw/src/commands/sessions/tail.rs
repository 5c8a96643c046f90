//! `openclaw sessions tail`: what happens in sessions, a line each, without what is said in them.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use openclaw_protocol::chat::ChatHistoryParams;
use openclaw_protocol::sessions::SessionsListParams;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    client::{Client, RpcFlags, block_on},
    context::Context,
    error::CliError,
    output::{clean, note, print_now},
};

/// How often to look with `--follow`.
const EVERY: Duration = Duration::from_secs(1);
/// Messages of a session that one look finds; of more that came since the last one, the newest.
const LOOK: u64 = 200;
/// Sessions among which one is looked for that runs.
const SESSIONS: u64 = 100;

/// Flags of `openclaw sessions tail`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions tail
  openclaw sessions tail --follow
  openclaw sessions tail --session-key agent:main:main --tail 25")]
pub(super) struct Flags {
    /// The session, as the list shows it; by default those with a turn that runs, else the one used last
    #[arg(long, value_name = "SESSION")]
    session_key: Option<String>,
    /// Only sessions of this agent
    #[arg(long, value_name = "AGENT", conflicts_with = "session_key")]
    agent: Option<String>,
    /// Accepted for compatibility: without --agent, those of all agents are meant
    #[arg(long, hide = true, conflicts_with = "agent")]
    all_agents: bool,
    /// How many messages of each session to begin with; 0 begins at its end
    #[arg(long, value_name = "N", default_value = "80", value_parser = clap::value_parser!(u64).range(..=200))]
    tail: u64,
    /// Go on with what comes, until it is interrupted
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// One session and how far it was shown.
#[derive(Debug)]
struct Followed {
    key: String,
    session_id: String,
    seen: u64,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    block_on(async {
        let mut client = super::connect(&flags.rpc, context).await?;
        let keys = which(&mut client, flags).await?;
        if keys.is_empty() {
            note("There is no session yet.");
        }
        let mut all = Vec::with_capacity(keys.len());
        for key in keys {
            let mut followed = Followed { key, session_id: String::new(), seen: 0 };
            let messages = look(&mut client, &mut followed).await?;
            let skip = messages.len().saturating_sub(usize::try_from(flags.tail).unwrap_or(usize::MAX));
            show(&followed.key, messages.into_iter().skip(skip), context)?;
            all.push(followed);
        }
        while flags.follow && !all.is_empty() {
            tokio::time::sleep(EVERY).await;
            for followed in &mut all {
                let messages = look(&mut client, followed).await?;
                show(&followed.key, messages.into_iter(), context)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The sessions that are meant.
async fn which(client: &mut Client, flags: &Flags) -> Result<Vec<String>, CliError> {
    if let Some(named) = &flags.session_key {
        return Ok(vec![super::find(client, named).await?]);
    }
    let query = SessionsListParams {
        agent_id: flags.agent.clone(),
        limit: Some(SESSIONS),
        ..SessionsListParams::default()
    };
    let (_, list) = client.call(&query).await?;
    let mut running = list.sessions.iter().filter(|row| row.has_active_run).peekable();
    let keys: Vec<String> = match running.peek() {
        Some(_) => running.map(|row| row.key.clone()).collect(),
        None => list.sessions.first().map(|row| row.key.clone()).into_iter().collect(),
    };
    Ok(keys)
}

/// The messages that were not seen yet, the oldest first.
async fn look(client: &mut Client, followed: &mut Followed) -> Result<Vec<Value>, CliError> {
    let params = ChatHistoryParams {
        session_key: followed.key.clone(),
        limit: Some(LOOK),
        // What is said is not shown.
        max_chars: Some(1),
        ..ChatHistoryParams::default()
    };
    let (mut page, _) = client.call(&params).await?;
    let session_id = page.get("sessionId").and_then(Value::as_str).unwrap_or_default();
    if session_id != followed.session_id {
        // It has begun anew.
        session_id.clone_into(&mut followed.session_id);
        followed.seen = 0;
    }
    let Some(Value::Array(messages)) = page.get_mut("messages").map(Value::take) else {
        return Ok(Vec::new());
    };
    let fresh: Vec<Value> = messages.into_iter().filter(|message| place(message) > followed.seen).collect();
    followed.seen = fresh.iter().map(place).max().unwrap_or(followed.seen);
    Ok(fresh)
}

fn place(message: &Value) -> u64 {
    message.pointer("/__openclaw/seq").and_then(Value::as_u64).unwrap_or_default()
}

fn show(key: &str, messages: impl Iterator<Item = Value>, context: &Context) -> Result<(), CliError> {
    for message in messages {
        let line = if context.json { record(key, &message).to_string() } else { line(key, &message) };
        print_now(&format!("{line}\n"))?;
    }
    Ok(())
}

/// The same for programs.
fn record(key: &str, message: &Value) -> Value {
    let mut record = json!({"sessionKey": key, "seq": place(message)});
    if let (Some(fields), Some(known)) = (record.as_object_mut(), message.as_object()) {
        let told = ["role", "timestamp", "provider", "model", "usage"];
        fields.extend(told.into_iter().filter_map(|name| Some((name.to_owned(), known.get(name)?.clone()))));
    }
    record
}

fn line(key: &str, message: &Value) -> String {
    let word = |name: &str| message.get(name).and_then(Value::as_str);
    let at = message.get("timestamp").and_then(Value::as_i64).unwrap_or_default();
    let at = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)).ok();
    let at = at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
    let what = match (word("role"), word("provider").zip(word("model"))) {
        (Some("assistant"), Some((provider, model))) => {
            let count = |name: &str| message.pointer(&format!("/usage/{name}")).and_then(Value::as_u64);
            let used = count("input").zip(count("output"));
            let used = used.map(|(input, output)| format!("  {input} in / {output} out"));
            format!("done   {provider}/{model}{}", used.unwrap_or_default())
        }
        (Some("assistant"), None) => "done".to_owned(),
        (Some("user"), _) => "asked".to_owned(),
        (role, _) => role.unwrap_or("unknown").to_owned(),
    };
    format!("{at}  {}  {}", clean(key), clean(&what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_happened_and_not_what_was_said() {
        let asked = json!({"role": "user", "content": "secret", "timestamp": 0, "__openclaw": {"seq": 1}});
        assert_eq!(line("agent:main:main", &asked), "1970-01-01T00:00:00Z  agent:main:main  asked");
        let done = json!({"role": "assistant", "content": [{"type": "text", "text": "secret"}], "timestamp": 1_000,
            "provider": "fake", "model": "echo", "usage": {"input": 10, "output": 9}, "__openclaw": {"seq": 2}});
        assert_eq!(line("k", &done), "1970-01-01T00:00:01Z  k  done   fake/echo  10 in / 9 out");
        let record = record("k", &done);
        assert_eq!((&record["seq"], &record["model"]), (&json!(2), &json!("echo")));
        assert!(record.get("content").is_none());
    }
}
