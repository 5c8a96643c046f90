//! Accepts connections and speaks HTTP/1.1 on them: limits, timeouts, and the end at shutdown. What a request means is
//! the router's and `ws`'s business.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use futures::FutureExt;
use futures::future::{Either, Map, Ready};
use http::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::http::reply;
use crate::process::Gateway;
use crate::ws;

/// From the first byte of a request to the end of its headers, and how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A pause after `accept` failed, which it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The TCP peer of a request, in its extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin(pub(crate) SocketAddr);

/// Serves at most `connections` at a time on `listeners` until `stop` turns true, then finishes the requests in flight. Returns when every connection is
/// closed; the caller bounds the wait by dropping the future.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    gateway: Arc<Gateway>,
    router: Router,
    connections: usize,
    stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(connections));
    let mut loops = JoinSet::new();
    for listener in listeners {
        let (gateway, router, stop, slots) =
            (Arc::clone(&gateway), router.clone(), stop.clone(), Arc::clone(&slots));
        loops.spawn(accept(listener, gateway, router, slots, stop));
    }
    while loops.join_next().await.is_some() {}
}

async fn accept(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    router: Router,
    slots: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        // Either a connection comes, or one ends and is reaped, or the gateway stops.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            _ = stop.wait_for(|&stop| stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                    debug!(%peer, "connection refused: too many are open");
                    continue;
                };
                let served = connection(stream, peer, Arc::clone(&gateway), router.clone(), stop.clone());
                connections.spawn(async move {
                    served.await;
                    drop(slot);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // The port is free from here on; what is in flight finishes.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    gateway: Arc<Gateway>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    // Small frames and stream chunks must not wait for each other.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let service = RequestService { gateway, router: TowerToHyperService::new(router), peer };
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let mut stopping = false;
    loop {
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            _ = stop.wait_for(|&stop| stop), if !stopping => {
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

type Answer = Result<Response, Infallible>;
type Finish = fn(Answer) -> Answer;

fn finish(answer: Answer) -> Answer {
    answer.map(reply::complete)
}

struct RequestService {
    gateway: Arc<Gateway>,
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
}

impl Service<Request<Incoming>> for RequestService {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<
        Ready<Answer>,
        Map<<TowerToHyperService<Router> as Service<Request<Incoming>>>::Future, Finish>,
    >;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if ws::is_upgrade(request.headers()) {
            let response = ws::upgrade(&self.gateway, self.peer, &mut request);
            return Either::Left(futures::future::ready(Ok(reply::complete(response))));
        }
        request.extensions_mut().insert(Origin(self.peer));
        Either::Right(self.router.call(request).map(finish as Finish))
    }
}
