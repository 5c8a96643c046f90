//! Accepts connections and speaks HTTP/1.1 on them, behind TLS where that is on: limits, timeouts, and the end at shutdown.
//! What a request means is the router's and `ws`'s business.
//!
//! Invariants: a slow peer holds a place only until somebody else needs it; nothing that a peer does or omits delays the
//! accept loop; whatever a peer does not finish has an end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::TRANSFER_ENCODING;
use http::{Request, StatusCode};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use openclaw_failpoints::failpoint;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use super::gate::{self, Entrance};
use super::places::Place;
use super::routes::Route;
use super::tls::Tls;
use super::watched::{HEAD, Progress, Watched};
use crate::http::reply;
use crate::panics::{caught, lived_through};
use crate::process::Gateway;
use crate::ws;

/// Bytes of a request's head; beyond it the answer is 431.
const HEAD_BYTES: usize = 32 * 1024;
/// Fields of a request's head; beyond it the answer is 431.
const HEAD_FIELDS: usize = 100;
/// How long a connection that was opened as the gateway stops has for the request that it was opened for.
const FIRST_REQUEST: Duration = Duration::from_millis(250);
/// A pause after `accept` failed, which it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 22;
/// What a client hears that speaks plain HTTP to a port with TLS.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    x-content-type-options: nosniff\r\n\
    referrer-policy: no-referrer\r\n\
    permissions-policy: camera=(), microphone=(self), geolocation=()\r\n\
    connection: close\r\n\
    content-length: 56\r\n\r\n\
    This port speaks TLS. Use https:// or wss:// to reach it";

/// The TCP peer of a request, in its extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin(pub(crate) SocketAddr);

/// Serves `listeners` until `stop` turns true, then finishes the requests in flight. Returns when every connection is
/// closed; the caller bounds the wait by dropping the future.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    gateway: Arc<Gateway>,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept(listener, Arc::clone(&gateway), router.clone(), stop.clone()));
    }
    while loops.join_next().await.is_some() {}
}

async fn accept(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let taking = take_in(&listener, &mut connections, &gateway, &router, &mut stop);
        if lived_through("taking connections in", taking).await {
            break;
        }
    }
    // The port is free from here on; what is in flight finishes.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Takes connections in until `stop` turns true.
async fn take_in(
    listener: &TcpListener,
    connections: &mut JoinSet<()>,
    gateway: &Arc<Gateway>,
    router: &Router,
    stop: &mut watch::Receiver<bool>,
) {
    loop {
        // Either a connection comes, or one ends and is reaped, or the gateway stops.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            _ = stop.wait_for(|&stop| stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                failpoint!("http.accept");
                let Some(place) = gateway.places.enter(peer.ip()) else {
                    debug!(%peer, "connection refused: too many are open");
                    continue;
                };
                let accepted = Accepted {
                    gateway: Arc::clone(gateway),
                    router: router.clone(),
                    peer,
                    opened: Instant::now(),
                    place: Arc::new(place),
                };
                connections.spawn(accepted.run(stream, stop.clone()));
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection that was just accepted.
struct Accepted {
    gateway: Arc<Gateway>,
    router: Router,
    peer: SocketAddr,
    opened: Instant,
    place: Arc<Place>,
}

impl Accepted {
    async fn run(self, stream: TcpStream, mut stop: watch::Receiver<bool>) {
        failpoint!("http.connection");
        let peer = self.peer;
        // Small frames and stream chunks must not wait for each other.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%peer, %error, "cannot set TCP_NODELAY");
        }
        let loopback = stream.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
        let Some(tls) = self.gateway.tls.clone() else {
            return self.serve(stream, loopback, stop).await;
        };
        let place = Arc::clone(&self.place);
        let stream = tokio::select! {
            shaken = timeout(HEAD, handshake(stream, &tls)) => shaken,
            () = place.shed() => return,
            _ = stop.wait_for(|&stop| stop) => return,
        };
        match stream {
            Ok(Ok(Some(stream))) => self.serve(stream, loopback, stop).await,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => debug!(%peer, "TLS handshake timed out"),
        }
    }

    async fn serve<S>(self, stream: S, loopback: bool, mut stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Accepted { gateway, router, peer, opened, place } = self;
        let (stream, progress) = Watched::new(stream, opened);
        let begun = watch::Sender::new(false);
        let mut first = begun.subscribe();
        let connection = Arc::new(Connection { progress, place: Arc::clone(&place), begun });
        let service =
            RequestService { gateway, router: TowerToHyperService::new(router), peer, loopback, connection };
        let served = hyper::server::conn::http1::Builder::new()
            // `Watched` bounds the time.
            .header_read_timeout(None)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEAD_FIELDS)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut served = std::pin::pin!(served);
        let mut leaving = std::pin::pin!(async {
            // Both fail only with their senders, and whoever is left then leaves as well.
            drop(stop.wait_for(|&stop| stop).await);
            drop(timeout(FIRST_REQUEST, first.wait_for(|&begun| begun)).await);
        });
        let mut stopping = false;
        loop {
            let ended = tokio::select! {
                ended = served.as_mut() => ended,
                () = place.shed() => return debug!(%peer, "an idle connection made room for another"),
                () = &mut leaving, if !stopping => {
                    served.as_mut().graceful_shutdown();
                    stopping = true;
                    continue;
                }
            };
            if let Err(error) = ended {
                debug!(%peer, %error, "connection ended");
            }
            return;
        }
    }
}

/// The TLS handshake; `None` after telling a client that spoke without TLS.
async fn handshake(mut stream: TcpStream, tls: &Tls) -> std::io::Result<Option<TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first == [TLS_HANDSHAKE] {
        return tls.acceptor().accept(stream).await.map(Some);
    }
    stream.write_all(SPEAK_TLS).await?;
    stream.shutdown().await?;
    // Closing with bytes unread would take the answer back.
    tokio::io::copy(&mut tokio::io::AsyncReadExt::take(stream, HEAD_BYTES as u64), &mut tokio::io::sink())
        .await?;
    Ok(None)
}

/// What a connection's requests share.
#[derive(Debug)]
struct Connection {
    progress: Arc<Progress>,
    place: Arc<Place>,
    /// Turns true with the first request.
    begun: watch::Sender<bool>,
}

/// A request until the last byte of its answer has been handed on.
struct Busy(Arc<Connection>);

impl Busy {
    fn begin(connection: &Arc<Connection>) -> (Busy, bool) {
        connection.place.busy();
        connection.begun.send_if_modified(|begun| !std::mem::replace(begun, true));
        let contradicts = connection.progress.serving();
        (Busy(Arc::clone(connection)), contradicts)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.progress.waiting();
        self.0.place.idle();
    }
}

/// An answer's body, which keeps its connection busy.
pub(crate) struct Answered {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct RequestService {
    gateway: Arc<Gateway>,
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
    /// The connection came to a loopback address.
    loopback: bool,
    connection: Arc<Connection>,
}

type Answer = Result<http::Response<Answered>, Infallible>;

impl Service<Request<Incoming>> for RequestService {
    type Response = http::Response<Answered>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let (busy, contradicts) = Busy::begin(&self.connection);
        let route = Route::of(request.uri().path());
        let entrance = Entrance { loopback: self.loopback, contradicts };
        let gateway = Arc::clone(&self.gateway);
        let allowed = || gateway.access.rules().allowed_origins.clone();
        if ws::is_upgrade(request.headers()) {
            let response = match gate::ambiguous(&request, entrance) {
                Some(refused) => refused,
                None => ws::upgrade(&gateway, self.peer, &mut request),
            };
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                self.connection.progress.handed_over();
            }
            return Box::pin(std::future::ready(Ok(finish(&gateway, Route::Socket, busy, response))));
        }
        if let Some(refused) = gate::refuse(&request, entrance, allowed) {
            return Box::pin(std::future::ready(Ok(finish(&gateway, route, busy, refused))));
        }
        // Whoever stands before this gateway may have read the length otherwise: one request, and no more.
        let last = request.headers().contains_key(TRANSFER_ENCODING);
        request.extensions_mut().insert(Origin(self.peer));
        let answer = self.router.call(request);
        Box::pin(async move {
            let answered = caught(async move {
                failpoint!("http.request");
                let Ok(response) = answer.await;
                response
            });
            let response = answered.await.unwrap_or_else(|| reply::error(&reply::internal()));
            let response = if last { gate::closing(response) } else { response };
            Ok(finish(&gateway, route, busy, response))
        })
    }
}

/// The last touch to every answer.
fn finish(gateway: &Gateway, route: Route, busy: Busy, response: Response) -> http::Response<Answered> {
    let route = response.extensions().get().copied().unwrap_or(route);
    if route.needs_secret() && response.status().is_success() {
        busy.0.place.prove();
    }
    gateway.metrics.request(route, response.status());
    let config = gateway.settings.config();
    let transport = config.gateway.http.security_headers.strict_transport_security.as_deref();
    let (head, body) = reply::complete(response, transport).into_parts();
    http::Response::from_parts(head, Answered { body, _busy: busy })
}
