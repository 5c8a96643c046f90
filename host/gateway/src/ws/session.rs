//! One control-plane connection from the challenge to the close: reads requests, runs them, writes answers and events.
//! Invariant: what is written passes one queue, so that an answer never overtakes an event that was said before it.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{SinkExt, StreamExt};
use openclaw_protocol::connect::{CHALLENGE_EVENT, Challenge, close_reason};
use openclaw_protocol::{Event, Frame, HANDSHAKE_TIMEOUT_MS, MAX_PAYLOAD, Response, RpcError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, error::CapacityError};
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::gauge::{Gate, Gauge};
use super::handshake::{self, Arrival, Opening, Refusal};
use super::hub::{Client, Membership};
use super::outbound::{Outbound, Queue};
use super::upgrade::Unproven;
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::rpc;

/// Bytes that a peer may send before it has proven itself: one frame of the largest size, with room for its header.
const PREAUTH_BYTES: u64 = 2 * openclaw_protocol::MAX_PREAUTH_PAYLOAD as u64;
/// How often the peer is pinged; a peer that says nothing for two periods is gone.
const PING_EVERY: Duration = Duration::from_secs(25);
/// How long the peer has to answer a close frame.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// Requests of one client that run at once.
const REQUESTS: usize = 64;
/// Frames that are written before the socket is flushed.
const WRITE_BATCH: usize = 64;
/// The socket's own buffer; frames may be longer.
const BUFFER: usize = 16 * 1024;

type Socket<S> = WebSocketStream<Gauge<S>>;

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
}

/// Runs one connection to its end.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    gateway: Arc<Gateway>,
    arrival: Arrival,
    unproven: Unproven,
) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_PAYLOAD))
        .max_frame_size(Some(MAX_PAYLOAD))
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER);
    let (io, gate) = Gauge::new(io, PREAUTH_BYTES);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let conn_id = Uuid::new_v4().to_string();
    let close = match open(&mut socket, &gateway, &arrival, &conn_id, &gate).await {
        Ok((client, queue)) => {
            gate.open();
            drop(unproven);
            serve(&mut socket, &gateway, client, queue).await
        }
        Err(close) => close,
    };
    if let Some(close) = close {
        finish(&mut socket, close).await;
    }
}

/// The handshake. `Err(None)` means that the peer has gone or is owed no close code.
async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Socket<S>,
    gateway: &Arc<Gateway>,
    arrival: &Arrival,
    conn_id: &str,
    gate: &Gate,
) -> Result<(Membership, Queue), Option<Close>> {
    let nonce = Uuid::new_v4().to_string();
    let challenge = Challenge { nonce: nonce.clone(), ts: now_ms(), capabilities: Vec::new() };
    let payload = serde_json::to_value(challenge).unwrap_or_default();
    send(socket, &Frame::Event(Event::targeted(CHALLENGE_EVENT, payload))).await.map_err(|_| None)?;
    let patience = Duration::from_millis(HANDSHAKE_TIMEOUT_MS);
    let Ok(first) = timeout(patience, first_text(socket, gate)).await else {
        info!(subsystem = "gateway/ws", "handshake timeout conn={conn_id} peer={}", arrival.socket);
        return Err(Some(Close::new(CloseCode::Normal.into(), "")));
    };
    let text = first?;
    let refused = match handshake::parse(&text) {
        Opening::Connect { id, params } => {
            match handshake::admit(gateway, arrival, conn_id, &nonce, *params).await {
                Ok(admitted) => {
                    let (outbound, queue) = Outbound::new();
                    let client = Arc::new(Client {
                        conn_id: conn_id.to_owned(),
                        info: admitted.client,
                        ip: arrival.peer.client.to_string(),
                        scopes: admitted.scopes,
                        standing: admitted.standing,
                        outbound,
                        connected_at: now_ms(),
                    });
                    // The hello is queued before the client is in the hub: no event can come first.
                    client.outbound.frame(&Frame::Response(Response::ok(id, admitted.hello)));
                    let membership = gateway.hub.join(Arc::clone(&client));
                    // What it stands on may have gone while it was on its way in.
                    client.standing.check(gateway);
                    client.tell("health", &gateway.health().await, gateway.hub.state_version());
                    return Ok((membership, queue));
                }
                Err(refusal) => Refusal { id: Some(id), ..refusal },
            }
        }
        Opening::Refused(refusal) => refusal,
    };
    if let (Some(id), Some(error)) = (refused.id, refused.error) {
        // The close frame says the same; if this one cannot be sent, neither can that.
        drop(send(socket, &Frame::Response(Response::error(id, error))).await);
    }
    Err(Some(refused.close))
}

/// The first text message; pings are answered by the socket itself.
async fn first_text<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Socket<S>,
    gate: &Gate,
) -> Result<String, Option<Close>> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) if text.len() > openclaw_protocol::MAX_PREAUTH_PAYLOAD => {
                return Err(Some(too_large("preauth payload too large")));
            }
            Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Binary(_))) => {
                return Err(Some(Close::new(CloseCode::Policy.into(), "invalid request frame")));
            }
            Some(Err(_)) if gate.exhausted() => return Err(Some(too_large("preauth payload too large"))),
            Some(Ok(Message::Close(_))) => {
                acknowledge(socket).await;
                return Err(None);
            }
            Some(Err(_)) | None => return Err(None),
        }
    }
}

fn too_large(reason: &str) -> Close {
    Close::new(CloseCode::Size.into(), reason)
}

/// The life after the handshake. Returns how to close, or `None` when the peer has gone.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Socket<S>,
    gateway: &Arc<Gateway>,
    membership: Membership,
    mut queue: Queue,
) -> Option<Close> {
    let client = Arc::clone(&membership.client);
    let mut closing = gateway.hub.closing();
    let mut requests = FuturesUnordered::new();
    let mut ping = interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = true;
    loop {
        tokio::select! {
            // A message from the peer.
            message = socket.next() => {
                heard = true;
                match message {
                    Some(Ok(Message::Text(text))) => match handshake::request(&text) {
                        Ok(request) if requests.len() < REQUESTS => {
                            requests.push(rpc::answer(Arc::clone(gateway), Arc::clone(&client), request));
                        }
                        Ok(request) => {
                            let busy = RpcError::busy("The server is busy. Please try again in a moment.", Some(1000));
                            client.outbound.frame(&Frame::Response(Response::error(request.id, busy)));
                        }
                        Err(close) => return Some(close),
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Binary(_))) => {
                        return Some(Close::new(CloseCode::Policy.into(), "invalid request frame"));
                    }
                    Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                        return Some(too_large("payload too large"));
                    }
                    Some(Ok(Message::Close(_))) => {
                        acknowledge(socket).await;
                        return None;
                    }
                    Some(Err(_)) | None => return None,
                }
            }
            // An answer is ready.
            Some(response) = requests.next(), if !requests.is_empty() => {
                client.outbound.frame(&response);
            }
            // Something is to be written; whatever else waits goes out with it.
            Some(frame) = queue.next() => {
                let written = tokio::select! {
                    written = write(socket, &client, &mut queue, frame) => written,
                    () = client.outbound.overrun() => return Some(slow(&client)),
                };
                if written.is_err() {
                    return None;
                }
            }
            // A frame did not fit into the queue.
            () = client.outbound.overrun() => return Some(slow(&client)),
            // What it stands on is gone. Who brought that about is answered first.
            close = client.standing.ended() => {
                let last = async {
                    while let Some(response) = requests.next().await {
                        client.outbound.frame(&response);
                    }
                };
                drop(timeout(CLOSE_GRACE, last).await);
                while let Some(frame) = queue.ready() {
                    let batch = write(socket, &client, &mut queue, frame);
                    if !matches!(timeout(CLOSE_GRACE, batch).await, Ok(Ok(()))) {
                        return None;
                    }
                }
                return Some(close);
            }
            // The gateway goes down. What was said before (the `shutdown` event) is written first.
            () = turned_true(&mut closing) => {
                while let Some(frame) = queue.ready() {
                    let batch = write(socket, &client, &mut queue, frame);
                    if !matches!(timeout(CLOSE_GRACE, batch).await, Ok(Ok(()))) {
                        return None;
                    }
                }
                return Some(Close::new(1012, "service restart"));
            }
            // Is the peer still there?
            _ = ping.tick() => {
                if !heard {
                    debug!(subsystem = "gateway/ws", "closed conn={} reason=no answer to ping", client.conn_id);
                    return None;
                }
                heard = false;
                if socket.send(Message::Ping(bytes::Bytes::new())).await.is_err() {
                    return None;
                }
            }
        }
    }
}

/// Waits for the value without keeping it borrowed.
async fn turned_true(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|&closing| closing).await.is_err() {
        // The hub is gone, and with it everything that could be waited for.
        std::future::pending::<()>().await;
    }
}

fn slow(client: &Client) -> Close {
    warn!(subsystem = "gateway/ws", "slow consumer conn={} client={}", client.conn_id, client.info.id);
    Close::new(CloseCode::Policy.into(), "slow consumer")
}

/// Writes `first` and what else is waiting, then flushes once.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Socket<S>,
    client: &Client,
    queue: &mut Queue,
    first: String,
) -> Result<(), Error> {
    let waiting = std::iter::once(first).chain(std::iter::from_fn(|| queue.ready())).take(WRITE_BATCH);
    for text in waiting {
        let size = text.len();
        socket.feed(Message::text(text)).await?;
        client.outbound.sent(size);
    }
    socket.flush().await
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut Socket<S>, frame: &Frame) -> Result<(), Error> {
    let text = serde_json::to_string(frame).map_err(|error| Error::Io(error.into()))?;
    socket.send(Message::text(text)).await
}

/// Lets out the answer to the peer's close frame, which the socket has queued: without it the peer sees a connection that
/// broke off (1006).
async fn acknowledge<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut Socket<S>) {
    // A peer that is gone already, or takes no more bytes, needs no answer.
    drop(timeout(CLOSE_GRACE, socket.flush()).await);
}

/// Sends the close frame and waits a moment for the peer's.
async fn finish<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut Socket<S>, close: Close) {
    let frame = CloseFrame { code: close.code.into(), reason: close_reason(&close.reason).into() };
    let farewell = async {
        socket.send(Message::Close(Some(frame))).await?;
        while let Some(message) = socket.next().await {
            message?;
        }
        Ok::<(), Error>(())
    };
    // Past the grace the connection is dropped, which is what closing it late would come to.
    drop(timeout(CLOSE_GRACE, farewell).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_peer_that_closes_is_answered() {
        let (far, near) = tokio::io::duplex(1024);
        let (near, _gate) = Gauge::new(near, PREAUTH_BYTES);
        let mut server = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
        let mut peer = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        peer.send(Message::Close(Some(frame.clone()))).await.unwrap();
        assert!(matches!(server.next().await, Some(Ok(Message::Close(_)))));
        acknowledge(&mut server).await;
        drop(server);
        assert_eq!(peer.next().await.unwrap().unwrap(), Message::Close(Some(frame)));
    }
}
