//! What a caller over HTTP may do with fewer scopes than all, route by route, through the real binary (openclaw-compat §2.14,
//! §4.3): the header that takes scopes away counts only where no secret is asked for, and a key for one thing opens no other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use hyper::Method;
use openclaw_e2e::http::{Answer, send_with};
use openclaw_e2e::ws::{Client, connect};
use openclaw_e2e::{GATEWAY_TOKEN, Home, model, model_only};
use openclaw_fakes::FakeOpenai;
use serde_json::{Value, json};

const HOOK_TOKEN: &str = "a-hook-token-of-its-own-0123456789abcdef";
const READ: &str = "operator.read";
const WRITE: &str = "operator.write";
const ADMIN: &str = "operator.admin";
/// Every scope that is not enough for anything here.
const OTHERS: &str =
    "operator.approvals,operator.pairing, operator.questions,operator.talk.secrets,operator.everything,";

/// A route, what it needs, and what it answers to somebody who has that.
type Row = (Method, &'static str, &'static str, Option<Value>, u16);

fn routes() -> Vec<Row> {
    let chat = json!({ "model": "openclaw", "messages": [{ "role": "user", "content": "hi" }] });
    let input = json!({ "model": "openclaw", "input": "hi" });
    vec![
        (Method::GET, "/metrics", READ, None, 200),
        (Method::GET, "/v1/models", READ, None, 200),
        (Method::GET, "/v1/models/openclaw%2Fdefault", READ, None, 200),
        (Method::POST, "/v1/chat/completions", WRITE, Some(chat), 200),
        (Method::POST, "/v1/responses", WRITE, Some(input.clone()), 200),
        (Method::POST, "/v1/embeddings", WRITE, Some(input), 200),
        // There are no tools; who may ask is told so.
        (Method::POST, "/tools/invoke", WRITE, Some(json!({ "tool": "x" })), 404),
    ]
}

/// The documented body of a refusal, and nothing else.
#[track_caller]
fn assert_missing(answer: &Answer, scope: &str, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {answer:?}");
    let details = json!({ "code": "MISSING_SCOPE", "missingScope": scope, "requiredScopes": [scope] });
    let message = format!("missing scope: {scope}");
    let expected =
        json!({ "ok": false, "error": { "type": "forbidden", "message": message, "details": details } });
    assert_eq!(answer.json(), expected, "{what}");
}

/// A gateway with this way in, and headers that every request of the test has.
struct Way {
    auth: Value,
    headers: &'static [(&'static str, &'static str)],
}

const PROXIED: &[(&str, &str)] =
    &[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-user", "ada@example.com"), ("x-from-proxy", "yes")];

fn ways() -> [Way; 2] {
    let trusted = json!({ "mode": "trusted-proxy", "trustedProxy": {
        "userHeader": "x-forwarded-user", "requiredHeaders": ["x-from-proxy"], "allowUsers": ["ada@example.com"],
        "allowLoopback": true,
    } });
    [Way { auth: json!({ "mode": "none" }), headers: &[] }, Way { auth: trusted, headers: PROXIED }]
}

async fn installed(auth: Value) -> (Home, FakeOpenai) {
    let model = model().await;
    let mut config = model_only(&model);
    config["gateway"]["auth"] = auth;
    config["gateway"]["trustedProxies"] = json!(["127.0.0.1"]);
    config["memory"] = json!({ "search": { "model": "fake/embed" } });
    config["hooks"] = json!({ "enabled": true, "token": HOOK_TOKEN });
    (Home::new(config), model)
}

async fn ask(base: &str, row: &Row, headers: &[(&str, &str)]) -> Answer {
    let (method, path, _, body, _) = row;
    send_with(method.clone(), &format!("{base}{path}"), headers, body.as_ref().map(Value::to_string))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_needs_its_scope_where_no_secret_is_asked_for() {
    for way in ways() {
        let mode = way.auth["mode"].as_str().unwrap().to_owned();
        let (home, _model) = installed(way.auth).await;
        let gateway = home.start().await;
        for row in routes() {
            let (_, path, needed, _, served) = &row;
            let what = |scopes: &str| format!("{mode}: {path} with `{scopes}`");
            let with = async |scopes: &str, model: Option<&str>| {
                let mut headers = way.headers.to_vec();
                headers.push(("x-openclaw-scopes", scopes));
                headers.extend(model.map(|model| ("x-openclaw-model", model)));
                ask(gateway.base(), &row, &headers).await
            };
            assert_eq!(
                ask(gateway.base(), &row, way.headers).await.status,
                *served,
                "{mode}: {path} with all"
            );
            for scopes in ["", " , ", OTHERS, "operator.admin.not", "OPERATOR.ADMIN"] {
                assert_missing(&with(scopes, None).await, needed, &what(scopes));
            }
            if *needed == WRITE {
                assert_missing(&with(READ, None).await, WRITE, &what(READ));
            }
            for scopes in [needed, WRITE, ADMIN, "operator.pairing , operator.write"] {
                assert_eq!(with(scopes, None).await.status, *served, "{}", what(scopes));
            }
            // The model that an agent answers with is its owner's choice.
            if path.starts_with("/v1/") && *needed == WRITE {
                let other = with(WRITE, Some("fake/echo")).await;
                assert_missing(&other, ADMIN, &what("operator.write and another model"));
                assert_eq!(with(ADMIN, Some("fake/echo")).await.status, 200, "{}", what(ADMIN));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_believed_only_with_all_that_it_should_send() {
    let [_, way] = ways();
    let (home, _model) = installed(way.auth).await;
    let gateway = home.start().await;
    let row = &routes()[1];
    let check = async |headers: &[(&str, &str)], status: u16, kind: &str| {
        let answer = ask(gateway.base(), row, headers).await;
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        assert_eq!(answer.json()["error"]["type"], kind, "{headers:?}");
    };
    // What a proxy that strips headers leaves over.
    for stripped in ["x-forwarded-user", "x-from-proxy"] {
        let left: Vec<_> = PROXIED.iter().copied().filter(|(name, _)| *name != stripped).collect();
        check(&left, 401, "unauthorized").await;
    }
    let mut other = PROXIED.to_vec();
    other[1].1 = "eve@example.com";
    check(&other, 401, "unauthorized").await;
    check(&[], 401, "unauthorized").await;
    // Another site's page in the browser of somebody whom the proxy knows.
    let foreign = [PROXIED, &[("origin", "https://evil.example")]].concat();
    check(&foreign, 403, "forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_opens_what_it_is_for_and_its_scopes_cannot_be_talked_down() {
    let (home, _model) = installed(json!({ "mode": "token", "token": GATEWAY_TOKEN })).await;
    let gateway = home.start().await;
    let bearer = |token: &str| format!("Bearer {token}");
    let (own, hook) = (bearer(GATEWAY_TOKEN), bearer(HOOK_TOKEN));
    for row in routes() {
        let scoped = [("authorization", &*own), ("x-openclaw-scopes", "")];
        assert_eq!(ask(gateway.base(), &row, &scoped).await.status, row.4, "{}", row.1);
        // The hooks' token reaches nothing else, whatever it claims.
        let refused =
            ask(gateway.base(), &row, &[("authorization", &hook), ("x-openclaw-scopes", ADMIN)]).await;
        assert!(matches!(refused.status, 401 | 429), "{}: {refused:?}", row.1);
        let expected = if refused.status == 401 { "unauthorized" } else { "rate_limited" };
        assert_eq!(refused.json()["error"]["type"], expected, "{}", row.1);
    }
    let mut client = Client::challenged(home.port()).await;
    let (code, _, error) = client.enter(&connect(HOOK_TOKEN)).await.unwrap_err();
    let error = error.unwrap();
    assert_eq!((code, &error["details"]["code"]), (1008, &json!("AUTH_TOKEN_MISMATCH")), "{error}");
    let wake: Row = (Method::POST, "/hooks/wake", "", Some(json!({ "text": "x" })), 200);
    assert_eq!(ask(gateway.base(), &wake, &[("authorization", &own)]).await.status, 401);
    assert_eq!(ask(gateway.base(), &wake, &[("authorization", &hook)]).await.status, 200);
}
