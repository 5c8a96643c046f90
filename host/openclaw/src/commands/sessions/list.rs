//! `openclaw sessions list`: one row a session (openclaw-compat §7.14).

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::sessions::{SessionRow, SessionsList, SessionsListParams};
use serde_json::{Value, json};

use crate::{
    client::{RpcFlags, block_on},
    context::Context,
    error::CliError,
    output::{Output, age, clean, print_json, print_line, table::Table},
};

/// Sessions when nobody says otherwise.
const USUAL: u64 = 100;
/// Sessions in one answer of the gateway.
const PAGE: u64 = 1_000;

/// Flags of `openclaw sessions` and `openclaw sessions list`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions list --limit 20
  openclaw sessions list --active 60 --json
  openclaw sessions list --agent main --search ada --limit all")]
pub(super) struct Flags {
    /// Only of this agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Accepted for compatibility: without --agent, those of all agents are listed
    #[arg(long, hide = true, conflicts_with = "agent")]
    all_agents: bool,
    /// Only those that were used in the last minutes
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..))]
    active: Option<u64>,
    /// Only those with this text in the key, the id or a name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Also those that were put away, as an expired session's transcript is
    #[arg(long)]
    archived: bool,
    /// At most so many, or `all`
    #[arg(long, value_name = "N", default_value = "100", value_parser = limit)]
    limit: Limit,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// How many sessions are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Most(u64),
    All,
}

fn limit(text: &str) -> Result<Limit, String> {
    match (text, text.parse()) {
        ("all", _) => Ok(Limit::All),
        (_, Ok(count)) if count > 0 => Ok(Limit::Most(count)),
        _ => Err(format!("a whole number from 1, or all; the usual limit is {USUAL}")),
    }
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let (raw, found) = block_on(read(flags, context))?;
    if context.json {
        print_json(&document(raw, flags))?;
    } else {
        print_line(&text(&found, context.output))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that was asked for, in as many answers as it takes.
async fn read(flags: &Flags, context: &Context) -> Result<(Value, SessionsList), CliError> {
    let mut client = super::connect(&flags.rpc, context).await?;
    let wanted = match flags.limit {
        Limit::Most(count) => count,
        Limit::All => u64::MAX,
    };
    let mut params = SessionsListParams {
        agent_id: flags.agent.clone(),
        active_minutes: flags.active,
        search: flags.search.clone(),
        archived: flags.archived.then(|| json!("all")),
        limit: Some(wanted.min(PAGE)),
        ..SessionsListParams::default()
    };
    let (mut raw, mut all) = client.call(&params).await?;
    let mut rows = rows_of(&mut raw);
    while let Some(next) = all.next_offset.filter(|_| (rows.len() as u64) < wanted) {
        params.offset = Some(next);
        params.limit = Some((wanted - rows.len() as u64).min(PAGE));
        let (mut more_raw, more) = client.call(&params).await?;
        if more.sessions.is_empty() {
            break;
        }
        rows.extend(rows_of(&mut more_raw));
        all.sessions.extend(more.sessions);
        (all.next_offset, all.has_more, all.total_count) =
            (more.next_offset, more.has_more, more.total_count);
    }
    all.count = all.sessions.len();
    all.limit_applied = (flags.limit != Limit::All).then_some(wanted);
    if let Some(fields) = raw.as_object_mut() {
        fields.extend([
            ("sessions".to_owned(), Value::Array(rows)),
            ("count".to_owned(), json!(all.count)),
            ("totalCount".to_owned(), json!(all.total_count)),
            ("limitApplied".to_owned(), json!(all.limit_applied)),
            ("hasMore".to_owned(), json!(all.has_more)),
        ]);
        fields.remove("nextOffset");
    }
    Ok((raw, all))
}

fn rows_of(raw: &mut Value) -> Vec<Value> {
    match raw.get_mut("sessions").map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

/// The answer with what the original's command line adds to it.
fn document(mut raw: Value, flags: &Flags) -> Value {
    let now = raw.get("ts").and_then(Value::as_u64).unwrap_or_default();
    for row in raw.get_mut("sessions").and_then(Value::as_array_mut).into_iter().flatten() {
        let updated = row.get("updatedAt").and_then(Value::as_u64);
        if let (Some(row), Some(updated)) = (row.as_object_mut(), updated) {
            row.insert("ageMs".to_owned(), json!(now.saturating_sub(updated)));
        }
    }
    if let Some(fields) = raw.as_object_mut() {
        fields.insert("activeMinutes".to_owned(), json!(flags.active));
    }
    raw
}

fn text(found: &SessionsList, output: Output) -> String {
    let mut lines =
        vec![format!("Session store: {}", found.path), format!("Sessions listed: {}", found.count)];
    if found.sessions.is_empty() {
        lines.push("No sessions.".to_owned());
        return lines.join("\n");
    }
    let mut table = Table::new(&["Kind", "Key", "Age", "Model", "Tokens (ctx %)", "Flags"]);
    for row in &found.sessions {
        table.row([
            row.kind.clone(),
            clean(&row.key),
            age::ago(row.updated_at, found.ts),
            row.model.as_deref().map(clean).unwrap_or_else(|| "-".to_owned()),
            tokens(row),
            marks(row).join(" "),
        ]);
    }
    lines.push(table.render(output));
    if found.has_more {
        lines.push(format!("{} in all: --limit all, --agent, --search", found.total_count));
    }
    lines.join("\n")
}

/// `10/128k (0%)`: what the last answer used of what the model can take.
pub(super) fn tokens(row: &SessionRow) -> String {
    match (row.total_tokens, row.context_tokens.filter(|most| *most > 0)) {
        (Some(used), Some(most)) => {
            format!("{}/{} ({}%)", short(used), short(most), used.saturating_mul(100) / most)
        }
        (Some(used), None) => short(used),
        (None, Some(most)) => format!("-/{}", short(most)),
        (None, None) => "-".to_owned(),
    }
}

fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..10_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        _ => format!("{}k", count / 1_000),
    }
}

/// What else is worth a word.
pub(super) fn marks(row: &SessionRow) -> Vec<String> {
    let mut marks = Vec::new();
    let words = [(row.has_active_run, "running"), (row.pinned, "pinned"), (row.archived, "archived")];
    marks.extend(words.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word.to_owned()));
    marks.extend(row.label.as_ref().map(|label| format!("label:{}", clean(label))));
    marks.push(format!("id:{}", row.session_id));
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_read_as_the_original_shows_them() {
        let row = SessionRow {
            key: "agent:main:main".to_owned(),
            session_id: "ccadb31c".to_owned(),
            kind: "direct".to_owned(),
            updated_at: 60_000,
            model: Some("echo".to_owned()),
            total_tokens: Some(1_250),
            context_tokens: Some(128_000),
            has_active_run: true,
            ..SessionRow::default()
        };
        let mut list =
            SessionsList { ts: 180_000, path: "/s/gateway.sqlite".to_owned(), ..SessionsList::default() };
        let plain = Output::plain();
        assert_eq!(text(&list, plain), "Session store: /s/gateway.sqlite\nSessions listed: 0\nNo sessions.");
        (list.sessions, list.count) = (vec![row], 1);
        let expected = "\
Session store: /s/gateway.sqlite
Sessions listed: 1
Kind    Key              Age     Model  Tokens (ctx %)  Flags
direct  agent:main:main  2m ago  echo   1.2k/128k (0%)  running id:ccadb31c";
        assert_eq!(text(&list, plain), expected);
        (list.has_more, list.total_count) = (true, 7);
        assert!(text(&list, plain).ends_with("\n7 in all: --limit all, --agent, --search"));
    }

    #[test]
    fn a_limit_is_a_number_or_all() {
        assert_eq!((limit("5"), limit("all")), (Ok(Limit::Most(5)), Ok(Limit::All)));
        assert!(limit("0").is_err() && limit("some").is_err() && limit("-1").is_err());
    }
}
