//! `agent` and `agent.wait`: one turn, its events while it runs, and its answer, twice on the same id (frame
//! `13-agent-and-wait`). A turn goes on when the client that asked for it has gone.

use std::sync::Arc;
use std::time::Duration;

use openclaw_agents::TurnRequest;
use openclaw_messaging::{SendRequest, Target};
use openclaw_models::{ChatRequest, Message, Role, Thinking, ThinkingWish};
use openclaw_protocol::agent::{
    AgentAccepted, AgentFinal, AgentMeta, AgentParams, AgentWait, AgentWaitParams, RunMeta, RunStatus,
};
use openclaw_protocol::{Call as _, RpcError, Scope};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::sessions::change::thinking;
use super::sessions::rows;
use super::{Answer, Caller};
use crate::accounts;
use crate::conversation::{self, completed, elapsed_ms, failed, hand_over, usage};
use crate::once::{Claim, bound_elsewhere, busy};
use crate::process::Gateway;
use crate::runs::About;
use crate::turns::stop_word;

/// How long `agent.wait` waits when nobody says otherwise.
const WAIT_MS: u64 = 30_000;
/// What a client may send along that changes nothing here: there are no tools, no groups of agents and no other lanes.
const HARMLESS: [&str; 15] = [
    "lane",
    "label",
    "bestEffortDeliver",
    "groupId",
    "groupChannel",
    "groupSpace",
    "cleanupBundleMcpOnRunEnd",
    "bootstrapContextMode",
    "bootstrapContextRunKind",
    "inputProvenance",
    "sourceReplyDeliveryMode",
    "disableMessageTool",
    "forceRestartSafeTools",
    "forceCodeModeTools",
    "voiceWakeTrigger",
];

/// `agent`
pub(super) async fn run(caller: &Caller, params: AgentParams) -> Result<AgentFinal, RpcError> {
    let gateway = &caller.gateway;
    let decides = filled(&params.model).is_some() || filled(&params.provider).is_some();
    if (decides || gateway.agents.resets(&params.message)) && !caller.client.may(Scope::Admin) {
        return Err(RpcError::missing_scope(Scope::Admin));
    }
    let level = judge(&params)?;
    // A model alone is asked without anything being stored.
    if params.model_run != Some(true) {
        rows::storing(gateway)?;
    }
    let (agent_id, session_key) = selection(gateway, &params).await?;
    let model = reference(&params);
    if let Some(model) = &model {
        gateway.models.catalog().resolve(model).map_err(|why| RpcError::invalid(why.to_string()))?;
    }
    let deliver = if params.deliver == Some(true) { Some(destination(gateway, &params)?) } else { None };
    let run_id = params.idempotency_key.clone();
    let about = About::new(&run_id, AgentParams::METHOD, &caller.client.owner(), &session_key, &agent_id);
    let (run, status) = match gateway.runs.enter(about) {
        Claim::First(run) => (run, "accepted"),
        Claim::Again(run) => (run, "in_flight"),
        Claim::Other => return Err(bound_elsewhere()),
        Claim::Full => return Err(busy()),
    };
    let accepted = AgentAccepted {
        run_id,
        session_key: Some(run.about.session_key.clone()),
        agent_id: Some(run.about.agent_id.clone()),
        status: status.to_owned(),
        accepted_at: run.about.accepted_at,
    };
    // A client takes the first answer that is not `accepted` for the last one: what has ended is answered once.
    if run.known().is_none() {
        caller.client.outbound.frame(&Answer::ok(&caller.id, &accepted));
    }
    if status == "accepted" {
        // A task of its own: the turn belongs to its session, not to this connection.
        if params.model_run == Some(true) {
            let (gateway, session) = (Arc::clone(gateway), run.about.session_key.clone());
            let work = async move {
                let answer = complete(&gateway, &params, model, level).await;
                if let Some(request) = deliver {
                    hand_over(&gateway, &session, request, &answer).await;
                }
                answer
            };
            conversation::watch_over(&run, work, async {});
        } else {
            let request = TurnRequest {
                agent_id: run.about.agent_id.clone(),
                session_key: run.about.session_key.clone(),
                message: params.message,
                model,
                thinking: level,
                extra_system: params.extra_system_prompt,
                timeout: params.timeout.filter(|&seconds| seconds > 0).map(Duration::from_secs),
                ..TurnRequest::default()
            };
            conversation::begin(gateway, &run, request, deliver);
        }
    }
    match run.answer().await {
        Some(ended) => Ok(AgentFinal::clone(&ended.answer)),
        None => Err(RpcError::unavailable("the run was lost")),
    }
}

/// Refuses what this gateway would have to leave out of the turn.
/// How hard to think is told.
fn judge(params: &AgentParams) -> Result<Option<Thinking>, RpcError> {
    let level = thinking(params.thinking.as_deref())?;
    for (key, value) in &params.rest {
        let nothing = matches!(value, Value::Null | Value::Bool(false)) || *value == json!([]);
        let usual = match key.as_str() {
            "promptMode" => value == "full" || params.model_run == Some(true),
            "sessionEffects" => value == "visible",
            key => HARMLESS.contains(&key),
        };
        if !nothing && !usual {
            let why = if key == "attachments" {
                "not supported by this gateway yet"
            } else {
                "not supported by this gateway"
            };
            return Err(RpcError::invalid(format!("agent: {key} is {why}; leave it out")));
        }
    }
    Ok(level)
}

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// `agent.wait`
pub(super) async fn wait(gateway: &Gateway, which: AgentWaitParams) -> Result<AgentWait, RpcError> {
    let run = gateway
        .runs
        .get(&which.run_id)
        .ok_or_else(|| RpcError::invalid(format!("unknown run: {}", which.run_id)))?;
    let limit = Duration::from_millis(which.timeout_ms.unwrap_or(WAIT_MS));
    let started_at = Some(run.about.accepted_at);
    let answer = match tokio::time::timeout(limit, run.answer()).await {
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
    let by_id = match filled(&params.session_id) {
        Some(id) if filled(&params.session_key).is_none() => Some(session_of(gateway, id).await?),
        _ => None,
    };
    let key = filled(&params.session_key).map(str::to_owned).or(by_id);
    let place = match (key, filled(&params.to)) {
        (Some(key), _) => rows::place(gateway, &key, params.agent_id.as_deref())?,
        (None, to) => {
            let rows::Place { agent, .. } = rows::place(gateway, "main", params.agent_id.as_deref())?;
            let key = match to {
                Some(to) => format!("agent:{agent}:direct:{to}").to_lowercase(),
                None => gateway.main_session_of(&agent),
            };
            rows::Place { key, agent }
        }
    };
    if let Some(expected) = &params.expected_existing_session_id
        && rows::known(gateway, &place).await?.row.session_id != *expected
    {
        return Err(RpcError::invalid("session changed; reload and retry"));
    }
    Ok((place.agent, place.key))
}

async fn session_of(gateway: &Gateway, id: &str) -> Result<String, RpcError> {
    let found = gateway.store.session_key(id).await;
    let found = found.map_err(|error| RpcError::unavailable(error.to_string()))?;
    found.ok_or_else(|| RpcError::invalid(format!("unknown session: {id}")))
}

fn reference(params: &AgentParams) -> Option<String> {
    match (filled(&params.provider), filled(&params.model)) {
        (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
        (None, Some(model)) => Some(model.to_owned()),
        (_, None) => None,
    }
}

/// Where `deliver` sends the answer.
fn destination(gateway: &Arc<Gateway>, params: &AgentParams) -> Result<SendRequest, RpcError> {
    let channel = filled(&params.reply_channel).or(filled(&params.channel));
    let to = filled(&params.reply_to).or(filled(&params.to));
    let (Some(channel), Some(to)) = (channel, to) else {
        return Err(RpcError::invalid("deliver needs `channel` and `to`"));
    };
    let account = filled(&params.reply_account_id).or(filled(&params.account_id));
    let account = accounts::resolve(gateway, channel, account).map_err(RpcError::invalid)?;
    Ok(SendRequest {
        account,
        target: Target { room: to.to_owned(), thread: filled(&params.thread_id).map(str::to_owned) },
        text: String::new(),
        media: Vec::new(),
        reply_to: None,
        silent: false,
        idempotency_key: format!("agent-{}", params.idempotency_key),
    })
}

/// One raw completion: no session, no history, only this message.
async fn complete(
    gateway: &Gateway,
    params: &AgentParams,
    model: Option<String>,
    level: Option<Thinking>,
) -> AgentFinal {
    let begun = Instant::now();
    let run_id = params.idempotency_key.clone();
    let choice = openclaw_config::ModelChoice { primary: model, fallbacks: Vec::new() };
    let request = ChatRequest {
        messages: vec![Message::text(Role::User, params.message.clone())],
        thinking: level.map(|level| ThinkingWish { said: Some(level), usual: level }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_left_out_of_the_turn_is_refused() {
        let refusal = |key: &str, value: Value, model_run: bool| {
            let rest = serde_json::Map::from_iter([(key.to_owned(), value)]);
            let params = AgentParams { rest, model_run: Some(model_run), ..AgentParams::default() };
            judge(&params).map_err(|error| error.message)
        };
        for (key, value) in
            [("lane", json!("main")), ("promptMode", json!("full")), ("attachments", json!([]))]
        {
            assert_eq!(refusal(key, value, false), Ok(None), "{key}");
        }
        assert_eq!(refusal("promptMode", json!("none"), true), Ok(None));
        assert_eq!(
            refusal("promptMode", json!("none"), false),
            Err("agent: promptMode is not supported by this gateway; leave it out".to_owned())
        );
        assert!(refusal("attachments", json!([{}]), false).unwrap_err().contains("yet"));
        assert!(refusal("cwd", json!("/x"), false).is_err());
    }
}
