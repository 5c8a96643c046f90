//! `sessions.create|patch|reset|delete|compact`: what people decide about a session, and its upkeep. A transcript is changed
//! in the session's lane, so that no turn writes to it meanwhile.

use std::sync::Arc;
use std::time::Duration;

use openclaw_agents::{Compacted, TurnRequest};
use openclaw_messaging::LaneError;
use openclaw_models::{Thinking, UnknownLevel};
use openclaw_protocol::sessions::{
    SessionChanged, SessionCompacted, SessionCreated, SessionDeleted, SessionSize, SessionsCompactParams,
    SessionsCreateParams, SessionsDeleteParams, SessionsPatchParams, SessionsResetParams,
};
use openclaw_protocol::{RpcError, Scope};
use openclaw_store::{Sending, SessionRecord, SessionSettings};
use serde_json::Value;
use uuid::Uuid;

use super::rows::{Place, entry, known, place, refuse};
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::rpc::{Caller, chat, session_events};
use crate::turns;

/// What a change of a transcript may take in the lane.
const IN_LANE: Duration = Duration::from_secs(30);
/// What may be decided without the administrator's scope, as in the original.
const WRITABLE: [&str; 11] = [
    "label",
    "icon",
    "color",
    "category",
    "boardFace",
    "pinned",
    "archived",
    "unread",
    "model",
    "thinkingLevel",
    "fastMode",
];
/// What belongs to the question and decides nothing.
const ENVELOPE: [&str; 3] = ["expectedLifecycleRevision", "expectedPermissionMode", "expectedMarkedUnreadAt"];

/// What a patch decides; `Some(None)` takes a decision back.
#[derive(Default)]
struct Decision {
    label: Option<Option<String>>,
    display_name: Option<Option<String>>,
    model: Option<Option<String>>,
    thinking: Option<Option<String>>,
    icon: Option<Option<String>>,
    color: Option<Option<String>>,
    category: Option<Option<String>>,
    sending: Option<Option<Sending>>,
    archived: Option<bool>,
    pinned: Option<bool>,
    unread: Option<bool>,
}

impl Decision {
    fn apply(self, settings: &mut SessionSettings, now: i64) {
        let texts = [
            (self.label, &mut settings.label),
            (self.display_name, &mut settings.display_name),
            (self.model, &mut settings.model),
            (self.thinking, &mut settings.thinking),
            (self.icon, &mut settings.icon),
            (self.color, &mut settings.color),
            (self.category, &mut settings.category),
        ];
        for (decided, kept) in texts {
            if let Some(decided) = decided {
                *kept = decided;
            }
        }
        if let Some(sending) = self.sending {
            settings.sending = sending;
        }
        let times = [
            (self.archived, &mut settings.archived_at),
            (self.pinned, &mut settings.pinned_at),
            (self.unread, &mut settings.unread_at),
        ];
        for (decided, since) in times {
            match decided {
                Some(true) => *since = since.or(Some(now)),
                Some(false) => *since = None,
                None => {}
            }
        }
    }
}

pub(in crate::rpc) async fn patch(
    caller: &Caller,
    params: SessionsPatchParams,
) -> Result<SessionChanged, RpcError> {
    let gateway = &caller.gateway;
    let admin =
        params.rest.keys().any(|key| !WRITABLE.contains(&key.as_str()) && !ENVELOPE.contains(&key.as_str()));
    if admin && !caller.client.may(Scope::Admin) {
        return Err(RpcError::missing_scope(Scope::Admin));
    }
    let place = place(gateway, &params.key, params.agent_id.as_deref())?;
    if let Some(expected) = &params.expected_session_id {
        expect(&known(gateway, &place).await?, expected)?;
    }
    let decision = decide(gateway, "sessions.patch", &params.rest)?;
    let record = store(gateway, &place, decision).await?;
    session_events::changed_by(gateway, &place.key, &place.agent, "patch").await;
    Ok(SessionChanged {
        ok: true,
        path: Some(gateway.paths.database().display().to_string()),
        key: place.key,
        entry: entry(&record),
    })
}

async fn store(gateway: &Gateway, place: &Place, decision: Decision) -> Result<SessionRecord, RpcError> {
    let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
    let change = Box::new(move |settings: &mut SessionSettings| decision.apply(settings, now));
    gateway.agents.patch_session(&place.key, &place.agent, change).await.map_err(refuse)
}

fn decide<'a>(
    gateway: &Gateway,
    method: &str,
    changes: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> Result<Decision, RpcError> {
    let mut decision = Decision::default();
    for (key, value) in changes {
        let text = || value.as_str().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        match key.as_str() {
            "label" => decision.label = Some(text()),
            "displayName" => decision.display_name = Some(text()),
            "icon" => decision.icon = Some(text()),
            "color" => decision.color = Some(text()),
            "category" => decision.category = Some(text()),
            "archived" => decision.archived = value.as_bool(),
            "pinned" => decision.pinned = value.as_bool(),
            "unread" => decision.unread = value.as_bool(),
            "model" => decision.model = Some(text().map(|model| resolved(gateway, &model)).transpose()?),
            "thinkingLevel" => {
                decision.thinking = Some(thinking(value.as_str())?.map(|level| level.to_string()));
            }
            "sendPolicy" => {
                decision.sending = Some(match value.as_str() {
                    Some("allow") => Some(Sending::Allow),
                    Some("deny") => Some(Sending::Deny),
                    // The shape lets nothing else through.
                    _ => None,
                });
            }
            "fastMode" if matches!(value, Value::Null | Value::Bool(false)) => {}
            key if ENVELOPE.contains(&key) => {}
            // Taking back what was never decided is no change.
            _ if value.is_null() => {}
            key => {
                return Err(RpcError::invalid(format!(
                    "{method}: {key} is not supported by this gateway; leave it out"
                )));
            }
        }
    }
    Ok(decision)
}

/// `<provider>/<model>` of a reference to a configured model.
fn resolved(gateway: &Gateway, model: &str) -> Result<String, RpcError> {
    let target = gateway.models.catalog().resolve(model);
    target.map(|target| target.to_string()).map_err(|why| RpcError::invalid(why.to_string()))
}

/// How hard to think; `None` where nothing is said.
pub(in crate::rpc) fn thinking(level: Option<&str>) -> Result<Option<Thinking>, RpcError> {
    let level = level.map(str::trim).filter(|level| !level.is_empty());
    let level = level.map(str::parse).transpose();
    level.map_err(|unknown: UnknownLevel| RpcError::invalid(unknown.to_string()))
}

fn expect(record: &SessionRecord, session_id: &str) -> Result<(), RpcError> {
    if record.row.session_id == session_id {
        return Ok(());
    }
    Err(RpcError::invalid("session changed; reload and retry"))
}

pub(in crate::rpc) async fn create(
    caller: &Caller,
    params: SessionsCreateParams,
) -> Result<SessionCreated, RpcError> {
    let gateway = &caller.gateway;
    let given = [
        ("label", &params.label),
        ("displayName", &params.display_name),
        ("category", &params.category),
        ("model", &params.model),
    ];
    let given: Vec<(String, Value)> = given
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), Value::String(text.clone()?))))
        .collect();
    // `false` and an empty list ask for nothing.
    let asked =
        |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && value != &serde_json::json!([]);
    let more = params.rest.iter().filter(|(key, value)| asked(value) && key.as_str() != "emitCommandHooks");
    let decision =
        decide(gateway, "sessions.create", given.iter().map(|(key, value)| (key, value)).chain(more))?;
    let place = match &params.key {
        Some(key) => place(gateway, key, params.agent_id.as_deref())?,
        None => {
            let Place { agent, .. } = place(gateway, "main", params.agent_id.as_deref())?;
            Place { key: format!("agent:{agent}:explicit:{}", Uuid::new_v4()), agent }
        }
    };
    let record = store(gateway, &place, decision).await?;
    session_events::changed_by(gateway, &place.key, &place.agent, "create").await;
    let said = params.message.or(params.task).filter(|text| !text.trim().is_empty());
    let run_id = match said {
        Some(message) => {
            let key = params.idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
            Some(chat::say(caller, "sessions.create", &place, message, &key, None).await?.run_id)
        }
        None => None,
    };
    Ok(SessionCreated {
        ok: true,
        key: place.key,
        session_id: record.row.session_id.clone(),
        entry: entry(&record),
        run_started: run_id.is_some(),
        run_id,
    })
}

pub(in crate::rpc) async fn reset(
    gateway: &Arc<Gateway>,
    params: SessionsResetParams,
) -> Result<SessionChanged, RpcError> {
    let place = place(gateway, &params.key, params.agent_id.as_deref())?;
    chat::stop(gateway, &place.key, "reset").await;
    let record = in_lane(gateway, &place, async || {
        gateway.agents.reset_session(&place.key, &place.agent).await.map_err(refuse)
    });
    let record = record.await?.ok_or_else(|| RpcError::unavailable("the session was deleted meanwhile"))?;
    let reason = if params.reason.as_deref() == Some("new") { "new" } else { "reset" };
    session_events::changed_by(gateway, &place.key, &place.agent, reason).await;
    Ok(SessionChanged { ok: true, path: None, key: place.key, entry: entry(&record) })
}

pub(in crate::rpc) async fn delete(
    caller: &Caller,
    params: SessionsDeleteParams,
) -> Result<SessionDeleted, RpcError> {
    let gateway = &caller.gateway;
    let archived_only = params.archived_only == Some(true);
    // Hooks and revisions are the administrator's, as in the original.
    let anybodys = archived_only && params.rest.is_empty();
    if !anybodys && !caller.client.may(Scope::Admin) {
        return Err(RpcError::missing_scope(Scope::Admin));
    }
    let place = place(gateway, &params.key, params.agent_id.as_deref())?;
    if place.key == gateway.main_session_of(&place.agent) {
        return Err(RpcError::invalid(format!(
            "Cannot delete the main session ({}); start it anew with sessions.reset",
            place.key
        )));
    }
    let Some(record) = gateway.store.session(&place.key).await.map_err(refuse)? else {
        return Ok(SessionDeleted { ok: true, key: place.key, deleted: false, archived: Vec::new() });
    };
    if let Some(expected) = &params.expected_session_id {
        expect(&record, expected)?;
    }
    if archived_only && record.settings.archived_at.is_none() {
        return Err(RpcError::invalid(format!("session {} is not archived", place.key)));
    }
    let transcript = params.delete_transcript != Some(false);
    chat::stop(gateway, &place.key, "delete").await;
    let gone = in_lane(gateway, &place, async || {
        gateway.agents.delete_session(&place.key, transcript).await.map_err(refuse)
    });
    let gone = gone.await?;
    session_events::changed_by(gateway, &place.key, &place.agent, "delete").await;
    let deleted = gone.is_some();
    let archived = gone.filter(|_| !transcript).into_iter().collect();
    Ok(SessionDeleted { ok: true, key: place.key, deleted, archived })
}

pub(in crate::rpc) async fn compact(
    gateway: &Arc<Gateway>,
    params: SessionsCompactParams,
) -> Result<SessionCompacted, RpcError> {
    let place = place(gateway, &params.key, params.agent_id.as_deref())?;
    let not = |reason: &str, key: String| SessionCompacted {
        ok: true,
        key,
        reason: Some(reason.to_owned()),
        ..SessionCompacted::default()
    };
    let Some(record) = gateway.store.session(&place.key).await.map_err(refuse)? else {
        return Ok(not("no sessionId", place.key));
    };
    if super::rows::active(gateway).contains_key(&place.key) {
        let text = format!("Session {} has an active run; retry after it finishes.", place.key);
        return Err(RpcError::invalid(text));
    }
    let Some(keep) = params.max_lines else { return summarise(gateway, place).await };
    let before = in_lane(gateway, &place, async || {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        gateway.agents.trim_session(&place.key, &record.row.session_id, keep).await.map_err(refuse)
    });
    let before = before.await?;
    if before == 0 {
        return Ok(not("no transcript", place.key));
    }
    let compacted = before > keep;
    if compacted {
        session_events::changed_by(gateway, &place.key, &place.agent, "compact").await;
    }
    let kept = Some(before.min(keep));
    Ok(SessionCompacted { ok: true, key: place.key, compacted, kept, ..SessionCompacted::default() })
}

/// Has the session's model write a summary, as `/compact` does.
async fn summarise(gateway: &Arc<Gateway>, place: Place) -> Result<SessionCompacted, RpcError> {
    let request = TurnRequest {
        agent_id: place.agent.clone(),
        session_key: place.key.clone(),
        message: "/compact".to_owned(),
        ..TurnRequest::default()
    };
    let turn = turns::run(gateway, "sessions.compact", request).await;
    let turn = turn.map_err(|error| RpcError::unavailable(format!("nothing was compacted: {error}")))?;
    let result = turn
        .compacted
        .map(|Compacted { before, after }| SessionSize { tokens_before: before, tokens_after: after });
    if result.is_some() {
        session_events::changed_by(gateway, &place.key, &place.agent, "compact").await;
    }
    let reason = result.is_none().then_some(turn.reply);
    let compacted = result.is_some();
    Ok(SessionCompacted {
        ok: true,
        key: place.key,
        compacted,
        result,
        reason,
        ..SessionCompacted::default()
    })
}

/// Runs `work` when no turn of the session runs.
pub(in crate::rpc) async fn in_lane<T>(
    gateway: &Gateway,
    place: &Place,
    work: impl AsyncFnOnce() -> Result<T, RpcError>,
) -> Result<T, RpcError> {
    let done = gateway.messaging.lanes().run(&place.key, IN_LANE, work()).await;
    done.map_err(|error| match error {
        LaneError::Full => RpcError::busy(error.to_string(), Some(1_000)),
        LaneError::Deadline(_) | LaneError::Closed => RpcError::unavailable(error.to_string()),
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_is_kept_until_it_is_taken_back() {
        let mut settings = SessionSettings::default();
        let decision = Decision {
            label: Some(Some("Work".into())),
            model: Some(Some("p/m".into())),
            archived: Some(true),
            pinned: Some(true),
            ..Decision::default()
        };
        decision.apply(&mut settings, 5);
        let again = Decision {
            archived: Some(true),
            pinned: Some(false),
            model: Some(None),
            sending: Some(Some(Sending::Deny)),
            ..Decision::default()
        };
        again.apply(&mut settings, 9);
        let expected = SessionSettings {
            label: Some("Work".into()),
            archived_at: Some(5),
            sending: Some(Sending::Deny),
            ..SessionSettings::default()
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_word_that_is_no_thinking_level_is_refused() {
        assert!([None, Some(" ")].into_iter().all(|level| thinking(level).unwrap().is_none()));
        assert_eq!(thinking(Some("High")).unwrap(), Some(Thinking::High));
        let refused = thinking(Some("hard")).unwrap_err().message;
        assert!(refused.starts_with("invalid thinkingLevel \"hard\" (use off|minimal|"), "{refused}");
    }
}
