//! What the client promises about each exchange, against servers that break off, stall and lead elsewhere.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is right")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use openclaw_egress::http::{HeaderMap, Method};
use openclaw_egress::{Egress, EgressError, ErrorKind, Limits, Network, Options, Request, Upload};
use openclaw_fakes::{FakeOpenai, Mode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LIMITS: Limits = Limits::within(Duration::from_secs(5), 1 << 20);

fn request(url: &str, network: Network) -> Request {
    let (method, url) = (Method::POST, url.parse().unwrap());
    Request {
        method,
        url,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}").into(),
        network,
        limits: LIMITS,
    }
}

fn egress() -> Egress {
    Egress::new(Options { connect_timeout: Duration::from_secs(2), ..Options::default() })
}

/// Sends, and reads the whole answer.
async fn exchange(egress: &Egress, request: Request) -> Result<(u16, Bytes), EgressError> {
    let response = egress.send(request).await?;
    Ok((response.status.as_u16(), response.body.collect().await?))
}

/// A server that reads one request on each connection, answers with these bytes and closes.
async fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    format!("http://{address}/secret-path")
}

#[tokio::test]
async fn an_exchange_reuses_its_connection() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.set_instant(true);
    let egress = egress();
    for _ in 0..3 {
        let request = request(&format!("{}/chat/completions", backend.base_url()), Network::OperatorNamed);
        let (status, body) = exchange(&egress, request).await.unwrap();
        assert_eq!(status, 200);
        assert!(body.starts_with(b"{"));
    }
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn what_may_not_be_reached_is_denied_before_anything_is_sent() {
    let egress = egress();
    let denied = [
        ("http://127.0.0.1:1/x", Network::Public),
        ("http://[::1]:1/x", Network::Public),
        ("http://[::ffff:127.0.0.1]:1/x", Network::Public),
        ("http://192.168.1.1/x", Network::Public),
        // Names and odd notations are judged by what they resolve to.
        ("http://localhost:1/x", Network::Public),
        ("http://127.1:1/x", Network::Public),
        ("http://2130706433:1/x", Network::Public),
        ("http://0x7f000001:1/x", Network::Public),
        ("http://169.254.169.254/latest/meta-data", Network::OperatorNamed),
        ("http://[fd00:ec2::254]/latest", Network::OperatorNamed),
        ("http://[::ffff:169.254.169.254]/latest", Network::OperatorNamed),
        ("http://2852039166/latest", Network::OperatorNamed),
        // Every spelling of an address, and every address with another one inside.
        ("http://0177.0.0.1:1/x", Network::Public),
        ("http://0:1/x", Network::Public),
        ("http://[::]:1/x", Network::Public),
        ("http://[::127.0.0.1]:1/x", Network::OperatorNamed),
        ("http://[::ffff:0:7f00:1]:1/x", Network::OperatorNamed),
        ("http://[64:ff9b::7f00:1]:1/x", Network::OperatorNamed),
        ("http://[64:ff9b:1::a9fe:a9fe]:1/x", Network::OperatorNamed),
        ("http://[2002:7f00:1::]:1/x", Network::OperatorNamed),
        ("http://[2002:a9fe:a9fe::1]:1/x", Network::OperatorNamed),
        ("http://[2001:0:7f00:1::]:1/x", Network::OperatorNamed),
        ("http://[fe80::1]:1/x", Network::OperatorNamed),
        ("http://[fec0::1]:1/x", Network::OperatorNamed),
        ("http://169.254.0.23/x", Network::OperatorNamed),
        ("http://100.100.100.200/x", Network::OperatorNamed),
        ("http://192.0.0.192/x", Network::OperatorNamed),
        ("http://168.63.129.16/x", Network::OperatorNamed),
        ("http://[fd20:ce::254]/x", Network::OperatorNamed),
        ("http://user:hunter2@127.0.0.1:1/x", Network::OperatorNamed),
        ("https://user@example.com/x", Network::Public),
        ("ftp://127.0.0.1/x", Network::OperatorNamed),
    ];
    for (url, network) in denied {
        let error = exchange(&egress, request(url, network)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{url}: {error}");
        assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("://"), "{error}");
    }
}

#[tokio::test]
async fn a_pooled_connection_of_the_operator_does_not_serve_the_public() {
    let backend = FakeOpenai::start().await.unwrap();
    let egress = egress();
    let url = format!("{}/models", backend.base_url().replace("127.0.0.1", "localhost"));
    let send = |network| exchange(&egress, Request { method: Method::GET, ..request(&url, network) });
    assert_eq!(send(Network::OperatorNamed).await.unwrap().0, 200);
    assert_eq!(send(Network::Public).await.unwrap_err().kind, ErrorKind::Denied);
    assert_eq!(backend.requests().len(), 1);
}

#[tokio::test]
async fn no_connection_means_not_sent() {
    let egress = egress();
    // Listening and gone: the port is free again.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for url in [format!("http://127.0.0.1:{port}/x"), "http://no-such-host.invalid/x".to_owned()] {
        let error = exchange(&egress, request(&url, Network::OperatorNamed)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotSent, "{url}: {error}");
        assert!(!error.detail.contains("127.0.0.1") && !error.detail.contains("no-such-host"), "{error}");
    }
}

#[tokio::test]
async fn a_failed_handshake_means_not_sent() {
    let url = answering(b"HTTP/1.1 200 OK\r\n\r\n").await.replace("http://", "https://");
    let error = exchange(&egress(), request(&url, Network::OperatorNamed)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotSent, "{error}");
}

#[tokio::test]
async fn what_breaks_after_the_request_left_is_interrupted() {
    let broken: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal",
        b"\xff\xfe not http at all\r\n\r\n",
    ];
    for bytes in broken {
        let url = answering(bytes).await;
        let error = exchange(&egress(), request(&url, Network::OperatorNamed)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Interrupted, "{bytes:?}: {error}");
        assert!(!error.detail.contains("secret-path"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_handed_back() {
    let url =
        answering(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
            .await;
    let response = egress().send(request(&url, Network::OperatorNamed)).await.unwrap();
    assert_eq!(response.status.as_u16(), 302);
}

#[tokio::test]
async fn a_long_answer_is_refused_announced_or_not() {
    let announced: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n";
    let streamed: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n12345678\r\n0\r\n\r\n";
    for (bytes, max_response) in [(announced, 1 << 20), (streamed, 7)] {
        let url = answering(bytes).await;
        let limits = Limits { max_response, ..LIMITS };
        let request = Request { limits, ..request(&url, Network::OperatorNamed) };
        assert_eq!(exchange(&egress(), request).await.unwrap_err().kind, ErrorKind::TooLarge);
    }
}

#[tokio::test]
async fn silence_and_slowness_both_end() {
    let backend = FakeOpenai::start().await.unwrap();
    let url = format!("{}/chat/completions", backend.base_url());
    let body = Bytes::from_static(br#"{"model":"m","stream":true,"messages":[]}"#);
    let quick = Duration::from_millis(200);
    let cases = [
        // Never a byte; one piece and then nothing for long; pieces in time, but too many of them.
        (Mode::Hang, Limits { idle: quick, ..LIMITS }, "nothing was received for 200 ms"),
        (
            Mode::Chunks { count: 2, delay_ms: 30_000 },
            Limits { idle: quick, ..LIMITS },
            "nothing was received for 200 ms",
        ),
        (
            Mode::Chunks { count: 5000, delay_ms: 20 },
            Limits { total: quick, ..LIMITS },
            "no complete answer within 200 ms",
        ),
    ];
    for (mode, limits, expected) in cases {
        backend.set_mode(mode.clone());
        let begun = Instant::now();
        let request = Request { body: body.clone().into(), limits, ..request(&url, Network::OperatorNamed) };
        let error = exchange(&egress(), request).await.unwrap_err();
        assert_eq!((error.kind, error.detail.as_str()), (ErrorKind::Timeout, expected), "{mode:?}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{mode:?}");
    }
}

#[tokio::test]
async fn pieces_arrive_as_they_are_sent() {
    let backend = FakeOpenai::start().await.unwrap();
    backend.set_mode(Mode::Chunks { count: 3, delay_ms: 50 });
    let body = Bytes::from_static(br#"{"model":"m","stream":true,"messages":[]}"#);
    let url = format!("{}/chat/completions", backend.base_url());
    let request = Request { body: body.into(), ..request(&url, Network::OperatorNamed) };
    let mut response = egress().send(request).await.unwrap();
    let mut pieces = 0;
    while response.body.chunk().await.unwrap().is_some() {
        pieces += 1;
    }
    // The role, three texts, the finish and the end mark, each by itself.
    assert_eq!(pieces, 6);
}

#[tokio::test]
async fn a_body_in_pieces_has_its_length_and_breaks_off_where_it_does_not_fit() {
    let backend = FakeOpenai::start().await.unwrap();
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let url = format!("{}/chat/completions", backend.base_url());
    let length = body.len() as u64;
    let (first, second) = body.split_at(20);
    let send = async |length: u64, last: std::io::Result<Bytes>| {
        let (pieces, receiver) = tokio::sync::mpsc::channel(2);
        pieces.send(Ok(Bytes::from_static(first))).await.unwrap();
        pieces.send(last).await.unwrap();
        drop(pieces);
        let body = Upload::pieces(length, receiver);
        exchange(&egress(), Request { body, ..request(&url, Network::OperatorNamed) }).await
    };
    let rest = || Ok(Bytes::from_static(second));
    assert_eq!(send(length, rest()).await.unwrap().0, 200);
    assert_eq!(backend.chats()[0].header("content-length"), Some(length.to_string().as_str()));
    for (length, last) in
        [(length - 1, rest()), (length + 1, rest()), (length, Err(std::io::Error::other("the disk")))]
    {
        let error = send(length, last).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Interrupted, "{error:?}");
        assert!(!error.detail.contains("http://"), "{error:?}");
    }
    assert_eq!(backend.chats().len(), 1, "half a request is none");
}
