//! `openclaw sessions archive` and `delete`: puts sessions away or deletes them, each by itself: one that cannot be is no reason to leave
//! the others. Deleting asks once, before anything is done.

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::Scope;
use openclaw_protocol::sessions::{
    SessionRow, SessionsDeleteParams, SessionsDescribeParams, SessionsPatchParams,
};
use serde::Serialize;
use serde_json::{Map, json};

use crate::{
    client::{Client, RpcFlags, block_on},
    commands::agreed,
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

/// Flags of `openclaw sessions archive`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions archive agent:main:explicit:draft
  openclaw sessions archive agent:main:explicit:a agent:main:explicit:b --dry-run")]
pub(super) struct Flags {
    /// Their keys, as the list shows them; the id of a transcript or a label will do
    #[arg(value_name = "SESSION", required = true)]
    sessions: Vec<String>,
    /// The agent whose they are, where a key does not say
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// Flags of `openclaw sessions delete`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions delete agent:main:explicit:draft --dry-run
  openclaw sessions delete agent:main:explicit:a agent:main:explicit:b --yes")]
pub(super) struct DeleteFlags {
    #[command(flatten)]
    which: Flags,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Archive,
    Delete,
}

impl Operation {
    fn word(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Delete => "delete",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Archive => "archived",
            Self::Delete => "deleted",
        }
    }
}

/// What became of one session.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Ended {
    key: String,
    ok: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Ended {
    fn done(key: String, operation: Operation) -> Self {
        Self { key, ok: true, status: operation.done(), error: None }
    }

    fn missing(named: &str) -> Self {
        let error = Some(super::unknown(named));
        Self { key: named.to_owned(), ok: false, status: "not_found", error }
    }

    fn failed(key: String, error: String) -> Self {
        Self { key, ok: false, status: "failed", error: Some(error) }
    }
}

pub(super) fn archive(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    run(Operation::Archive, flags, true, context)
}

pub(super) fn delete(flags: &DeleteFlags, context: &Context) -> Result<ExitCode, CliError> {
    run(Operation::Delete, &flags.which, flags.yes || flags.which.dry_run, context)
}

fn run(operation: Operation, flags: &Flags, yes: bool, context: &Context) -> Result<ExitCode, CliError> {
    let found = block_on(look(flags, context))?;
    let there = found.iter().filter(|(_, row)| row.is_some()).count();
    if there > 0 && operation == Operation::Delete {
        let question = format!("Delete {there} session(s) with what was said in them?");
        if !agreed(&question, yes, context)? {
            return Ok(ExitCode::FAILURE);
        }
    }
    let results = match flags.dry_run {
        true => found.into_iter().map(|(named, row)| preview(operation, &named, row)).collect(),
        false => block_on(work(operation, found, flags, context))?,
    };
    let ok = results.iter().all(|ended| ended.ok);
    if context.json {
        let operation = operation.word();
        print_json(&json!({"ok": ok, "operation": operation, "dryRun": flags.dry_run, "results": results}))?;
    } else {
        for ended in &results {
            print_line(&line(ended, flags.dry_run))?;
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was named, each with what is known of it.
async fn look(flags: &Flags, context: &Context) -> Result<Vec<(String, Option<SessionRow>)>, CliError> {
    let mut client = super::connect(&flags.rpc, context).await?;
    let mut all: Vec<(String, Option<SessionRow>)> = Vec::with_capacity(flags.sessions.len());
    for named in &flags.sessions {
        let row = match super::found(&mut client, named).await? {
            Some(key) => {
                let which = SessionsDescribeParams { key, ..SessionsDescribeParams::default() };
                client.call(&which).await?.1.session
            }
            None => None,
        };
        // Whoever names one twice means it once.
        let again = |known: &SessionRow| {
            all.iter().any(|(_, row)| row.as_ref().is_some_and(|row| row.key == known.key))
        };
        if !row.as_ref().is_some_and(again) {
            all.push((named.clone(), row));
        }
    }
    Ok(all)
}

/// What would become of it, as far as that is known.
fn preview(operation: Operation, named: &str, row: Option<SessionRow>) -> Ended {
    match row {
        None => Ended::missing(named),
        Some(row) if row.is_main => {
            let error = format!(
                "the main session of its agent stays; to begin it anew: openclaw sessions reset {}",
                row.key
            );
            Ended::failed(row.key, error)
        }
        Some(row) => Ended::done(row.key, operation),
    }
}

async fn work(
    operation: Operation,
    found: Vec<(String, Option<SessionRow>)>,
    flags: &Flags,
    context: &Context,
) -> Result<Vec<Ended>, CliError> {
    let mut client = super::connect_as(Scope::Admin, &flags.rpc, context).await?;
    let mut results = Vec::with_capacity(found.len());
    for (named, row) in found {
        // One that is refused anyway is not asked for.
        let ended = match preview(operation, &named, row) {
            ended if !ended.ok => ended,
            ended => match one(operation, &mut client, &ended.key, flags).await {
                Ok(true) => ended,
                Ok(false) => Ended::missing(&named),
                Err(error) => Ended::failed(ended.key, error.to_string()),
            },
        };
        results.push(ended);
    }
    Ok(results)
}

/// Does it to one session. Returns whether there was one.
async fn one(operation: Operation, client: &mut Client, key: &str, flags: &Flags) -> Result<bool, CliError> {
    let (key, agent_id) = (key.to_owned(), flags.agent.clone());
    match operation {
        Operation::Archive => {
            let rest = Map::from_iter([("archived".to_owned(), json!(true))]);
            let patch = SessionsPatchParams { key, agent_id, rest, ..SessionsPatchParams::default() };
            client.call(&patch).await?;
            Ok(true)
        }
        Operation::Delete => {
            let which = SessionsDeleteParams { key, agent_id, ..SessionsDeleteParams::default() };
            Ok(client.call(&which).await?.1.deleted)
        }
    }
}

fn line(ended: &Ended, dry_run: bool) -> String {
    let key = clean(&ended.key);
    match &ended.error {
        Some(error) => format!("{key}: {}", clean(error)),
        None if dry_run => format!("{key}: would be {}", ended.status),
        None => format!("{key}: {}", ended.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_says_what_is_known() {
        let row =
            |key: &str, is_main| Some(SessionRow { key: key.to_owned(), is_main, ..SessionRow::default() });
        let told = |named, row| line(&preview(Operation::Delete, named, row), true);
        assert_eq!(told("a", row("agent:main:a", false)), "agent:main:a: would be deleted");
        assert!(told("b", None).starts_with("b: There is no session \"b\"."));
        let main = preview(Operation::Archive, "main", row("agent:main:main", true));
        assert_eq!((main.ok, main.status), (false, "failed"));
        let json = serde_json::to_value(preview(Operation::Archive, "a", row("k", false))).unwrap();
        assert_eq!(json, json!({"key": "k", "ok": true, "status": "archived"}));
    }
}
