//! What the client promises about websockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed, which is right")]

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use openclaw_egress::http::HeaderMap;
use openclaw_egress::{
    Egress, ErrorKind, Incoming, Network, Options, SocketError, SocketReader, SocketRequest, SocketWriter,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

fn egress() -> Egress {
    Egress::new(Options { connect_timeout: Duration::from_secs(2), ..Options::default() })
}

fn request(url: &str, network: Network) -> SocketRequest {
    SocketRequest { url: url.parse().unwrap(), headers: HeaderMap::new(), network, max_message: 1000 }
}

async fn open(url: &str) -> Result<(SocketReader, SocketWriter), SocketError> {
    egress().websocket(request(url, Network::OperatorNamed)).await
}

/// Sends back what it gets; `close` is answered by closing, `long` by too much.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    let text = message.to_text().unwrap_or_default();
                    let answer = match text {
                        "close" => Message::Close(Some(CloseFrame {
                            code: CloseCode::Library(4004),
                            reason: "no".into(),
                        })),
                        "long" => Message::text("x".repeat(1001)),
                        _ if message.is_text() || message.is_binary() => message,
                        _ => continue,
                    };
                    if socket.send(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("ws://{address}/path?v=1")
}

/// Answers each connection with these bytes.
async fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    format!("ws://{address}/secret-path")
}

#[tokio::test]
async fn messages_go_both_ways_until_the_peer_closes() {
    let (mut reader, mut writer) = open(&echo().await).await.unwrap();
    writer.text("hello".into()).await.unwrap();
    writer.binary(Bytes::from_static(b"\0\xff")).await.unwrap();
    writer.ping().await.unwrap();
    writer.text("close".into()).await.unwrap();
    assert_eq!(reader.next().await, Incoming::Text("hello".into()));
    assert_eq!(reader.next().await, Incoming::Binary(Bytes::from_static(b"\0\xff")));
    assert_eq!(reader.next().await, Incoming::Closed { code: Some(4004), reason: "no".into() });
}

#[tokio::test]
async fn a_message_beyond_the_bound_is_told() {
    let (mut reader, mut writer) = open(&echo().await).await.unwrap();
    writer.text("long".into()).await.unwrap();
    assert_eq!(reader.next().await, Incoming::TooLong);
}

#[tokio::test]
async fn what_may_not_be_reached_is_denied() {
    let egress = egress();
    let denied = [
        ("ws://127.0.0.1:1/x", Network::Public),
        ("ws://localhost:1/x", Network::Public),
        ("ws://[::ffff:10.0.0.1]/x", Network::Public),
        ("ws://2130706433:1/x", Network::Public),
        ("wss://169.254.169.254/x", Network::OperatorNamed),
        ("wss://[64:ff9b::a9fe:a9fe]/x", Network::OperatorNamed),
        ("ws://user:hunter2@127.0.0.1:1/x", Network::OperatorNamed),
        ("http://127.0.0.1:1/x", Network::OperatorNamed),
    ];
    for (url, network) in denied {
        match egress.websocket(request(url, network)).await {
            Err(SocketError::Unreachable(error)) => {
                assert_eq!(error.kind, ErrorKind::Denied, "{url}: {error}");
                assert!(
                    !error.to_string().contains("hunter2") && !error.to_string().contains("://"),
                    "{error}"
                );
            }
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_handshake_that_is_not_one_leaves_no_socket() {
    let redirect = b"HTTP/1.1 302 Found\r\nlocation: ws://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(open(&answering(redirect).await).await.unwrap_err(), SocketError::Refused(302));
    let unauthorised = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(open(&answering(unauthorised).await).await.unwrap_err(), SocketError::Refused(401));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let urls = [
        answering(b"").await,
        answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await,
        answering(b"x").await.replace("ws://", "wss://"),
        format!("ws://{closed}/x"),
    ];
    for url in urls {
        match open(&url).await {
            Err(SocketError::Unreachable(error)) => {
                assert_eq!(error.kind, ErrorKind::NotSent, "{url}: {error}");
                assert!(!error.detail.contains("secret-path"), "{error}");
            }
            other => panic!("{url}: {other:?}"),
        }
    }
}
