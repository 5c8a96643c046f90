//! The example of the author's guide in the real gateway: a board calls, signed; what it brings is admitted once, however often it comes; an
//! answer goes out. Whoever does not sign never reaches the component.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use openclaw_e2e::http::{Answer, send_with};
use openclaw_e2e::{Home, eventually, model, model_only};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

const TOKEN: &str = "board-token-that-must-never-leak-0123456789";
const SECRET: &str = "hook-secret-that-must-never-leak-0123456789";

/// Path, credential and body of each request.
type Requests = Arc<Mutex<Vec<(String, String, Value)>>>;

/// The board's API, on a port of this machine.
async fn board() -> (u16, Requests) {
    let requests = Requests::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Arc::clone(&requests));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&seen);
            let serve = service_fn(move |request| answer(request, Arc::clone(&seen)));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve),
            );
        }
    });
    (port, requests)
}

async fn answer(request: Request<Incoming>, seen: Requests) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let credential = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let is_me = path == "/me";
    seen.lock().unwrap().push((path, credential.unwrap_or_default(), body));
    let text = if is_me { json!({"id": "bot", "name": "A bot"}) } else { json!({"id": 900}) };
    Ok(Response::new(Full::new(Bytes::from(text.to_string()))))
}

/// HMAC-SHA-256 (RFC 2104), in hexadecimal.
fn hmac(key: &[u8], text: &str) -> String {
    let pad = |byte: u8| (0..64).map(|n| key.get(n).copied().unwrap_or(0) ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    format!("{:x}", Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The board brings a note, signed with `secret` at `time`.
async fn brings(base: &str, note: &Value, secret: &str, time: u64) -> Answer {
    let (body, time) = (note.to_string(), time.to_string());
    let signature = format!("sha256={}", hmac(secret.as_bytes(), &format!("{time}.{body}")));
    let headers = [("x-board-signature", signature.as_str()), ("x-board-time", time.as_str())];
    let url = format!("{base}/webhooks/notice-board/default/notes");
    send_with("POST".parse().unwrap(), &url, &headers, Some(body)).await.unwrap()
}

fn note(id: u64, text: &str) -> Value {
    json!({"id": id, "board": "kitchen", "author": {"id": "ada", "name": "Ada"}, "text": text, "at": 1_700_000_000_000_u64})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_note_is_answered_once_and_an_unsigned_one_is_nobodys() {
    let (model, (port, requests)) = (model().await, board().await);
    let mut config = model_only(&model);
    config["channels"] = json!({"notice-board": {
        "boardUrl": format!("http://127.0.0.1:{port}"), "token": TOKEN, "hookSecret": SECRET, "groupPolicy": "open",
        "allowFrom": ["*"], "groups": {"*": {"requireMention": false}},
    }});
    let home = Home::new(config);
    let folder = home.state().join("plugins").join("notice-board");
    std::fs::create_dir_all(&folder).unwrap();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins/notice-board");
    for name in ["plugin.toml", "config.schema.json", "component.wasm"] {
        std::fs::copy(built.join(name), folder.join(name))
            .expect("the guests are not built: run `cargo xtask test`");
    }
    let gateway = home.start().await;
    let base = gateway.base();
    eventually("the account is ready", async || {
        let status = home.run(&["channels", "status", "--json"]).await;
        status.stdout.contains("\"lifecycle\": \"ready\"")
    })
    .await;

    // Nothing of these reaches the component: it would have answered 422 to what it cannot read.
    for (note, secret, time) in [
        (note(1, "forged"), "another secret", now()),
        (note(1, "forged"), SECRET, now() - 3_600),
        (json!("not a note"), "another secret", now()),
    ] {
        assert_eq!(brings(base, &note, secret, time).await.status, 401, "{note}");
    }
    assert_eq!(brings(base, &json!("not a note"), SECRET, now()).await.status, 422);

    // The board comes twice with the same note.
    for _ in 0..2 {
        let taken = brings(base, &note(8, "Who has the key?"), SECRET, now()).await;
        assert_eq!(taken.status, 204, "{taken:?}");
    }
    let notes = || {
        let seen = requests.lock().unwrap().clone();
        seen.into_iter().filter(|(path, ..)| path != "/me").collect::<Vec<_>>()
    };
    eventually("the answer went out", async || !notes().is_empty()).await;
    // What follows is answered behind it: had the second call brought anything, its answer would stand between the two.
    assert_eq!(brings(base, &note(9, "Found it."), SECRET, now()).await.status, 204);
    eventually("the next answer went out", async || notes().len() > 1).await;
    let notes = notes();
    let answers: Vec<_> = notes.iter().map(|(path, _, body)| (path.as_str(), &body["answers"])).collect();
    assert_eq!(answers, [("/boards/kitchen/notes", &json!(8)), ("/boards/kitchen/notes", &json!(9))]);
    assert!(notes[0].2["text"].as_str().unwrap().contains("Who has the key?"), "{notes:?}");
    assert!(notes.iter().all(|(_, credential, _)| *credential == format!("Bearer {TOKEN}")));
    assert_eq!(gateway.terminate().await, 0);
    let log = home.log();
    assert!(!log.contains(TOKEN) && !log.contains(SECRET) && !log.contains("forged"), "{log}");
}
