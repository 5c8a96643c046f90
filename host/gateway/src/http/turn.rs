//! A turn of an agent behind `/v1/chat/completions`: which session it belongs to, what of the request becomes the turn
//! and what its context, and how its answer is written (openclaw-compat §4.4, §4.6).
//! Invariant: a client that goes away stops the turn.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use openclaw_agents::{Turn, TurnError, TurnEvent, TurnRequest};
use openclaw_messaging::LaneError;
use openclaw_models::dialect::{ChatBody, ErrorBody, Writer};
use openclaw_models::{Answer, Chunk, Content, Message, Role, ToolCallDelta};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::reply;
use crate::process::Gateway;
use crate::turns::{self, NoTurn};

/// Pieces of text that may wait for the client.
const PIECES: usize = 32;
/// Session keys that other parts of the gateway give out (openclaw-compat §4.4).
const RESERVED: [&str; 3] = ["subagent:", "cron:", "acp:"];
/// The longest session key.
const MAX_KEY: usize = 512;
/// The longest piece of tool arguments in one event.
const ARGUMENT_PIECE: usize = 256;

/// Runs the turn and answers.
pub(super) async fn run(
    gateway: &Arc<Gateway>,
    headers: &HeaderMap,
    agent: String,
    chat: ChatBody,
) -> Result<Response, ErrorBody> {
    let (session_key, fresh) = session_key(headers, &agent, chat.user.as_deref())?;
    let model = override_model(gateway, headers)?;
    let shown = if chat.model.trim().is_empty() { "openclaw" } else { chat.model.as_str() };
    let writer = Writer::new(shown);
    let (streamed, include_usage) = (chat.request.stream, chat.include_usage);
    let mut request = turn_request(chat)?;
    request.agent_id = agent;
    request.session_key = session_key;
    request.fresh = fresh;
    request.model = model;
    if streamed {
        return stream(gateway, request, writer, include_usage).await;
    }
    let turn = turns::run(gateway.messaging.lanes(), &gateway.agents, request).await.map_err(refuse)?;
    let mut body = Vec::with_capacity(512 + turn.reply.len());
    writer.completion(&answer(turn), &mut body);
    Ok(reply::json_bytes(StatusCode::OK, Bytes::from(body)))
}

/// The session, and whether its key was made up for this one request.
fn session_key(headers: &HeaderMap, agent: &str, user: Option<&str>) -> Result<(String, bool), ErrorBody> {
    let named = headers.get("x-openclaw-session-key").map(|value| value.to_str().unwrap_or_default().trim());
    match (named, user) {
        (Some(key), _) => {
            let key = key.to_lowercase();
            let rest = key.splitn(3, ':').nth(2).filter(|_| key.starts_with("agent:"));
            let reserved = RESERVED
                .iter()
                .any(|prefix| key.starts_with(prefix) || rest.is_some_and(|rest| rest.starts_with(prefix)));
            if key.is_empty() || key.len() > MAX_KEY || reserved {
                return Err(ErrorBody::invalid_request("Invalid `x-openclaw-session-key`."));
            }
            Ok((key, false))
        }
        (None, Some(user)) => {
            let key = format!("agent:{agent}:openai-user:{user}").to_lowercase();
            if key.len() > MAX_KEY {
                return Err(ErrorBody::invalid_request("Invalid `user`. It is too long."));
            }
            Ok((key, false))
        }
        (None, None) => Ok((format!("agent:{agent}:openai:{}", Uuid::new_v4()), true)),
    }
}

/// The backend model that a header names in place of the agent's own.
fn override_model(gateway: &Gateway, headers: &HeaderMap) -> Result<Option<String>, ErrorBody> {
    let Some(value) = headers.get("x-openclaw-model") else { return Ok(None) };
    let reference = value.to_str().unwrap_or_default().trim();
    match gateway.models.catalog().resolve(reference) {
        Ok(_) => Ok(Some(reference.to_owned())),
        Err(why) => Err(ErrorBody::invalid_request(format!("Invalid `x-openclaw-model`. Here, {why}."))),
    }
}

/// What of the request is the turn: the last message of the user or a tool. What comes before is its context,
/// instructions go to the system prompt.
fn turn_request(chat: ChatBody) -> Result<TurnRequest, ErrorBody> {
    let turn = chat.turn().map_err(|bad| ErrorBody::invalid_request(bad.0))?;
    let asked = chat.request;
    let mut messages = asked.messages;
    messages.truncate(turn + 1);
    let spoken = |message: &Message| message.content.as_ref().map(Content::to_text).unwrap_or_default();
    // The answer of a tool only makes sense behind the call that it answers: it stays in the context as it is.
    let is_user = messages.last().is_some_and(|message| message.role == Role::User);
    let message = match messages.pop_if(|_| is_user) {
        Some(message) => spoken(&message),
        None => String::new(),
    };
    let (instructions, context): (Vec<Message>, Vec<Message>) =
        messages.into_iter().partition(|message| matches!(message.role, Role::System | Role::Developer));
    let extra_system = instructions.iter().map(spoken).collect::<Vec<_>>().join("\n\n");
    Ok(TurnRequest {
        message,
        extra_system: Some(extra_system).filter(|text| !text.trim().is_empty()),
        context,
        tools: asked.tools,
        tool_choice: asked.tool_choice,
        max_tokens: asked.max_tokens,
        temperature: asked.temperature,
        top_p: asked.top_p,
        stop: asked.stop,
        extra: asked.extra,
        plain: true,
        ..TurnRequest::default()
    })
}

fn answer(turn: Turn) -> Answer {
    Answer {
        text: turn.reply,
        tool_calls: turn.tool_calls,
        usage: Some(turn.usage),
        finish: Some(turn.stop_reason),
        ..Answer::default()
    }
}

fn refuse(error: NoTurn) -> ErrorBody {
    match error {
        NoTurn::Turn(TurnError::Model(error)) => ErrorBody::from(&*error),
        NoTurn::Turn(TurnError::UnknownAgent(id)) => {
            ErrorBody::invalid_request(format!("Unknown agent '{id}'."))
        }
        NoTurn::Turn(error @ TurnError::Empty) => reply::upstream(error.to_string()),
        NoTurn::Turn(error @ TurnError::Timeout(_)) => reply::timed_out(error.to_string()),
        NoTurn::Turn(error @ TurnError::Aborted) => reply::busy(error.to_string()),
        NoTurn::Turn(TurnError::Store(_)) => reply::internal(),
        NoTurn::Lane(error @ LaneError::Deadline(_)) => reply::timed_out(error.to_string()),
        NoTurn::Lane(error @ (LaneError::Full | LaneError::Closed)) => reply::busy(error.to_string()),
    }
}

type Ending = Pin<Box<dyn Future<Output = Result<Turn, NoTurn>> + Send>>;

/// A turn on its way to a client.
struct Streamed {
    turn: Ending,
    pieces: mpsc::Receiver<TurnEvent>,
    writer: Writer,
    include_usage: bool,
    spoke: bool,
}

/// What the client gets next.
enum Step {
    Piece(Bytes),
    Ended(Box<Result<Turn, NoTurn>>),
}

/// Answers with a stream once the first piece is there: a turn that fails before is answered with its status.
async fn stream(
    gateway: &Arc<Gateway>,
    mut request: TurnRequest,
    writer: Writer,
    include_usage: bool,
) -> Result<Response, ErrorBody> {
    let (sink, pieces) = mpsc::channel(PIECES);
    request.sink = Some(sink);
    let (lanes, agents) = (gateway.messaging.lanes().clone(), gateway.agents.clone());
    let turn: Ending = Box::pin(async move { turns::run(&lanes, &agents, request).await });
    let mut streamed = Streamed { turn, pieces, writer, include_usage, spoke: false };
    let (first, rest) = match streamed.step().await {
        Step::Piece(bytes) => (bytes, Some(streamed)),
        Step::Ended(ended) => (streamed.end((*ended).map_err(refuse)?), None),
    };
    let first = futures::stream::iter([Ok::<_, Infallible>(first)]);
    let rest = futures::stream::unfold(rest, |streamed| async move {
        let mut streamed = streamed?;
        match streamed.step().await {
            Step::Piece(bytes) => Some((Ok(bytes), Some(streamed))),
            Step::Ended(ended) => {
                let bytes = match *ended {
                    Ok(turn) => streamed.end(turn),
                    Err(error) => streamed.failed(&refuse(error)),
                };
                Some((Ok(bytes), None))
            }
        }
    });
    Ok(reply::events(Body::from_stream(futures::StreamExt::chain(first, rest))))
}

impl Streamed {
    async fn step(&mut self) -> Step {
        loop {
            // Pieces first: the turn's end must not overtake the text that was written before it.
            let event = tokio::select! {
                biased;
                Some(event) = self.pieces.recv() => event,
                ended = &mut self.turn => {
                    let mut rest = Vec::new();
                    while let Ok(event) = self.pieces.try_recv() {
                        self.write(event, &mut rest);
                    }
                    if rest.is_empty() {
                        return Step::Ended(Box::new(ended));
                    }
                    // The end is told next time.
                    self.turn = Box::pin(std::future::ready(ended));
                    return Step::Piece(Bytes::from(rest));
                }
            };
            let mut out = Vec::with_capacity(512);
            self.write(event, &mut out);
            while let Ok(event) = self.pieces.try_recv() {
                self.write(event, &mut out);
            }
            if !out.is_empty() {
                return Step::Piece(Bytes::from(out));
            }
        }
    }

    fn write(&mut self, event: TurnEvent, out: &mut Vec<u8>) {
        let chunk = match event {
            TurnEvent::Text(text) => {
                self.spoke |= !text.is_empty();
                Chunk::Text(text)
            }
            TurnEvent::Reasoning(text) => Chunk::Reasoning(text),
        };
        self.writer.chunk(&chunk, out);
    }

    fn end(&mut self, turn: Turn) -> Bytes {
        let mut out = Vec::new();
        // A reply that no model wrote piece by piece.
        if !self.spoke && !turn.reply.is_empty() {
            self.writer.chunk(&Chunk::Text(turn.reply), &mut out);
        }
        for (index, call) in (0..).zip(turn.tool_calls) {
            let piece = |id, name, arguments| Chunk::ToolCall(ToolCallDelta { index, id, name, arguments });
            self.writer.chunk(&piece(Some(call.id), Some(call.name), String::new()), &mut out);
            let mut rest = call.arguments.as_str();
            while !rest.is_empty() {
                let (part, after) = rest.split_at(rest.floor_char_boundary(ARGUMENT_PIECE));
                self.writer.chunk(&piece(None, None, part.to_owned()), &mut out);
                rest = after;
            }
        }
        self.writer.chunk(&Chunk::Finish(turn.stop_reason), &mut out);
        self.writer.chunk(&Chunk::Usage(turn.usage), &mut out);
        self.writer.end(self.include_usage, &mut out);
        Bytes::from(out)
    }

    fn failed(&self, error: &ErrorBody) -> Bytes {
        let mut out = Vec::new();
        self.writer.failed(error, &mut out);
        Bytes::from(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::json;

    #[test]
    fn session_keys_follow_the_documented_rules() {
        let check = |header: Option<&'static str>, user: Option<&str>, expected: Result<&str, &str>| {
            let mut headers = HeaderMap::new();
            if let Some(key) = header {
                headers.insert("x-openclaw-session-key", HeaderValue::from_static(key));
            }
            let found =
                session_key(&headers, "main", user).map(|(key, _)| key).map_err(|error| error.message);
            assert_eq!(found.as_deref().map_err(String::as_str), expected);
        };
        let refused = Err("Invalid `x-openclaw-session-key`.");
        check(Some("Agent:Main:x"), Some("u"), Ok("agent:main:x"));
        check(None, Some("Ada"), Ok("agent:main:openai-user:ada"));
        for reserved in ["subagent:1", "agent:main:subagent:1", "CRON:x", "agent:main:acp:1", " "] {
            check(Some(reserved), None, refused);
        }
        let (key, fresh) = session_key(&HeaderMap::new(), "main", None).unwrap();
        assert!(fresh && key.starts_with("agent:main:openai:"));
    }

    #[test]
    fn the_last_user_message_is_the_turn_and_the_rest_its_context() {
        let check = |messages: serde_json::Value, message: &str, context: &[Role], system: Option<&str>| {
            let body = json!({"model": "openclaw", "messages": messages}).to_string();
            let request = turn_request(ChatBody::parse(body.as_bytes()).unwrap()).unwrap();
            assert_eq!(request.message, message);
            assert_eq!(request.context.iter().map(|one| one.role).collect::<Vec<_>>(), context);
            assert_eq!(request.extra_system.as_deref(), system);
        };
        check(json!([{"role": "user", "content": "hi"}]), "hi", &[], None);
        check(
            json!([{"role": "system", "content": "s1"}, {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"}, {"role": "developer", "content": "s2"},
                {"role": "user", "content": [{"type": "text", "text": "c"}]}]),
            "c",
            &[Role::User, Role::Assistant],
            Some("s1\n\ns2"),
        );
        check(
            json!([{"role": "user", "content": "a"},
                {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "1", "content": "42"}]),
            "",
            &[Role::User, Role::Assistant, Role::Tool],
            None,
        );
    }

    #[test]
    fn failures_have_a_status_that_says_whose_turn_it_is() {
        let check = |error: NoTurn, status: u16| assert_eq!(refuse(error).status, status);
        check(NoTurn::Lane(LaneError::Full), 503);
        check(NoTurn::Turn(TurnError::Timeout(std::time::Duration::from_secs(1))), 504);
        check(NoTurn::Turn(TurnError::Empty), 502);
        check(NoTurn::Turn(TurnError::UnknownAgent("x".into())), 400);
    }
}
