//! One control-plane connection from the challenge to the close: reads requests, runs them, writes answers and events.
//! Invariant: what is written passes one queue, so that an answer never overtakes an event that was said before it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use openclaw_protocol::connect::{CHALLENGE_EVENT, Challenge, close_reason};
use openclaw_protocol::{Event, Frame, Response, RpcError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::handshake::{self, Arrival, Opening, Refusal};
use super::hub::{Client, Membership};
use super::link::{Happened, Link};
use super::outbound::{Outbound, Overrun};
use super::refusals;
use super::sockets::Unproven;
use super::subscriptions::Subscriptions;
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::rpc;

/// How often the peer is pinged; a peer that says nothing for two periods is gone.
const PING_EVERY: Duration = Duration::from_secs(25);
/// How long the peer has to answer a close frame.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// Requests of one client that run at once.
const REQUESTS: usize = 64;
/// Calls in a row that the client's role forbids; at the next one the client is cut off (openclaw-compat §3.3.1).
const FORBIDDEN_CALLS: u32 = 10;
/// Frames that may wait behind a `connect` until it is decided.
const EARLY_FRAMES: usize = 15;
/// What a client may count on before `hello-ok`.
const CHALLENGE_CAPABILITIES: &[&str] = &["model-catalog-snapshot"];

/// Why a session ends from our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Close {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Close {
        Close { code, reason: reason.into() }
    }

    fn normal() -> Close {
        Close::new(CloseCode::Normal.into(), "")
    }

    fn frame(self) -> CloseFrame {
        CloseFrame { code: self.code.into(), reason: close_reason(&self.reason).into() }
    }
}

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// The peer has gone.
    Gone,
    /// The peer closed; it is owed an answer.
    Closed,
    /// We close, and the peer answers.
    Close(Close),
    /// The peer broke the rules of the protocol: we close, and expect nothing sensible any more.
    Broken(Close),
}

impl End {
    /// What an error of the link means. `too_large` is what a message over the limit is answered with.
    fn of(error: &Error, too_large: &str) -> End {
        match error {
            Error::Capacity(_) => End::Broken(Close::new(CloseCode::Size.into(), too_large)),
            Error::Utf8(_) => End::Broken(Close::new(CloseCode::Invalid.into(), "invalid utf-8")),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
            Error::Protocol(_) => End::Broken(Close::new(CloseCode::Protocol.into(), "protocol error")),
            _ => End::Gone,
        }
    }

    /// For the log.
    fn told(&self) -> (u16, &str) {
        match self {
            // The code that stands for a connection that broke off (RFC 6455 §7.4.1).
            End::Gone => (1006, "n/a"),
            End::Closed => (1005, "n/a"),
            End::Close(close) | End::Broken(close) => {
                (close.code, if close.reason.is_empty() { "n/a" } else { &close.reason })
            }
        }
    }
}

/// How a handshake fails.
struct Early {
    end: End,
    /// How far it had come.
    phase: &'static str,
    /// The log has its reason already.
    logged: bool,
}

impl Early {
    fn new(phase: &'static str, end: End) -> Early {
        Early { end, phase, logged: false }
    }
}

/// A client that is in.
struct Entered {
    membership: Membership,
    /// What it said before it was answered, in order.
    early: Vec<Utf8Bytes>,
}

/// Runs one connection to its end.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    gateway: Arc<Gateway>,
    arrival: Arrival,
    unproven: Unproven,
) {
    let mut link = Link::new(io);
    let conn_id = Uuid::new_v4().to_string();
    // Beginning and end live on the heap, not in this task: thousands of clients are in between.
    let entered = Box::pin(open(&mut link, &gateway, arrival, conn_id, &unproven)).await;
    drop(unproven);
    let end = match entered {
        Ok(entered) => {
            link.trust();
            serve(&mut link, &gateway, entered).await
        }
        Err(end) => end,
    };
    Box::pin(finish(&mut link, end)).await;
}

/// Ends a connection that has no place.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(io: S, close: Close) {
    finish(&mut Link::new(io), End::Close(close)).await;
}

/// The handshake, with what ends it from outside.
async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    link: &mut Link<S>,
    gateway: &Arc<Gateway>,
    arrival: Arrival,
    conn_id: String,
    unproven: &Unproven,
) -> Result<Entered, End> {
    let mut closing = gateway.hub.closing();
    let early = tokio::select! {
        opened = timeout(gateway.sockets.patience(), shake(link, gateway, &arrival, &conn_id, unproven)) => match opened {
            Ok(Ok(entered)) => return Ok(entered),
            Ok(Err(early)) => early,
            Err(_) => {
                info!(
                    subsystem = "gateway/ws",
                    "handshake timeout conn={conn_id} peer={} remote={}", arrival.socket, arrival.peer.client
                );
                // Observed: no answer and a normal close.
                Early { end: End::Close(Close::normal()), phase: "connect", logged: true }
            }
        },
        // A newer socket of the same address needs the place.
        () = unproven.evicted() => Early::new("evicted", End::Broken(Close::new(1013, "server busy"))),
        () = turned_true(&mut closing) => Early::new("shutdown", End::Close(Close::new(1012, "service restart"))),
    };
    if !early.logged {
        log_early(&arrival, &conn_id, &early);
    }
    Err(early.end)
}

/// The line that operators search for (openclaw-compat §2.6.3).
fn log_early(arrival: &Arrival, conn_id: &str, early: &Early) {
    let (code, reason) = early.end.told();
    let or_na = |text: Option<&str>| refusals::plain(text.unwrap_or("n/a"));
    info!(
        subsystem = "gateway/ws",
        "closed before connect conn={conn_id} peer={} remote={} origin={} host={} ua={} code={code} reason={reason} \
         phase={}",
        arrival.socket,
        arrival.peer.client,
        or_na(arrival.peer.origin.as_deref()),
        or_na(arrival.peer.host.as_deref()),
        or_na(arrival.user_agent.as_deref()),
        early.phase,
    );
}

/// The handshake itself.
async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    link: &mut Link<S>,
    gateway: &Arc<Gateway>,
    arrival: &Arrival,
    conn_id: &str,
    unproven: &Unproven,
) -> Result<Entered, Early> {
    let nonce = Uuid::new_v4().to_string();
    let challenge = Challenge {
        nonce: nonce.clone(),
        ts: now_ms(),
        capabilities: CHALLENGE_CAPABILITIES.iter().map(|&name| name.to_owned()).collect(),
    };
    let payload = serde_json::to_value(challenge).unwrap_or_default();
    say(link, &Frame::Event(Event::targeted(CHALLENGE_EVENT, payload)));
    let first = heard(link).await.map_err(|end| Early::new("challenge", end))?;
    let (id, params) = match handshake::parse(&first) {
        Opening::Connect { id, params } => (id, params),
        Opening::Refused(refusal) => return Err(refused(link, refusal, false)),
    };
    let mut early = Vec::new();
    let admission = async {
        let admitted = handshake::admit(gateway, arrival, conn_id, &nonce, *params).await;
        if admitted.as_ref().is_err_and(Refusal::is_wrong_guess) {
            // Who guesses waits for the answer, and gives way to whoever has not been refused.
            unproven.refused();
            tokio::time::sleep(handshake::WRONG_GUESS_DELAY).await;
        }
        // One that was admitted hears about the gateway's health next.
        let health = if admitted.is_ok() { Some(gateway.health().await) } else { None };
        (admitted, health)
    };
    let mut admission = std::pin::pin!(admission);
    let (admitted, health) = loop {
        // Either the decision falls, or the client says more before it has its answer.
        tokio::select! {
            admitted = &mut admission => break admitted,
            text = heard(link) => {
                early.push(text.map_err(|end| Early::new("connect", end))?);
                if early.len() > EARLY_FRAMES {
                    let close = Close::new(CloseCode::Policy.into(), "too many frames before hello-ok");
                    return Err(Early::new("connect", End::Close(close)));
                }
            }
        }
    };
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return Err(refused(link, Refusal { id: Some(id), ..refusal }, true)),
    };
    let client = Arc::new(Client {
        conn_id: conn_id.to_owned(),
        info: admitted.client,
        ip: arrival.peer.client.to_string(),
        scopes: admitted.scopes,
        standing: admitted.standing,
        outbound: Outbound::new(),
        subscriptions: Subscriptions::default(),
        connected_at: now_ms(),
    });
    // The hello is queued before the client is in the hub: no event can come first.
    client.outbound.frame(&rpc::Answer::ok(id, &admitted.hello));
    let membership = gateway.hub.join(Arc::clone(&client));
    // What it stands on may have gone while it was on its way in.
    client.standing.check(gateway);
    if let Some(health) = health {
        client.tell("health", &health, gateway.hub.state_version());
    }
    Ok(Entered { membership, early })
}

/// Answers a first frame that was refused.
fn refused<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>, refusal: Refusal, logged: bool) -> Early {
    if let (Some(id), Some(error)) = (refusal.id, refusal.error) {
        say(link, &Frame::Response(Response::error(id, error)));
    }
    Early { end: End::Close(refusal.close), phase: "connect", logged }
}

/// The next text message before the handshake is over; pings are answered by the link itself.
async fn heard<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>) -> Result<Utf8Bytes, End> {
    loop {
        match link.next().await {
            Ok(Happened::Message(Message::Text(text))) => return Ok(text),
            Ok(Happened::Message(Message::Binary(_))) => return Err(End::Close(invalid_frame())),
            Ok(Happened::Message(Message::Close(_))) => return Err(End::Closed),
            Ok(Happened::Message(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Ok(Happened::Stalled | Happened::Written) => {}
            Err(error) => return Err(End::of(&error, "preauth payload too large")),
        }
    }
}

fn invalid_frame() -> Close {
    Close::new(CloseCode::Policy.into(), "invalid request frame")
}

/// The life after the handshake. Returns how it ends.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    link: &mut Link<S>,
    gateway: &Arc<Gateway>,
    entered: Entered,
) -> End {
    let Entered { membership, early } = entered;
    let client = &membership.client;
    let mut closing = gateway.hub.closing();
    // Each on the heap: the list keeps room for one of its items, and most clients have no request on its way.
    let mut requests = FuturesUnordered::new();
    let answer = |request| Box::pin(rpc::answer(Arc::clone(gateway), Arc::clone(client), request));
    for text in early {
        match handshake::request(&text) {
            Ok(request) => requests.push(answer(request)),
            Err(close) => return End::Close(close),
        }
    }
    let mut ping = interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = true;
    let mut forbidden_calls = 0;
    loop {
        if load(link, client) == Err(Overrun) {
            gateway.metrics.slow_consumer();
            return slow(client);
        }
        tokio::select! {
            // The peer says something, or the socket takes more or no more.
            happened = link.next() => {
                let message = match happened {
                    Ok(Happened::Message(message)) => message,
                    Ok(Happened::Stalled) => {
                        client.outbound.stalled(true);
                        continue;
                    }
                    Ok(Happened::Written) => {
                        client.outbound.stalled(false);
                        continue;
                    }
                    Err(error) => return End::of(&error, "payload too large"),
                };
                heard = true;
                match message {
                    Message::Text(text) => match handshake::request(&text) {
                        Ok(request) if requests.len() < REQUESTS => {
                            requests.push(answer(request));
                        }
                        Ok(request) => {
                            let busy = RpcError::busy("The server is busy. Please try again in a moment.", Some(1000));
                            client.outbound.frame(&Frame::Response(Response::error(request.id, busy)));
                        }
                        Err(close) => return End::Close(close),
                    },
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    Message::Binary(_) => return End::Close(invalid_frame()),
                    Message::Close(_) => return End::Closed,
                }
            }
            // An answer is ready.
            Some(response) = requests.next(), if !requests.is_empty() => {
                client.outbound.frame(&response);
                forbidden_calls = if response.refuses_role() { forbidden_calls + 1 } else { 0 };
                if forbidden_calls > FORBIDDEN_CALLS {
                    let close = Close::new(CloseCode::Policy.into(), "repeated unauthorized calls");
                    return said(link, client, close).await;
                }
            }
            // Something is to be written, or a frame did not fit into the queue.
            () = client.outbound.news() => {}
            // What it stands on is gone. Who brought that about is answered first.
            close = client.standing.ended() => {
                let last = async {
                    while let Some(response) = requests.next().await {
                        client.outbound.frame(&response);
                    }
                };
                drop(timeout(CLOSE_GRACE, last).await);
                return said(link, client, close).await;
            }
            // The gateway goes down. What was said before (the `shutdown` event) is written first.
            () = turned_true(&mut closing) => {
                return said(link, client, Close::new(1012, "service restart")).await;
            }
            // Is the peer still there?
            _ = ping.tick() => {
                if !heard {
                    debug!(subsystem = "gateway/ws", "closed conn={} reason=no answer to ping", client.conn_id);
                    return End::Gone;
                }
                heard = false;
                link.ping();
            }
        }
    }
}

/// Closes once everything that waits is written.
async fn said<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>, client: &Client, close: Close) -> End {
    while load(link, client).is_ok() && !link.is_idle() {
        if !matches!(timeout(CLOSE_GRACE, link.flush()).await, Ok(Ok(()))) {
            return End::Gone;
        }
    }
    End::Close(close)
}

/// Puts on its way what waits and what there is room for.
fn load<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>, client: &Client) -> Result<(), Overrun> {
    while let Some(frame) = client.outbound.take(link.has_room())? {
        link.load(frame);
    }
    Ok(())
}

/// Waits for the value without keeping it borrowed.
async fn turned_true(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|&closing| closing).await.is_err() {
        // The hub is gone, and with it everything that could be waited for.
        std::future::pending::<()>().await;
    }
}

fn slow(client: &Client) -> End {
    warn!(subsystem = "gateway/ws", "slow consumer conn={} client={}", client.conn_id, client.info.id);
    End::Close(Close::new(CloseCode::Policy.into(), "slow consumer"))
}

/// Puts a frame on its way that passes no queue: there is none before the handshake is over.
fn say<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>, frame: &Frame) {
    match serde_json::to_string(frame) {
        Ok(text) => link.say(text),
        Err(error) => tracing::error!(%error, "a frame cannot be encoded"),
    }
}

/// Ends the connection as its `end` asks for. Past the grace it is dropped, which is what closing it late would come to.
async fn finish<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>, end: End) {
    let farewell = async {
        match end {
            End::Gone => {}
            // Without the answer, which the link has ready, the peer sees a connection that broke off (1006).
            End::Closed => link.closed().await,
            End::Close(close) => {
                link.close(close.frame());
                link.closed().await;
            }
            End::Broken(close) => {
                link.close(close.frame());
                // The peer may be gone; then there is nobody to wait for.
                drop(link.linger().await);
            }
        }
    };
    drop(timeout(CLOSE_GRACE, farewell).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    #[tokio::test]
    async fn a_socket_without_a_place_is_told() {
        let (far, near) = tokio::io::duplex(1024);
        let mut peer = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        let told = async { (peer.next().await, peer.next().await) };
        let ((), (close, end)) = tokio::join!(refuse(near, Close::new(1013, "server busy")), told);
        let Message::Close(Some(frame)) = close.unwrap().unwrap() else { panic!("no close frame") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1013, "server busy"));
        assert!(end.is_none(), "{end:?}");
    }

    #[test]
    fn what_a_broken_connection_is_told() {
        let check = |error: Error, told: (u16, &str)| assert_eq!(End::of(&error, "too large").told(), told);
        let too_long =
            tokio_tungstenite::tungstenite::error::CapacityError::MessageTooLong { size: 2, max_size: 1 };
        check(Error::Capacity(too_long), (1009, "too large"));
        check(Error::Protocol(ProtocolError::NonZeroReservedBits), (1002, "protocol error"));
        check(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake), (1006, "n/a"));
        check(Error::ConnectionClosed, (1006, "n/a"));
    }
}
