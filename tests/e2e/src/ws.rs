//! A client of the control plane whose bytes can be chosen one by one, and what clients of it say.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::{GATEWAY_TOKEN, SOON};

/// What no client that obeys the rules may wait longer for, whatever others do.
pub const CALM: Duration = Duration::from_millis(100);

/// The slowest of a hundred, but for one.
pub fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[(times.len() * 99 / 100).saturating_sub(1)]
}

/// A connection to the gateway from one of this machine's addresses.
///
/// # Errors
/// When it is not accepted.
pub async fn connect_from(source: Ipv4Addr, port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The client.
pub struct Client(pub WebSocketStream<TcpStream>);

/// The close code, its reason, and the error that was answered before.
pub type Closed = (u16, String, Option<Value>);

impl Client {
    /// A socket after the upgrade. Its receive buffer may be chosen, for clients that do not read.
    pub async fn upgraded(port: u16, receive_buffer: Option<u32>) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size).unwrap();
        }
        let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client::over(stream, "").await.unwrap()
    }

    /// A socket after the upgrade of this connection, which was asked for with more header lines, each with its end. Unless
    /// one of them is `Host`, the host is this machine.
    ///
    /// # Errors
    /// The answer's head where the upgrade was refused; nothing where there was no answer.
    pub async fn over(mut stream: TcpStream, headers: &str) -> Result<Client, String> {
        let host = if headers.starts_with("Host:") { "" } else { "Host: 127.0.0.1\r\n" };
        let request = format!(
            "GET / HTTP/1.1\r\n{host}{headers}Upgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let mut head = Vec::new();
        // A gateway that has no room hangs up.
        if stream.write_all(request.as_bytes()).await.is_ok() {
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
        }
        let head = String::from_utf8(head).unwrap();
        if !head.starts_with("HTTP/1.1 101 ") {
            return Err(head);
        }
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        Ok(Client(WebSocketStream::from_raw_socket(stream, Role::Client, None).await))
    }

    /// The same, with the challenge heard.
    pub async fn challenged(port: u16) -> Client {
        let mut client = Client::upgraded(port, None).await;
        client.challenge().await;
        client
    }

    /// Hears the challenge, and returns its nonce.
    pub async fn challenge(&mut self) -> String {
        let challenge = self.heard().await;
        assert_eq!(challenge["event"], "connect.challenge", "{challenge}");
        let payload = &challenge["payload"];
        assert_eq!(payload["capabilities"], json!(["model-catalog-snapshot"]));
        assert!(payload["ts"].as_u64().is_some(), "{payload}");
        payload["nonce"].as_str().unwrap().to_owned()
    }

    /// A client that is in.
    pub async fn connected(port: u16) -> Client {
        let mut client = Client::challenged(port).await;
        client.enter(&connect(GATEWAY_TOKEN)).await.unwrap();
        client
    }

    /// Says `connect`, and returns what the gateway says hello with.
    ///
    /// # Errors
    /// How it was refused.
    pub async fn enter(&mut self, connect: &Value) -> Result<Value, Closed> {
        self.say(connect).await;
        loop {
            let message: Value = match self.message().await {
                Message::Text(text) => serde_json::from_str(&text).unwrap(),
                Message::Close(close) => {
                    let close = close.expect("no code");
                    return Err((close.code.into(), close.reason.to_string(), None));
                }
                _ => continue,
            };
            if message["type"] != "res" {
                continue;
            }
            if message["ok"] == true {
                assert_eq!(message["payload"]["type"], "hello-ok");
                return Ok(message["payload"].clone());
            }
            let (code, reason, _) = self.closed().await;
            return Err((code, reason, Some(message["error"].clone())));
        }
    }

    /// Says a frame.
    pub async fn say(&mut self, frame: &Value) {
        // A gateway that has heard enough may have hung up.
        self.0.send(Message::text(frame.to_string())).await.ok();
    }

    /// Writes bytes as they are.
    pub async fn raw(&mut self, bytes: &[u8]) {
        // A gateway that has heard enough may hang up before everything is written.
        self.0.get_mut().write_all(bytes).await.ok();
    }

    /// The next message.
    pub async fn message(&mut self) -> Message {
        let message = tokio::time::timeout(SOON, self.0.next()).await.expect("silence");
        message.expect("it hung up without a close frame").unwrap()
    }

    /// The next frame.
    pub async fn heard(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(close) => panic!("closed: {close:?}"),
                _ => {}
            }
        }
    }

    /// The answer to a request.
    pub async fn answer(&mut self, id: &str) -> Value {
        loop {
            let frame = self.heard().await;
            if frame["type"] == "res" && frame["id"] == id {
                return frame;
            }
        }
    }

    /// Asks, and returns the answer's frame.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.say(&json!({ "type": "req", "id": method, "method": method, "params": params })).await;
        self.answer(method).await
    }

    /// The close frame, and the error that was answered before it.
    pub async fn closed(&mut self) -> Closed {
        let mut error = None;
        loop {
            match self.message().await {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["type"] == "res" {
                        error = Some(frame["error"].clone());
                    }
                }
                Message::Close(close) => {
                    let close = close.expect("no code");
                    return (close.code.into(), close.reason.to_string(), error);
                }
                _ => {}
            }
        }
    }

    /// How long one request takes.
    pub async fn round_trip(&mut self) -> Duration {
        let began = Instant::now();
        assert_eq!(self.call("health", json!({})).await["ok"], true);
        began.elapsed()
    }
}

/// The first request of an operator with this token.
pub fn connect(token: &str) -> Value {
    connect_with(&json!({ "token": token }), &["operator.admin"])
}

/// The same with any credential and scopes.
pub fn connect_with(auth: &Value, scopes: &[&str]) -> Value {
    json!({ "type": "req", "id": "c", "method": "connect", "params": {
        "minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": scopes, "caps": [],
        "client": { "id": "cli", "version": "test", "platform": "linux", "mode": "cli" },
        "auth": auth,
    } })
}

/// A client's frame, masked with zeros: the payload stands in it as it is.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        middle @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}
