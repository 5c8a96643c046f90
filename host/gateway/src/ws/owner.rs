//! The upgrade on the local socket: the peer is the owner of the installation, which the socket has made sure of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::response::Response;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use openclaw_access::Peer;

use super::handshake::Arrival;
use super::upgrade::{accept_key, run_upgraded, switching};
use crate::http::reply;
use crate::process::Gateway;

/// Under what unproven connections of the owner are counted: nobody else's can take their places.
const COUNTED_AS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Answers an upgrade request of the owner; the session starts once the answer is sent.
pub(crate) fn upgrade_owner(gateway: &Arc<Gateway>, request: &mut Request<Incoming>) -> Response {
    let Some(accept) = accept_key(request.method(), request.headers()) else {
        return reply::text(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let Some(place) = gateway.sockets.admit(COUNTED_AS) else {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    };
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let arrival = Arrival {
        socket: SocketAddr::new(here, 0),
        peer: Peer::new(here, &http::HeaderMap::new()),
        user_agent: None,
        owner: true,
    };
    run_upgraded(gateway, request, arrival, place);
    switching(accept)
}
