//! The HTTP side of the port: probes and the `/v1` dialect. Who may call is `openclaw-access`'s decision, what a model
//! is asked `openclaw-models`'s.

mod address;
mod body;
mod caller;
mod chat;
mod embeddings;
mod followed;
mod gate;
mod hooks;
mod metrics;
mod places;
mod probes;
mod raw;
pub(crate) mod reply;
mod responses;
mod routes;
mod server;
mod tls;
mod tools;
mod turn;
mod v1;
mod watched;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::{MethodRouter, any as any_method, get, post};
use openclaw_config::{Config, Paths};
use openclaw_models::dialect::ErrorBody;

use crate::error::StartError;
use crate::process::Gateway;

pub(crate) use hooks::Hooks;
pub(crate) use places::Places;
pub(crate) use probes::Storing;
pub(crate) use routes::Route;
pub(crate) use server::serve;
pub(crate) use tls::Tls;
pub(crate) use v1::model_list;

use followed::Followed;

/// Every path that the gateway serves over plain HTTP.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    let probe = |route: MethodRouter<Arc<Gateway>>| route.fallback(probes::other_method);
    let read = |route: MethodRouter<Arc<Gateway>>| route.fallback(async || reply::method_not_allowed("GET"));
    let write =
        |route: MethodRouter<Arc<Gateway>>| route.fallback(async || reply::method_not_allowed("POST"));
    let any = |config: &Config| config.gateway.http.endpoints.any();
    let chats = |config: &Config| config.gateway.http.endpoints.chat_completions.is_on();
    let responses = |config: &Config| config.gateway.http.endpoints.responses.is_on();
    Router::new()
        .route("/health", probe(get(probes::live)))
        .route("/healthz", probe(get(probes::live)))
        .route("/ready", probe(get(probes::ready)))
        .route("/readyz", probe(get(probes::ready)))
        .route("/startup", probe(get(probes::startup)))
        .route("/startupz", probe(get(probes::startup)))
        .route("/metrics", read(get(metrics::metrics)))
        .route("/tools/invoke", write(post(tools::invoke)))
        .route("/v1/models", while_on(get(v1::models), "GET", any))
        .route("/v1/models/{*id}", while_on(get(v1::model), "GET", any))
        .route("/v1/chat/completions", while_on(post(chat::completions), "POST", chats))
        .route("/v1/embeddings", while_on(post(embeddings::create), "POST", any))
        .route(
            "/v1/responses",
            while_on(post(responses::create), "POST", responses).layer(Extension(Arc::<Followed>::default())),
        )
        .route("/webhooks/{channel}/{account}/{*path}", any_method(webhooks::receive))
        .fallback(hooks::or_not_found)
        .with_state(gateway)
}

/// A route that can be turned off: then it answers every verb as if it were not there.
fn while_on(
    route: MethodRouter<Arc<Gateway>>,
    allowed: &'static str,
    is_on: fn(&Config) -> bool,
) -> MethodRouter<Arc<Gateway>> {
    route.fallback(async move |State(gateway): State<Arc<Gateway>>| match is_on(&gateway.settings.config()) {
        true => reply::method_not_allowed(allowed),
        false => reply::not_found(),
    })
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

/// The answer of a handler that may refuse.
fn settle(result: Result<Response, ErrorBody>) -> Response {
    result.unwrap_or_else(|refused| reply::error(&refused))
}
