//! `POST /v1/chat/completions`: reads the request, decides whether it is a turn of an agent or goes straight to a
//! model, and for the latter carries the answer through (the raw route, the fast path of the gateway).
//! Invariant: a stream's events leave as they arrive, and a client that goes away ends the upstream request.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use openclaw_models::dialect::{ChatBody, ErrorBody, MAX_BODY, Writer};
use openclaw_models::{Answer, ChunkStream};

use super::address::{Address, address, is_agent_id};
use super::server::Origin;
use super::{authorize, body, reply, settle, turn};
use crate::process::Gateway;

/// The text for a model id that names nothing.
const INVALID_MODEL: &str = "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.";

/// The handler.
pub(super) async fn completions(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    request: Request,
) -> Response {
    settle(answer(&gateway, origin, request).await)
}

async fn answer(gateway: &Arc<Gateway>, origin: Origin, request: Request) -> Result<Response, ErrorBody> {
    let (head, body) = request.into_parts();
    authorize(gateway, origin, &head.headers)?;
    let body = body::read(&head.headers, body, MAX_BODY).await?;
    let chat = ChatBody::parse(&body).map_err(|bad| ErrorBody::invalid_request(bad.0))?;
    drop(body);
    let named = match agent_header(&head.headers)? {
        Some(agent) => Address::Agent(agent),
        None => address(&chat.model),
    };
    let agent = match named {
        Address::DefaultAgent => gateway.settings.config().agents.default_id().to_owned(),
        Address::Agent(id) if gateway.settings.config().agents.get(&id).is_some() => id,
        Address::Agent(id) => return Err(ErrorBody::invalid_request(format!("Unknown agent '{id}'."))),
        Address::Invalid => return Err(ErrorBody::invalid_request(INVALID_MODEL)),
        Address::Model(_) => return raw(gateway, chat).await,
    };
    turn::run(gateway, &head.headers, agent, chat).await
}

/// The agent that a header names in place of `model`.
fn agent_header(headers: &HeaderMap) -> Result<Option<String>, ErrorBody> {
    let named = ["x-openclaw-agent-id", "x-openclaw-agent"].iter().find_map(|name| headers.get(*name));
    let Some(named) = named else { return Ok(None) };
    let id = named.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    if is_agent_id(&id) {
        Ok(Some(id))
    } else {
        Err(ErrorBody::invalid_request(format!("Unknown agent '{id}'.")))
    }
}

/// Straight to the provider, through its shim.
async fn raw(gateway: &Gateway, chat: ChatBody) -> Result<Response, ErrorBody> {
    let ChatBody { model, include_usage, request, .. } = chat;
    let target = gateway
        .models
        .catalog()
        .resolve(&model)
        .map_err(|why| ErrorBody::invalid_request(format!("{INVALID_MODEL} Here, {why}.")))?;
    let streamed = request.stream;
    let stream = gateway.models.open(request, &target).await.map_err(|error| ErrorBody::from(&error))?;
    let writer = Writer::new(&model);
    if streamed {
        return Ok(reply::events(Body::from_stream(events(stream, writer, include_usage))));
    }
    let answer = collect(stream).await?;
    let mut body = Vec::with_capacity(512 + answer.text.len());
    writer.completion(&answer, &mut body);
    Ok(reply::json_bytes(StatusCode::OK, Bytes::from(body)))
}

async fn collect(mut stream: ChunkStream) -> Result<Answer, ErrorBody> {
    let mut answer = Answer::default();
    while let Some(chunks) = stream.next().await.map_err(|error| ErrorBody::from(&error))? {
        for chunk in chunks {
            answer.absorb(chunk);
        }
    }
    Ok(answer)
}

/// One item for each batch of chunks that arrives. Dropping it ends the upstream request.
fn events(
    stream: ChunkStream,
    writer: Writer,
    include_usage: bool,
) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::unfold(Some((stream, writer)), move |state| async move {
        let (mut stream, mut writer) = state?;
        loop {
            let mut out = Vec::with_capacity(512);
            match stream.next().await {
                Ok(Some(chunks)) => {
                    for chunk in &chunks {
                        writer.chunk(chunk, &mut out);
                    }
                    // A batch of nothing but usage says nothing yet.
                    if !out.is_empty() {
                        return Some((Ok(Bytes::from(out)), Some((stream, writer))));
                    }
                }
                Ok(None) => {
                    writer.end(include_usage, &mut out);
                    return Some((Ok(Bytes::from(out)), None));
                }
                Err(error) => {
                    writer.failed(&ErrorBody::from(&error), &mut out);
                    return Some((Ok(Bytes::from(out)), None));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_may_name_the_agent() {
        let check = |name: &'static str, value: &'static str, expected: Result<Option<&str>, &str>| {
            let mut headers = HeaderMap::new();
            headers.insert(name, http::HeaderValue::from_static(value));
            let found = agent_header(&headers).map_err(|error| error.message);
            assert_eq!(found, expected.map(|id| id.map(str::to_owned)).map_err(str::to_owned));
        };
        check("x-openclaw-agent-id", "Ops", Ok(Some("ops")));
        check("x-openclaw-agent", "ops", Ok(Some("ops")));
        check("x-other", "ops", Ok(None));
        check("x-openclaw-agent-id", "a/b", Err("Unknown agent 'a/b'."));
    }
}
