//! A turn that the control plane asked for, from its place in the session's lane to its answer: told as it goes, ended when
//! somebody ends its run, delivered to a channel when that was asked. It goes on when the client that asked for it has gone.

use std::sync::Arc;
use std::time::Duration;

use openclaw_agents::{Agents, Turn, TurnRequest};
use openclaw_config::SendPlace;
use openclaw_failpoints::failpoint;
use openclaw_messaging::SendRequest;
use openclaw_protocol::agent::{AgentFinal, AgentMeta, AgentResult, ReplyPayload, RunMeta, RunStatus, Usage};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::clock::now_ms;
use crate::process::Gateway;
use crate::rpc::session_events::{self, Change};
use crate::runs::{Ended, Run};
use crate::told::{End, Told};
use crate::turns::{self, stop_word};

/// Begins the turn of a run. Whatever becomes of it, the run ends.
pub(crate) fn begin(
    gateway: &Arc<Gateway>,
    run: &Arc<Run>,
    request: TurnRequest,
    deliver: Option<SendRequest>,
) {
    let (inside, own) = (Arc::clone(gateway), Arc::clone(run));
    let work = async move {
        let answer = take_turn(&inside, &own, request).await;
        if let Some(request) = deliver {
            hand_over(&inside, &own.about.session_key, request, &answer).await;
        }
        answer
    };
    let (gateway, own) = (Arc::clone(gateway), Arc::clone(run));
    watch_over(run, work, async move {
        let failed = own
            .known()
            .is_some_and(|ended| ended.answer.status != RunStatus::Ok && ended.answer.summary != "aborted");
        session_events::changed(&gateway, &own.about, Change::ended(failed)).await;
    });
}

/// Runs `work` in a task of its own and ends the run with its answer, also when it breaks off; then does what comes `after`.
pub(crate) fn watch_over(
    run: &Arc<Run>,
    work: impl Future<Output = AgentFinal> + Send + 'static,
    after: impl Future<Output = ()> + Send + 'static,
) {
    let begun = Instant::now();
    let work = tokio::spawn(work);
    let run = Arc::clone(run);
    tokio::spawn(async move {
        let answer = work.await.unwrap_or_else(|lost| {
            let why = format!("the turn broke off inside the gateway: {lost}");
            failed(run.about.run_id.clone(), RunStatus::Error, "failed", why, begun)
        });
        // The answer has it.
        run.about.write("");
        run.end(Ended { answer: Arc::new(answer), at: now_ms() });
        after.await;
    });
}

async fn take_turn(gateway: &Arc<Gateway>, run: &Run, request: TurnRequest) -> AgentFinal {
    let about = &run.about;
    let begun = Instant::now();
    let run_id = about.run_id.clone();
    let mut told = Told::asked_for(gateway, about).await;
    failpoint!("turns.run");
    let end =
        told.follow(request, |request, beginning| turns::in_its_lane(gateway, request, beginning)).await;
    let ended = match end {
        End::Turn(ended) => *ended,
        End::Stopped(reason) => {
            told.stopped(reason);
            let why = "the turn was stopped (aborted)".to_owned();
            let mut answer = failed(run_id, RunStatus::Error, "aborted", why, begun);
            if let Some(result) = &mut answer.result {
                result.meta.stop_reason = Some(reason.to_owned());
            }
            return answer;
        }
    };
    told.end(&ended, true).await;
    match ended {
        Ok(turn) => {
            let by =
                if turn.command { "command".to_owned() } else { format!("{}/{}", turn.provider, turn.model) };
            info!(
                subsystem = "agent",
                session = about.session_key,
                "turn completed run={run_id} model={by} duration={}ms",
                turn.duration.as_millis()
            );
            let meta = turn_meta(&turn, stop_word(turn.stop_reason));
            completed(run_id, turn.reply, meta)
        }
        Err(error) if error.is_abort() => {
            failed(run_id, RunStatus::Error, "aborted", error.to_string(), begun)
        }
        Err(error) => {
            let status = if error.is_timeout() { RunStatus::Timeout } else { RunStatus::Error };
            failed(run_id, status, "failed", error.to_string(), begun)
        }
    }
}

/// Why an answer is not sent; `None` if it is. What cannot be read is not sent either.
pub(crate) async fn withheld(agents: &Agents, place: SendPlace<'_>) -> Option<&'static str> {
    agents.withheld(place).await.unwrap_or_else(|error| {
        let session = place.session_key;
        warn!(code = error.code(), session, "whether an answer is sent cannot be read: {error}");
        Some("the answer is not sent: whether it may be cannot be read")
    })
}

/// Sends the answer of a session's turn to the channel that was named.
pub(crate) async fn hand_over(gateway: &Gateway, session: &str, request: SendRequest, answer: &AgentFinal) {
    let texts =
        answer.result.iter().flat_map(|result| &result.payloads).filter_map(|payload| payload.text.clone());
    let text = texts.collect::<Vec<_>>().join("\n\n");
    if answer.status != RunStatus::Ok || text.is_empty() {
        return;
    }
    let account = request.account.clone();
    if let Some(why) = withheld(&gateway.agents, SendPlace::of(&account.channel, session)).await {
        info!(subsystem = "agent", %account, session, "{why}");
        return;
    }
    if let Err(error) = gateway.messaging.send(SendRequest { text, ..request }).await {
        warn!(%account, code = error.code(), "the answer was not delivered: {error}");
    }
}

fn turn_meta(turn: &Turn, stop_reason: &str) -> RunMeta {
    RunMeta {
        duration_ms: u64::try_from(turn.duration.as_millis()).unwrap_or(u64::MAX),
        agent_meta: Some(AgentMeta {
            session_id: turn.session_id.clone(),
            provider: turn.provider.clone(),
            model: turn.model.clone(),
            usage: Some(usage(turn.usage)),
        }),
        stop_reason: Some(stop_reason.to_owned()),
        error: None,
    }
}

/// The answer of a turn that ended well.
pub(crate) fn completed(run_id: String, text: String, meta: RunMeta) -> AgentFinal {
    let payloads =
        if text.is_empty() { Vec::new() } else { vec![ReplyPayload { text: Some(text), media_url: None }] };
    let result = Some(AgentResult { payloads, meta });
    AgentFinal { run_id, status: RunStatus::Ok, summary: "completed".to_owned(), result }
}

/// The answer of a turn that did not.
pub(crate) fn failed(
    run_id: String,
    status: RunStatus,
    summary: &str,
    error: String,
    begun: Instant,
) -> AgentFinal {
    let meta = RunMeta { duration_ms: elapsed_ms(begun), error: Some(error.clone()), ..RunMeta::default() };
    let summary = if summary == "aborted" { summary.to_owned() } else { error };
    AgentFinal { run_id, status, summary, result: Some(AgentResult { payloads: Vec::new(), meta }) }
}

pub(crate) fn usage(usage: openclaw_models::Usage) -> Usage {
    Usage {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cached_tokens,
        total: usage.input_tokens.saturating_add(usage.output_tokens),
    }
}

pub(crate) fn elapsed_ms(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// How long whoever ends a run waits for its end before it answers.
pub(crate) const END_WITHIN: Duration = Duration::from_secs(1);
