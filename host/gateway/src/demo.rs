//! The built-in demonstration backend: answers like a model server of the `/v1` dialect, on a loopback port of its own,
//! so that a first message gets an answer through the same shim as any other backend. It says in every answer what it
//! is and how to get a real model. Never leaves loopback and never keeps anything.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use openclaw_models::dialect::{ChatBody, ChatWriter, ErrorBody, MAX_BODY, Writer as _};
use openclaw_models::{Answer, Chunk, Content, DEMO_MODEL, FinishReason, Role, Usage};
use openclaw_secrets::Secret;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::http::reply;

/// Characters of the person's message that are repeated.
const QUOTED: usize = 500;

/// Where the demonstration answers, and the key it wants.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) base_url: String,
    pub(crate) key: Secret,
}

struct Backend {
    key: Secret,
    /// What to type for a real model.
    advice: String,
}

/// Starts the backend on an ephemeral loopback port; it lives as long as the runtime.
pub(crate) async fn start(advice: String) -> io::Result<Demo> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let base_url = format!("http://{}/v1", listener.local_addr()?);
    let key = Secret::from(format!("demo-{}", Uuid::new_v4().simple()));
    let backend = Arc::new(Backend { key: key.clone(), advice });
    let router = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions))
        .with_state(backend);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "the demonstration backend has ended");
        }
    });
    Ok(Demo { base_url, key })
}

impl Backend {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        authorization.and_then(openclaw_access::bearer).is_some_and(|key| self.key.matches(key))
    }

    fn text(&self, chat: &ChatBody) -> String {
        let said = chat.request.messages.iter().rfind(|message| message.role == Role::User);
        let said =
            said.and_then(|message| message.content.as_ref()).map(Content::to_text).unwrap_or_default();
        let shown: String = said.chars().take(QUOTED).collect();
        let more = if said.chars().count() > QUOTED { "…" } else { "" };
        format!(
            "This is OpenClaw's built-in demo, not a language model: no model is configured yet. \
             Your message arrived and this answer took the whole way back.\n\nYou wrote: {shown}{more}\n\n{}",
            self.advice
        )
    }
}

async fn models(State(backend): State<Arc<Backend>>, headers: HeaderMap) -> Response {
    if !backend.admits(&headers) {
        return reply::error(&reply::unauthorized());
    }
    let list = json!({"object": "list",
        "data": [{"id": DEMO_MODEL, "object": "model", "created": 0, "owned_by": "openclaw-demo"}]});
    reply::json(StatusCode::OK, &list)
}

async fn completions(State(backend): State<Arc<Backend>>, headers: HeaderMap, body: Body) -> Response {
    if !backend.admits(&headers) {
        return reply::error(&reply::unauthorized());
    }
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return reply::error(&reply::too_large());
    };
    match ChatBody::parse(&body) {
        Ok(chat) => speak(&backend, &chat),
        Err(bad) => reply::error(&ErrorBody::invalid_request(bad.0)),
    }
}

fn speak(backend: &Backend, chat: &ChatBody) -> Response {
    let text = backend.text(chat);
    let mut writer = ChatWriter::new(&chat.model, chat.include_usage);
    // About four characters a token, which is what estimates use.
    let usage = Usage { input_tokens: 0, output_tokens: text.len().div_ceil(4) as u64, ..Usage::default() };
    if !chat.request.stream {
        let answer =
            Answer { text, finish: Some(FinishReason::Stop), usage: Some(usage), ..Answer::default() };
        let mut out = Vec::new();
        writer.whole(&answer, &mut out);
        return reply::json_bytes(StatusCode::OK, Bytes::from(out));
    }
    let words = text.split_inclusive(' ').map(|word| Chunk::Text(word.to_owned()));
    let mut events: Vec<Bytes> = words
        .chain([Chunk::Finish(FinishReason::Stop), Chunk::Usage(usage)])
        .map(|chunk| {
            let mut out = Vec::new();
            writer.chunk(&chunk, &mut out);
            Bytes::from(out)
        })
        .collect();
    let mut end = Vec::new();
    writer.end(&mut end);
    events.push(Bytes::from(end));
    reply::events(Body::from_stream(futures::stream::iter(events.into_iter().map(Ok::<_, Infallible>))))
}

/// What to type for a real model. `variables` are the environment variables that present shims know.
pub(crate) fn advice(variables: &[String]) -> String {
    let mut lines =
        vec!["For a real model, stop the gateway, do one of these, and start it again:".to_owned()];
    if !variables.is_empty() {
        lines.push(format!("- export {}=<your key>", variables.join("=<your key>   or   export ")));
    }
    lines.push(
        "- openclaw config set models.providers.my.baseUrl http://127.0.0.1:8000/v1\n  \
         openclaw config set agents.defaults.model.primary my/<model>"
            .to_owned(),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn backend() -> Backend {
        Backend { key: Secret::from("k"), advice: advice(&["A_KEY".to_owned(), "B_KEY".to_owned()]) }
    }

    async fn answer(stream: bool) -> String {
        let body = json!({"model": DEMO_MODEL, "stream": stream,
            "messages": [{"role": "user", "content": "hello there"}]});
        let chat = ChatBody::parse(body.to_string().as_bytes()).unwrap();
        let bytes = speak(&backend(), &chat).into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn it_says_that_it_is_a_demo_and_what_to_type() {
        let whole = answer(false).await;
        for part in
            ["built-in demo", "You wrote: hello there", "export A_KEY=", "export B_KEY=", "config set"]
        {
            assert!(whole.contains(part), "{part} is missing in {whole}");
        }
    }

    #[tokio::test]
    async fn it_streams_word_by_word() {
        let events = answer(true).await;
        assert!(events.matches("data: {").count() > 10);
        assert!(events.ends_with("data: [DONE]\n\n"));
    }

    #[test]
    fn it_wants_its_own_key() {
        let check = |value: &str, admitted: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert_eq!(backend().admits(&headers), admitted, "{value}");
        };
        check("Bearer k", true);
        check("Bearer other", false);
        check("k", false);
    }
}
