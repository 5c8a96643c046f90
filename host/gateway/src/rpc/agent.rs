//! `agent` and `agent.wait`: one turn, its events while it runs, and its answer, twice on the same id (frame
//! `13-agent-and-wait`). A turn goes on when the client that asked for it has gone.

use std::sync::Arc;
use std::time::Duration;

use openclaw_agents::{Turn, TurnEvent, TurnRequest};
use openclaw_messaging::{SendRequest, Target, main_key};
use openclaw_models::{ChatRequest, FinishReason, Message, Role};
use openclaw_protocol::agent::{
    AGENT_EVENT, AgentAccepted, AgentEvent, AgentFinal, AgentMeta, AgentParams, AgentResult, AgentWait,
    AgentWaitParams, AssistantDelta, ReplyPayload, RunMeta, RunStatus, Usage,
};
use openclaw_protocol::{RpcError, Scope};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Answer, Caller};
use crate::accounts;
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::runs::{Entry, Run};
use crate::turns;

/// How long `agent.wait` waits when nobody says otherwise.
const WAIT_MS: u64 = 30_000;
/// Pieces of text that may wait to become events.
const PIECES: usize = 64;
/// `chat` events carry the whole text so far, so that they are sent only so often (openclaw-compat §3.11.3).
const CHAT_EVERY: Duration = Duration::from_millis(150);

/// `agent`
pub(super) async fn run(caller: &Caller, params: AgentParams) -> Result<AgentFinal, RpcError> {
    let gateway = &caller.gateway;
    if (params.model.is_some() || params.provider.is_some()) && !caller.client.may(Scope::Admin) {
        return Err(RpcError::missing_scope(Scope::Admin));
    }
    let (agent_id, session_key) = selection(gateway, &params).await?;
    let model = reference(&params);
    if let Some(model) = &model {
        gateway.models.catalog().resolve(model).map_err(|why| RpcError::invalid(why.to_string()))?;
    }
    let deliver = if params.deliver == Some(true) { Some(destination(gateway, &params)?) } else { None };
    let run_id = params.idempotency_key.clone();
    let (run, status) = match gateway.runs.enter(&run_id, &session_key, &agent_id, now_ms()) {
        Entry::New(run) => (run, "accepted"),
        Entry::Known(run) if run.session_key == session_key => (run, "in_flight"),
        Entry::Known(_) => {
            return Err(RpcError::invalid("idempotency key is already bound to a different message route"));
        }
        Entry::Full => {
            return Err(RpcError::busy("The server is busy. Please try again in a moment.", Some(1_000)));
        }
    };
    let accepted = AgentAccepted {
        run_id: run_id.clone(),
        session_key: Some(run.session_key.clone()),
        agent_id: Some(run.agent_id.clone()),
        status: status.to_owned(),
        accepted_at: run.accepted_at,
    };
    // A client takes the first answer that is not `accepted` for the last one: what has ended is answered once.
    if !run.has_ended() {
        caller.client.outbound.frame(&Answer::ok(&caller.id, &accepted));
    }
    if status == "accepted" {
        // A task of its own: the turn belongs to its session, not to this connection.
        let begun = Instant::now();
        let turn = tokio::spawn({
            let (gateway, run) = (Arc::clone(gateway), Arc::clone(&run));
            async move {
                let answer = if params.model_run == Some(true) {
                    complete(&gateway, &params, model).await
                } else {
                    take_turn(&gateway, &run, &params, model).await
                };
                if let Some(request) = deliver {
                    hand_over(&gateway, request, &answer).await;
                }
                answer
            }
        });
        let run = Arc::clone(&run);
        tokio::spawn(async move {
            // Whatever became of the turn, the run ends: its callers would wait for ever.
            let answer = turn.await.unwrap_or_else(|lost| {
                let why = format!("the turn broke off inside the gateway: {lost}");
                failed(run_id, RunStatus::Error, "failed", why, begun)
            });
            run.end(answer, now_ms());
        });
    }
    match run.ended().await {
        Some(ended) => Ok(AgentFinal::clone(&ended.answer)),
        None => Err(RpcError::unavailable("the run was lost")),
    }
}

/// `agent.wait`
pub(super) async fn wait(gateway: &Gateway, which: AgentWaitParams) -> Result<AgentWait, RpcError> {
    let run = gateway
        .runs
        .get(&which.run_id)
        .ok_or_else(|| RpcError::invalid(format!("unknown run: {}", which.run_id)))?;
    let limit = Duration::from_millis(which.timeout_ms.unwrap_or(WAIT_MS));
    let started_at = Some(run.accepted_at);
    let answer = match tokio::time::timeout(limit, run.ended()).await {
        Ok(Some(ended)) => {
            let meta = ended.answer.result.as_ref().map(|result| &result.meta);
            AgentWait {
                run_id: which.run_id,
                status: ended.answer.status,
                started_at,
                ended_at: Some(ended.at),
                error: meta.and_then(|meta| meta.error.clone()),
                stop_reason: meta.and_then(|meta| meta.stop_reason.clone()),
            }
        }
        Ok(None) | Err(_) => AgentWait {
            run_id: which.run_id,
            status: RunStatus::Timeout,
            started_at,
            ended_at: None,
            error: None,
            stop_reason: None,
        },
    };
    Ok(answer)
}

/// Which agent and which session a request means; without a selector the default agent's main session.
async fn selection(gateway: &Gateway, params: &AgentParams) -> Result<(String, String), RpcError> {
    let config = gateway.settings.config();
    let by_id = match &params.session_id {
        Some(id) if params.session_key.is_none() => Some(session_of(gateway, id).await?),
        _ => None,
    };
    let key = params.session_key.clone().or(by_id).map(|key| key.to_lowercase());
    let in_key =
        key.as_deref().and_then(|key| key.strip_prefix("agent:")?.split(':').next()).map(str::to_owned);
    let agent_id = params.agent_id.as_deref().map(str::to_lowercase);
    let agent_id = agent_id.or(in_key).unwrap_or_else(|| config.agents.default_id().to_owned());
    if config.agents.get(&agent_id).is_none() {
        return Err(RpcError::invalid(format!("unknown agent: {agent_id}")));
    }
    let session_key = match (key, &params.to) {
        (Some(key), _) => key,
        (None, Some(to)) => format!("agent:{agent_id}:direct:{to}").to_lowercase(),
        (None, None) => main_key(&agent_id),
    };
    Ok((agent_id, session_key))
}

async fn session_of(gateway: &Gateway, id: &str) -> Result<String, RpcError> {
    let found = gateway.store.session_key(id).await;
    let found = found.map_err(|error| RpcError::unavailable(error.to_string()))?;
    found.ok_or_else(|| RpcError::invalid(format!("unknown session: {id}")))
}

fn reference(params: &AgentParams) -> Option<String> {
    match (&params.provider, &params.model) {
        (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
        (None, Some(model)) => Some(model.clone()),
        (_, None) => None,
    }
}

/// Where `deliver` sends the answer.
fn destination(gateway: &Arc<Gateway>, params: &AgentParams) -> Result<SendRequest, RpcError> {
    let (Some(channel), Some(to)) = (&params.channel, &params.to) else {
        return Err(RpcError::invalid("deliver needs `channel` and `to`"));
    };
    let account =
        accounts::resolve(gateway, channel, params.account_id.as_deref()).map_err(RpcError::invalid)?;
    Ok(SendRequest {
        account,
        target: Target { room: to.clone(), thread: None },
        text: String::new(),
        reply_to: None,
        silent: false,
        idempotency_key: format!("agent-{}", params.idempotency_key),
    })
}

async fn hand_over(gateway: &Gateway, request: SendRequest, answer: &AgentFinal) {
    let texts =
        answer.result.iter().flat_map(|result| &result.payloads).filter_map(|payload| payload.text.clone());
    let text = texts.collect::<Vec<_>>().join("\n\n");
    if answer.status != RunStatus::Ok || text.is_empty() {
        return;
    }
    let account = request.account.clone();
    if let Err(error) = gateway.messaging.send(SendRequest { text, ..request }).await {
        warn!(%account, code = error.code(), "the answer was not delivered: {error}");
    }
}

/// One raw completion: no session, no history, only this message.
async fn complete(gateway: &Gateway, params: &AgentParams, model: Option<String>) -> AgentFinal {
    let begun = Instant::now();
    let run_id = params.idempotency_key.clone();
    let choice = openclaw_config::ModelChoice { primary: model, fallbacks: Vec::new() };
    let request = ChatRequest {
        messages: vec![Message::text(Role::User, params.message.clone())],
        ..ChatRequest::default()
    };
    let deadline = params.timeout.map(|seconds| begun + Duration::from_secs(seconds));
    let asked = match gateway.models.catalog().targets(&choice) {
        Ok(targets) => gateway.models.chat(request, &targets, deadline, &mut |_| ()).await,
        Err(why) => Err(why.into()),
    };
    match asked {
        Ok(reply) => {
            let meta = RunMeta {
                duration_ms: elapsed_ms(begun),
                agent_meta: Some(AgentMeta {
                    session_id: String::new(),
                    provider: reply.provider,
                    model: reply.model,
                    usage: reply.answer.usage.map(usage),
                }),
                stop_reason: reply.answer.finish.map(|reason| stop_word(reason).to_owned()),
                error: None,
            };
            completed(run_id, reply.answer.text, meta)
        }
        Err(error) => failed(run_id, RunStatus::Error, "failed", error.to_string(), begun),
    }
}

/// A turn in its session, told as it goes.
async fn take_turn(gateway: &Gateway, run: &Run, params: &AgentParams, model: Option<String>) -> AgentFinal {
    let begun = Instant::now();
    let run_id = params.idempotency_key.clone();
    let mut teller = Teller::new(gateway, &run_id, &run.session_key, &run.agent_id);
    teller.lifecycle(json!({"phase": "start", "startedAt": now_ms()}));
    let (sink, mut pieces) = mpsc::channel(PIECES);
    let request = TurnRequest {
        run_id: Some(run_id.clone()),
        agent_id: run.agent_id.clone(),
        session_key: run.session_key.clone(),
        message: params.message.clone(),
        model,
        timeout: params.timeout.filter(|&seconds| seconds > 0).map(Duration::from_secs),
        sink: Some(sink),
        ..TurnRequest::default()
    };
    let mut turn = std::pin::pin!(turns::run(gateway.messaging.lanes(), &gateway.agents, request));
    let ended = loop {
        // Pieces first: the end must not overtake what was written before it.
        tokio::select! {
            biased;
            Some(piece) = pieces.recv() => teller.pieces(piece, &mut pieces),
            ended = &mut turn => break ended,
        }
    };
    while let Ok(piece) = pieces.try_recv() {
        teller.pieces(piece, &mut pieces);
    }
    match ended {
        Ok(turn) => {
            let word = stop_word(turn.stop_reason);
            teller.finished(&turn.reply, word);
            info!(
                subsystem = "agent",
                session = run.session_key,
                "turn completed run={run_id} model={}/{} duration={}ms",
                turn.provider,
                turn.model,
                turn.duration.as_millis()
            );
            let meta = turn_meta(&turn, word);
            completed(run_id, turn.reply, meta)
        }
        Err(error) => {
            let (status, summary) = match () {
                () if error.is_timeout() => (RunStatus::Timeout, "failed"),
                () if error.is_abort() => (RunStatus::Error, "aborted"),
                () => (RunStatus::Error, "failed"),
            };
            teller.failed(&error.to_string(), error.is_abort());
            failed(run_id, status, summary, error.to_string(), begun)
        }
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

fn completed(run_id: String, text: String, meta: RunMeta) -> AgentFinal {
    let payloads =
        if text.is_empty() { Vec::new() } else { vec![ReplyPayload { text: Some(text), media_url: None }] };
    let result = Some(AgentResult { payloads, meta });
    AgentFinal { run_id, status: RunStatus::Ok, summary: "completed".to_owned(), result }
}

fn failed(run_id: String, status: RunStatus, summary: &str, error: String, begun: Instant) -> AgentFinal {
    let meta = RunMeta { duration_ms: elapsed_ms(begun), error: Some(error.clone()), ..RunMeta::default() };
    let summary = if summary == "aborted" { summary.to_owned() } else { error };
    AgentFinal { run_id, status, summary, result: Some(AgentResult { payloads: Vec::new(), meta }) }
}

fn usage(usage: openclaw_models::Usage) -> Usage {
    Usage {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cached_tokens,
        total: usage.input_tokens.saturating_add(usage.output_tokens),
    }
}

fn stop_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Error => "error",
    }
}

fn elapsed_ms(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Tells clients of one running turn: `agent` events for each piece, `chat` events now and then.
struct Teller<'a> {
    gateway: &'a Gateway,
    run_id: &'a str,
    session_key: &'a str,
    agent_id: &'a str,
    seq: u64,
    text: String,
    /// Text that no `chat` event has carried yet begins here.
    told: usize,
    last_chat: Option<Instant>,
}

impl<'a> Teller<'a> {
    fn new(gateway: &'a Gateway, run_id: &'a str, session_key: &'a str, agent_id: &'a str) -> Teller<'a> {
        Teller {
            gateway,
            run_id,
            session_key,
            agent_id,
            seq: 0,
            text: String::new(),
            told: 0,
            last_chat: None,
        }
    }

    fn event(&mut self, stream: &str, data: Value) {
        self.seq += 1;
        let event = AgentEvent {
            run_id: self.run_id.to_owned(),
            session_key: Some(self.session_key.to_owned()),
            stream: stream.to_owned(),
            data,
            seq: self.seq,
            ts: now_ms(),
        };
        self.gateway.hub.broadcast(AGENT_EVENT, &event);
    }

    fn lifecycle(&mut self, data: Value) {
        self.event("lifecycle", data);
    }

    /// Tells `first` and what else waits, texts in one event: each carries the whole text so far, so that one event for
    /// every token of a long answer would be too many.
    fn pieces(&mut self, first: TurnEvent, more: &mut mpsc::Receiver<TurnEvent>) {
        let mut delta = String::new();
        for piece in std::iter::once(first).chain(std::iter::from_fn(|| more.try_recv().ok())) {
            match piece {
                TurnEvent::Text(text) => delta.push_str(&text),
                TurnEvent::Reasoning(delta) => self.event("thinking", json!({ "delta": delta })),
            }
        }
        if delta.is_empty() {
            return;
        }
        self.text.push_str(&delta);
        let data = AssistantDelta { text: self.text.clone(), delta };
        self.event("assistant", serde_json::to_value(data).unwrap_or_default());
        if self.last_chat.is_none_or(|last| last.elapsed() >= CHAT_EVERY) {
            self.chat_delta();
        }
    }

    fn chat(&mut self, mut fields: Value) {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("runId".to_owned(), json!(self.run_id));
            fields.insert("sessionKey".to_owned(), json!(self.session_key));
            fields.insert("agentId".to_owned(), json!(self.agent_id));
            fields.insert("seq".to_owned(), json!(self.seq));
        }
        self.gateway.hub.broadcast("chat", &fields);
    }

    fn chat_delta(&mut self) {
        let delta = self.text.get(self.told..).unwrap_or_default().to_owned();
        if delta.is_empty() {
            return;
        }
        self.told = self.text.len();
        self.last_chat = Some(Instant::now());
        let message = spoken(&self.text);
        self.chat(json!({"state": "delta", "deltaText": delta, "message": message}));
    }

    fn finished(&mut self, reply: &str, stop_reason: &str) {
        self.chat_delta();
        self.lifecycle(
            json!({"phase": "end", "endedAt": now_ms(), "stopReason": stop_reason, "aborted": false}),
        );
        self.chat(json!({"state": "final", "stopReason": stop_reason, "message": spoken(reply)}));
    }

    fn failed(&mut self, error: &str, aborted: bool) {
        self.chat_delta();
        self.lifecycle(json!({"phase": "error", "endedAt": now_ms(), "error": error, "aborted": aborted}));
        let fields = if aborted {
            json!({"state": "aborted", "stopReason": "rpc", "message": spoken(&self.text)})
        } else {
            json!({"state": "error", "errorMessage": error, "errorKind": "unknown"})
        };
        self.chat(fields);
    }
}

fn spoken(text: &str) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": text}], "timestamp": now_ms()})
}
