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
        target: Box::new(target.clone()),
        code: code.to_owned(),
        reason: format!("connect {code} {host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::UrlSource;
    use openclaw_protocol::{agent::AgentParams, health::HealthParams};
    use serde_json::json;
    use tokio::net::TcpListener;

    const PATIENCE_MS: u64 = 5_000;

    /// A gateway that answers each request with what `answer` returns for its method; `None` closes the connection.
    async fn gateway(answer: impl Fn(&str) -> Option<Vec<Value>> + Send + 'static) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let challenge =
                json!({"type": "event", "event": CHALLENGE_EVENT, "payload": {"nonce": "n", "ts": 1}});
            socket.send(Message::text(challenge.to_string())).await.unwrap();
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                let request: Value = serde_json::from_str(&text).unwrap();
                let Some(answers) = answer(request["method"].as_str().unwrap()) else {
                    socket.close(None).await.unwrap();
                    return;
                };
                for mut frame in answers {
                    if frame["type"] == "res" {
                        frame["id"] = request["id"].clone();
                    }
                    socket.send(Message::text(frame.to_string())).await.unwrap();
                }
            }
        });
        Target {
            url,
            source: UrlSource::Flag,
            token: Some("secret-token".into()),
            password: None,
            config: String::new(),
            bind: None,
        }
    }

    fn hello() -> Value {
        json!({"type": "res", "ok": true, "payload": {
            "type": "hello-ok", "protocol": 4, "server": {"version": "1", "connId": "c"},
            "features": {"methods": [], "events": []},
            "snapshot": {"presence": [], "health": {}, "stateVersion": {"presence": 1, "health": 1}, "uptimeMs": 1},
            "auth": {"role": "operator", "scopes": ["operator.read"]},
            "policy": {"maxPayload": 1, "maxBufferedBytes": 1, "tickIntervalMs": 1},
        }})
    }

    async fn connected(answer: impl Fn(&str) -> Option<Vec<Value>> + Send + 'static) -> Client {
        let target =
            gateway(move |method| if method == "connect" { Some(vec![hello()]) } else { answer(method) })
                .await;
        Client::connect(&target, Mode::Cli, &[Scope::Read], PATIENCE_MS).await.unwrap()
    }

    #[tokio::test]
    async fn a_refused_credential_keeps_the_gateways_words() {
        let target = gateway(|_| {
            Some(vec![json!({"type": "res", "ok": false, "error": {
                "code": "INVALID_REQUEST", "message": "unauthorized: gateway token mismatch",
                "details": {"code": "AUTH_TOKEN_MISMATCH"},
            }})])
        })
        .await;
        let Err(error) = Client::connect(&target, Mode::Cli, &[Scope::Read], PATIENCE_MS).await else {
            panic!("let in")
        };
        assert_eq!(error.to_string(), "unauthorized: gateway token mismatch");
        assert_eq!(
            error.log_line().unwrap(),
            "gateway connect failed: GatewayClientRequestError: unauthorized: gateway token mismatch"
        );
        assert_eq!(error.to_json()["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
    }

    #[tokio::test]
    async fn an_unknown_method_is_a_request_error() {
        let mut client = connected(|_| {
            let error = json!({"code": "INVALID_REQUEST", "message": "unknown method: nope.method"});
            Some(vec![json!({"type": "res", "ok": false, "error": error})])
        })
        .await;
        let error = client.raw("nope.method", json!({})).await.unwrap_err();
        assert_eq!(
            error.to_json(),
            json!({"ok": false, "error": {
                "type": "gateway_request_error", "code": "INVALID_REQUEST",
                "message": "unknown method: nope.method", "retryable": false,
            }})
        );
    }

    #[tokio::test]
    async fn only_the_last_of_two_answers_counts_and_events_are_seen() {
        let mut client = connected(|_| {
            Some(vec![
                json!({"type": "res", "ok": true, "payload": {"runId": "r", "status": "accepted"}}),
                json!({"type": "event", "event": "agent", "payload": {"runId": "r"}}),
                json!({"type": "res", "ok": true, "payload": {"runId": "r", "status": "ok"}}),
            ])
        })
        .await;
        let mut events = Vec::new();
        let answer = client
            .call_twice(AgentParams::METHOD, json!({}), |event| events.push(event.event))
            .await
            .unwrap();
        assert_eq!(answer["status"], "ok");
        assert_eq!(events, ["agent"]);
    }

    #[tokio::test]
    async fn a_lost_connection_and_a_strange_answer_are_told_apart() {
        let mut client = connected(|_| None).await;
        let lost = client.call(&HealthParams::default()).await.unwrap_err();
        assert!(lost.summary().starts_with("gateway closed ("), "{}", lost.summary());

        let mut client = connected(|_| Some(vec![json!({"type": "res", "ok": true, "payload": 7})])).await;
        let strange = client.call(&HealthParams::default()).await.unwrap_err();
        assert!(strange.summary().contains("another shape"), "{}", strange.summary());
    }

    #[tokio::test]
    async fn a_silent_listener_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target =
            Target { url: format!("ws://{}", listener.local_addr().unwrap()), ..gateway(|_| None).await };
        let Err(error) = Client::connect(&target, Mode::Cli, &[], 50).await else { panic!("let in") };
        assert_eq!(error.summary(), "gateway timeout after 50ms");
    }
}
