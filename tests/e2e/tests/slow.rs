//! Five thousand peers that take their time, through the real binary: heads, bodies and upgrades that come byte by byte, and
//! sockets that say nothing once they are open. From one address and from many, they hold up nobody and end by themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use futures::StreamExt;
use openclaw_e2e::http::get;
use openclaw_e2e::ws::{CALM, Client, connect_from, p99};
use openclaw_e2e::{GATEWAY_TOKEN, Home, eventually, model, model_only};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{interval, timeout};
use tokio_tungstenite::tungstenite::Message;

/// Slow peers at the honest client's own address.
const HERE: usize = 1_000;
/// Slow peers elsewhere, a hundred at each of forty addresses.
const ELSEWHERE: usize = 4_000;
/// Unproven connections of one address, and a few that are being closed.
const OF_ONE_ADDRESS: usize = 256 + 50;
/// Connections in all (`docs/http.md`).
const IN_ALL: usize = 4_096;
/// A slow peer has ten seconds; the rest is for a machine that has other things to do as well.
const LONGEST: Duration = Duration::from_secs(25);
/// Honest requests of each kind at least, and how long they go on: until all slow peers have come.
const HONEST: usize = 100;
const LASTING: Duration = Duration::from_secs(5);

/// What a slow peer does.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Slow {
    Head,
    Body,
    Upgrade,
    Silence,
}

/// How it ended, and after how long.
type Ended = (Slow, &'static str, Duration);

/// Runs a slow peer to its end.
async fn dawdle(kind: Slow, source: Ipv4Addr, port: u16) -> Ended {
    let began = Instant::now();
    let ended = |how| (kind, how, began.elapsed());
    let Ok(mut stream) = connect_from(source, port).await else { return ended("not let in") };
    let start = match kind {
        Slow::Silence => {
            let Ok(client) = Client::over(stream, "").await else { return ended("shed") };
            return ended(silence(client).await);
        }
        Slow::Head => "GET /heal",
        Slow::Upgrade => {
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: "
        }
        Slow::Body => {
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\
             Content-Type: application/json\r\n\r\n{"
        }
    };
    let mut next = start.as_bytes().to_vec();
    let mut answer = Vec::new();
    let mut piece = [0; 512];
    loop {
        if stream.write_all(&next).await.is_err() {
            break;
        }
        next = b"x".to_vec();
        // A byte a second, unless the gateway says something.
        match timeout(Duration::from_secs(1), stream.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(read)) => answer.extend_from_slice(&piece[..read]),
            Err(_) => {}
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    match answer.get(9..12) {
        None => ended("shed"),
        Some("401") if kind == Slow::Body => ended("refused before its body"),
        _ => panic!("{kind:?} was answered {answer}"),
    }
}

/// Says nothing until the gateway has had enough.
async fn silence(mut client: Client) -> &'static str {
    while let Some(message) = client.0.next().await {
        match message {
            Ok(Message::Close(Some(close))) => {
                return match (u16::from(close.code), close.reason.as_str()) {
                    (1013, "server busy") => "crowded out",
                    (1000, "") => "timed out",
                    other => panic!("{other:?}"),
                };
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    "shed"
}

/// Slow peers of every kind in turn, a thousand a second: they are slow, and no flood.
fn begin(peers: usize, port: u16, source: fn(usize) -> Ipv4Addr) -> JoinHandle<Vec<Ended>> {
    let kinds = [Slow::Head, Slow::Body, Slow::Upgrade, Slow::Silence];
    tokio::spawn(async move {
        let mut pace = interval(Duration::from_millis(4));
        let mut dawdling = JoinSet::new();
        for peer in 0..peers {
            let kind = kinds[peer % kinds.len()];
            if kind == kinds[0] {
                pace.tick().await;
            }
            dawdling.spawn(dawdle(kind, source(peer), port));
        }
        dawdling.join_all().await
    })
}

/// The gateway's own count of connections that speak HTTP.
async fn open(base: &str) -> usize {
    let page = get(&format!("{base}/metrics"), Some(GATEWAY_TOKEN)).await.unwrap().body;
    let row = page.lines().find_map(|line| line.strip_prefix("openclaw_http_connections "));
    row.unwrap().parse().unwrap()
}

/// Asks over HTTP by new connections, connects anew over the socket, and asks over an open one. None of it may fail.
async fn honest(base: &str, port: u16, settled: &mut Client) {
    let mut times = [const { Vec::new() }; 3];
    let until = Instant::now() + LASTING;
    while Instant::now() < until || times[0].len() < HONEST {
        let began = Instant::now();
        assert_eq!(get(&format!("{base}/v1/models"), Some(GATEWAY_TOKEN)).await.unwrap().status, 200);
        times[0].push(began.elapsed());
        let began = Instant::now();
        Client::connected(port).await;
        times[1].push(began.elapsed());
        times[2].push(settled.round_trip().await);
    }
    let times = times.map(p99);
    println!("p99: HTTP {:?}, connecting {:?}, connected {:?}", times[0], times[1], times[2]);
    assert!(times.iter().all(|time| *time < CALM), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_slow_peers_hold_no_place_that_somebody_needs() {
    openclaw_e2e::raise_file_limit((HERE + ELSEWHERE) as u64 + 500);
    let home = Home::new(model_only(&model().await));
    let gateway = home.start().await;
    let (base, port) = (gateway.base().to_owned(), home.port());
    let mut settled = Client::connected(port).await;

    let here = begin(HERE, port, |_| Ipv4Addr::LOCALHOST);
    honest(&base, port, &mut settled).await;
    let held = open(&base).await;
    assert!(held <= OF_ONE_ADDRESS, "one address holds {held} places");

    let elsewhere = begin(ELSEWHERE, port, |peer| Ipv4Addr::new(127, 2, (peer / 100) as u8, 1));
    honest(&base, port, &mut settled).await;
    let held = open(&base).await;
    assert!(held <= IN_ALL, "{held} places are taken");

    // Ten seconds after they came all are gone, whatever they sent, and they were told as documented.
    let mut ended = here.await.unwrap();
    ended.extend(elsewhere.await.unwrap());
    let count = |kind: Slow, how: &str| ended.iter().filter(|peer| peer.0 == kind && peer.1 == how).count();
    for kind in [Slow::Head, Slow::Body, Slow::Upgrade, Slow::Silence] {
        let longest = ended.iter().filter(|peer| peer.0 == kind).map(|peer| peer.2).max().unwrap();
        println!("{kind:?}: the longest lasted {longest:?}");
        assert!(longest < LONGEST, "{kind:?}: {longest:?}");
        assert_eq!(count(kind, "not let in"), 0, "{kind:?}");
    }
    assert!(count(Slow::Body, "refused before its body") > 0);
    assert!(count(Slow::Silence, "crowded out") > 0 && count(Slow::Silence, "timed out") > 0);
    assert!(home.log().contains("handshake timeout conn="));
    eventually("no slow connection is left", async || open(&base).await <= 2).await;
    assert!(settled.round_trip().await < CALM);
    assert_eq!(gateway.terminate().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_has_an_end() {
    let home = Home::new(model_only(&model().await));
    let _gateway = home.start().await;
    // Whoever holds the token has half a minute for a body that brings nothing.
    let mut peers = JoinSet::new();
    for route in ["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/tools/invoke"] {
        let mut stream = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
        let head = format!(
            "POST {route} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {GATEWAY_TOKEN}\r\n\
             Content-Length: 1000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        peers.spawn(async move {
            let mut answer = String::new();
            timeout(Duration::from_secs(60), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
            assert!(answer.starts_with("HTTP/1.1 408 "), "{route}: {answer}");
        });
    }
    while let Some(ended) = peers.join_next().await {
        ended.unwrap();
    }
}
