//! `openclaw sessions compact`: has the session's model summarise its older part, or cuts its transcript short.

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::Scope;
use openclaw_protocol::sessions::{SessionCompacted, SessionsCompactParams};

use crate::{
    client::{RpcFlags, block_on},
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

/// How long to wait for the summary where nobody says otherwise.
const PATIENCE_MS: u64 = 10 * 60 * 1_000;

/// Flags of `openclaw sessions compact`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions compact agent:main:main
  openclaw sessions compact agent:main:main --max-lines 200 --json")]
pub(super) struct Flags {
    /// Its key, as the list shows it; the id of its transcript or its label will do
    #[arg(value_name = "SESSION")]
    session: String,
    /// Delete all but so many of the newest messages, instead of summarising
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_lines: Option<u64>,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let (raw, done) = block_on(async {
        let mut client = super::connect(&flags.rpc, context).await?;
        let key = super::find(&mut client, &flags.session).await?;
        let patience = flags.rpc.timeout.unwrap_or(PATIENCE_MS);
        let mut client = super::connect_for(Scope::Admin, &flags.rpc, patience, context).await?;
        let params =
            SessionsCompactParams { key, max_lines: flags.max_lines, ..SessionsCompactParams::default() };
        Ok(client.call(&params).await?)
    })?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&text(&done))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(done: &SessionCompacted) -> String {
    let key = clean(&done.key);
    match (&done.result, done.kept, &done.reason) {
        (Some(size), ..) => {
            format!("{key}: a summary now, about {} → {} tokens.", size.tokens_before, size.tokens_after)
        }
        (None, Some(kept), _) => format!("{key}: {kept} message(s) kept."),
        (None, None, Some(reason)) => format!("{key}: not compacted. {}", clean(reason)),
        (None, None, None) => format!("{key}: not compacted."),
    }
}
