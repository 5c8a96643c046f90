//! `/webhooks/*` through the real binary, and an installed component behind it: who gets through, and with what.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use openclaw_e2e::http::{Answer, send_with};
use openclaw_e2e::{Home, eventually, model, model_only};
use serde_json::json;

const SECRET: &str = "canary-0123456789-webhook";

async fn call(base: &str, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let headers = [("x-token", token), ("cookie", "a=b"), ("x-shown", "yes")];
    send_with(method.parse().unwrap(), &format!("{base}/webhooks{path}"), &headers, Some(body.to_owned()))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_vendor_reaches_the_component_and_never_with_its_own_secret() {
    let model = model().await;
    let mut config = model_only(&model);
    config["channels"] = json!({"echo": {"enabled": true, "token": SECRET, "root": "http://127.0.0.1:9"}});
    let home = Home::new(config);
    let folder = home.state().join("plugins").join("echo");
    std::fs::create_dir_all(&folder).unwrap();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins/echo");
    for name in ["plugin.toml", "component.wasm"] {
        std::fs::copy(built.join(name), folder.join(name))
            .expect("the guests are not built: run `cargo xtask test`");
    }
    let gateway = home.start().await;
    let base = gateway.base();
    eventually("the account runs", async || {
        call(base, "POST", "/echo/default/hook", SECRET, "hello").await.status == 202
    })
    .await;
    let answer = call(base, "POST", "/echo/default/hook?a=1%202", SECRET, "hello").await;
    assert!(answer.body.starts_with("hook Method::Post [(\"a\", \"1 2\")]"), "{}", answer.body);
    assert!(
        answer.body.ends_with(" hello") && answer.body.contains("(\"x-shown\", \"yes\")"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("(\"x-token\", \"***\")") && !answer.body.contains("cookie"),
        "{}",
        answer.body
    );
    assert_eq!((answer.header("content-type"), answer.header("set-cookie")), (Some("text/x-echo"), None));
    for (method, path, token, body, status) in [
        ("POST", "/echo/default/hook", "wrong", "hello", 401),
        ("POST", "/echo/default/hook", "", "hello", 401),
        ("DELETE", "/echo/default/hook", SECRET, "", 405),
        ("POST", "/echo/default/other", SECRET, "hello", 404),
        ("POST", "/echo/nobody/hook", SECRET, "hello", 404),
        ("POST", "/nothing/default/hook", SECRET, "hello", 404),
        ("POST", "/echo/default/hook", SECRET, &"x".repeat(1025), 413),
    ] {
        let refused = call(base, method, path, token, body).await;
        assert_eq!(refused.status, status, "{method} {path} {token}: {refused:?}");
    }
    // A request that ends the component is not lost: the vendor is asked to come again, and finds it well.
    assert_eq!(call(base, "POST", "/echo/default/hook", SECRET, "trap").await.status, 503);
    eventually("the account runs again", async || {
        call(base, "POST", "/echo/default/hook", SECRET, "hello").await.status == 202
    })
    .await;
    assert!(!home.log().contains(SECRET));
}
