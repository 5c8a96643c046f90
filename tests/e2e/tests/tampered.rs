//! Handshakes that somebody has tampered with, through the real binary: proofs of other times and other connections, headers
//! that claim an origin, names that mean nothing. Each is told what the protocol says and closed with its code, and nobody
//! gets more than what can be proved. Frames that break the rules are `websocket.rs`'s.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::device::{Device, now_ms};
use openclaw_e2e::http::send_with;
use openclaw_e2e::ws::{Client, connect, connect_with};
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, model, model_only};
use serde_json::{Value, json};
use tokio::net::TcpStream;

const EVERYTHING: [&str; 1] = ["operator.admin"];

async fn running(change: impl FnOnce(&mut Value)) -> (Home, Gateway) {
    let mut config = model_only(&model().await);
    change(&mut config);
    let home = Home::new(config);
    let gateway = home.start().await;
    (home, gateway)
}

/// A socket whose upgrade had these header lines, with the challenge heard; and its nonce.
async fn challenged(port: u16, headers: &str) -> (Client, String) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut client = Client::over(stream, headers).await.unwrap();
    let nonce = client.challenge().await;
    (client, nonce)
}

/// How a `connect` is refused: always 1008, after an answer whose message begins with the close reason.
async fn refused(client: &mut Client, connect: &Value, what: &str) -> Value {
    let (code, reason, error) = client.enter(connect).await.expect_err(what);
    let error = error.unwrap_or_else(|| panic!("{what}: no answer before {code} {reason}"));
    assert_eq!(code, 1008, "{what}");
    assert_eq!(error["code"], "INVALID_REQUEST", "{what}: {error}");
    assert!(
        !reason.is_empty() && error["message"].as_str().unwrap().starts_with(&reason),
        "{what}: {reason}"
    );
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_good_for_one_connection_and_two_minutes() {
    let (home, _gateway) = running(|_| ()).await;
    let port = home.port();
    let device = Device::new(1);
    let (mut client, nonce) = challenged(port, "").await;
    let genuine = device.prove(connect(GATEWAY_TOKEN), &nonce);
    client.enter(&genuine).await.unwrap();
    // What was overheard is worth nothing on another connection, and no more on a later one.
    for _ in 0..2 {
        let (mut replayed, _) = challenged(port, "").await;
        let error = refused(&mut replayed, &genuine, "replayed").await;
        assert_eq!(error["details"]["code"], "DEVICE_AUTH_NONCE_MISMATCH", "{error}");
        assert_eq!(error["details"]["reason"], "device-nonce-mismatch");
    }
    for (offset, expected) in
        [(-121_000, Some("expired")), (121_500, Some("from the future")), (-110_000, None), (110_000, None)]
    {
        let (mut client, nonce) = challenged(port, "").await;
        let signed_at = now_ms().checked_add_signed(offset).unwrap();
        let connect = device.prove_at(connect(GATEWAY_TOKEN), &nonce, signed_at);
        match expected {
            Some(what) => {
                let error = refused(&mut client, &connect, what).await;
                assert_eq!(error["details"]["code"], "DEVICE_AUTH_SIGNATURE_EXPIRED", "{what}: {error}");
            }
            None => drop(client.enter(&connect).await.unwrap()),
        }
    }
    // Changed after it was signed, and signed by somebody else.
    let stranger = Device::new(2);
    type Tamper = fn(&mut Value);
    let tampered: [(&str, Tamper); 6] = [
        ("time", |connect| connect["params"]["device"]["signedAt"] = json!(now_ms() + 1)),
        ("scopes", |connect| connect["params"]["scopes"] = json!(["operator.read", "operator.admin"])),
        ("role", |connect| connect["params"]["role"] = json!("node")),
        ("client", |connect| connect["params"]["client"]["id"] = json!("openclaw-tui")),
        ("platform", |connect| connect["params"]["client"]["platform"] = json!("windows")),
        ("token", |connect| connect["params"]["auth"] = json!({ "password": GATEWAY_TOKEN })),
    ];
    for (what, tamper) in tampered {
        let (mut client, nonce) = challenged(port, "").await;
        let mut connect = device.prove(connect(GATEWAY_TOKEN), &nonce);
        tamper(&mut connect);
        let error = refused(&mut client, &connect, what).await;
        assert_eq!(error["details"]["code"], "DEVICE_AUTH_SIGNATURE_INVALID", "{what}: {error}");
    }
    let (mut client, nonce) = challenged(port, "").await;
    let mut signed_again = device.prove(connect(GATEWAY_TOKEN), &nonce);
    let other = stranger.prove(connect(GATEWAY_TOKEN), &nonce);
    signed_again["params"]["device"]["signature"] = other["params"]["device"]["signature"].clone();
    let error = refused(&mut client, &signed_again, "signed by another key").await;
    assert_eq!(error["details"]["code"], "DEVICE_AUTH_SIGNATURE_INVALID", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_prove_nothing_about_where_a_client_is() {
    let forged = [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1;host=localhost"),
        ("X-Forwarded-Host", "localhost"),
        ("X-Forwarded-Proto", "https"),
    ];
    // From a peer that is no proxy nothing is believed, the right token included.
    let (home, gateway) = running(|_| ()).await;
    let url = format!("{}/v1/models", gateway.base());
    let bearer = format!("Bearer {GATEWAY_TOKEN}");
    for (name, value) in forged {
        let (mut client, _) = challenged(home.port(), &format!("{name}: {value}\r\n")).await;
        let error = refused(&mut client, &connect(GATEWAY_TOKEN), name).await;
        assert_eq!(error["details"]["code"], "AUTH_UNAUTHORIZED", "{name}: {error}");
        assert_eq!(error["details"]["authReason"], "proxy_attribution_required", "{name}: {error}");
        assert_eq!(error["details"]["recommendedNextStep"], "review_auth_configuration", "{name}");
        let headers = [("authorization", &*bearer), (name, value)];
        let answer = send_with(hyper::Method::GET, &url, &headers, None).await.unwrap();
        assert_eq!(
            (answer.status, &answer.json()["error"]["type"]),
            (403, &json!("proxy_attribution_required"))
        );
    }
    // Through a proxy that is believed, nobody is local, whatever address is claimed to stand behind it.
    let (home, _gateway) = running(|config| config["gateway"]["trustedProxies"] = json!(["127.0.0.1"])).await;
    for claim in
        ["127.0.0.1", "::1", "203.0.113.7, 127.0.0.1", "127.0.0.1, 203.0.113.7", "localhost", "garbage", ""]
    {
        let (mut client, _) = challenged(home.port(), &format!("X-Forwarded-For: {claim}\r\n")).await;
        match client.enter(&connect(GATEWAY_TOKEN)).await {
            Ok(hello) => assert_eq!(hello["auth"]["scopes"], json!([]), "{claim}"),
            Err((code, _, error)) => {
                assert_eq!(code, 1008, "{claim}");
                let error = error.unwrap();
                let detail = error["details"]["code"].as_str().unwrap();
                assert!(
                    matches!(detail, "DEVICE_IDENTITY_REQUIRED" | "AUTH_UNAUTHORIZED"),
                    "{claim}: {error}"
                );
            }
        }
    }
    // The same client without a claim is the one on this machine.
    let (mut client, _) = challenged(home.port(), "").await;
    assert_eq!(client.enter(&connect(GATEWAY_TOKEN)).await.unwrap()["auth"]["scopes"], json!(EVERYTHING));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_strips_headers_lets_nobody_in() {
    let (home, _gateway) = running(|config| {
        config["gateway"]["trustedProxies"] = json!(["127.0.0.1"]);
        config["gateway"]["auth"] = json!({ "mode": "trusted-proxy", "trustedProxy": {
            "userHeader": "x-forwarded-user", "requiredHeaders": ["x-from-proxy"], "allowUsers": ["ada@example.com"],
            "allowLoopback": true,
        } });
    })
    .await;
    let (source, user, mark) =
        ("X-Forwarded-For: 203.0.113.7\r\n", "X-Forwarded-User: ada@example.com\r\n", "X-From-Proxy: 1\r\n");
    let other = "X-Forwarded-User: eve@example.com\r\n";
    let cases = [
        (format!("{source}{user}"), "trusted_proxy_missing_header_x-from-proxy"),
        (format!("{source}{mark}"), "trusted_proxy_user_missing"),
        (format!("{source}{other}{mark}"), "trusted_proxy_user_not_allowed"),
        (source.to_owned(), "trusted_proxy_missing_header_x-from-proxy"),
    ];
    for (headers, reason) in cases {
        let (mut client, _) = challenged(home.port(), &headers).await;
        let error = refused(&mut client, &connect_with(&json!({}), &EVERYTHING), reason).await;
        assert_eq!(error["details"]["authReason"], reason, "{error}");
        let missing = reason.starts_with("trusted_proxy_missing_header_");
        let code = if missing { "AUTH_IDENTITY_HEADER_REQUIRED" } else { "AUTH_UNAUTHORIZED" };
        assert_eq!(error["details"]["code"], code, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_mean_nothing_give_nothing() {
    let (home, _gateway) = running(|_| ()).await;
    for role in ["king", "", "Operator", "operator ", "admin"] {
        let (mut client, _) = challenged(home.port(), "").await;
        let mut connect = connect(GATEWAY_TOKEN);
        connect["params"]["role"] = json!(role);
        let (code, reason, error) = client.enter(&connect).await.unwrap_err();
        let error = error.unwrap();
        assert_eq!(code, 1008, "{role:?}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message == "invalid role" || message.starts_with("invalid connect params: at /role"),
            "{role:?}: {error}"
        );
        assert_eq!(reason, message, "{role:?}");
    }
    let (mut client, _) = challenged(home.port(), "").await;
    let scopes = ["operator.everything", "admin", "", "OPERATOR.ADMIN", "operator.read"];
    let hello = client.enter(&connect_with(&json!({ "token": GATEWAY_TOKEN }), &scopes)).await.unwrap();
    assert_eq!(hello["auth"]["scopes"], json!(["operator.read"]));
    // Whoever may not everything learns nothing about methods that there are not.
    for method in ["no.such.method", "Health", "health ", "__proto__", "config.get\u{0}"] {
        let answer = client.call(method, json!({})).await;
        assert_eq!(answer["error"]["message"], "missing scope: operator.admin", "{method:?}");
    }
    let mut admin = Client::connected(home.port()).await;
    for method in ["no.such.method", "Health", "__proto__"] {
        let answer = admin.call(method, json!({})).await;
        assert_eq!(answer["error"]["code"], "INVALID_REQUEST", "{method:?}");
        assert_eq!(answer["error"]["message"], format!("unknown method: {method}"));
    }
    // None of it ended the connection.
    assert_eq!(admin.call("health", json!({})).await["ok"], true);
    assert_eq!(client.call("health", json!({})).await["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_out_of_order_is_told_so() {
    let (home, _gateway) = running(|_| ()).await;
    // A second handshake that does not wait for the first.
    let (mut client, _) = challenged(home.port(), "").await;
    let mut again = connect(GATEWAY_TOKEN);
    again["id"] = json!("again");
    client.say(&connect(GATEWAY_TOKEN)).await;
    client.say(&again).await;
    assert_eq!(client.answer("c").await["payload"]["type"], "hello-ok");
    let answer = client.answer("again").await;
    assert_eq!(answer["error"]["message"], "connect is only valid as the first request", "{answer}");
    assert_eq!(client.call("health", json!({})).await["ok"], true);
    // Answers and events are what the gateway says; requests come after the handshake.
    for frame in [
        json!({ "type": "res", "id": "c", "ok": true, "payload": { "type": "hello-ok" } }),
        json!({ "type": "event", "event": "connect.challenge", "payload": { "nonce": "mine" } }),
    ] {
        let (mut client, _) = challenged(home.port(), "").await;
        client.say(&frame).await;
        let (code, reason, _) = client.closed().await;
        assert_eq!((code, &*reason), (1008, "invalid request frame"), "{frame}");
    }
    let (mut client, _) = challenged(home.port(), "").await;
    client.say(&json!({ "type": "req", "id": "1", "method": "chat.send", "params": {} })).await;
    client.say(&connect(GATEWAY_TOKEN)).await;
    let (code, reason, error) = client.closed().await;
    let expected = "invalid handshake: first request must be connect";
    assert_eq!((code, &*reason), (1008, expected));
    assert_eq!(error.unwrap()["message"], expected, "and no hello");
    // Whatever was said, the log has no secret of it.
    assert!(!home.log().contains(GATEWAY_TOKEN));
}
