//! `openclaw qr`: the code that shows a new device the way in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Stdio;

use openclaw_e2e::{Home, eventually, model, model_only};
use serde_json::{Value, json};

/// What a code says.
fn decoded(code: &str) -> Value {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(code).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_printed_drawn_and_given_to_programs() {
    let home = Home::new(model_only(&model().await));
    let _gateway = home.start().await;
    let url = format!("ws://127.0.0.1:{}", home.port());
    let shown = home.run(&["qr"]).await.ok().stdout;
    for words in
        ["Pairing QR", "█", "Setup code: ey", &format!("Gateway: {url}"), "Auth: token", "Access: full"]
    {
        assert!(shown.contains(words), "no `{words}` in:\n{shown}");
    }
    let bare = home.run(&["qr", "--no-ascii"]).await.ok().stdout;
    assert!(!bare.contains('█') && bare.contains("Setup code: ey"), "{bare}");

    let document = home.run(&["qr", "--json"]).await.ok().json();
    assert_eq!((&document["gatewayUrl"], &document["urlSource"]), (&json!(url), &json!("gateway.bind")));
    let payload = decoded(document["setupCode"].as_str().unwrap());
    assert_eq!((&payload["url"], &payload["expiresAtMs"]), (&json!(url), &document["expiresAtMs"]));
    assert_eq!(payload["bootstrapToken"].as_str().unwrap().len(), 64);
    assert!(!home.log().contains(payload["bootstrapToken"].as_str().unwrap()), "the log has the code");

    // An address in the clear gets less, and says so on stderr.
    let far = ["qr", "--setup-code-only", "--url", "ws://192.168.1.5:18789"];
    let code = home.run(&far).await.ok();
    assert_eq!(decoded(code.stdout.trim())["url"], "ws://192.168.1.5:18789");
    assert!(code.stderr.contains("the setup code was limited for safety"), "{code:?}");
    let limited =
        home.run(&["qr", "--limited", "--public-url", "wss://far.example", "--json"]).await.ok().json();
    assert_eq!((&limited["access"], limited.get("accessDowngraded")), (&json!("limited"), None));

    let missing = home.run(&["qr", "--remote"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("gateway.remote.url is not configured"), "{missing:?}");
    let wrong = home.run(&["qr", "--public-url", "http://far.example"]).await;
    assert!(wrong.code == 1 && wrong.stderr.contains("must begin with ws:// or wss://"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_for_tls_pins_the_certificate() {
    let mut config = model_only(&model().await);
    config["gateway"]["tls"] = json!({"enabled": true});
    let home = Home::new(config);
    let mut command = home.command(&["gateway", "run"]);
    let _gateway = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the gateway listens", async || home.log().contains("listening on wss://127.0.0.1")).await;
    let document = home.run(&["qr", "--json"]).await.ok().json();
    assert_eq!(
        (&document["gatewayUrl"], &document["access"]),
        (&json!(format!("wss://127.0.0.1:{}", home.port())), &json!("full"))
    );
    let pin = decoded(document["setupCode"].as_str().unwrap())["tlsFingerprint"].as_str().unwrap().to_owned();
    let shown = home.log().to_lowercase().replace(':', "");
    assert!(shown.contains(&format!("tls certificate sha256 {pin}")), "{pin} is not in: {shown}");
}
