//! Whether the gateway says truly that it can do its work: on its way down, with an account that is down, with a store that
//! cannot be written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use openclaw_e2e::http::{get, post};
use openclaw_e2e::{GATEWAY_TOKEN, Home, SOON, eventually, model, model_only};
use openclaw_fakes::Mode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const TOKEN: Option<&str> = Some(GATEWAY_TOKEN);

/// A request whose last bytes are held back: it was begun, and nobody knows it yet.
struct Begun(TcpStream, String);

impl Begun {
    async fn new(port: u16, head: &str, body: &Value) -> Begun {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {GATEWAY_TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Begun(stream, format!("\r\n{body}"))
    }

    /// Sends the rest, and returns everything that is answered until the connection ends.
    async fn finish(mut self) -> String {
        self.0.write_all(self.1.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(SOON, self.0.read_to_string(&mut answer)).await.expect("no end").unwrap();
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_as_the_gateway_stops_is_told_so() {
    let model = model().await;
    model.set_mode(Mode::Late { delay_ms: 4_000 });
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    let chat = json!({ "model": "openclaw", "messages": [{ "role": "user", "content": "hello" }] });
    let in_flight = tokio::spawn({
        let (url, chat) = (url.clone(), chat.clone());
        async move { post(&url, TOKEN, &chat).await.unwrap().status }
    });
    assert!(model.wait_for(1, SOON).await);
    let ready = Begun::new(home.port(), "GET /readyz", &Value::Null).await;
    let startup = Begun::new(home.port(), "GET /startupz", &Value::Null).await;
    let live = Begun::new(home.port(), "GET /healthz", &Value::Null).await;
    let turn = Begun::new(home.port(), "POST /v1/chat/completions", &chat).await;
    gateway.signal("TERM").await;
    eventually("the port is closed", async || TcpStream::connect(("127.0.0.1", home.port())).await.is_err())
        .await;
    let check = |answer: &str, status: &str, body: &str| {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(body), "{answer}");
    };
    check(&ready.finish().await, "503", "\"ready\":false");
    check(&startup.finish().await, "503", "\"status\":\"draining\"");
    check(&live.finish().await, "200", "\"status\":\"live\"");
    check(&turn.finish().await, "503", "shutting down");
    assert_eq!(in_flight.await.unwrap(), 200, "what was in flight is finished");
    assert_eq!(gateway.ended().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_down_is_the_strict_verdict() {
    let mut config = model_only(&model().await);
    // Nothing answers there.
    config["channels"] = json!({ "telegram": { "botToken": "1:x", "apiRoot": "http://127.0.0.1:1" } });
    let home = Home::new(config);
    let gateway = home.start().await;
    let strict = format!("{}/readyz?strict=1", gateway.base());
    // The start has a minute's grace.
    let deadline = Instant::now() + Duration::from_secs(60) + SOON;
    let answer = loop {
        let answer = get(&strict, None).await.unwrap();
        if answer.status == 503 {
            break answer.json();
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!((&answer["ready"], &answer["failing"]), (&json!(false), &json!(["telegram"])), "{answer}");
    assert_eq!(answer["accounts"], json!(["telegram/default"]));
    // It can accept and store all the same.
    let answer = get(&format!("{}/readyz", gateway.base()), None).await.unwrap();
    assert_eq!((answer.status, &answer.json()["failing"]), (200, &json!(["telegram"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_written_is_told_and_recovers() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let ready = format!("{}/readyz", gateway.base());
    // Somebody else holds the file's one right to write.
    let other = rusqlite::Connection::open(home.state().join("state/gateway.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    eventually("it says so", async || get(&ready, None).await.unwrap().status == 503).await;
    let answer = get(&ready, None).await.unwrap();
    assert_eq!((&answer.json()["ready"], &answer.json()["failing"]), (&json!(false), &json!(["store"])));
    let chat =
        json!({ "model": "openclaw", "user": "ada", "messages": [{ "role": "user", "content": "hello" }] });
    let url = format!("{}/v1/chat/completions", gateway.base());
    // A turn that could not be kept is not begun.
    let answer = timeout(SOON, post(&url, TOKEN, &chat)).await.expect("it hangs").unwrap();
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("busy")), "{answer:?}");
    assert!(model.chats().is_empty());
    let said = |line: &str| line.contains("writes are refused until") && line.contains(r#""code":"busy""#);
    eventually("the log says it", async || home.log().lines().any(said)).await;
    other.execute_batch("ROLLBACK").unwrap();
    eventually("it is ready again", async || get(&ready, None).await.unwrap().status == 200).await;
    assert_eq!(post(&url, TOKEN, &chat).await.unwrap().status, 200);
}
