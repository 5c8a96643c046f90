//! `chat.send|abort|inject`, and `sessions.send|steer|abort` which do the same: a person's message becomes a turn of the session that
//! the channels use too, answered by events. What was said is stored by the turn; nothing goes to a channel unless asked.

pub(super) mod history;

use std::sync::Arc;
use std::time::Duration;

use openclaw_agents::{Stop, TurnRequest};
use openclaw_messaging::{SendRequest, Target};
use openclaw_models::Thinking;
use openclaw_protocol::chat::{
    ChatAbortParams, ChatAborted, ChatAck, ChatAnswer, ChatInjectParams, ChatInjected, ChatSendParams,
};
use openclaw_protocol::sessions::{
    SessionAborted, SessionsAbortParams, SessionsSendParams, SessionsSteerParams,
};
use openclaw_protocol::{Call as _, RpcError};
use serde_json::{Value, json};
use uuid::Uuid;

use super::sessions::change::{in_lane, thinking};
use super::sessions::rows::{Place, known, place, refuse, storing};
use super::{Caller, session_events};
use crate::accounts;
use crate::conversation::{self, END_WITHIN};
use crate::once::{Claim, bound_elsewhere, busy};
use crate::process::Gateway;
use crate::runs::{About, Run};
use crate::telling::spoken;

/// What a client may send along that changes nothing here.
const HARMLESS: [&str; 4] =
    ["fastAutoOnSeconds", "expectedPermissionMode", "expectedToolOverrides", "expectedLeafEntryId"];

/// How a turn differs from the usual one.
#[derive(Default)]
struct Manner {
    plain: bool,
    thinking: Option<Thinking>,
    timeout: Option<Duration>,
    deliver: Option<SendRequest>,
    interrupt: bool,
}

pub(super) async fn send(caller: &Caller, params: ChatSendParams) -> Result<ChatAnswer, RpcError> {
    let gateway = &caller.gateway;
    let place = place(gateway, &params.session_key, params.agent_id.as_deref())?;
    let plain = params.suppress_command_interpretation == Some(true);
    if !plain && gateway.agents.overtakes(&params.message) {
        let run_ids = stop(gateway, &place.key, "stop").await;
        return Ok(ChatAnswer::Aborted(ChatAborted { ok: true, aborted: !run_ids.is_empty(), run_ids }));
    }
    let level = judge(&params.message, params.attachments.as_deref(), params.thinking.as_deref())?;
    for (key, value) in &params.rest {
        let nothing = matches!(value, Value::Null | Value::Bool(false)) || HARMLESS.contains(&key.as_str());
        if !nothing {
            return Err(RpcError::invalid(format!(
                "chat.send: {key} is not supported by this gateway; leave it out"
            )));
        }
    }
    if let Some(leaf) = params.rest.get("expectedLeafEntryId") {
        expect_leaf(gateway, &place, leaf.as_str()).await?;
    }
    if let Some(expected) = &params.session_id {
        let current = gateway.store.session(&place.key).await.map_err(refuse)?;
        if current.is_some_and(|current| current.row.session_id != *expected) {
            return Err(RpcError::invalid("session changed; reload the conversation and retry"));
        }
    }
    let manner = Manner {
        plain,
        thinking: level,
        timeout: params.timeout_ms.filter(|&ms| ms > 0).map(Duration::from_millis),
        deliver: if params.deliver == Some(true) { destination(gateway, &params)? } else { None },
        interrupt: params.queue_mode.as_deref() == Some("interrupt"),
    };
    let key = params.idempotency_key;
    begin(caller, ChatSendParams::METHOD, &place, params.message, &key, manner).await.map(ChatAnswer::Run)
}

pub(super) async fn session_send(caller: &Caller, params: SessionsSendParams) -> Result<ChatAck, RpcError> {
    say_in_session(caller, SessionsSendParams::METHOD, params, false).await
}

pub(super) async fn session_steer(caller: &Caller, params: SessionsSteerParams) -> Result<ChatAck, RpcError> {
    say_in_session(caller, SessionsSteerParams::METHOD, params.0, true).await
}

async fn say_in_session(
    caller: &Caller,
    method: &'static str,
    params: SessionsSendParams,
    interrupt: bool,
) -> Result<ChatAck, RpcError> {
    let gateway = &caller.gateway;
    let place = place(gateway, &params.key, params.agent_id.as_deref())?;
    let thinking = judge(&params.message, params.attachments.as_deref(), params.thinking.as_deref())?;
    if place.key != gateway.main_session_of(&place.agent) {
        known(gateway, &place).await?;
    }
    let key = params.idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
    let timeout = params.timeout_ms.filter(|&ms| ms > 0).map(Duration::from_millis);
    let manner = Manner { thinking, timeout, interrupt, ..Manner::default() };
    begin(caller, method, &place, params.message, &key, manner).await
}

/// A message into a session, in the usual manner.
pub(super) async fn say(
    caller: &Caller,
    method: &'static str,
    place: &Place,
    message: String,
    key: &str,
    timeout: Option<Duration>,
) -> Result<ChatAck, RpcError> {
    begin(caller, method, place, message, key, Manner { timeout, ..Manner::default() }).await
}

async fn begin(
    caller: &Caller,
    method: &'static str,
    place: &Place,
    message: String,
    key: &str,
    manner: Manner,
) -> Result<ChatAck, RpcError> {
    let gateway = &caller.gateway;
    storing(gateway)?;
    let about = About::new(key, method, &caller.client.owner(), &place.key, &place.agent);
    let ack =
        |status: &str| ChatAck { run_id: key.to_owned(), status: status.to_owned(), ..ChatAck::default() };
    let run = match gateway.runs.enter(about) {
        Claim::First(run) => run,
        Claim::Again(run) => return Ok(ack(if run.known().is_some() { "ok" } else { "in_flight" })),
        Claim::Other => return Err(bound_elsewhere()),
        Claim::Full => return Err(busy()),
    };
    // Before this one begins; it is among the session's runs already.
    let interrupted =
        manner.interrupt && !end_runs(gateway, &place.key, "interrupt", Some(key)).await.is_empty();
    let request = TurnRequest {
        agent_id: place.agent.clone(),
        session_key: place.key.clone(),
        message,
        plain: manner.plain,
        thinking: manner.thinking,
        timeout: manner.timeout,
        ..TurnRequest::default()
    };
    conversation::begin(gateway, &run, request, manner.deliver);
    Ok(ChatAck { interrupted_active_run: interrupted.then_some(true), ..ack("started") })
}

/// Refuses a message that no turn can be made of. Returns how hard to think about it.
fn judge(
    message: &str,
    attachments: Option<&[Value]>,
    level: Option<&str>,
) -> Result<Option<Thinking>, RpcError> {
    if attachments.is_some_and(|attachments| !attachments.is_empty()) {
        return Err(RpcError::invalid(
            "attachments are not supported by this gateway yet: send the text alone, or put what matters into it",
        ));
    }
    if message.trim().is_empty() {
        return Err(RpcError::invalid("message or attachment required"));
    }
    thinking(level)
}

/// Refuses a message that answers something else than what was said last.
async fn expect_leaf(gateway: &Gateway, place: &Place, leaf: Option<&str>) -> Result<(), RpcError> {
    let record = gateway.store.session(&place.key).await.map_err(refuse)?;
    let last = match record {
        Some(record) => {
            let page =
                gateway.store.transcript(&place.key, &record.row.session_id, 1, 0).await.map_err(refuse)?;
            page.entries.last().map(|known| known.id.to_string())
        }
        None => None,
    };
    if last.as_deref() == leaf {
        return Ok(());
    }
    let details = json!({"reason": "active-leaf-changed"});
    Err(RpcError::invalid("active branch changed; review and retry").with_details(details))
}

/// Where `deliver` sends the answer.
fn destination(gateway: &Arc<Gateway>, params: &ChatSendParams) -> Result<Option<SendRequest>, RpcError> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let (Some(channel), Some(to)) = (filled(&params.originating_channel), filled(&params.originating_to))
    else {
        return Err(RpcError::invalid("deliver needs `originatingChannel` and `originatingTo`"));
    };
    // The conversation itself: its events are the delivery.
    if channel == "webchat" {
        return Ok(None);
    }
    let account = accounts::resolve(gateway, &channel, params.originating_account_id.as_deref());
    Ok(Some(SendRequest {
        account: account.map_err(RpcError::invalid)?,
        target: Target { room: to, thread: filled(&params.originating_thread_id) },
        text: String::new(),
        media: Vec::new(),
        reply_to: params.reply_to_id.clone(),
        silent: false,
        idempotency_key: format!("chat-{}", params.idempotency_key),
    }))
}

pub(super) async fn abort(gateway: &Arc<Gateway>, params: ChatAbortParams) -> Result<ChatAborted, RpcError> {
    let place = place(gateway, &params.session_key, params.agent_id.as_deref())?;
    let run_ids = match &params.run_id {
        None => stop(gateway, &place.key, "rpc").await,
        Some(run_id) => stop_run(gateway, run_id, Some(&place.key)).await?,
    };
    Ok(ChatAborted { ok: true, aborted: !run_ids.is_empty(), run_ids })
}

pub(super) async fn session_abort(
    gateway: &Arc<Gateway>,
    params: SessionsAbortParams,
) -> Result<SessionAborted, RpcError> {
    let key = match &params.key {
        Some(key) => Some(place(gateway, key, params.agent_id.as_deref())?.key),
        None => None,
    };
    let run_ids = match (&params.run_id, &key) {
        (Some(run_id), key) => stop_run(gateway, run_id, key.as_deref()).await?,
        (None, Some(key)) => stop(gateway, key, "rpc").await,
        (None, None) => return Err(RpcError::invalid("key or runId required")),
    };
    let aborted_run_id = run_ids.into_iter().next();
    let status = if aborted_run_id.is_some() { "aborted" } else { "no-active-run" };
    Ok(SessionAborted { ok: true, aborted_run_id, status: status.to_owned() })
}

/// Ends one run, of this session when there is one named.
async fn stop_run(gateway: &Gateway, run_id: &str, key: Option<&str>) -> Result<Vec<String>, RpcError> {
    let mismatch = || RpcError::invalid("runId does not match sessionKey");
    if let Some(run) = gateway.runs.get(run_id) {
        if key.is_some_and(|key| run.about.session_key != key) {
            return Err(mismatch());
        }
        if run.known().is_some() {
            return Ok(Vec::new());
        }
        return Ok(end(vec![run], "rpc").await);
    }
    let active = gateway.agents.active().into_iter().find(|active| active.run_id == run_id);
    match active {
        Some(active) if key.is_some_and(|key| active.session_key != key) => Err(mismatch()),
        Some(_) => Ok(gateway.agents.abort(Stop::Run(run_id))),
        None => Ok(Vec::new()),
    }
}

/// Ends everything that runs or waits in a session, and returns what it was.
pub(super) async fn stop(gateway: &Gateway, key: &str, reason: &'static str) -> Vec<String> {
    end_runs(gateway, key, reason, None).await
}

async fn end_runs(gateway: &Gateway, key: &str, reason: &'static str, but: Option<&str>) -> Vec<String> {
    let live = gateway.runs.live().into_iter();
    let ours: Vec<_> =
        live.filter(|run| run.about.session_key == key && but != Some(run.about.run_id.as_str())).collect();
    let mut ended = end(ours, reason).await;
    // Those of channels and of HTTP have no run of ours.
    for run_id in gateway.agents.abort(Stop::Session(key)) {
        if !ended.contains(&run_id) && but != Some(run_id.as_str()) {
            ended.push(run_id);
        }
    }
    ended
}

/// Ends runs and waits a moment, so that their last events come before the answer.
async fn end(runs: Vec<Arc<Run>>, reason: &'static str) -> Vec<String> {
    for run in &runs {
        run.about.stop(reason);
    }
    let ends = async {
        for run in &runs {
            run.answer().await;
        }
    };
    // Past the moment they end by themselves.
    drop(tokio::time::timeout(END_WITHIN, ends).await);
    // One that was answered at the same moment was not ended by us.
    let ours = |run: &Arc<Run>| run.known().is_none_or(|ended| ended.answer.summary == "aborted");
    runs.iter().filter(|run| ours(run)).map(|run| run.about.run_id.clone()).collect()
}

pub(super) async fn inject(
    gateway: &Arc<Gateway>,
    params: ChatInjectParams,
) -> Result<ChatInjected, RpcError> {
    let place = place(gateway, &params.session_key, params.agent_id.as_deref())?;
    let found = gateway.store.session(&place.key).await.map_err(refuse)?;
    let record = found.ok_or_else(|| RpcError::invalid("session not found"))?;
    let text = match params.label.as_deref().map(str::trim).filter(|label| !label.is_empty()) {
        Some(label) => format!("[{label}]\n\n{}", params.message),
        None => params.message,
    };
    let session_id = record.row.session_id.clone();
    let id = in_lane(gateway, &place, async || {
        gateway.agents.inject(&record, &text).await.map_err(refuse)?;
        let page = gateway.store.transcript(&place.key, &session_id, 1, 0).await.map_err(refuse)?;
        Ok(page.entries.last().map(|known| known.id))
    });
    let id = id.await?.ok_or_else(|| RpcError::unavailable("failed to write transcript: unknown error"))?;
    session_events::appended(gateway, &place.key, &place.agent, &session_id, 1, None).await;
    let event = json!({"runId": format!("inject-{id}"), "sessionKey": place.key, "agentId": place.agent, "seq": 0,
        "state": "final", "message": spoken(&text)});
    gateway.hub.broadcast("chat", &event);
    Ok(ChatInjected { ok: true, message_id: id.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_must_say_something_that_can_be_handled() {
        let refusal = |message: &str, attachments: Option<&[Value]>, level: Option<&str>| {
            judge(message, attachments, level).map_err(|error| error.message)
        };
        assert_eq!(refusal(" ", None, None), Err("message or attachment required".to_owned()));
        assert_eq!(refusal("hi", Some(&[]), Some("off")), Ok(Some(Thinking::Off)));
        assert!(
            refusal("hi", Some(&[json!({})]), None).unwrap_err().starts_with("attachments are not supported")
        );
        assert!(refusal("hi", None, Some("hard")).unwrap_err().starts_with("invalid thinkingLevel"));
    }
}
