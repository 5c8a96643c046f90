//! What the host lends to channels: what each capability does, where its bounds are, and what a component is told there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Bench, call, events, eventually, outbound, say};
use futures::{SinkExt, StreamExt};
use openclaw_runtime::guest::{WebhookMethod, WebhookRequest};
use openclaw_runtime::{Connection, Exit, Facts, Limits, Over};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

const TOKEN: &str = "12345:canary-secret";

/// How the account does, in a word or by its reason.
fn shown(facts: &Facts) -> String {
    match facts.shown() {
        Connection::Connecting => "connecting".to_owned(),
        Connection::Ready => "ready".to_owned(),
        Connection::Degraded(why) | Connection::AuthRequired(why) => why,
    }
}

/// A vendor's socket server: what it was asked and told.
#[derive(Clone, Default)]
struct Vendor {
    paths: Arc<Mutex<Vec<String>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    /// `bye` is answered by closing with 4004, `flood:<n>` by that many messages of 1 KiB, `cut` by dropping the
    /// connection; anything else comes back.
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/base", listener.local_addr().unwrap());
        let vendor = Self::default();
        let seen = vendor.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move {
                    let paths = Arc::clone(&seen.paths);
                    #[expect(clippy::result_large_err, reason = "the library's own shape")]
                    let note = move |request: &Request, response: Response| {
                        paths.lock().unwrap().push(request.uri().to_string());
                        Ok(response)
                    };
                    let mut socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
                    while let Some(Ok(message)) = socket.next().await {
                        let text = message.to_text().unwrap_or_default().to_owned();
                        seen.heard.lock().unwrap().push(match &message {
                            Message::Text(text) => text.as_str().to_owned(),
                            Message::Close(frame) => {
                                format!("close {:?}", frame.as_ref().map(|frame| u16::from(frame.code)))
                            }
                            other => format!("{} bytes", other.len()),
                        });
                        if text == "cut" {
                            return;
                        } else if let Some(count) = text.strip_prefix("flood:") {
                            for n in 0..count.parse().unwrap() {
                                let line = format!("{n:04}{}", "x".repeat(1020));
                                if socket.send(Message::text(line)).await.is_err() {
                                    return;
                                }
                                seen.paths.lock().unwrap().push(format!("sent {n}"));
                            }
                        } else if text == "bye" {
                            let reason = format!("no {TOKEN}").into();
                            let frame = CloseFrame { code: CloseCode::Library(4004), reason };
                            socket.send(Message::Close(Some(frame))).await.unwrap();
                        } else if text == "long" {
                            socket.send(Message::text("x".repeat(65_537))).await.unwrap();
                        } else if message.is_text() || message.is_binary() {
                            socket.send(message).await.unwrap();
                        }
                    }
                    seen.heard.lock().unwrap().push("gone".into());
                });
            }
        });
        (vendor, url)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_carries_messages_both_ways_and_the_secret_only_in_its_place() {
    let bench = Bench::new().await;
    let (vendor, url) = Vendor::start().await;
    let config = json!({"mode": "listen", "count": 100});
    let instance = bench.launch(&config, &json!({"socket": url, "token": TOKEN}), Limits::default());
    assert_eq!(call(&instance, json!({"open": ["gateway", null]})).await, "1");
    assert_eq!(vendor.paths.lock().unwrap()[0], "/base?v=1%202");
    for text in [r#"{"op":2,"d":{"token":"","x":"{token}"}}"#, r#"{"op":1,"d":{"token":"{token}"}}"#] {
        assert_eq!(call(&instance, json!({"text": [1, text]})).await, "ok");
    }
    assert_eq!(call(&instance, json!({"binary": [1, 5]})).await, "ok");
    assert_eq!(call(&instance, json!({"text": [1, "bye"]})).await, "ok");
    eventually("the end arrives", async || events(&instance).await.len() == 4).await;
    let injected = format!(r#"{{"op":2,"d":{{"token":"{TOKEN}","x":"{{token}}"}}}}"#);
    let untouched = r#"{"op":1,"d":{"token":"{token}"}}"#;
    assert_eq!(vendor.heard()[..4], [injected.as_str(), untouched, "5 bytes", "bye"]);
    // What the vendor echoes is the vendor's; what the host says itself is free of the secret.
    let seen = events(&instance).await;
    assert_eq!(
        seen[1..],
        [format!("1 text {untouched}"), "1 binary 5".into(), "1 closed Some(4004) no ***".into()]
    );
    assert_eq!(
        call(&instance, json!({"text": [1, "x"]})).await,
        "Error { kind: ErrorKind::Closed, status: None, detail: \"the socket is closed\" }"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_goes_only_where_it_may_and_no_more_often() {
    let bench = Bench::new().await;
    let (_vendor, url) = Vendor::start().await;
    let config = json!({"mode": "listen", "count": 100});
    let limits = Limits { sockets: 1, ..Limits::default() };
    let instance = bench.launch(&config, &json!({"socket": url, "token": TOKEN}), limits);
    let open =
        async |endpoint: &str, host: Option<&str>| call(&instance, json!({"open": [endpoint, host]})).await;
    assert!(open("other", None).await.contains("no [[websocket]] entry named `other`"));
    assert!(open("gateway", Some("evil.example")).await.starts_with("ErrorKind::Denied"));
    assert_eq!(open("gateway", None).await, "1");
    let mut facts = instance.facts();
    assert!(open("gateway", None).await.contains("as many as its limit"));
    facts.wait_for(|facts| matches!(facts.shown(), Connection::Degraded(_))).await.unwrap();
    assert_eq!(facts.borrow().refused.get(&Over::Sockets), Some(&1));
    call(&instance, json!({"close": [1, 1000, "done"]})).await;
    eventually("the close", async || {
        events(&instance).await.last().is_some_and(|e| e == "1 closed Some(1000) done")
    })
    .await;
    assert_eq!(open("gateway", None).await, "2");
    assert_eq!(shown(&facts.borrow()), "ready");

    // The manifest's own address: nobody named it, so that it may not be this machine.
    let unnamed = bench.launch(&config, &json!({"token": TOKEN}), Limits::default());
    let told = call(&unnamed, json!({"open": ["gateway", "localhost.echo.example"]})).await;
    assert!(told.starts_with("ErrorKind::NotConnected") || told.starts_with("ErrorKind::Denied"), "{told}");
    assert!(!told.contains("echo.example"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_long_does_not_leave_and_does_not_arrive() {
    let bench = Bench::new().await;
    let (vendor, url) = Vendor::start().await;
    let config = json!({"mode": "listen", "count": 100});
    let instance = bench.launch(&config, &json!({"socket": url, "token": TOKEN}), Limits::default());
    call(&instance, json!({"open": ["gateway", null]})).await;
    assert!(call(&instance, json!({"binary": [1, 65_537]})).await.contains("longer than the 65536 bytes"));
    call(&instance, json!({"text": [1, "long"]})).await;
    eventually("the close", async || {
        events(&instance).await == ["1 closed Some(1009) a message was longer than the endpoint allows"]
    })
    .await;
    eventually("the vendor hears why", async || vendor.heard().contains(&"close Some(1009)".into())).await;
    call(&instance, json!({"open": ["gateway", null]})).await;
    call(&instance, json!({"text": [2, "cut"]})).await;
    eventually("the break", async || {
        events(&instance).await.last().is_some_and(|last| last.starts_with("2 closed None the connection"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_stops_the_reading_and_nothing_is_lost() {
    const MESSAGES: usize = 20_000;
    let bench = Bench::new().await;
    let (vendor, url) = Vendor::start().await;
    let config = json!({"mode": "listen", "count": 0});
    let instance = bench.launch(&config, &json!({"socket": url, "token": TOKEN}), Limits::default());
    call(&instance, json!({"open": ["gateway", null]})).await;
    call(&instance, json!({"text": [1, format!("flood:{MESSAGES}")]})).await;
    // The vendor gets rid of what the buffers between the two take, and then waits.
    let sent = || vendor.paths.lock().unwrap().len();
    let mut before = 0;
    eventually("the vendor waits", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        std::mem::replace(&mut before, sent()) == sent() && sent() > 256
    })
    .await;
    assert!(sent() < MESSAGES, "nothing held the vendor back");
    say(&instance, "listen:1000000").await;
    eventually("all of them", async || events(&instance).await.len() == MESSAGES).await;
    for (n, event) in events(&instance).await.iter().enumerate() {
        assert!(event.starts_with(&format!("1 text {n:04}")), "{n}: {}", &event[..20]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_and_processes_end_with_their_instance() {
    let bench = Bench::new().await;
    let (vendor, url) = Vendor::start().await;
    let config = json!({"mode": "listen", "count": 100});
    let section = json!({"socket": url, "token": TOKEN, "helper": "cat"});
    let instance = bench.launch(&config, &section, Limits::default());
    call(&instance, json!({"open": ["gateway", null]})).await;
    assert_eq!(call(&instance, json!({"start": "helper"})).await, "1");
    let children = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let children =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        children
            .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .filter(|id| {
                std::fs::read_to_string(format!("/proc/{id}/stat"))
                    .is_ok_and(|stat| stat.contains("(cat)") && !stat.contains(") Z"))
            })
            .count()
    };
    assert_eq!(children(), 1);
    assert!(instance.send(outbound("trap"), Vec::new()).await.is_ok());
    assert!(matches!(instance.exited().await, Exit::Trapped { .. }));
    eventually("the vendor hears it", async || vendor.heard() == ["gone"]).await;
    eventually("the program is gone", async || children() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_the_operators_and_speaks_by_lines() {
    let bench = Bench::new().await;
    let config = json!({"mode": "listen", "count": 100});
    let launch =
        |helper: &str| bench.launch(&config, &json!({"token": TOKEN, "helper": helper}), Limits::default());
    let instance = launch("cat");
    assert!(call(&instance, json!({"start": "rm"})).await.contains("no program for `rm`"));
    assert_eq!(call(&instance, json!({"start": "helper"})).await, "1");
    assert!(call(&instance, json!({"start": "helper"})).await.contains("running already"));
    assert_eq!(call(&instance, json!({"line": [1, "hello; $(rm -r /)"]})).await, "ok");
    assert!(call(&instance, json!({"line": [1, "two\nlines"]})).await.contains("no line break"));
    eventually("the line", async || events(&instance).await == ["1 line hello; $(rm -r /)"]).await;
    call(&instance, json!({"stop": 1})).await;
    eventually("the end", async || {
        events(&instance).await.last().is_some_and(|last| last == "1 exited Some(0)")
    })
    .await;
    assert_eq!(call(&instance, json!({"line": [1, "x"]})).await, "Error::Ended");
    assert_eq!(call(&instance, json!({"start": "helper"})).await, "2");
    // The gateway's environment is not the program's: `env -u` wants a name, and gets none.
    let failing = launch("env");
    assert_eq!(call(&failing, json!({"start": "helper"})).await, "1");
    eventually("its exit code", async || events(&failing).await == ["1 exited Some(125)"]).await;
    let missing = launch("no-such-program-anywhere");
    assert!(call(&missing, json!({"start": "helper"})).await.starts_with("Error::NotStarted"));
    let unnamed = bench.launch(&config, &json!({"token": TOKEN}), Limits::default());
    assert!(call(&unnamed, json!({"start": "helper"})).await.contains("does not name it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_remembers_within_its_quota() {
    let bench = Bench::new().await;
    let launch = || bench.launch(&json!({"mode": "echo"}), &json!({"token": TOKEN}), Limits::default());
    let (instance, other) = (launch(), launch());
    assert_eq!(call(&instance, json!({"put": ["a/1", "one"]})).await, "ok");
    assert_eq!(call(&instance, json!({"put": ["a/2", "two"]})).await, "ok");
    assert_eq!(call(&instance, json!({"read": "a/1"})).await, "one");
    assert_eq!(call(&instance, json!({"keys": "a/"})).await, "a/1 a/2");
    assert_eq!(call(&other, json!({"read": "a/1"})).await, "none");
    assert!(call(&instance, json!({"put": ["", "x"]})).await.contains("1 to 256 bytes"));
    assert!(call(&instance, json!({"fill": ["big", 65_537]})).await.contains("64 KiB"));
    let mut facts = instance.facts();
    assert_eq!(call(&instance, json!({"fill": ["big", 100]})).await, "Error::Full");
    facts.wait_for(|facts| shown(facts) == Over::Kv.words()).await.unwrap();
    assert_eq!(call(&instance, json!({"delete": "a/1"})).await, "ok");
    assert_eq!(shown(&facts.borrow()), "ready");
    assert_eq!(call(&instance, json!({"keys": ""})).await, "a/2");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_messages_of_a_minute_have_a_number() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            assert!(stream.read(&mut buffer).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
        }
    });
    let bench = Bench::new().await;
    let limits = Limits { requests: 2, emits: 3, ..Limits::default() };
    let section = json!({"root": root, "token": TOKEN});
    let instance = bench.launch(&json!({"mode": "admit", "messages": 5}), &section, limits);
    let mut facts = instance.facts();
    facts.wait_for(|facts| facts.refused.get(&Over::Emits) == Some(&1)).await.unwrap();
    assert_eq!(bench.inbox.ids.lock().unwrap().len(), 3);
    for _ in 0..2 {
        assert_eq!(call(&instance, json!({"get": ["/x", null]})).await, "204");
    }
    let refused = call(&instance, json!({"get": ["/x", null]})).await;
    assert!(refused.starts_with("ErrorKind::Denied: the requests of this minute are used up"), "{refused}");
    assert_eq!(shown(&facts.borrow()), Over::Requests.words());
    let elsewhere = call(&instance, json!({"get": ["/x", "evil.example"]})).await;
    assert!(elsewhere.contains("does not allow the host"), "{elsewhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_request_reaches_the_component_and_a_slow_answer_has_an_end() {
    let bench = Bench::new().await;
    let limits = Limits { probe: Duration::from_millis(200), ..Limits::default() };
    let launch = || bench.launch(&json!({"mode": "echo"}), &json!({"token": TOKEN}), limits);
    let request = |body: &str| WebhookRequest {
        route: "hook".into(),
        method: WebhookMethod::Post,
        query: vec![("a".into(), "b".into())],
        headers: vec![("x-token".into(), format!("Bearer {TOKEN}"))],
        body: body.into(),
    };
    let instance = launch();
    assert_eq!(instance.webhook_route("/hook").map(|route| route.name.as_str()), Some("hook"));
    assert!(instance.webhook_route("/other").is_none());
    let answer = instance.webhook(request("hello")).await.unwrap().unwrap();
    assert_eq!(answer.status, 202);
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
        "hook Method::Post [(\"a\", \"b\")] [(\"x-token\", \"Bearer ***\")] hello"
    );
    let began = Instant::now();
    assert_eq!(instance.webhook(request("sleep")).await.unwrap_err().code, "deadline");
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(matches!(instance.exited().await, Exit::Unresponsive("webhook")));
    let trapping = launch();
    assert_eq!(trapping.webhook(request("trap")).await.unwrap_err().code, "instance_ended");
}
