//! The control plane's socket under attack, through the real binary: frames that break the rules, and clients that do
//! not read. Each is told what the protocol says, in time, and nobody else notices.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Instant;

use futures::{SinkExt, StreamExt};
use openclaw_e2e::ws::{Client, connect, frame};
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, SOON, eventually, http, model, model_only};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// The header of a frame that promises this many bytes.
fn promise(bytes: u64) -> Vec<u8> {
    [&[0x81, 0xFF][..], &bytes.to_be_bytes(), &[0; 4]].concat()
}

async fn running() -> (Home, Gateway) {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    (home, gateway)
}

const FIN_TEXT: u8 = 0x81;

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_break_the_rules_before_the_handshake() {
    let (home, _gateway) = running().await;
    let expected = "invalid handshake: first request must be connect";
    let mut surplus = connect(GATEWAY_TOKEN);
    surplus["surplus"] = json!(1);
    let mut unknown_parameter = connect(GATEWAY_TOKEN);
    unknown_parameter["params"]["surplus"] = json!(1);
    let text = |value: &Value| frame(FIN_TEXT, value.to_string().as_bytes());
    let large = vec![b' '; 65_537];
    // What is sent, the close code, the close reason, and the answer before it.
    type Case = (&'static str, Vec<u8>, u16, &'static str, Option<&'static str>);
    let cases: Vec<Case> = vec![
        ("no JSON", frame(FIN_TEXT, b"{nope"), 1000, "", None),
        ("no object", frame(FIN_TEXT, b"[]"), 1008, "invalid request frame", None),
        (
            "no request",
            frame(FIN_TEXT, br#"{"type":"event","event":"tick"}"#),
            1008,
            "invalid request frame",
            None,
        ),
        (
            "no connect",
            text(&json!({"type":"req","id":"r","method":"health"})),
            1008,
            expected,
            Some(expected),
        ),
        ("an unknown key", text(&surplus), 1008, "invalid request frame", Some(expected)),
        (
            "an unknown parameter",
            text(&unknown_parameter),
            1008,
            "invalid connect params: at root: unexpected property 'surplus'",
            Some("invalid connect params: at root: unexpected property 'surplus'"),
        ),
        ("binary", frame(0x82, b"{}"), 1008, "invalid request frame", None),
        ("too large", frame(FIN_TEXT, &large), 1009, "preauth payload too large", None),
        (
            "too large in pieces",
            [frame(0x01, &large[..40_000]), frame(0x80, &large[..40_000])].concat(),
            1009,
            "preauth payload too large",
            None,
        ),
        ("a promise", promise(1 << 40), 1009, "preauth payload too large", None),
        ("no UTF-8", frame(FIN_TEXT, &[0xFF, 0xFE]), 1007, "invalid utf-8", None),
        ("not masked", b"\x81\x02{}".to_vec(), 1002, "protocol error", None),
        ("a reserved bit", frame(0xC1, b"{}"), 1002, "protocol error", None),
        ("an unknown kind", frame(0x83, b"{}"), 1002, "protocol error", None),
        ("an end without a beginning", frame(0x80, b"{}"), 1002, "protocol error", None),
        ("two beginnings", [frame(0x01, b"{"), frame(0x01, b"}")].concat(), 1002, "protocol error", None),
        ("a long ping", frame(0x89, &[0; 126]), 1002, "protocol error", None),
        ("a ping in pieces", frame(0x09, b""), 1002, "protocol error", None),
    ];
    for (what, bytes, code, reason, error) in cases {
        let mut client = Client::challenged(home.port()).await;
        client.raw(&bytes).await;
        let (found_code, found_reason, found_error) = client.closed().await;
        assert_eq!((found_code, &*found_reason), (code, reason), "{what}");
        assert_eq!(found_error.map(|error| error["message"].clone()), error.map(Value::from), "{what}");
    }
    let log = home.log();
    assert!(log.contains("closed before connect conn=") && log.contains("code=1009"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_in_pieces_is_put_together() {
    let (home, _gateway) = running().await;
    let mut client = Client::challenged(home.port()).await;
    let text = connect(GATEWAY_TOKEN).to_string();
    let (first, rest) = text.as_bytes().split_at(10);
    let (second, last) = rest.split_at(20);
    for bytes in [frame(0x01, first), frame(0x89, b"?"), frame(0x00, second), frame(0x80, last)] {
        client.raw(&bytes).await;
    }
    assert_eq!(client.message().await, Message::Pong(bytes::Bytes::from_static(b"?")));
    let hello = client.answer("c").await;
    assert_eq!(hello["payload"]["type"], "hello-ok", "{hello}");
    assert_eq!(hello["payload"]["policy"]["maxPayload"], 26_214_400);
    // The state of health follows, with the first number.
    let health = client.heard().await;
    assert_eq!((&health["event"], &health["seq"]), (&json!("health"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_before_the_answer_waits_within_bounds() {
    let (home, _gateway) = running().await;
    let request = |number: usize| json!({ "type": "req", "id": number.to_string(), "method": "health" });
    let mut client = Client::challenged(home.port()).await;
    let burst: Vec<u8> = std::iter::once(connect(GATEWAY_TOKEN))
        .chain((0..15).map(request))
        .flat_map(|value| frame(FIN_TEXT, value.to_string().as_bytes()))
        .collect();
    client.raw(&burst).await;
    assert_eq!(client.answer("c").await["ok"], true);
    for _ in 0..15 {
        while client.heard().await["type"] != "res" {}
    }
    // A wrong token takes its time to be refused; meanwhile too much is said.
    let mut client = Client::challenged(home.port()).await;
    let burst: Vec<u8> = std::iter::once(connect("wrong"))
        .chain((0..16).map(request))
        .flat_map(|value| frame(FIN_TEXT, value.to_string().as_bytes()))
        .collect();
    client.raw(&burst).await;
    assert_eq!(client.closed().await, (1008, "too many frames before hello-ok".to_owned(), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_break_the_rules_after_the_handshake() {
    let (home, _gateway) = running().await;
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("no JSON", frame(FIN_TEXT, b"{nope"), 1008, "invalid request frame"),
        (
            "an unknown key",
            frame(FIN_TEXT, br#"{"type":"req","id":"r","method":"health","x":1}"#),
            1008,
            "invalid request frame",
        ),
        (
            "no id",
            frame(FIN_TEXT, br#"{"type":"req","id":"","method":"health"}"#),
            1008,
            "invalid request frame",
        ),
        (
            "an answer",
            frame(FIN_TEXT, br#"{"type":"res","id":"r","ok":true}"#),
            1008,
            "invalid request frame",
        ),
        ("binary", frame(0x82, b"{}"), 1008, "invalid request frame"),
        ("a promise", promise(26_214_401), 1009, "payload too large"),
        ("not masked", b"\x81\x02{}".to_vec(), 1002, "protocol error"),
    ];
    for (what, bytes, code, reason) in cases {
        let mut client = Client::connected(home.port()).await;
        client.raw(&bytes).await;
        let (found_code, found_reason, _) = client.closed().await;
        assert_eq!((found_code, &*found_reason), (code, reason), "{what}");
    }
    // What is merely wrong leaves the connection open.
    let mut client = Client::connected(home.port()).await;
    client.say(&connect(GATEWAY_TOKEN)).await;
    let again = client.answer("c").await;
    assert_eq!(again["error"]["message"], "connect is only valid as the first request");
    let traced = json!({ "type": "req", "id": "t", "method": "health", "expectedProfileId": "me",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" });
    client.say(&traced).await;
    assert_eq!(client.answer("t").await["ok"], true);
    // A large message of an authenticated client is no attack.
    let padded = format!("{{\"type\":\"req\",\"id\":\"p\",\"method\":\"health\"{}}}", " ".repeat(20 << 20));
    client.0.send(Message::text(padded)).await.unwrap();
    assert_eq!(client.answer("p").await["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrades_to_anything_else_are_refused() {
    let (home, _gateway) = running().await;
    let address = format!("127.0.0.1:{}", home.port());
    let websocket = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    for headers in [
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: eA==\r\n",
        websocket,
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400", "{headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_whose_handshake_takes_too_long_is_closed() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start_with(&[("OPENCLAW_HANDSHAKE_TIMEOUT_MS", "300")]).await;
    let mut client = Client::challenged(home.port()).await;
    assert_eq!(client.closed().await, (1000, String::new(), None));
    eventually("the log says it", async || home.log().contains("handshake timeout conn=")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_cut_off_and_nobody_else() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let mut slow = Client::upgraded(home.port(), Some(4096)).await;
    slow.say(&connect(GATEWAY_TOKEN)).await;
    let mut reader = Client::connected(home.port()).await;
    let mut speaker = Client::connected(home.port()).await;
    let finals = tokio::spawn(async move {
        let (mut finals, mut last) = (0, 0);
        loop {
            let frame = reader.heard().await;
            if frame["type"] != "event" {
                continue;
            }
            let number = frame["seq"].as_u64().unwrap_or_default();
            assert!(number > last, "{number} after {last}");
            last = number;
            if frame["event"] == "chat" && frame["payload"]["state"] == "final" {
                finals += 1;
                if frame["payload"]["sessionKey"] == "agent:main:last" {
                    return finals;
                }
            }
        }
    });
    let text = "x".repeat(200_000);
    let mut said = 0;
    let mut speak = async |session: String, text: &str| {
        said += 1;
        let id = said.to_string();
        let params = json!({ "message": text, "idempotencyKey": session, "sessionKey": format!("agent:main:{session}") });
        speaker.say(&json!({ "type": "req", "id": id, "method": "agent", "params": params })).await;
        loop {
            let answer = speaker.answer(&id).await;
            match answer["payload"]["status"].as_str() {
                Some("accepted") => {}
                Some("ok") => break,
                _ => panic!("{}", answer.to_string().chars().take(500).collect::<String>()),
            }
        }
    };
    let deadline = Instant::now() + 3 * SOON;
    let mut turns = 0;
    while !home.log().contains("slow consumer conn=") {
        assert!(Instant::now() < deadline, "it was not cut off in {turns} turns");
        speak(format!("turn-{turns}"), &text).await;
        turns += 1;
    }
    speak("last".to_owned(), "that was it").await;
    assert_eq!(finals.await.unwrap(), turns + 1);
    // What the slow one can still read ends without another word.
    let left = tokio::time::timeout(SOON, async { while let Some(Ok(_)) = slow.0.next().await {} });
    left.await.expect("the slow client's socket is still open");
    assert_eq!(http::get(&format!("{}/readyz", gateway.base()), None).await.unwrap().status, 200);
    let counted = http::get(&format!("{}/metrics", gateway.base()), Some(GATEWAY_TOKEN)).await.unwrap().body;
    assert!(counted.contains("\nopenclaw_ws_slow_consumers_total 1\n"), "{counted}");
    // It was spared what it could do without before it was cut off; of a reply it was told everything.
    assert!(counted.contains("openclaw_ws_events_dropped_total{event=\"agent\"}"), "{counted}");
    assert!(!counted.contains("{event=\"chat\"}"), "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_hear_of_the_end_before_it() {
    let (home, gateway) = running().await;
    let mut client = Client::connected(home.port()).await;
    let mut unproven = Client::challenged(home.port()).await;
    let ended = tokio::spawn(gateway.terminate());
    loop {
        let frame = client.heard().await;
        if frame["event"] == "shutdown" {
            assert!(frame["payload"]["reason"].is_string(), "{frame}");
            break;
        }
    }
    let expected = (1012, "service restart".to_owned(), None);
    assert_eq!(client.closed().await, expected);
    assert_eq!(unproven.closed().await, expected);
    ended.await.unwrap();
}
