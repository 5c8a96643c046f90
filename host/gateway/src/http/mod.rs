//! The HTTP side of the port: probes and the `/v1` dialect. Who may call is `openclaw-access`'s decision, what a model
//! is asked `openclaw-models`'s.

mod address;
mod body;
mod chat;
mod gate;
mod hooks;
mod metrics;
mod places;
mod probes;
pub(crate) mod reply;
mod routes;
mod server;
mod tls;
mod tools;
mod turn;
mod v1;
mod watched;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::HeaderMap;
use openclaw_access::{HttpCaller, HttpRefusal};
use openclaw_config::{Config, Paths};
use openclaw_models::dialect::ErrorBody;
use openclaw_protocol::Scope;

use crate::error::StartError;
use crate::process::Gateway;

pub(crate) use hooks::Hooks;
pub(crate) use places::Places;
pub(crate) use probes::Storing;
pub(crate) use routes::Route;
pub(crate) use server::{places, serve};
pub(crate) use tls::Tls;
pub(crate) use v1::model_list;

use server::Origin;

/// Every path that the gateway serves over plain HTTP.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    let probe = |route: MethodRouter<Arc<Gateway>>| route.fallback(probes::other_method);
    let read = |route: MethodRouter<Arc<Gateway>>| route.fallback(async || reply::method_not_allowed("GET"));
    Router::new()
        .route("/health", probe(get(probes::live)))
        .route("/healthz", probe(get(probes::live)))
        .route("/ready", probe(get(probes::ready)))
        .route("/readyz", probe(get(probes::ready)))
        .route("/startup", probe(get(probes::startup)))
        .route("/startupz", probe(get(probes::startup)))
        .route("/metrics", read(get(metrics::metrics)))
        .route("/tools/invoke", post(tools::invoke).fallback(async || reply::method_not_allowed("POST")))
        .route("/v1/models", read(get(v1::models)))
        .route("/v1/models/{*id}", read(get(v1::model)))
        .route(
            "/v1/chat/completions",
            post(chat::completions).fallback(async || reply::method_not_allowed("POST")),
        )
        .fallback(hooks::or_not_found)
        .with_state(gateway)
}

/// The certificate of `gateway.tls`; `None` when TLS is off.
pub(crate) fn load_tls(paths: &Paths, config: &Config) -> Result<Option<Arc<Tls>>, StartError> {
    let Some(files) = tls::Files::of(paths, config) else { return Ok(None) };
    match Tls::load(files) {
        Ok(tls) => Ok(Some(Arc::new(tls))),
        Err(error) => {
            Err(StartError::Configuration(format!("Gateway failed to start: gateway.tls: {error}")))
        }
    }
}

/// Where the certificate is that a client on this machine may trust; `None` when TLS is off.
pub(crate) fn certificate(paths: &Paths, config: &Config) -> Option<std::path::PathBuf> {
    tls::Files::of(paths, config).map(|files| files.certificate)
}

/// Who sends a request.
fn authorize(gateway: &Gateway, origin: Origin, headers: &HeaderMap) -> Result<HttpCaller, ErrorBody> {
    gateway.access.http(origin.0.ip(), headers, Instant::now()).map_err(|refusal| {
        gateway.metrics.refused(match refusal {
            HttpRefusal::Unauthorized => "HTTP_UNAUTHORIZED",
            HttpRefusal::RateLimited(_) => "HTTP_RATE_LIMITED",
            HttpRefusal::Origin => "HTTP_ORIGIN",
            HttpRefusal::ProxyAttribution => "HTTP_PROXY_ATTRIBUTION",
        });
        match refusal {
            HttpRefusal::Unauthorized => reply::unauthorized(),
            HttpRefusal::RateLimited(wait) => reply::locked_out(wait),
            HttpRefusal::Origin => reply::foreign_origin(),
            HttpRefusal::ProxyAttribution => reply::unattributed(refusal.message()),
        }
    })
}

/// The answer to a request that may not do what needs `scope` (openclaw-compat §4.3).
fn refuse(gateway: &Gateway, origin: Origin, headers: &HeaderMap, scope: Scope) -> Option<Response> {
    match authorize(gateway, origin, headers) {
        Err(refused) => Some(reply::error(&refused)),
        Ok(caller) => caller.require(scope).err().map(|missing| reply::missing_scope(&missing)),
    }
}

/// The answer of a handler that may refuse.
fn settle(result: Result<Response, ErrorBody>) -> Response {
    result.unwrap_or_else(|refused| reply::error(&refused))
}
