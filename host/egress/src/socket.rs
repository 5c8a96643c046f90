//! Websockets, opened through the same resolver, address rules and TLS as requests. Owns the handshake, the bounds of a message
//! and the signs of life; never follows a redirect, never opens a lost connection again.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use http::header::{HeaderMap, USER_AGENT};
use http::{Uri, uri::Scheme};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as Fault;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tower_service::Service;

use crate::address::Network;
use crate::client::{Egress, check_authority, refusal};
use crate::error::{EgressError, root_cause};

type Stream = WebSocketStream<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>;

/// How long a write may take: a peer that does not read has gone.
const WRITE: Duration = Duration::from_secs(10);
/// Bytes that are set aside for reading, for each socket.
const READ_BUFFER: usize = 16 << 10;
/// Bytes of a reason by RFC 6455 §5.5.1.
const REASON: usize = 123;

/// How often a ping is to be sent. The caller does it, since it owns the writing half.
pub const PING_EVERY: Duration = Duration::from_secs(30);
/// How long a socket may be silent, with two pings unanswered, before it counts as dead.
const SILENCE: Duration = Duration::from_secs(75);

/// A socket to open.
#[derive(Clone, Debug)]
pub struct SocketRequest {
    /// `ws` or `wss`, without user information.
    pub url: Uri,
    /// `host` and the headers of the handshake are set by the client.
    pub headers: HeaderMap,
    /// How far it may reach.
    pub network: Network,
    /// Bytes of one message that are accepted.
    pub max_message: usize,
}

/// Why there is no socket. Nothing but the handshake was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// A rule forbids it, or no connection came about.
    #[error(transparent)]
    Unreachable(EgressError),
    /// The peer answered the handshake with another status than 101; redirects included.
    #[error("the handshake was answered with status {0}")]
    Refused(u16),
}

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Bytes),
    /// A message was longer than accepted. The caller closes with 1009.
    TooLong,
    /// It is over: the peer's own code and reason, or the words of what broke. Nothing follows.
    Closed {
        /// The peer's code; none when it gave none or the connection broke.
        code: Option<u16>,
        /// The peer's words or ours, free of addresses.
        reason: String,
    },
}

/// The half that reads. Pings are answered underneath.
#[derive(Debug)]
pub struct SocketReader(SplitStream<Stream>);

/// The half that writes.
#[derive(Debug)]
pub struct SocketWriter(SplitSink<Stream, Message>);

impl Egress {
    /// Opens a socket: name, connection, TLS and handshake within the client's connect timeout.
    ///
    /// # Errors
    /// [`SocketError`]; there is no connection then.
    pub async fn websocket(
        &self,
        request: SocketRequest,
    ) -> Result<(SocketReader, SocketWriter), SocketError> {
        let within = self.connect_timeout();
        match timeout(within, self.open(request)).await {
            Ok(opened) => opened,
            Err(_elapsed) => {
                let detail = format!("no connection within {} ms", within.as_millis());
                Err(SocketError::Unreachable(EgressError::not_sent(detail)))
            }
        }
    }

    async fn open(&self, request: SocketRequest) -> Result<(SocketReader, SocketWriter), SocketError> {
        let SocketRequest { url, headers, network, max_message } = request;
        let unreachable = SocketError::Unreachable;
        let scheme = match url.scheme_str() {
            Some("ws") => Scheme::HTTP,
            Some("wss") => Scheme::HTTPS,
            _ => return Err(unreachable(EgressError::denied("only ws and wss URLs are opened"))),
        };
        check_authority(&url, network).map_err(unreachable)?;
        let bad_url = |_| unreachable(EgressError::denied("the URL is not valid"));
        let mut handshake = url.clone().into_client_request().map_err(bad_url)?;
        let mut parts = url.into_parts();
        parts.scheme = Some(scheme);
        let target =
            Uri::from_parts(parts).map_err(|_| unreachable(EgressError::denied("the URL is not valid")))?;
        handshake.headers_mut().insert(USER_AGENT, self.user_agent());
        // What the handshake itself needs is never the caller's.
        for (name, value) in &headers {
            if !handshake.headers().contains_key(name) || name == USER_AGENT {
                handshake.headers_mut().insert(name.clone(), value.clone());
            }
        }

        let connected = self.connector(network).call(target).await.map_err(|error| {
            unreachable(match refusal_in(error.as_ref()) {
                Some(why) => EgressError::denied(format!("the host name leads to {why}")),
                None => EgressError::not_sent(format!("no connection: {}", root_cause(error.as_ref()))),
            })
        })?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        match client_async_with_config(handshake, TokioIo::new(connected), Some(config)).await {
            Ok((stream, _)) => {
                let (writer, reader) = stream.split();
                Ok((SocketReader(reader), SocketWriter(writer)))
            }
            Err(Fault::Http(answer)) => Err(SocketError::Refused(answer.status().as_u16())),
            Err(error) => {
                let detail = format!("the handshake failed: {}", root_cause(&error));
                Err(unreachable(EgressError::not_sent(detail)))
            }
        }
    }
}

/// Finds the resolver's verdict among the causes of `error`.
fn refusal_in<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a crate::address::Refusal> {
    std::iter::successors(Some(error), |error| error.source()).find_map(refusal)
}

impl SocketReader {
    /// Waits for what comes next. Safe to cancel.
    pub async fn next(&mut self) -> Incoming {
        let broken = |reason: String| Incoming::Closed { code: None, reason };
        loop {
            let Ok(next) = timeout(SILENCE, self.0.next()).await else {
                return broken("nothing was heard, and pings were not answered".to_owned());
            };
            match next {
                Some(Ok(Message::Text(text))) => return Incoming::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => return Incoming::Binary(bytes),
                Some(Ok(Message::Close(frame))) => {
                    return Incoming::Closed {
                        code: frame.as_ref().map(|frame| u16::from(frame.code)),
                        reason: frame.map_or_else(String::new, |frame| frame.reason.as_str().to_owned()),
                    };
                }
                // A sign of life.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(Fault::Capacity(_))) => return Incoming::TooLong,
                Some(Err(error)) => return broken(format!("the connection broke: {}", root_cause(&error))),
                None => return broken("the connection ended".to_owned()),
            }
        }
    }
}

impl SocketWriter {
    /// Sends a text message; returns when the system has it.
    ///
    /// # Errors
    /// `Interrupted`: the message may have arrived, and the socket is of no more use.
    pub async fn text(&mut self, text: String) -> Result<(), EgressError> {
        self.send(Message::text(text)).await
    }

    /// Sends a binary message, as [`Self::text`].
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn binary(&mut self, bytes: Bytes) -> Result<(), EgressError> {
        self.send(Message::binary(bytes)).await
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn ping(&mut self) -> Result<(), EgressError> {
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Says that it is over; the peer's answer comes to the reader. `reason` is cut at 123 bytes.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), EgressError> {
        let reason = reason.get(..reason.floor_char_boundary(REASON)).unwrap_or_default();
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.send(Message::Close(Some(frame))).await
    }

    async fn send(&mut self, message: Message) -> Result<(), EgressError> {
        match timeout(WRITE, self.0.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                Err(EgressError::interrupted(format!("the connection broke: {}", root_cause(&error))))
            }
            Err(_elapsed) => {
                Err(EgressError::interrupted(format!("the peer took nothing for {} ms", WRITE.as_millis())))
            }
        }
    }
}
