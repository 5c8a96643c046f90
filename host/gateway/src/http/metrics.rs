//! `GET /metrics`, for Prometheus. Asks for the same proof as `/v1`, on loopback too: the numbers say who talks to whom,
//! and every local user can reach the port.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use openclaw_protocol::Scope;

use super::server::Origin;
use super::{refuse, reply};
use crate::process::Gateway;

/// The handler.
pub(super) async fn metrics(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refuse(&gateway, origin, &headers, Scope::Read) {
        return refused;
    }
    let mut response = reply::text(StatusCode::OK, crate::metrics::render(&gateway).await);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
