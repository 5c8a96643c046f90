//! One connection: challenge, connect, requests.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use openclaw_protocol::{
    Call, Event, Frame, HANDSHAKE_TIMEOUT_MS, PROTOCOL_VERSION, Request, Response, RpcError, Scope,
    connect::{CHALLENGE_EVENT, Challenge, ClientInfo, ConnectAuth, ConnectParams},
    hello::HelloOk,
};
use openclaw_secrets::Secret;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use uuid::Uuid;

use super::identity::Identity;
use super::stream::Socket;
use super::{ClientError, Target, way_in};

/// The shortest time between two signs of life that is believed, in milliseconds.
const SHORTEST_TICK_MS: u64 = 1_000;

/// What a client says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A command.
    Cli,
    /// A look whether there is a gateway, which may also be an older one.
    Probe,
}

/// What one attempt presents.
#[derive(Default)]
pub(super) struct Presented {
    /// The shared token, or the device token in its place.
    pub(super) token: Option<Secret>,
    pub(super) password: Option<Secret>,
    pub(super) device_token: Option<Secret>,
    /// Whether it also proves which device this is.
    pub(super) proven: bool,
}

/// One open connection.
pub(crate) struct Client {
    socket: Socket,
    target: Target,
    patience: Duration,
    requests: u64,
    /// What the gateway said when it let the client in.
    pub(crate) hello: HelloOk,
    device_token: Option<String>,
    /// Why the port did not let the client in, when only the local socket did.
    pub(crate) refused_elsewhere: Option<String>,
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
        let opened = way_in::open(target, mode, scopes, patience);
        timeout(patience, opened).await.unwrap_or_else(|_| Err(timed_out(target, patience)))
    }

    /// Waits for the challenge and answers it. `identity` is asked for only when a proof is to be given.
    pub(super) async fn handshake(
        mut socket: Socket,
        target: &Target,
        mode: Mode,
        scopes: &[Scope],
        patience: Duration,
        presented: &Presented,
        identity: impl FnOnce() -> Result<Identity, ClientError>,
    ) -> Result<Self, ClientError> {
        let limit = patience.min(Duration::from_millis(HANDSHAKE_TIMEOUT_MS));
        let challenge = timeout(limit, challenge(&mut socket, target));
        let challenge = challenge.await.unwrap_or_else(|_| Err(timed_out(target, limit)))?;
        let mut params = connect_params(mode, scopes, presented);
        if presented.proven {
            let scopes = params.scopes.as_deref().unwrap_or_default();
            let token = presented.token.as_ref().or(presented.device_token.as_ref());
            let token = token.map(Secret::expose).unwrap_or_default();
            let (ts, nonce) = (challenge.ts, &challenge.nonce);
            params.device = Some(identity()?.prove(&params.client, way_in::ROLE, scopes, ts, token, nonce));
        }
        let request = Request {
            id: format!("1:{}", Uuid::new_v4()),
            method: ConnectParams::METHOD.to_owned(),
            params: Some(encode(target, &params)?),
            traceparent: None,
            expected_profile_id: None,
        };
        let id = request.id.clone();
        send(&mut socket, target, request).await?;
        let payload = loop {
            match receive(&mut socket, target).await? {
                Frame::Response(response) if response.id == id => {
                    break response.into_result().map_err(ClientError::Refused)?;
                }
                Frame::Event(_) | Frame::Request(_) | Frame::Response(_) => {}
            }
        };
        let device_token = payload.pointer("/auth/deviceToken").and_then(Value::as_str).map(str::to_owned);
        let hello = decode(target, payload)?;
        Ok(Self {
            socket,
            target: target.clone(),
            patience,
            requests: 1,
            hello,
            device_token,
            refused_elsewhere: None,
        })
    }

    /// The token that the gateway gave to this device.
    pub(super) fn device_token(&self) -> Option<&str> {
        self.device_token.as_deref()
    }

    /// How long a living gateway may be silent: it ticks.
    fn longest_silence(&self) -> Duration {
        Duration::from_millis(self.hello.policy.tick_interval_ms.max(SHORTEST_TICK_MS).saturating_mul(2))
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
        let silence = self.longest_silence();
        let (socket, target) = (&mut self.socket, &self.target);
        let exchange = async {
            send(socket, target, request).await?;
            loop {
                let Ok(received) = timeout(silence, receive(socket, target)).await else {
                    return Err(give_up(socket, target).await);
                };
                match received? {
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

fn connect_params(mode: Mode, scopes: &[Scope], presented: &Presented) -> ConnectParams {
    let exposed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let auth = ConnectAuth {
        token: exposed(&presented.token),
        password: exposed(&presented.password),
        device_token: exposed(&presented.device_token),
        ..ConnectAuth::default()
    };
    ConnectParams {
        min_protocol: PROTOCOL_VERSION,
        max_protocol: PROTOCOL_VERSION,
        client: ClientInfo {
            id: "cli".to_owned(),
            // For whoever is asked to let this device in.
            display_name: host_name().filter(|_| presented.proven),
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
        role: Some(way_in::ROLE.to_owned()),
        scopes: Some(scopes.iter().map(|scope| scope.as_str().to_owned()).collect()),
        caps: Vec::new(),
        commands: None,
        permissions: None,
        device: None,
        auth: (auth != ConnectAuth::default()).then_some(auth),
        locale: None,
        user_agent: None,
    }
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The gateway's first event.
async fn challenge(socket: &mut Socket, target: &Target) -> Result<Challenge, ClientError> {
    loop {
        match receive(socket, target).await? {
            Frame::Event(event) if event.event == CHALLENGE_EVENT => {
                return decode(target, event.payload.unwrap_or_default());
            }
            Frame::Event(_) => {}
            Frame::Request(_) | Frame::Response(_) => {
                return Err(not_a_gateway(target, "it sent no connect.challenge"));
            }
        }
    }
}

/// Ends a connection on which nothing comes any more, not even a tick.
async fn give_up(socket: &mut Socket, target: &Target) -> ClientError {
    let reason = "tick timeout";
    let frame = CloseFrame { code: 4000.into(), reason: reason.into() };
    // The peer is most likely gone; that it cannot be told so changes nothing.
    drop(timeout(Duration::from_secs(1), socket.close(Some(frame))).await);
    closed(target, 4000, reason.to_owned())
}

async fn send(socket: &mut Socket, target: &Target, request: Request) -> Result<(), ClientError> {
    let text =
        serde_json::to_string(&Frame::Request(request)).map_err(|e| not_a_gateway(target, e.to_string()))?;
    socket.send(Message::text(text)).await.map_err(|_| closed(target, 1006, String::new()))
}

/// The next frame; pings are answered by the library on the way.
async fn receive(socket: &mut Socket, target: &Target) -> Result<Frame, ClientError> {
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
        target: Box::new(target.clone()),
        ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
    }
}

fn closed(target: &Target, code: u16, reason: String) -> ClientError {
    ClientError::Closed { target: Box::new(target.clone()), code, reason }
}

fn not_a_gateway(target: &Target, reason: impl Into<String>) -> ClientError {
    ClientError::NotAGateway { target: Box::new(target.clone()), reason: reason.into() }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
