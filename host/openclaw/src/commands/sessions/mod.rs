//! `openclaw sessions`: the conversations of the agents. What a session is, is the gateway's; here it is asked and shown.

mod cleanup;
mod compact;
mod export;
mod lifecycle;
mod list;
mod show;
mod tail;

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_protocol::{
    Scope,
    sessions::{SessionsResetParams, SessionsResolveParams},
};
use serde_json::json;

use crate::{
    client::{self, Client, Mode, PATIENCE_MS, RpcFlags, Target, block_on},
    commands::agreed,
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

/// Flags of `openclaw sessions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions --active 60
  openclaw sessions show agent:main:main
  openclaw sessions export agent:main:main --output talk.md
  openclaw sessions reset agent:main:main
  openclaw sessions cleanup --dry-run")]
pub(crate) struct Flags {
    #[command(flatten)]
    list: list::Flags,
    #[command(subcommand)]
    command: Option<Subcommand>,
}

#[derive(Debug, ClapSubcommand)]
enum Subcommand {
    /// List them, the one used last first
    List(list::Flags),
    /// Show one: its facts and what was said last
    Show(show::Flags),
    /// Begin one anew: the next turn knows nothing of what was said
    Reset(ResetFlags),
    /// Write down what was said, as JSON Lines or Markdown
    Export(export::Flags),
    /// Follow what happens in sessions, without what is said in them
    Tail(tail::Flags),
    /// Summarise the older part of one, so that models are told less
    Compact(compact::Flags),
    /// Put sessions away: what was said stays, and the list leaves them out
    Archive(lifecycle::Flags),
    /// Delete sessions with what was said in them
    Delete(lifecycle::DeleteFlags),
    /// Put away what nobody uses, as session.maintenance says
    Cleanup(cleanup::Flags),
}

/// Flags of `openclaw sessions reset`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions export agent:main:main --output before.jsonl
  openclaw sessions reset agent:main:main --yes")]
struct ResetFlags {
    /// Its key, as the list shows it; the id of its transcript or its label will do
    #[arg(value_name = "SESSION")]
    session: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    match &flags.command {
        None => list::run(&flags.list, context),
        Some(Subcommand::List(flags)) => list::run(flags, context),
        Some(Subcommand::Show(flags)) => show::run(flags, context),
        Some(Subcommand::Reset(flags)) => reset(flags, context),
        Some(Subcommand::Export(flags)) => export::run(flags, context),
        Some(Subcommand::Tail(flags)) => tail::run(flags, context),
        Some(Subcommand::Compact(flags)) => compact::run(flags, context),
        Some(Subcommand::Archive(flags)) => lifecycle::archive(flags, context),
        Some(Subcommand::Delete(flags)) => lifecycle::delete(flags, context),
        Some(Subcommand::Cleanup(flags)) => cleanup::run(flags, context),
    }
}

fn reset(flags: &ResetFlags, context: &Context) -> Result<ExitCode, CliError> {
    let ResetFlags { session, yes, rpc } = flags;
    let key = block_on(async {
        let mut client = connect(rpc, context).await?;
        find(&mut client, session).await
    })?;
    let question = format!(
        "Begin {} anew? What was said is no longer part of it; to keep it, export it first.",
        clean(&key)
    );
    if !agreed(&question, *yes, context)? {
        return Ok(ExitCode::FAILURE);
    }
    let params = SessionsResetParams { key, ..SessionsResetParams::default() };
    let (raw, done) = client::ask(context, rpc, &params)?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&format!("{} begins anew (transcript {}).", clean(&done.key), done.entry.session_id))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A connection that may read.
async fn connect(rpc: &RpcFlags, context: &Context) -> Result<Client, CliError> {
    connect_as(Scope::Read, rpc, context).await
}

/// A connection with a scope.
async fn connect_as(scope: Scope, rpc: &RpcFlags, context: &Context) -> Result<Client, CliError> {
    connect_for(scope, rpc, rpc.timeout.unwrap_or(PATIENCE_MS), context).await
}

/// The same, with a patience in milliseconds.
async fn connect_for(
    scope: Scope,
    rpc: &RpcFlags,
    patience: u64,
    context: &Context,
) -> Result<Client, CliError> {
    let target = Target::resolve(&rpc.target, context)?;
    Ok(Client::connect(&target, Mode::Cli, &[scope], patience).await?)
}

/// The key of the session that somebody named by its key, the id of its transcript or its label.
async fn find(client: &mut Client, named: &str) -> Result<String, CliError> {
    found(client, named).await?.ok_or_else(|| CliError::Detailed {
        text: unknown(named),
        code: "SESSION_UNKNOWN",
        extra: json!({}),
    })
}

/// What to say of a session that there is not.
fn unknown(named: &str) -> String {
    format!("There is no session {named:?}. Run openclaw sessions list to see what there is.")
}

/// The same, or nothing.
async fn found(client: &mut Client, named: &str) -> Result<Option<String>, CliError> {
    let (name, none) = (Some(named.to_owned()), SessionsResolveParams::default());
    let none = SessionsResolveParams { allow_missing: Some(true), ..none };
    let ways = [
        SessionsResolveParams { key: name.clone(), ..none.clone() },
        SessionsResolveParams { session_id: name.clone(), ..none.clone() },
        SessionsResolveParams { label: name, ..none },
    ];
    for way in ways {
        let (_, found) = client.call(&way).await?;
        if found.key.is_some() {
            return Ok(found.key);
        }
    }
    Ok(None)
}
