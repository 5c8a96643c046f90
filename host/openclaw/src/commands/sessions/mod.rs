//! `openclaw sessions`: the conversations of the agents. What a session is, is the gateway's; here it is asked and shown.

mod export;
mod list;
mod show;

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
  openclaw sessions reset agent:main:main")]
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
    let target = Target::resolve(&rpc.target, context)?;
    let patience = rpc.timeout.unwrap_or(PATIENCE_MS);
    Ok(Client::connect(&target, Mode::Cli, &[Scope::Read], patience).await?)
}

/// The key of the session that somebody named by its key, the id of its transcript or its label.
async fn find(client: &mut Client, named: &str) -> Result<String, CliError> {
    let (name, none) = (Some(named.to_owned()), SessionsResolveParams::default());
    let none = SessionsResolveParams { allow_missing: Some(true), ..none };
    let ways = [
        SessionsResolveParams { key: name.clone(), ..none.clone() },
        SessionsResolveParams { session_id: name.clone(), ..none.clone() },
        SessionsResolveParams { label: name, ..none },
    ];
    for way in ways {
        let (_, found) = client.call(&way).await?;
        if let Some(key) = found.key {
            return Ok(key);
        }
    }
    Err(CliError::Detailed {
        text: format!("There is no session {named:?}. Run openclaw sessions list to see what there is."),
        code: "SESSION_UNKNOWN",
        extra: json!({}),
    })
}
