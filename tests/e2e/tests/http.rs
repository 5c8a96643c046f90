//! The HTTP surface through the real binary, down to its bytes: what is refused before anybody asks what is wanted,
//! probes, metrics and `/tools/invoke`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use openclaw_e2e::http::{get, post, send};
use openclaw_e2e::{GATEWAY_TOKEN, Home, model, model_only};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const TOKEN: Option<&str> = Some(GATEWAY_TOKEN);
/// What every answer has.
const ALWAYS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "camera=(), microphone=(self), geolocation=()"),
];

/// Sends these bytes and reads to the end of the connection, or for as long as something comes.
async fn raw(home: &Home, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(Ok(read)) = timeout(Duration::from_millis(500), stream.read(&mut piece)).await {
        if read == 0 {
            return String::from_utf8_lossy(&answer).into_owned();
        }
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned() + "\n(still open)"
}

fn status(answer: &str) -> &str {
    answer.split_whitespace().nth(1).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_security_headers() {
    let model = model().await;
    let mut config = model_only(&model);
    config["gateway"]["http"] = json!({"securityHeaders": {"strictTransportSecurity": "max-age=31536000"}});
    let home = Home::new(config);
    let gateway = home.start().await;
    for path in
        ["/healthz", "/readyz", "/v1/models", "/v1/chat/completions", "/tools/invoke", "/metrics", "/nope"]
    {
        let answer = get(&format!("{}{path}", gateway.base()), None).await.unwrap();
        for (name, value) in ALWAYS {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"), "{path}");
    }
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200));
    let upgrade = "GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n";
    for (request, expected) in
        [(&*long, "431"), (&*many, "431"), ("NONSENSE\r\n\r\n", "400"), (upgrade, "400")]
    {
        let answer = raw(&home, request).await;
        assert_eq!(status(&answer), expected, "{answer}");
        for (name, value) in ALWAYS {
            assert!(answer.contains(&format!("{name}: {value}\r\n")), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_could_read_otherwise_is_refused() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let post = |headers: &str, body: &str| {
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n{body}")
    };
    let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let cases = [
        (post("content-length: 3\r\ntransfer-encoding: chunked\r\n", smuggled), "400"),
        (post("transfer-encoding: chunked\r\ncontent-length: 3\r\n", smuggled), "400"),
        (post("content-length: 3\r\ncontent-length: 4\r\n", "abcd"), "400"),
        (post("content-length: +3\r\n", "abc"), "400"),
        (post("transfer-encoding: chunked, identity\r\n", smuggled), "400"),
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_owned(), "400"),
        ("GET http://evil.example/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), "400"),
        ("CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n".to_owned(), "405"),
        ("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx : y\r\n\r\n".to_owned(), "400"),
        ("GET /healthz\x01 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), "400"),
    ];
    for (request, expected) in cases {
        let answer = raw(&home, &request).await;
        assert_eq!(status(&answer), expected, "{request:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer, and no more: {answer}");
        assert!(!answer.contains("(still open)"), "{request:?}: {answer}");
    }
    let absolute =
        raw(&home, "GET http://localhost/healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&absolute.await), "200");
    let head = raw(&home, "HEAD /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(head.contains("content-length: 27\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let request = format!(
        "POST /tools/invoke HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {GATEWAY_TOKEN}\r\n\
         transfer-encoding: chunked\r\n\r\nc\r\n{{\"tool\":\"x\"}}\r\n0\r\n\r\n"
    );
    let chunked = raw(&home, &request).await;
    assert!(status(&chunked) == "404" && chunked.contains("connection: close"), "{chunked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_led_here_by_its_own_name_is_refused() {
    let model = model().await;
    let mut config = model_only(&model);
    config["gateway"]["auth"] = json!({"mode": "none"});
    config["gateway"]["controlUi"] = json!({"allowedOrigins": ["https://page.example"]});
    let home = Home::new(config);
    let _gateway = home.start().await;
    let check = async |host: &str, origin: &str, expected: &str| {
        let request = format!(
            "GET /v1/models HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: close\r\n\r\n"
        );
        let answer = raw(&home, &request).await;
        assert_eq!(status(&answer), expected, "{host} {origin}: {answer}");
    };
    check("evil.example:18789", "http://evil.example:18789", "403").await;
    check("127.0.0.1", "http://evil.example", "403").await;
    check("localhost", "null", "403").await;
    check("page.example", "https://page.example", "200").await;
    check("localhost:18789", "http://localhost:18789", "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_query_is_not_honoured() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    for query in ["token", "auth", "access_token"] {
        let url = format!("{}/v1/models?{query}={GATEWAY_TOKEN}", gateway.base());
        assert_eq!(get(&url, None).await.unwrap().status, 401, "{query}");
    }
    assert!(!home.log().contains(GATEWAY_TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_answer_as_documented() {
    let model = model().await;
    let mut config = model_only(&model);
    // Nothing answers there: the account is down and wanted.
    config["channels"] = json!({"telegram": {"botToken": "1:x", "apiRoot": "http://127.0.0.1:1"}});
    let home = Home::new(config);
    let gateway = home.start().await;
    let base = gateway.base();
    for path in ["/health", "/healthz", "/ready", "/readyz", "/startup", "/startupz"] {
        let answer = get(&format!("{base}{path}"), None).await.unwrap();
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{path}");
        for method in [hyper::Method::POST, hyper::Method::DELETE, hyper::Method::OPTIONS] {
            let refused = send(method, &format!("{base}{path}"), TOKEN, None).await.unwrap();
            assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")), "{path}");
            assert_eq!(refused.header("cache-control"), Some("no-store"), "{path}");
        }
    }
    let local = get(&format!("{base}/readyz?strict=1"), None).await.unwrap().json();
    assert_eq!(
        (&local["ready"], &local["failing"]),
        (&json!(true), &json!([])),
        "the start has its grace: {local}"
    );
    assert!(local["uptimeMs"].is_u64(), "{local}");
    let stranger = "GET /readyz HTTP/1.1\r\nhost: gateway.example\r\nx-forwarded-for: 203.0.113.9\r\nconnection: close\r\n\r\n";
    let answer = raw(&home, stranger).await;
    assert!(answer.ends_with(r#"{"ready":true}"#), "a stranger learns yes or no: {answer}");
    let started = get(&format!("{base}/startupz"), None).await.unwrap().json();
    assert_eq!((&started["ok"], &started["status"]), (&json!(true), &json!("started")));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_ask_for_the_token_and_count() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/metrics", gateway.base());
    assert_eq!(get(&url, None).await.unwrap().status, 401);
    let chat = json!({"model": "openclaw", "messages": [{"role": "user", "content": "secret words"}]});
    assert_eq!(
        post(&format!("{}/v1/chat/completions", gateway.base()), TOKEN, &chat).await.unwrap().status,
        200
    );
    assert_eq!(home.run(&["gateway", "call", "status", "--json"]).await.code, 0);
    get(&format!("{}/made/up/by/a/client", gateway.base()), TOKEN).await.unwrap();
    let page = get(&url, TOKEN).await.unwrap();
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for row in [
        "openclaw_build_info{version=",
        "openclaw_uptime_seconds ",
        "process_resident_memory_bytes ",
        "openclaw_http_requests_total{route=\"chat_completions\",status=\"2xx\"} 1\n",
        "openclaw_http_requests_total{route=\"other\",status=\"4xx\"} 1\n",
        "openclaw_rpc_requests_total{method=\"status\",outcome=\"ok\"} 1\n",
        "openclaw_auth_refusals_total{code=\"HTTP_UNAUTHORIZED\"} 1\n",
        "openclaw_turns_total{outcome=\"ok\"} 1\n",
        "openclaw_model_requests_total{provider=\"fake\",outcome=\"ok\"} 1\n",
        "openclaw_outbox_messages{state=\"pending\"} 0\n",
    ] {
        assert!(page.body.contains(row), "{row:?} is missing in\n{}", page.body);
    }
    assert!(!page.body.contains("made/up") && !page.body.contains("secret words"), "{}", page.body);
    // Each line is a comment or a name with labels and one number.
    for line in page.body.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tool_is_available_and_the_answer_says_why() {
    let model = model().await;
    let mut config = model_only(&model);
    config["gateway"]["tools"] = json!({"deny": ["browser"]});
    let home = Home::new(config);
    let gateway = home.start().await;
    let url = format!("{}/tools/invoke", gateway.base());
    let ask = async |body: Value| {
        let answer = post(&url, TOKEN, &body).await.unwrap();
        let error = &answer.json()["error"];
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        (answer.status, text("type"), text("message"))
    };
    let answer = ask(json!({"tool": "sessions_list", "args": {}})).await;
    assert_eq!(answer, (404, "not_found".into(), "Tool not available: sessions_list".into()));
    assert_eq!(ask(json!({})).await, (400, "invalid_request".into(), "tools.invoke requires name".into()));
    assert_eq!(ask(json!({"tool": "exec"})).await.0, 403);
    assert_eq!(ask(json!({"tool": "browser"})).await.0, 403);
    assert_eq!(post(&url, None, &json!({"tool": "x"})).await.unwrap().status, 401);
    let refused = get(&url, TOKEN).await.unwrap();
    assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
    let large = json!({"tool": "x", "args": {"text": "x".repeat(2 * 1024 * 1024)}});
    assert_eq!(post(&url, TOKEN, &large).await.unwrap().status, 413);
}
