//! `openclaw agent`: one turn, shown as it is written.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use openclaw_protocol::{
    Call as _, Event, Scope,
    agent::{AGENT_EVENT, AgentEvent, AgentFinal, AgentParams, AssistantDelta, RunStatus},
};
use uuid::Uuid;

use crate::{
    client::{Client, Mode, Target, TargetFlags, block_on},
    context::Context,
    error::CliError,
    output::{print_json, print_line, print_now},
};

/// The longest file that `--message-file` reads, in bytes.
const LONGEST_MESSAGE: u64 = 4 * 1024 * 1024;

/// How much longer than the turn itself the answer is waited for, in milliseconds.
const GRACE_MS: u64 = 5_000;

/// Flags of `openclaw agent`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw agent --message \"hello\"
  openclaw agent --agent main --message \"hello\" --json")]
pub(crate) struct Flags {
    /// What to say to the agent
    #[arg(long, short, value_name = "TEXT", required_unless_present = "message_file")]
    message: Option<String>,
    /// Read what to say from a UTF-8 file of at most 4 MiB
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    message_file: Option<PathBuf>,
    /// The agent (default: the main session of the default agent)
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// The session, for instance agent:main:main
    #[arg(long, value_name = "KEY")]
    session_key: Option<String>,
    /// The session by its id
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// The recipient from which the session follows
    #[arg(long, short = 't', value_name = "RECIPIENT")]
    to: Option<String>,
    /// Another model for this turn: provider/model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// How long the turn may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    target: TargetFlags,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let message = message(flags)?;
    if message.trim().is_empty() {
        return Err(CliError::invalid(
            "The message is empty. Pass --message \"…\" or --message-file <file>.",
        ));
    }
    let target = Target::resolve(&flags.target, context)?;
    let params = AgentParams {
        message,
        idempotency_key: Uuid::new_v4().to_string(),
        agent_id: flags.agent.clone(),
        session_key: flags.session_key.clone(),
        session_id: flags.session_id.clone(),
        to: flags.to.clone(),
        model: flags.model.clone(),
        timeout: Some(flags.timeout),
        ..AgentParams::default()
    };
    // Another model than the configured one is the administrator's decision.
    let scope = if params.model.is_some() { Scope::Admin } else { Scope::Write };
    let mut shown =
        Shown { run_id: params.idempotency_key.clone(), live: context.output.is_terminal(), length: 0 };
    let answer = block_on(async {
        let patience = flags.timeout * 1_000 + GRACE_MS;
        let mut client = Client::connect(&target, Mode::Cli, &[scope], patience).await?;
        let params = serde_json::to_value(&params).map_err(std::io::Error::from)?;
        let show = |event| {
            if !context.json {
                shown.event(event)
            }
        };
        Ok(client.call_twice(AgentParams::METHOD, params, show).await?)
    })?;
    let done: AgentFinal = serde_json::from_value(answer.clone()).map_err(|e| {
        CliError::invalid(format!("the gateway's answer has another shape than expected ({e})"))
    })?;
    if context.json {
        print_json(&answer)?;
    } else {
        finish(&done, &shown)?;
    }
    Ok(if done.status == RunStatus::Ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn message(flags: &Flags) -> Result<String, CliError> {
    match (&flags.message, &flags.message_file) {
        (None, Some(path)) => {
            let failed = |source| CliError::File { path: path.clone(), source };
            if std::fs::metadata(path).map_err(failed)?.len() > LONGEST_MESSAGE {
                return Err(CliError::invalid(format!("{} is longer than 4 MiB.", path.display())));
            }
            std::fs::read_to_string(path).map_err(failed)
        }
        (message, _) => Ok(message.clone().unwrap_or_default()),
    }
}

/// What has been printed while the agent was writing.
struct Shown {
    run_id: String,
    /// Only a person watches text grow; a program gets it whole.
    live: bool,
    /// Bytes.
    length: usize,
}

impl Shown {
    fn event(&mut self, event: Event) {
        if !self.live || event.event != AGENT_EVENT {
            return;
        }
        let Some(Ok(event)) = event.payload.map(serde_json::from_value::<AgentEvent>) else { return };
        if event.run_id != self.run_id || event.stream != "assistant" {
            return;
        }
        if let Ok(text) = serde_json::from_value::<AssistantDelta>(event.data) {
            self.length += text.delta.len();
            // The whole answer comes again at the end; a failure to print shows there.
            print_now(&text.delta).ok();
        }
    }
}

fn finish(done: &AgentFinal, shown: &Shown) -> Result<(), CliError> {
    let payloads = done.result.iter().flat_map(|result| &result.payloads);
    let texts: Vec<&str> =
        payloads.filter_map(|payload| payload.text.as_deref()).filter(|text| !text.is_empty()).collect();
    let whole = texts.join("\n");
    if shown.length > 0 {
        // The last line is still open. What was not streamed follows; what was is not said twice.
        print_line("")?;
    } else if !whole.is_empty() {
        print_line(&whole)?;
    } else if done.status == RunStatus::Ok {
        print_line("No reply from agent.")?;
    }
    if done.status != RunStatus::Ok {
        crate::output::note(&failure(done).to_string());
    }
    Ok(())
}

fn failure(done: &AgentFinal) -> String {
    let detail = done.result.as_ref().and_then(|result| result.meta.error.as_deref());
    let detail = detail.unwrap_or(&done.summary);
    match done.status {
        RunStatus::Timeout => {
            format!("The turn took too long: {detail}. Raise --timeout, or see openclaw logs.")
        }
        _ => format!("The turn failed: {detail}"),
    }
}
