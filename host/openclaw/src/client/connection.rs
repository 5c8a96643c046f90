//! One connection: challenge, connect, requests.

use std::{io::ErrorKind, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use openclaw_protocol::{
    Call, Event, Frame, MAX_PAYLOAD, PROTOCOL_VERSION, Request, Response, RpcError, Scope,
    connect::{CHALLENGE_EVENT, ClientInfo, ConnectAuth, ConnectParams},
    hello::HelloOk,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use uuid::Uuid;

use super::{ClientError, Target};

/// What a client says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A command.
    Cli,
    /// A look whether there is a gateway, which may also be an older one.
    Probe,
}

/// One open connection.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    target: Target,
    patience: Duration,
    requests: u64,
    /// What the gateway said when it let the client in.
    pub(crate) hello: HelloOk,
}

impl Client {
    /// Connects and asks for `scopes`. `timeout_ms` bounds the connection and each later request.
    pub(crate) async fn connect(
        target: &Target,
        mode: Mode,
        scopes: &[Scope],
        timeout_ms: u64,
    ) -> Result<Self, ClientError> {
        let patience = Duration::from_millis(timeout_ms);
        let attempt = Self::open(target, mode, scopes, patience);
        timeout(patience, attempt).await.unwrap_or_else(|_| Err(timed_out(target, patience)))
    }

    async fn open(
        target: &Target,
        mode: Mode,
        scopes: &[Scope],
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let Some((host, port)) = target.authority() else {
            return Err(ClientError::Address(format!("\"{}\" is not a gateway address", target.url)));
        };
        let stream = TcpStream::connect((host, port))
            .await
            .map_err(|error| unreachable(target, &error, host, port))?;
        // Requests are small and wait for their answer; a refusal only costs latency.
        stream.set_nodelay(true).ok();
        let limits =
            WebSocketConfig::default().max_message_size(Some(MAX_PAYLOAD)).max_frame_size(Some(MAX_PAYLOAD));
        let (mut socket, _) = client_async_with_config(target.url.as_str(), stream, Some(limits))
            .await
            .map_err(|e| not_a_gateway(target, e.to_string()))?;

        loop {
            match receive(&mut socket, target).await? {
                Frame::Event(event) if event.event == CHALLENGE_EVENT => break,
                Frame::Event(_) => {}
                Frame::Request(_) | Frame::Response(_) => {
                    return Err(not_a_gateway(target, "it sent no connect.challenge"));
                }
            }
        }
        let request = Request {
            id: format!("1:{}", Uuid::new_v4()),
            method: ConnectParams::METHOD.to_owned(),
            params: Some(encode(target, &connect_params(target, mode, scopes))?),
            traceparent: None,
            expected_profile_id: None,
        };
        let id = request.id.clone();
        send(&mut socket, target, request).await?;
        let hello = loop {
            match receive(&mut socket, target).await? {
                Frame::Response(response) if response.id == id => {
                    let payload = response.into_result().map_err(ClientError::Refused)?;
                    break decode(target, payload)?;
                }
                Frame::Event(_) | Frame::Request(_) | Frame::Response(_) => {}
            }
        };
        Ok(Self { socket, target: target.clone(), patience, requests: 1, hello })
    }

    /// Sends a request and returns the answer as it came.
    pub(crate) async fn raw(&mut self, method: &str, params: Value) -> Result<Value, ClientError> {
        self.exchange(method, params, |_| {}, |_| true).await
    }

    /// Sends a request and returns its answer as it came and as it was understood.
    pub(crate) async fn call<C: Call>(&mut self, params: &C) -> Result<(Value, C::Reply), ClientError> {
        let answer = self.raw(C::METHOD, encode(&self.target, params)?).await?;
        let understood = decode(&self.target, answer.clone())?;
        Ok((answer, understood))
    }

    /// Sends a request that is answered twice; returns the last answer. Events in between go to `on_event`.
    pub(crate) async fn call_twice(
        &mut self,
        method: &str,
        params: Value,
        on_event: impl FnMut(Event),
    ) -> Result<Value, ClientError> {
        let is_final = |payload: &Value| {
            !matches!(payload.get("status").and_then(Value::as_str), Some("accepted" | "in_flight"))
        };
        self.exchange(method, params, on_event, is_final).await
    }

    async fn exchange(
        &mut self,
        method: &str,
        params: Value,
        mut on_event: impl FnMut(Event),
        is_final: impl Fn(&Value) -> bool,
    ) -> Result<Value, ClientError> {
        self.requests += 1;
        let id = format!("{}:{}", self.requests, Uuid::new_v4());
        let request = Request {
            id: id.clone(),
            method: method.to_owned(),
            params: Some(params),
            traceparent: None,
            expected_profile_id: None,
        };
        let (socket, target) = (&mut self.socket, &self.target);
        let exchange = async {
            send(socket, target, request).await?;
            loop {
                match receive(socket, target).await? {
                    Frame::Response(response) if response.id == id => {
                        let payload = answer(response)?;
                        if is_final(&payload) {
                            return Ok(payload);
                        }
                    }
                    Frame::Event(event) => on_event(event),
                    Frame::Request(_) | Frame::Response(_) => {}
                }
            }
        };
        timeout(self.patience, exchange).await.unwrap_or_else(|_| Err(timed_out(target, self.patience)))
    }
}

fn answer(response: Response) -> Result<Value, ClientError> {
    response.into_result().map_err(|error: RpcError| ClientError::Request(error))
}

fn connect_params(target: &Target, mode: Mode, scopes: &[Scope]) -> ConnectParams {
    let exposed = |secret: &Option<openclaw_secrets::Secret>| secret.as_ref().map(|s| s.expose().to_owned());
    let has_credential = target.token.is_some() || target.password.is_some();
    ConnectParams {
        min_protocol: PROTOCOL_VERSION,
        max_protocol: PROTOCOL_VERSION,
        client: ClientInfo {
            id: "cli".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: std::env::consts::OS.to_owned(),
            mode: match mode {
                Mode::Cli => "cli",
                Mode::Probe => "probe",
            }
            .to_owned(),
            instance_id: Some(Uuid::new_v4().to_string()),
            ..ClientInfo::default()
        },
        role: Some("operator".to_owned()),
        scopes: Some(scopes.iter().map(|scope| scope.as_str().to_owned()).collect()),
        caps: Vec::new(),
        commands: None,
        permissions: None,
        device: None,
        auth: has_credential.then(|| ConnectAuth {
            token: exposed(&target.token),
            password: exposed(&target.password),
            ..ConnectAuth::default()
        }),
        locale: None,
        user_agent: None,
    }
}

async fn send(
    socket: &mut WebSocketStream<TcpStream>,
    target: &Target,
    request: Request,
) -> Result<(), ClientError> {
    let text =
        serde_json::to_string(&Frame::Request(request)).map_err(|e| not_a_gateway(target, e.to_string()))?;
    socket.send(Message::text(text)).await.map_err(|_| closed(target, 1006, String::new()))
}

/// The next frame; pings are answered by the library on the way.
async fn receive(socket: &mut WebSocketStream<TcpStream>, target: &Target) -> Result<Frame, ClientError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(&text).map_err(|e| not_a_gateway(target, e.to_string()));
            }
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame
                    .map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                return Err(closed(target, code, reason));
            }
            Some(Ok(Message::Binary(_))) => return Err(not_a_gateway(target, "it sent a binary frame")),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(_)) | None => return Err(closed(target, 1006, String::new())),
        }
    }
}

fn encode(target: &Target, params: &impl Serialize) -> Result<Value, ClientError> {
    serde_json::to_value(params).map_err(|e| not_a_gateway(target, e.to_string()))
}

fn decode<T: DeserializeOwned>(target: &Target, payload: Value) -> Result<T, ClientError> {
    serde_json::from_value(payload)
        .map_err(|e| not_a_gateway(target, format!("its answer has another shape than expected ({e})")))
}

fn timed_out(target: &Target, patience: Duration) -> ClientError {
    ClientError::Timeout {
        target: target.clone(),
        ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
    }
}

fn closed(target: &Target, code: u16, reason: String) -> ClientError {
    ClientError::Closed { target: target.clone(), code, reason }
}

fn not_a_gateway(target: &Target, reason: impl Into<String>) -> ClientError {
    ClientError::NotAGateway { target: target.clone(), reason: reason.into() }
}

fn unreachable(target: &Target, error: &std::io::Error, host: &str, port: u16) -> ClientError {
    let code = match error.kind() {
        ErrorKind::ConnectionRefused => "ECONNREFUSED",
        ErrorKind::ConnectionReset => "ECONNRESET",
        ErrorKind::TimedOut => "ETIMEDOUT",
        ErrorKind::HostUnreachable => "EHOSTUNREACH",
        ErrorKind::NetworkUnreachable => "ENETUNREACH",
        ErrorKind::PermissionDenied => "EACCES",
        // What is left is nearly always a name that does not resolve.
        _ => "ENOTFOUND",
    };
    ClientError::Unreachable {
        target: target.clone(),
        code: code.to_owned(),
        reason: format!("connect {code} {host}:{port}"),
    }
}
