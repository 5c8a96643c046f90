//! Tells connected clients of one running turn: `agent` events for each piece, `chat` events now and then, each with the whole
//! text so far. Says what it is given, and to those who may hear it; runs nothing.

use std::time::Duration;

use openclaw_agents::{TurnError, TurnEvent};
use openclaw_models::{FailureReason, ModelError, ModelsError};
use openclaw_protocol::Scope;
use openclaw_protocol::agent::{AGENT_EVENT, AgentEvent, AssistantDelta};
use openclaw_protocol::chat::CHAT_EVENT;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::runs::About;
use crate::turns::NoTurn;
use crate::ws::{Client, Hub};

/// `chat` events carry the whole text so far, so that they are sent only so often (openclaw-compat §3.11.3).
pub(crate) const CHAT_EVERY: Duration = Duration::from_millis(150);
/// Characters of one field of an error's detail.
const DETAIL_CHARS: usize = 300;

/// Who hears of a run as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody who may read.
    Readers,
    /// Those who follow the messages of its session: what people say in a channel is not for every client.
    Followers,
}

/// The voice of one run.
pub(crate) struct Teller<'a> {
    hub: &'a Hub,
    about: &'a About,
    audience: Audience,
    seq: u64,
    text: String,
    /// Text that no `chat` event has carried yet begins here.
    told: usize,
    last_chat: Option<Instant>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(hub: &'a Hub, about: &'a About, audience: Audience) -> Teller<'a> {
        Teller { hub, about, audience, seq: 0, text: String::new(), told: 0, last_chat: None }
    }

    /// Whether anybody listens now. What nobody hears is not written.
    pub(crate) fn is_heard(&self) -> bool {
        self.hub.any(|client| self.reaches(client))
    }

    fn reaches(&self, client: &Client) -> bool {
        match self.audience {
            Audience::Readers => client.may(Scope::Read),
            Audience::Followers => client.subscriptions.follows(&self.about.session_key),
        }
    }

    /// What happens before the first word.
    pub(crate) fn phase(&mut self, phase: &str) {
        self.seq += 1;
        self.chat(json!({"state": "status", "phase": phase}));
        self.agent("run_status", json!({ "phase": phase }));
    }

    /// The turn has its lane.
    pub(crate) fn begun(&mut self) {
        self.event("lifecycle", json!({"phase": "start", "startedAt": now_ms()}));
    }

    /// Tells pieces, texts in one event: each carries the whole text so far, so that one event for every token of a long
    /// answer would be too many.
    pub(crate) fn pieces(&mut self, pieces: &[TurnEvent]) {
        let mut delta = String::new();
        for piece in pieces {
            match piece {
                TurnEvent::Text(text) => delta.push_str(text),
                TurnEvent::Reasoning(delta) => self.event("thinking", json!({ "delta": delta })),
                TurnEvent::Begun { .. } => {}
            }
        }
        if delta.is_empty() {
            return;
        }
        self.text.push_str(&delta);
        self.about.write(&self.text);
        // As observed: who follows a channel's session reads its texts as `chat`.
        if self.audience == Audience::Readers {
            let data = AssistantDelta { text: self.text.clone(), delta };
            self.event("assistant", serde_json::to_value(data).unwrap_or_default());
        }
        if self.last_chat.is_none_or(|last| last.elapsed() >= CHAT_EVERY) {
            self.catch_up();
        }
    }

    /// When text that was held back is to be told; `None` when there is none.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.told < self.text.len())
            .then(|| self.last_chat.map_or_else(Instant::now, |last| last + CHAT_EVERY))
    }

    /// Tells what was held back.
    pub(crate) fn catch_up(&mut self) {
        let delta = self.text.get(self.told..).unwrap_or_default().to_owned();
        if delta.is_empty() {
            return;
        }
        self.told = self.text.len();
        self.last_chat = Some(Instant::now());
        let message = spoken(&self.text);
        self.chat(json!({"state": "delta", "deltaText": delta, "message": message}));
    }

    /// The turn ended well.
    pub(crate) fn finished(&mut self, reply: &str, stop_reason: &str) {
        // A whole reply is not copied for nobody.
        if !self.is_heard() {
            return;
        }
        self.catch_up();
        self.event(
            "lifecycle",
            json!({"phase": "end", "endedAt": now_ms(), "stopReason": stop_reason, "aborted": false}),
        );
        let mut fields = json!({"state": "final", "stopReason": stop_reason});
        if !reply.is_empty() {
            insert(&mut fields, "message", spoken(reply));
        }
        self.chat(fields);
    }

    /// Somebody ended it; what was written by then is told once more.
    pub(crate) fn aborted(&mut self, reason: &str) {
        self.seq += 1;
        let mut fields = json!({"state": "aborted", "stopReason": reason});
        if !self.text.is_empty() {
            insert(&mut fields, "message", spoken(&self.text));
        }
        self.chat(fields);
        let data = json!({"phase": "end", "status": "cancelled", "aborted": true, "stopReason": reason, "endedAt": now_ms()});
        self.agent("lifecycle", data);
    }

    /// It failed.
    pub(crate) fn failed(&mut self, error: &NoTurn) {
        self.ended_badly(&error.to_string(), kind(error), detail(error));
    }

    /// The turn panicked.
    pub(crate) fn broke_off(&mut self) {
        self.ended_badly("the turn broke off inside the gateway; ask again", "unknown", None);
    }

    fn ended_badly(&mut self, text: &str, kind: &str, detail: Option<Value>) {
        self.catch_up();
        self.event(
            "lifecycle",
            json!({"phase": "error", "endedAt": now_ms(), "error": text, "aborted": false}),
        );
        let mut fields = json!({"state": "error", "errorMessage": text, "errorKind": kind});
        if let Some(detail) = detail {
            insert(&mut fields, "errorDetail", detail);
        }
        self.chat(fields);
    }

    fn event(&mut self, stream: &str, data: Value) {
        self.seq += 1;
        self.agent(stream, data);
    }

    fn agent(&self, stream: &str, data: Value) {
        if !self.is_heard() {
            return;
        }
        let event = AgentEvent {
            run_id: self.about.run_id.clone(),
            session_key: Some(self.about.session_key.clone()),
            agent_id: Some(self.about.agent_id.clone()),
            stream: stream.to_owned(),
            data,
            seq: self.seq,
            ts: now_ms(),
        };
        self.hub.tell_those(AGENT_EVENT, &event, |client| self.reaches(client));
    }

    fn chat(&self, mut fields: Value) {
        if !self.is_heard() {
            return;
        }
        insert(&mut fields, "runId", json!(self.about.run_id));
        insert(&mut fields, "sessionKey", json!(self.about.session_key));
        insert(&mut fields, "agentId", json!(self.about.agent_id));
        insert(&mut fields, "seq", json!(self.seq));
        self.hub.tell_those(CHAT_EVENT, &fields, |client| self.reaches(client));
    }
}

fn insert(fields: &mut Value, key: &str, value: Value) {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// Text as an agent's message.
pub(crate) fn spoken(text: &str) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": text}], "timestamp": now_ms()})
}

/// The word of the closed set with which clients choose what to show.
fn kind(error: &NoTurn) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    match failure(error).map(|failure| failure.failure.reason) {
        Some(FailureReason::RateLimit | FailureReason::Overloaded) => "rate_limit",
        Some(FailureReason::ContextOverflow) => "context_length",
        Some(FailureReason::Timeout) => "timeout",
        Some(_) | None => "unknown",
    }
}

fn detail(error: &NoTurn) -> Option<Value> {
    let failure = failure(error)?;
    let short = |text: &str| text.chars().take(DETAIL_CHARS).collect::<String>();
    let mut detail = Map::from_iter([
        ("provider".to_owned(), json!(short(&failure.provider))),
        ("model".to_owned(), json!(short(&failure.model))),
        ("failoverReason".to_owned(), json!(failure.failure.reason.as_str())),
    ]);
    if let Some(status) = failure.status.filter(|status| (100..600).contains(status)) {
        detail.insert("httpStatus".to_owned(), json!(status));
    }
    if !failure.failure.message.is_empty() {
        detail.insert("providerErrorMessagePreview".to_owned(), json!(short(&failure.failure.message)));
    }
    Some(Value::Object(detail))
}

fn failure(error: &NoTurn) -> Option<&ModelError> {
    let NoTurn::Turn(error) = error else { return None };
    match error.cause() {
        TurnError::Model(error) => ModelsError::last(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use openclaw_models::Failure;
    use openclaw_protocol::status::PresenceEntry;
    use std::sync::Arc;

    use super::*;
    use crate::ws::testing;

    fn about() -> About {
        About::new("r1", "chat.send", "cli", "agent:main:main", "main")
    }

    /// What a client with the scope to read sees while `tell` speaks: the payloads of its `chat` events.
    async fn heard(tell: impl AsyncFnOnce(&mut Teller<'_>)) -> Vec<Value> {
        let hub = Arc::new(Hub::new(PresenceEntry::default()));
        let (client, mut queue) = testing::client("c", &[Scope::Read]);
        let _member = hub.join(client);
        let about = about();
        tell(&mut Teller::new(&hub, &about, Audience::Readers)).await;
        std::iter::from_fn(|| queue.ready())
            .map(|text| serde_json::from_str::<Value>(&text).unwrap())
            .filter(|frame| frame["event"] == "chat")
            .map(|frame| frame["payload"].clone())
            .collect()
    }

    fn text(text: &str) -> TurnEvent {
        TurnEvent::Text(text.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn chat_events_are_seldom_and_whole() {
        let chats = heard(async |teller: &mut Teller<'_>| {
            teller.phase("preparing_context");
            teller.begun();
            teller.pieces(&[text("a")]);
            teller.pieces(&[text("b")]);
            tokio::time::advance(CHAT_EVERY - Duration::from_millis(1)).await;
            teller.pieces(&[text("c")]);
            tokio::time::advance(Duration::from_millis(1)).await;
            assert_eq!(teller.due(), Some(Instant::now()));
            teller.catch_up();
            assert_eq!(teller.due(), None);
            teller.pieces(&[text("d")]);
            teller.finished("abcd", "stop");
        })
        .await;
        let short: Vec<_> = chats
            .iter()
            .map(|chat| {
                let said = chat["message"]["content"][0]["text"].as_str().unwrap_or_default();
                (chat["state"].as_str().unwrap(), chat["deltaText"].as_str().unwrap_or_default(), said)
            })
            .collect();
        let expected = [
            ("status", "", ""),
            ("delta", "a", "a"),
            ("delta", "bc", "abc"),
            ("delta", "d", "abcd"),
            ("final", "", "abcd"),
        ];
        assert_eq!(short, expected);
        let seqs: Vec<_> = chats.iter().map(|chat| chat["seq"].as_u64().unwrap()).collect();
        assert!(seqs.is_sorted(), "{seqs:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_aborted_answer_keeps_what_was_written() {
        let chats = heard(async |teller: &mut Teller<'_>| {
            teller.pieces(&[text("half")]);
            teller.aborted("rpc");
        })
        .await;
        let last = chats.last().unwrap();
        assert_eq!((&last["state"], &last["stopReason"]), (&json!("aborted"), &json!("rpc")));
        assert_eq!(last["message"]["content"][0]["text"], "half");
    }

    #[tokio::test]
    async fn errors_have_a_kind_and_their_details() {
        let check = async |reason, status, expected: &str| {
            let failure =
                Failure { reason, code: String::new(), message: "x".repeat(400), retry_after_ms: None };
            let (provider, model) = ("p".to_owned(), "m".to_owned());
            let error =
                ModelsError::Failed(ModelError { provider, model, status, failure, delivered: false });
            let error = NoTurn::Turn(TurnError::from(error));
            let chats = heard(async |teller: &mut Teller<'_>| teller.failed(&error)).await;
            let chat = &chats[0];
            assert_eq!((chat["state"].as_str(), chat["errorKind"].as_str()), (Some("error"), Some(expected)));
            let detail = &chat["errorDetail"];
            assert_eq!(
                (&detail["provider"], &detail["failoverReason"]),
                (&json!("p"), &json!(reason.as_str()))
            );
            assert_eq!(detail["providerErrorMessagePreview"].as_str().unwrap().len(), DETAIL_CHARS);
            assert_eq!(detail.get("httpStatus"), status.map(|status| json!(status)).as_ref());
        };
        check(FailureReason::RateLimit, Some(429), "rate_limit").await;
        check(FailureReason::ContextOverflow, Some(400), "context_length").await;
        check(FailureReason::Timeout, None, "timeout").await;
        check(FailureReason::Auth, Some(401), "unknown").await;
        let slow = NoTurn::Turn(TurnError::Timeout(Duration::from_secs(1)));
        assert_eq!((kind(&slow), detail(&slow)), ("timeout", None));
    }
}
