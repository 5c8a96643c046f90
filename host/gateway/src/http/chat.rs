//! `POST /v1/chat/completions`: reads the request and decides whether it is a turn of an agent or goes straight to a model
//! (openclaw-compat §4.6).

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use openclaw_models::dialect::{ChatBody, ChatWriter, ErrorBody, MAX_BODY};
use openclaw_protocol::Scope;

use super::address::{Answerer, answerer};
use super::caller::caller;
use super::server::Origin;
use super::turn::{self, Asked};
use super::{body, raw, reply, settle};
use crate::process::Gateway;

/// The handler.
pub(super) async fn completions(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    request: Request,
) -> Response {
    if !gateway.settings.config().gateway.http.endpoints.chat_completions.is_on() {
        return reply::not_found();
    }
    settle(answer(&gateway, origin, request).await)
}

async fn answer(gateway: &Arc<Gateway>, origin: Origin, request: Request) -> Result<Response, ErrorBody> {
    let (head, body) = request.into_parts();
    let caller = caller(gateway, origin, &head.headers, Scope::Write)?;
    let body = body::read(&head.headers, body, MAX_BODY).await?;
    let chat = ChatBody::parse(&body).map_err(|bad| ErrorBody::invalid_request(bad.0))?;
    drop(body);
    let config = gateway.settings.config();
    match answerer(&config, &head.headers, &chat.model)? {
        Answerer::Model(model) => {
            let writer = ChatWriter::new(&chat.model, chat.include_usage);
            raw::run(gateway, model, chat.request, writer).await
        }
        Answerer::Agent(agent) => {
            let shown = if chat.model.trim().is_empty() { "openclaw" } else { chat.model.as_str() };
            let writer = ChatWriter::new(shown, chat.include_usage);
            let urls = config.gateway.http.endpoints.chat_completions.images.allow_url;
            let asked = Asked { headers: &head.headers, agent, prefix: "openai", urls, session: None };
            turn::run(gateway, &caller, asked, chat, writer, |_, _| ()).await
        }
    }
}
