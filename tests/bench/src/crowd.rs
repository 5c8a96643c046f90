//! Thousands of clients of the control plane that do nothing but listen, in a process of their own: what each costs the
//! gateway, and how long it takes until all of them have heard the same news.

use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::{SinkExt, StreamExt};
use openclaw_e2e::{GATEWAY_TOKEN, Home, model, model_only};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{ChildStdout, Command};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::load::percentile_ms;
use crate::process::resident_mb;
use crate::rpc::Rpc;
use crate::table::Table;

/// How many clients there are.
const CLIENTS: usize = 5_000;
/// How many connect at the same time: less than the gateway lets one address have.
const AT_ONCE: usize = 16;
/// Broadcasts that are measured. The gateway sends one by itself every 30 seconds, and says in it when that was.
const TICKS: usize = 3;
/// Time for what the arrival of thousands of clients has stirred up.
const SETTLE: Duration = Duration::from_secs(12);
/// A client reads this much at once; they are many.
const BUFFER: usize = 1024;

/// Adds the rows.
pub(crate) async fn rows(table: &mut Table) {
    openclaw_e2e::raise_file_limit(CLIENTS as u64 + 100);
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    // What the first client costs is not what each costs.
    let mut first = Rpc::connect(home.port(), GATEWAY_TOKEN).await;
    first.round_trip("health").await;
    let before = resident_mb(gateway.pid());
    let mut crowd = Command::new(std::env::current_exe().unwrap());
    let mut crowd = crowd
        .args(["crowd", &home.port().to_string(), GATEWAY_TOKEN])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(crowd.stdout.take().unwrap()).lines();
    let seconds = next(&mut said).await;
    tokio::time::sleep(SETTLE).await;
    let each = (resident_mb(gateway.pid()) - before) * 1024.0 / CLIENTS as f64;
    table.at_most("5,000 idle WebSocket clients, memory each", each, 10.0, "KB");
    table.note("connecting 5,000 clients, one after the other from 16 tasks", seconds, "s");
    let (median, high) = (next(&mut said).await, next(&mut said).await);
    table.note("broadcast to 5,000, p50", median, "ms");
    table.at_most("broadcast to 5,000, p99", high, 50.0, "ms");
    let after = (resident_mb(gateway.pid()) - before) * 1024.0 / CLIENTS as f64;
    table.note("memory each after the broadcasts", after, "KB");
    crowd.kill().await.unwrap();
}

/// The next figure that the other process prints.
async fn next(said: &mut Lines<BufReader<ChildStdout>>) -> f64 {
    said.next_line().await.unwrap().expect("the clients ended early").parse().unwrap()
}

/// The other process: prints the seconds that connecting took, then the median and the 99th percentile of how long the
/// news took, in milliseconds.
pub(crate) async fn clients(port: &str, token: &str) {
    openclaw_e2e::raise_file_limit(CLIENTS as u64 + 100);
    let began = SystemTime::now();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|worker| {
            let (port, token, arrived) = (port.to_owned(), token.to_owned(), arrived.clone());
            tokio::spawn(async move {
                for _ in (worker..CLIENTS).step_by(AT_ONCE) {
                    let socket = connect(&port, &token).await;
                    tokio::spawn(listen(socket, arrived.clone()));
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    println!("{}", began.elapsed().unwrap().as_secs_f64());
    // A tick from before everybody was there does not count.
    tokio::time::sleep(SETTLE).await;
    while arrivals.try_recv().is_ok() {}
    let mut times = Vec::with_capacity(TICKS * CLIENTS);
    while times.len() < TICKS * CLIENTS {
        times.push(arrivals.recv().await.unwrap());
    }
    times.sort_unstable();
    println!("{}\n{}", percentile_ms(&times, 0.5), percentile_ms(&times, 0.99));
    // The sockets stay open until the parent has looked.
    std::future::pending::<()>().await;
}

type Socket = WebSocketStream<TcpStream>;

async fn connect(port: &str, token: &str) -> Socket {
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0);
    let url = format!("ws://127.0.0.1:{port}/");
    let (mut socket, _) =
        tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await.unwrap();
    let hello = json!({ "type": "req", "id": "1", "method": "connect", "params": {
        "minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": ["operator.read"], "caps": [],
        "client": { "id": "cli", "version": "bench", "platform": "linux", "mode": "cli" },
        "auth": { "token": token },
    }});
    socket.send(Message::text(hello.to_string())).await.unwrap();
    while let Some(message) = socket.next().await {
        let message = message.unwrap();
        if message.to_text().is_ok_and(|text| text.starts_with(r#"{"type":"res""#)) {
            assert!(message.to_text().unwrap().contains("hello-ok"), "{message}");
            return socket;
        }
    }
    panic!("the gateway closed the connection before its hello");
}

/// Says how old each tick was when it came.
async fn listen(mut socket: Socket, arrived: mpsc::UnboundedSender<Duration>) {
    while let Some(message) = socket.next().await {
        let message = message.expect("the gateway closed the connection");
        if let Ok(text) = message.to_text()
            && let Some(sent) = tick(text)
        {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            arrived.send(now.saturating_sub(sent)).unwrap();
        }
    }
}

/// When a tick was sent.
fn tick(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix(r#"{"type":"event","event":"tick""#)?;
    let (_, rest) = rest.split_once(r#""ts":"#)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(Duration::from_millis(digits.parse().ok()?))
}
