//! Is the process alive, is it ready, has it started (openclaw-compat §4.2). No credential is needed; a stranger learns
//! only yes or no.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::server::Origin;
use super::{authorize, reply};
use crate::process::Gateway;

fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `/healthz`: the socket answers.
pub(super) async fn live() -> Response {
    uncached(reply::json_bytes(StatusCode::OK, Bytes::from_static(br#"{"ok":true,"status":"live"}"#)))
}

/// `/readyz`: 503 while the gateway drains, and when a configured channel has been down beyond its grace.
pub(super) async fn ready(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Response {
    let failing = gateway.failing_channels();
    let ready = failing.is_empty() && !gateway.is_draining();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let trusted = openclaw_access::Peer::new(origin.0.ip(), &headers).direct_local
        || authorize(&gateway, origin, &headers).is_ok();
    let body = if trusted {
        json!({"ready": ready, "failing": failing, "uptimeMs": gateway.uptime_ms()})
    } else {
        json!({ "ready": ready })
    };
    uncached(reply::json(status, &body))
}

/// `/startupz`: the gateway serves only once it is started, so it either has or is on its way down.
pub(super) async fn startup(State(gateway): State<Arc<Gateway>>) -> Response {
    let status = if gateway.is_draining() { "draining" } else { "started" };
    let body: Value =
        json!({"ok": true, "status": status, "version": crate::VERSION, "uptimeMs": gateway.uptime_ms()});
    uncached(reply::json(StatusCode::OK, &body))
}
