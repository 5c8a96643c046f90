//! From an HTTP request to a WebSocket: the checks of RFC 6455 §4.2. Looks at no credential.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::response::Response;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use openclaw_failpoints::failpoint;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::debug;

use super::handshake::Arrival;
use super::session::{self, Close};
use super::sockets::Place;
use crate::http::reply;
use crate::process::Gateway;

/// Whether a request wants another protocol on this connection.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
}

/// Answers an upgrade request; the session starts once the answer is sent. Any path will do.
pub(crate) fn upgrade(gateway: &Arc<Gateway>, peer: SocketAddr, request: &mut Request<Incoming>) -> Response {
    let Some(accept) = accept_key(request.method(), request.headers()) else {
        return reply::text(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let arrival = Arrival {
        socket: peer,
        peer: gateway.access.peer(peer.ip(), request.headers()),
        user_agent: agent.map(str::to_owned),
        owner: false,
    };
    // Those behind a trusted proxy are counted one by one.
    let Some(place) = gateway.sockets.admit(arrival.peer.client) else {
        debug!(subsystem = "gateway/ws", %peer, "upgrade refused: too many connections");
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    };
    run_upgraded(gateway, request, arrival, place);
    switching(accept)
}

/// Starts the session, or tells the client that there is no room, once the answer to `request` is sent.
pub(super) fn run_upgraded(
    gateway: &Arc<Gateway>,
    request: &mut Request<Incoming>,
    arrival: Arrival,
    place: Place,
) {
    let peer = arrival.socket;
    let upgraded = hyper::upgrade::on(request);
    let gateway = Arc::clone(gateway);
    tokio::spawn(async move {
        let io = match upgraded.await {
            Ok(io) => TokioIo::new(io),
            Err(error) => {
                debug!(subsystem = "gateway/ws", %peer, %error, "upgrade failed");
                return;
            }
        };
        failpoint!("ws.connection");
        let permit = match place {
            Place::Given(permit, unproven) => {
                session::run(io, gateway, arrival, unproven).await;
                permit
            }
            Place::Busy(permit) => {
                Box::pin(session::refuse(io, Close::new(1013, "server busy"))).await;
                permit
            }
        };
        drop(permit);
    });
}

/// The answer that hands the connection over.
pub(super) fn switching(accept: HeaderValue) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// The value of `Sec-WebSocket-Accept`, if this is a proper WebSocket upgrade.
pub(super) fn accept_key(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    let proper = *method == Method::GET
        && has(UPGRADE, "websocket")
        && has(CONNECTION, "upgrade")
        && has(SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| proper)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proper_websocket_upgrade_is_accepted() {
        let check = |changes: &[(&'static str, &'static str)], method: Method, accepted: bool| {
            let mut headers = HeaderMap::new();
            let usual = [
                ("upgrade", "WebSocket"),
                ("connection", "keep-alive, Upgrade"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            for (name, value) in usual.iter().chain(changes) {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let key = accept_key(&method, &headers);
            // The example of RFC 6455 §1.3.
            let expected = accepted.then(|| HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
            assert_eq!(key, expected, "{changes:?}");
        };
        check(&[], Method::GET, true);
        check(&[], Method::POST, false);
        check(&[("upgrade", "h2c")], Method::GET, false);
        check(&[("sec-websocket-version", "8")], Method::GET, false);
        check(&[("connection", "close")], Method::GET, false);
    }
}
