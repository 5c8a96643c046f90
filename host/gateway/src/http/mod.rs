//! The HTTP side of the port: probes and the `/v1` dialect. Who may call is `openclaw-access`'s decision, what a model
//! is asked `openclaw-models`'s.

mod address;
mod chat;
mod probes;
pub(crate) mod reply;
mod server;
mod turn;
mod v1;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::HeaderMap;
use openclaw_access::{HttpCaller, HttpRefusal};
use openclaw_models::dialect::ErrorBody;

use crate::process::Gateway;

pub(crate) use server::serve;
pub(crate) use v1::model_list;

use server::Origin;

/// Every path that the gateway serves over plain HTTP.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    let probe =
        |route: MethodRouter<Arc<Gateway>>| route.fallback(async || reply::method_not_allowed("GET, HEAD"));
    let read = |route: MethodRouter<Arc<Gateway>>| route.fallback(async || reply::method_not_allowed("GET"));
    Router::new()
        .route("/health", probe(get(probes::live)))
        .route("/healthz", probe(get(probes::live)))
        .route("/ready", probe(get(probes::ready)))
        .route("/readyz", probe(get(probes::ready)))
        .route("/startup", probe(get(probes::startup)))
        .route("/startupz", probe(get(probes::startup)))
        .route("/v1/models", read(get(v1::models)))
        .route("/v1/models/{*id}", read(get(v1::model)))
        .route(
            "/v1/chat/completions",
            post(chat::completions).fallback(async || reply::method_not_allowed("POST")),
        )
        .fallback(async || reply::not_found())
        .with_state(gateway)
}

/// Who sends a request.
fn authorize(gateway: &Gateway, origin: Origin, headers: &HeaderMap) -> Result<HttpCaller, ErrorBody> {
    gateway.access.http(origin.0.ip(), headers, Instant::now()).map_err(|refusal| match refusal {
        HttpRefusal::Unauthorized => reply::unauthorized(),
        HttpRefusal::RateLimited(wait) => reply::locked_out(wait),
        HttpRefusal::Origin => reply::foreign_origin(),
        HttpRefusal::ProxyAttribution => reply::unattributed(refusal.message()),
    })
}

/// The answer of a handler that may refuse.
fn settle(result: Result<Response, ErrorBody>) -> Response {
    result.unwrap_or_else(|refused| reply::error(&refused))
}
