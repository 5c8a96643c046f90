//! TLS on the gateway's port through the real binary: the certificate that it makes, HTTP and WebSocket behind it, and
//! what slow and plain peers get.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use openclaw_e2e::{GATEWAY_TOKEN, Home, config, eventually, fakes, model, model_only};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An installation whose port speaks TLS.
async fn home() -> Home {
    let model = model().await;
    let mut config = model_only(&model);
    config["gateway"]["tls"] = json!({"enabled": true});
    Home::new(config)
}

/// Starts the gateway and waits until it listens.
async fn start(home: &Home) -> Child {
    let mut command = home.command(&["gateway", "run"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the port is open", async || TcpStream::connect(("127.0.0.1", home.port())).await.is_ok())
        .await;
    eventually("the log says where", async || home.log().contains("listening on wss://127.0.0.1")).await;
    child
}

/// Connects as somebody who trusts this certificate and means this name.
async fn connect(home: &Home, certificate: &Path, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", home.port())).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn get(home: &Home, certificate: &Path, name: &str) -> String {
    let mut stream = connect(home, certificate, name).await.unwrap();
    let request = format!(
        "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {GATEWAY_TOKEN}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The end of the stream may come without its goodbye.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_made_and_http_and_websocket_work_behind_it() {
    let home = home().await;
    let _gateway = start(&home).await;
    let folder = home.state().join("gateway").join("tls");
    let (certificate, key) = (folder.join("gateway-cert.pem"), folder.join("gateway-key.pem"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&key), mode(&folder)), (0o600, 0o700));
    assert!(home.log().contains("TLS certificate sha256 "), "{}", home.log());
    for name in ["localhost", "127.0.0.1", "::1"] {
        let answer = get(&home, &certificate, name).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK") && answer.contains("openclaw/main"),
            "{name}: {answer}"
        );
    }
    assert!(connect(&home, &certificate, "evil.example").await.is_err());
    let stream = connect(&home, &certificate, "localhost").await.unwrap();
    let url = format!("wss://localhost:{}/", home.port());
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let challenge = socket.next().await.unwrap().unwrap();
    let challenge: Value = serde_json::from_str(challenge.to_text().unwrap()).unwrap();
    assert_eq!(challenge["event"], "connect.challenge");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_no_tls_is_told_and_who_says_nothing_is_left() {
    let home = home().await;
    let _gateway = start(&home).await;
    let mut plain = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    plain.shutdown().await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("This port speaks TLS. Use https:// or wss:// to reach it"), "{answer}");
    // Silent and half-way handshakes are given up after ten seconds, and hold nobody up meanwhile.
    let mut silent = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
    let mut half = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
    half.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    let certificate = home.state().join("gateway/tls/gateway-cert.pem");
    assert!(get(&home, &certificate, "localhost").await.starts_with("HTTP/1.1 200"));
    for stream in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await.expect("it is still open").ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_after_the_next_reload() {
    let (first, second) = (home().await, home().await);
    let _gateways = (start(&first).await, start(&second).await);
    let folder = |home: &Home| home.state().join("gateway").join("tls");
    let other = folder(&second).join("gateway-cert.pem");
    assert!(connect(&first, &other, "localhost").await.is_err());
    for file in ["gateway-cert.pem", "gateway-key.pem"] {
        std::fs::copy(folder(&second).join(file), folder(&first).join(file)).unwrap();
    }
    first.run(&["config", "set", "gateway.auth.rateLimit.maxAttempts", "9"]).await.ok();
    eventually("the new certificate", async || connect(&first, &other, "localhost").await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_trusts_the_certificate_of_its_own_gateway() {
    let (telegram, model) = fakes().await;
    let mut config = config(&telegram, &model);
    config["gateway"]["tls"] = json!({"enabled": true});
    let home = Home::new(config);
    let _gateway = start(&home).await;
    let url = format!("wss://127.0.0.1:{}", home.port());
    let works = async || home.run(&["channels", "status", "--probe"]).await.ok().stdout.contains("works");
    eventually("the account works", works).await;
    for (command, words) in [
        (&["gateway", "status"][..], "RPC probe: ok"),
        (&["gateway", "status"], &format!("API: https://127.0.0.1:{}/v1", home.port())),
        (&["gateway", "probe"], &url),
        (&["gateway", "health"], "OK"),
        (&["health"], "Telegram"),
        (&["channels", "status", "--probe"], "works"),
        (&["status"], &format!("https://127.0.0.1:{}/v1", home.port())),
    ] {
        let ran = home.run(command).await.ok();
        assert!(ran.stdout.contains(words), "no `{words}` for {command:?} in:\n{}", ran.stdout);
        assert!(!ran.stderr.contains("local fallback"), "{command:?}: not over the port: {}", ran.stderr);
    }
    let probe = home.run(&["gateway", "probe", "--json"]).await.ok().json();
    assert_eq!(probe["network"]["localLoopbackUrl"], json!(url));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_on_the_port_is_refused() {
    let (own, other) = (home().await, home().await);
    let certificate = |home: &Home| home.state().join("gateway/tls/gateway-cert.pem");
    let mut gateway = start(&own).await;
    gateway.kill().await.unwrap();
    let port = own.port().to_string();
    let mut command = other.command(&["gateway", "run", "--port", &port]);
    let _stranger = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the stranger shows its certificate", async || {
        certificate(&other).exists() && connect(&own, &certificate(&other), "localhost").await.is_ok()
    })
    .await;
    for command in [&["health"][..], &["gateway", "status", "--require-rpc"], &["gateway", "probe"]] {
        let ran = own.run(command).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("gateway tls fingerprint mismatch"), "{command:?}: {said}");
    }
    let explained = own.run(&["health"]).await.stderr;
    for words in ["does not show the certificate of this machine's gateway", "openclaw gateway status", &port]
    {
        assert!(explained.contains(words), "no `{words}` in: {explained}");
    }
    assert!(!other.log().contains("⇄"), "the stranger was asked nothing: {}", other.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn until_a_renewed_certificate_is_shown_the_local_socket_is_the_way_in() {
    let (own, other) = (home().await, home().await);
    let _gateways = (start(&own).await, start(&other).await);
    for file in ["gateway-cert.pem", "gateway-key.pem"] {
        let place = |home: &Home| home.state().join("gateway/tls").join(file);
        std::fs::copy(place(&other), place(&own)).unwrap();
    }
    let ran = own.run(&["health"]).await.ok();
    assert!(ran.stderr.contains("using local fallback"), "{ran:?}");
    let probe = own.run(&["gateway", "probe"]).await;
    assert!(probe.code == 1 && probe.stdout.contains("fingerprint mismatch"), "{probe:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_the_gateway_does_not_start() {
    let model = model().await;
    let mut config = model_only(&model);
    config["gateway"]["tls"] = json!({"enabled": true, "autoGenerate": false});
    let refused = Home::new(config).run(&["gateway", "run"]).await;
    assert_eq!(refused.code, 78, "{refused:?}");
    assert!(
        refused.stderr.contains("gateway-cert.pem") && refused.stderr.contains("gateway.tls.certPath"),
        "{refused:?}"
    );
}
