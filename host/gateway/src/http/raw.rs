//! The raw route: a request straight to a model, without an agent, and its answer carried through. The fast path of the
//! gateway.
//! Invariant: a stream's events leave as they arrive, and a client that goes away ends the upstream request.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::StatusCode;
use openclaw_models::dialect::{ErrorBody, Writer};
use openclaw_models::{Answer, ChatRequest, ChunkStream, ModelError};

use super::address::INVALID_MODEL;
use super::reply;
use crate::process::Gateway;

/// Asks the model that `reference` names and answers in the dialect of `writer`.
pub(super) async fn run(
    gateway: &Gateway,
    reference: &str,
    request: ChatRequest,
    writer: impl Writer,
) -> Result<Response, ErrorBody> {
    let target = gateway
        .models
        .catalog()
        .resolve(reference)
        .map_err(|why| ErrorBody::invalid_request(format!("{INVALID_MODEL} Here, {why}.")))?;
    let streamed = request.stream;
    let stream = match gateway.models.open(request, &target).await {
        Ok(stream) => stream,
        Err(error) => return Ok(reply::refused(&ErrorBody::from(&error), &writer)),
    };
    if streamed {
        return Ok(reply::events(Body::from_stream(events(stream, writer))));
    }
    match collect(stream).await {
        Ok(answer) => Ok(whole(&answer, &writer)),
        Err(error) => Ok(reply::refused(&ErrorBody::from(&error), &writer)),
    }
}

/// An answer in one piece.
pub(super) fn whole(answer: &Answer, writer: &impl Writer) -> Response {
    let mut body = Vec::with_capacity(512 + answer.text.len());
    writer.whole(answer, &mut body);
    reply::json_bytes(StatusCode::OK, Bytes::from(body))
}

async fn collect(mut stream: ChunkStream) -> Result<Answer, ModelError> {
    let mut answer = Answer::default();
    while let Some(chunks) = stream.next().await? {
        for chunk in chunks {
            answer.absorb(chunk);
        }
    }
    Ok(answer)
}

/// One item for each batch of chunks that arrives. Dropping it ends the upstream request.
fn events(
    stream: ChunkStream,
    writer: impl Writer,
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
                    writer.end(&mut out);
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
