//! `POST /v1/responses` (openclaw-compat §4.8): a chat request in other words, and answers that can be gone on from.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use openclaw_models::dialect::{ErrorBody, MAX_BODY, ResponsesBody, ResponsesWriter};
use openclaw_models::{Message, Role};
use openclaw_protocol::Scope;

use super::address::{Answerer, answerer};
use super::caller::caller;
use super::followed::{Followed, Scoped};
use super::server::Origin;
use super::turn::{self, Asked};
use super::{body, raw, reply, settle};
use crate::process::Gateway;

/// The handler.
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    Extension(followed): Extension<Arc<Followed>>,
    request: Request,
) -> Response {
    if !gateway.settings.config().gateway.http.endpoints.responses.is_on() {
        return reply::not_found();
    }
    settle(answer(&gateway, origin, &followed, request).await)
}

async fn answer(
    gateway: &Arc<Gateway>,
    origin: Origin,
    followed: &Arc<Followed>,
    request: Request,
) -> Result<Response, ErrorBody> {
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let caller = caller(gateway, origin, headers, Scope::Write)?;
    let body = body::read(headers, body, MAX_BODY).await?;
    let ResponsesBody { mut chat, previous } =
        ResponsesBody::parse(&body).map_err(|bad| ErrorBody::invalid_request(bad.0))?;
    drop(body);
    let config = gateway.settings.config();
    match answerer(&config, headers, &chat.model)? {
        Answerer::Model(_) if previous.is_some() => Err(ErrorBody::invalid_request(
            "`previous_response_id` needs an agent, as a model by itself remembers nothing. Use the model `openclaw`, or \
             send the earlier items in `input`.",
        )),
        Answerer::Model(model) => {
            let writer = ResponsesWriter::new(&chat.model);
            raw::run(gateway, model, chat.request, writer).await
        }
        Answerer::Agent(agent) => {
            let shown = if chat.model.trim().is_empty() { "openclaw" } else { chat.model.as_str() };
            let writer = ResponsesWriter::new(shown);
            let scope = Scoped::new(headers, &caller, &agent);
            let mut session = None;
            if let Some(id) = &previous {
                let earlier = followed.find(id, &scope).ok_or_else(|| not_found(id))?;
                go_on(&mut chat.request.messages, earlier.calls);
                session = Some(earlier.session);
            }
            let urls = config.gateway.http.endpoints.responses.images.allow_url;
            let asked = Asked { headers, agent, prefix: "openresponses", urls, session };
            let (followed, id) = (Arc::clone(followed), writer.id().to_owned());
            turn::run(gateway, &caller, asked, chat, writer, move |session, turn| {
                followed.remember(id, &scope, session, &turn.tool_calls);
            })
            .await
        }
    }
}

/// Puts the calls that the earlier answer ended with in front of their results, unless the client sent them again.
fn go_on(messages: &mut Vec<Message>, calls: Vec<openclaw_models::ToolCall>) {
    let first = messages.iter().position(|message| message.role == Role::Tool);
    let again = messages.iter().any(|message| !message.tool_calls.is_empty());
    if let Some(first) = first.filter(|_| !again && !calls.is_empty()) {
        let asked = Message { content: None, tool_calls: calls, ..Message::text(Role::Assistant, "") };
        messages.insert(first, asked);
    }
}

fn not_found(id: &str) -> ErrorBody {
    ErrorBody {
        code: Some("previous_response_not_found".to_owned()),
        ..ErrorBody::invalid_request(format!(
            "Previous response with id '{id}' not found. Answers can be gone on from for 30 minutes, by the same caller; \
             use `user` for longer conversations."
        ))
    }
}

#[cfg(test)]
mod tests {
    use openclaw_models::ToolCall;

    use super::*;

    #[test]
    fn results_follow_the_calls_that_they_answer() {
        let call = || ToolCall { id: "c".into(), name: "f".into(), arguments: "{}".into() };
        let result = || Message { tool_call_id: Some("c".into()), ..Message::text(Role::Tool, "42") };
        let roles = |messages: &[Message]| messages.iter().map(|one| one.role).collect::<Vec<_>>();
        let mut messages = vec![Message::text(Role::System, "s"), result()];
        go_on(&mut messages, vec![call()]);
        assert_eq!(roles(&messages), [Role::System, Role::Assistant, Role::Tool]);
        assert_eq!(messages[1].tool_calls, [call()]);
        // The client has sent them itself by now.
        go_on(&mut messages, vec![call()]);
        assert_eq!(messages.len(), 3);
        let mut plain = vec![Message::text(Role::User, "never mind")];
        go_on(&mut plain, vec![call()]);
        assert_eq!(roles(&plain), [Role::User]);
    }
}
