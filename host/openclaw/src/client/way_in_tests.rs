//! What is presented, in which order, and what becomes of a stored token.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::{TcpListener, UnixListener};
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::client::UrlSource;

const PATIENCE: Duration = Duration::from_secs(5);

/// The `connect` parameters that a fake gateway saw.
type Seen = Arc<Mutex<Vec<Value>>>;

fn hello(device_token: Option<&str>) -> Value {
    let mut auth = json!({"role": "operator", "scopes": ["operator.read"]});
    if let Some(token) = device_token {
        auth["deviceToken"] = json!(token);
    }
    json!({"ok": true, "payload": {
        "type": "hello-ok", "protocol": 4, "server": {"version": "1", "connId": "c"},
        "features": {"methods": [], "events": []},
        "snapshot": {"presence": [], "health": {}, "stateVersion": {"presence": 1, "health": 1}, "uptimeMs": 1},
        "auth": auth, "policy": {"maxPayload": 1, "maxBufferedBytes": 1, "tickIntervalMs": 30_000},
    }})
}

fn refused(code: &str, retry: bool) -> Value {
    json!({"ok": false, "error": {"code": "INVALID_REQUEST", "message": code,
        "details": {"code": code, "canRetryWithDeviceToken": retry}}})
}

async fn answer(stream: impl super::stream::Duplex, answers: &Mutex<VecDeque<Value>>, seen: &Seen) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    let challenge =
        json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n1", "ts": 42}});
    socket.send(Message::text(challenge.to_string())).await.unwrap();
    let Some(Ok(Message::Text(text))) = socket.next().await else { return };
    let request: Value = serde_json::from_str(&text).unwrap();
    seen.lock().unwrap().push(request["params"].clone());
    let mut frame = answers.lock().unwrap().pop_front().expect("one connection too many");
    frame["type"] = json!("res");
    frame["id"] = request["id"].clone();
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

/// A gateway that answers one `connect` after the other with `answers`.
async fn gateway(answers: Vec<Value>) -> (Target, Seen, tempfile::TempDir) {
    let state = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        url: format!("ws://{}", listener.local_addr().unwrap()),
        source: UrlSource::Local,
        token: Some(Secret::from("shared")),
        password: None,
        config: String::new(),
        bind: None,
        pin: None,
        state_dir: state.path().to_owned(),
        socket: None,
    };
    let (seen, answers) = (Seen::default(), Mutex::new(VecDeque::from(answers)));
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, &answers, &noted).await;
        }
    });
    (target, seen, state)
}

async fn connect(target: &Target) -> Result<Client, ClientError> {
    open(target, Mode::Cli, &[Scope::Read], PATIENCE).await
}

fn tokens(target: &Target) -> Tokens {
    Tokens::new(&identity::folder(&target.state_dir))
}

fn stored(target: &Target) -> Option<String> {
    tokens(target).find(&target.key(), ROLE).map(|token| token.expose().to_owned())
}

fn store(target: &Target, token: &str) {
    let folder = identity::folder(&target.state_dir);
    let identity = Identity::load_or_create(&folder).unwrap();
    tokens(target).keep(&identity.device_id, &target.key(), ROLE, token, Vec::new()).unwrap();
}

#[tokio::test]
async fn a_shared_token_on_this_machine_needs_no_device() {
    let (target, seen, _state) = gateway(vec![hello(None)]).await;
    connect(&target).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0]["auth"], json!({"token": "shared"}));
    assert_eq!(seen[0]["scopes"], json!(["operator.read"]));
    assert_eq!(seen[0].get("device"), None);
    assert!(!identity::folder(&target.state_dir).exists(), "an identity is made only when it is needed");
}

#[tokio::test]
async fn without_a_secret_the_device_proves_itself_and_keeps_its_token() {
    let (mut target, seen, _state) = gateway(vec![hello(Some("dev-1")), hello(Some("dev-1"))]).await;
    target.token = None;
    connect(&target).await.unwrap();
    assert_eq!(stored(&target).as_deref(), Some("dev-1"));
    connect(&target).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0]["device"]["nonce"], "n1");
    assert_eq!(seen[0]["device"]["signedAt"], 42);
    assert_eq!(seen[0].get("auth"), None);
    assert!(seen[0]["scopes"].as_array().unwrap().contains(&json!("operator.admin")), "one approval for all");
    assert_eq!(seen[1]["auth"], json!({"token": "dev-1", "deviceToken": "dev-1"}));
    assert_eq!(seen[1]["scopes"], json!(["operator.read"]));
}

#[tokio::test]
async fn a_wrong_token_is_tried_once_more_with_the_device_token() {
    let (target, seen, _state) = gateway(vec![refused("AUTH_TOKEN_MISMATCH", false), hello(None)]).await;
    store(&target, "dev-1");
    connect(&target).await.unwrap();
    {
        let seen = seen.lock().unwrap();
        assert_eq!(seen[1]["auth"], json!({"token": "shared", "deviceToken": "dev-1"}));
        assert!(seen[1]["device"]["signature"].is_string());
    }
    let refusals = vec![refused("AUTH_TOKEN_MISMATCH", false), refused("AUTH_DEVICE_TOKEN_MISMATCH", false)];
    let (target, seen, _state) = gateway(refusals).await;
    store(&target, "stale");
    let error = connect(&target).await.err().unwrap();
    assert_eq!(error.summary(), "AUTH_TOKEN_MISMATCH", "the refusal that a person can act on");
    assert_eq!(
        (seen.lock().unwrap().len(), stored(&target)),
        (2, None),
        "once, and the stale token is dropped"
    );
}

#[tokio::test]
async fn without_a_device_token_there_is_no_second_try() {
    let (target, seen, _state) = gateway(vec![refused("AUTH_TOKEN_MISMATCH", true)]).await;
    assert!(connect(&target).await.is_err());
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_local_socket_is_the_last_way_in_and_the_first_without_a_secret() {
    let refusals = vec![refused("AUTH_TOKEN_MISMATCH", false), refused("AUTH_TOKEN_MISMATCH", false)];
    let (mut target, _, state) = gateway(refusals).await;
    let path = state.path().join("gateway.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (seen, answers) = (Seen::default(), Mutex::new(VecDeque::from(vec![hello(None), hello(None)])));
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, &answers, &noted).await;
        }
    });
    target.socket = Some(path);
    let client = connect(&target).await.unwrap();
    assert_eq!(client.refused_elsewhere.as_deref(), Some("AUTH_TOKEN_MISMATCH"));
    target.token = None;
    let client = connect(&target).await.unwrap();
    assert_eq!(client.refused_elsewhere, None, "nothing was refused: nothing was asked");
    assert!(
        seen.lock().unwrap().iter().all(|params| params.get("auth").is_none()),
        "no secret is sent there"
    );
    // A probe asks what the port says.
    target.token = Some(Secret::from("shared"));
    let probe = open(&target, Mode::Probe, &[Scope::Read], PATIENCE).await;
    assert!(probe.is_err());
}
