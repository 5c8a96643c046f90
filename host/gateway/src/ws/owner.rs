//! The upgrade on the local socket: the peer is the owner of the installation, which the socket has made sure of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::response::Response;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use openclaw_access::Peer;
use tracing::debug;

use super::handshake::Arrival;
use super::{session, upgrade};
use crate::http::reply;
use crate::process::Gateway;

/// Under what unproven connections of the owner are counted: nobody else's can take their places.
const COUNTED_AS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Answers an upgrade request of the owner; the session starts once the answer is sent.
pub(crate) fn upgrade_owner(gateway: &Arc<Gateway>, request: &mut Request<Incoming>) -> Response {
    let Some(accept) = upgrade::accept_key(request.method(), request.headers()) else {
        return reply::text(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let Some((permit, unproven)) = gateway.sockets.admit(COUNTED_AS) else {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    };
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let arrival = Arrival {
        socket: SocketAddr::new(here, 0),
        peer: Peer::new(here, &http::HeaderMap::new()),
        user_agent: None,
        owner: true,
    };
    let upgraded = hyper::upgrade::on(request);
    let gateway = Arc::clone(gateway);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(io) => session::run(TokioIo::new(io), gateway, arrival, unproven).await,
            Err(error) => debug!(subsystem = "gateway/ws", %error, "local upgrade failed"),
        }
        drop(permit);
    });
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}
