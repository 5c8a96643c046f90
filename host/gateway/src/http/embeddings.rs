//! `POST /v1/embeddings`: texts as vectors (openclaw-compat §4.7). Which model makes them is the agent's configuration, a
//! header's, or the request's own choice; no agent runs.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use openclaw_access::HttpCaller;
use openclaw_models::dialect::{EmbeddingsBody, ErrorBody, MAX_EMBEDDINGS_BODY};
use openclaw_protocol::Scope;

use super::address::{Answerer, INVALID_MODEL, answerer};
use super::caller::{caller, require};
use super::server::Origin;
use super::{body, reply, settle};
use crate::embeddings::{self, NoModel};
use crate::process::Gateway;

/// The handler.
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    request: Request,
) -> Response {
    if !gateway.settings.config().gateway.http.endpoints.any() {
        return reply::not_found();
    }
    settle(answer(&gateway, origin, request).await)
}

async fn answer(gateway: &Gateway, origin: Origin, request: Request) -> Result<Response, ErrorBody> {
    let (head, body) = request.into_parts();
    let caller = caller(gateway, origin, &head.headers, Scope::Write)?;
    let body = body::read(&head.headers, body, MAX_EMBEDDINGS_BODY).await?;
    let mut asked = EmbeddingsBody::parse(&body).map_err(|bad| ErrorBody::invalid_request(bad.0))?;
    drop(body);
    let config = gateway.settings.config();
    let catalog = gateway.models.catalog();
    let mut request = std::mem::take(&mut asked.request);
    let target = match answerer(&config, &head.headers, &asked.model)? {
        Answerer::Model(model) => {
            let unknown = |why| ErrorBody::invalid_request(format!("{INVALID_MODEL} Here, {why}."));
            catalog.resolve(model).map_err(unknown)?
        }
        Answerer::Agent(agent) => {
            // What an agent's model is sent besides the texts is the configuration's business.
            request.extra.clear();
            let named = named(&caller, &head.headers)?;
            request.dimensions = request.dimensions.or(config.embedding_of(&agent).dimensions);
            embeddings::target(&config, &catalog, &agent, None, named).map_err(refuse)?
        }
    };
    let answer = gateway.models.embed(request, &target).await.map_err(|error| ErrorBody::from(&error))?;
    let mut out = Vec::new();
    asked.write(&answer, &mut out);
    Ok(reply::json_bytes(StatusCode::OK, Bytes::from(out)))
}

/// The model that a header names in place of the agent's own.
fn named<'a>(caller: &HttpCaller, headers: &'a HeaderMap) -> Result<Option<&'a str>, ErrorBody> {
    let Some(value) = headers.get("x-openclaw-model") else { return Ok(None) };
    require(caller, Scope::Admin)?;
    let name = value.to_str().unwrap_or_default().trim();
    let usable = !name.is_empty() && !name.ends_with('/');
    usable.then_some(Some(name)).ok_or_else(|| ErrorBody::invalid_request("Invalid `x-openclaw-model`."))
}

fn refuse(error: NoModel) -> ErrorBody {
    let text = match error {
        NoModel::NotSet(_) => format!("{error}, or send it in the header `x-openclaw-model`."),
        NoModel::Configured(_) => format!("{error}."),
        NoModel::Named(why) => format!("Invalid `x-openclaw-model`. Here, {why}."),
    };
    ErrorBody::invalid_request(text)
}
