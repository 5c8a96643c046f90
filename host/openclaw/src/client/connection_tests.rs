//! The client against a gateway that says what a test wants.

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
        pin: None,
        state_dir: std::path::PathBuf::new(),
        socket: None,
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
        gateway(move |method| if method == "connect" { Some(vec![hello()]) } else { answer(method) }).await;
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
    assert_eq!(error.to_string().lines().next(), Some("unauthorized: gateway token mismatch"));
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
    let answer =
        client.call_twice(AgentParams::METHOD, json!({}), |event| events.push(event.event)).await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_gateway_that_falls_silent_is_given_up() {
    let mut client = connected(|_| Some(Vec::new())).await;
    client.patience = Duration::from_secs(3_600);
    let error = client.call(&HealthParams::default()).await.unwrap_err();
    assert_eq!(error.summary(), "gateway closed (4000): tick timeout");
}
