//! Is the process alive, is it ready, has it started (openclaw-compat §4.2). No credential is needed; a stranger learns
//! only yes or no.
//!
//! *Ready* means that the gateway accepts messages and can store them. An account that is down does not make it unready,
//! since restarting the gateway would not bring it back and the others would suffer: it is listed for those who may know,
//! and `?strict=1` asks for the original's verdict, to which it counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::caller::authorize;
use super::reply;
use super::server::Origin;
use crate::process::Gateway;

/// For how long a write that went well speaks for the store: whoever asks cannot make the disk busy.
const FRESH: Duration = Duration::from_secs(2);
/// How long a write may take before nothing can be stored.
const PATIENCE: Duration = Duration::from_secs(5);

/// When something was last found to be stored.
#[derive(Debug, Default)]
pub(crate) struct Storing(Mutex<Option<Instant>>);

impl Storing {
    /// Whether something can be stored, and the code of why not. Concurrent callers share one attempt.
    async fn fault(&self, gateway: &Gateway) -> Option<&'static str> {
        let mut last = self.0.lock().await;
        // Known already, and the store finds out itself when it ends.
        if let Some(why) = gateway.store.refusal() {
            return Some(why.code());
        }
        if last.is_some_and(|at| at.elapsed() < FRESH) {
            return None;
        }
        match timeout(PATIENCE, gateway.store.check()).await {
            Ok(Ok(())) => {
                *last = Some(Instant::now());
                None
            }
            Ok(Err(why)) => Some(why.code()),
            Err(_) => Some("timeout"),
        }
    }
}

fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 405 for every method that does not only ask.
pub(super) async fn other_method() -> Response {
    uncached(reply::method_not_allowed("GET, HEAD"))
}

/// `/healthz`: the socket answers.
pub(super) async fn live() -> Response {
    uncached(reply::json_bytes(StatusCode::OK, Bytes::from_static(br#"{"ok":true,"status":"live"}"#)))
}

/// `/readyz`: 503 while the gateway drains or cannot store; with `?strict=1` also while a configured channel is down.
pub(super) async fn ready(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let accounts = gateway.failing_accounts();
    let fault = gateway.storing.fault(&gateway).await;
    let usable = fault.is_none() && !gateway.is_draining();
    let ready = usable && (accounts.is_empty() || !is_strict(query.as_deref()));
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let trusted = openclaw_access::Peer::new(origin.0.ip(), &headers).direct_local
        || (headers.contains_key(http::header::AUTHORIZATION)
            && authorize(&gateway, origin, &headers).is_ok());
    let body = if trusted {
        let mut failing: Vec<&str> =
            accounts.iter().map(|account| account.split('/').next().unwrap_or_default()).collect();
        failing.dedup();
        failing.extend(fault.map(|_| "store"));
        let mut body = json!({
            "ready": ready, "accounts": accounts, "uptimeMs": gateway.uptime_ms(), "failing": failing,
        });
        if let (Some(code), Some(body)) = (fault, body.as_object_mut()) {
            body.insert("store".to_owned(), json!({ "code": code }));
        }
        body
    } else {
        json!({ "ready": ready })
    };
    uncached(reply::json(status, &body))
}

/// Whether a query asks for the original's verdict.
fn is_strict(query: Option<&str>) -> bool {
    query.is_some_and(|query| {
        query.split('&').any(|part| matches!(part, "strict" | "strict=1" | "strict=true"))
    })
}

/// `/startupz`: the gateway serves only once it is started, so it either has or is on its way down.
pub(super) async fn startup(State(gateway): State<Arc<Gateway>>) -> Response {
    let draining = gateway.is_draining();
    let (code, status) =
        if draining { (StatusCode::SERVICE_UNAVAILABLE, "draining") } else { (StatusCode::OK, "started") };
    let body: Value = json!({
        "ok": !draining, "status": status, "version": crate::VERSION, "uptimeMs": gateway.uptime_ms(),
    });
    uncached(reply::json(code, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_is_asked_for_by_name() {
        let check = |query: Option<&str>, expected: bool| assert_eq!(is_strict(query), expected, "{query:?}");
        check(None, false);
        check(Some("strict=1"), true);
        check(Some("a=b&strict"), true);
        check(Some("strict=0"), false);
        check(Some("unstrict=1"), false);
    }
}
