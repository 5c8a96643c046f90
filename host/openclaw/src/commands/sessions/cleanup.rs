//! `openclaw sessions cleanup`: has the gateway look after sessions now, or say what it would do.

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::sessions::{SessionsCleaned, SessionsCleanupParams};

use crate::{
    client::{self, RpcFlags},
    context::Context,
    error::CliError,
    output::{Output, age, clean, print_json, print_line, table::Table},
};

/// Flags of `openclaw sessions cleanup`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions cleanup --dry-run
  openclaw sessions cleanup --agent main --json
  openclaw sessions cleanup --enforce --active-key agent:main:explicit:draft")]
pub(super) struct Flags {
    /// Only of this agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Accepted for compatibility: without --agent, those of all agents are looked after
    #[arg(long, hide = true, conflicts_with = "agent")]
    all_agents: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Also when session.maintenance.mode is warn
    #[arg(long, conflicts_with = "dry_run")]
    enforce: bool,
    /// This session stays
    #[arg(long, value_name = "KEY")]
    active_key: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let params = SessionsCleanupParams {
        agent: flags.agent.clone(),
        all_agents: None,
        enforce: flags.enforce.then_some(true),
        dry_run: flags.dry_run.then_some(true),
        active_key: flags.active_key.clone(),
    };
    let (raw, done) = client::ask(context, &flags.rpc, &params)?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&text(&done, context.output))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(done: &SessionsCleaned, output: Output) -> String {
    let mut lines = Vec::new();
    if !done.actions.is_empty() {
        let mut table = Table::new(&["Action", "Key", "Age"]);
        for action in &done.actions {
            table.row([action.action.clone(), clean(&action.key), age::coarse(action.age_ms / 1_000)]);
        }
        lines.push(table.render(output));
    }
    for store in &done.stores {
        let (before, after) = (store.before_count, store.after_count);
        lines.push(format!(
            "{}: {before} session(s), {} {after} ({} for their age, {} because there were too many)",
            clean(&store.agent_id),
            if done.applied { "now" } else { "then" },
            store.pruned,
            store.capped
        ));
    }
    if done.stores.is_empty() {
        lines.push("No sessions.".to_owned());
    }
    if !done.applied {
        let why = if done.dry_run { "a dry run" } else { "session.maintenance.mode is warn; add --enforce" };
        lines.push(format!("Nothing was changed: {why}."));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use openclaw_protocol::sessions::{CleanupAction, StoreCleaned};

    use super::*;

    #[test]
    fn what_was_done_reads_with_its_reasons() {
        let store = StoreCleaned {
            agent_id: "main".to_owned(),
            before_count: 3,
            after_count: 2,
            pruned: 1,
            ..StoreCleaned::default()
        };
        let action = CleanupAction {
            key: "agent:main:hook:1".to_owned(),
            agent_id: "main".to_owned(),
            action: "prune-age".to_owned(),
            age_ms: 40 * 24 * 3_600_000,
        };
        let done = SessionsCleaned {
            ok: true,
            applied: true,
            mode: "enforce".to_owned(),
            stores: vec![store],
            actions: vec![action],
            ..SessionsCleaned::default()
        };
        let told = text(&done, Output::plain());
        assert!(told.contains("prune-age  agent:main:hook:1  40d"), "{told}");
        assert!(
            told.ends_with("main: 3 session(s), now 2 (1 for their age, 0 because there were too many)"),
            "{told}"
        );
        let warned = SessionsCleaned { applied: false, mode: "warn".to_owned(), ..done };
        assert!(text(&warned, Output::plain()).ends_with("session.maintenance.mode is warn; add --enforce."));
    }
}
