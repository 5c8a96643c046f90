//! What the component does when it is told to. One word, one act.

use openclaw_sdk::bindings::channel::openclaw::plugin::{clock, events, http, inbound, websocket};
use openclaw_sdk::channel::{Failure, FailureKind};
use openclaw_sdk::gateway::Gateway;
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Method, Request};
use openclaw_sdk::inbound::{AdmitError, Connection};
use openclaw_sdk::sockets::{Opening, Payload};
use openclaw_sdk::{info, kv};

use crate::{files, floods, guest, secrets};

/// What an act came to.
pub(crate) enum Done {
    Said(String),
    Failed(Failure),
}

impl From<String> for Done {
    fn from(said: String) -> Self {
        Self::Said(said)
    }
}

/// Does what `wanted` says.
pub(crate) async fn act(wanted: &str) -> Done {
    let (word, argument) = wanted.split_once(':').unwrap_or((wanted, ""));
    let number = argument.parse::<u64>().unwrap_or(0);
    match word {
        "trap" => std::process::abort(),
        "panic" => overflow(0, &[]).to_string().into(),
        "spin" => spin(),
        "spin-calling" => loop {
            std::hint::black_box(clock::now_ms());
        },
        "spin-resting" => loop {
            clock::sleep(0).await;
        },
        "burn" => {
            burn(number);
            String::new().into()
        }
        "recurse" => recurse(number).to_string().into(),
        "grow" => grow(usize::try_from(number).unwrap_or(usize::MAX)).0.into(),
        "grow-kept" => {
            let (said, taken) = grow(usize::try_from(number).unwrap_or(usize::MAX));
            std::mem::forget(taken);
            said.into()
        }
        "sleep" => {
            clock::sleep(if argument == "forever" { u64::MAX } else { number }).await;
            argument.to_owned().into()
        }
        "block" => block(),
        "stdin" => stdin().into(),
        "surroundings" => surroundings().into(),
        "fail" => Done::Failed(failure(argument)),
        "fail-huge" => Done::Failed(failure(&"x".repeat(usize::try_from(number).unwrap_or(0)))),
        "fail-last" => Done::Failed(failure(&guest::last())),
        "state-huge" => {
            inbound::state(&Connection::Degraded("s".repeat(usize::try_from(number).unwrap_or(0))));
            "done".to_owned().into()
        }
        "read" => read(argument).await.into(),
        "state" => {
            inbound::state(&Connection::Degraded(argument.to_owned()));
            String::new().into()
        }
        "log" => {
            info!(&Gateway, argument, "field" => argument);
            String::new().into()
        }
        "timer" => {
            events::set_timer("far", u64::MAX);
            events::set_timer("far", 0);
            clock::monotonic_us().to_string().into()
        }
        "return" => Done::Failed(Failure {
            kind: FailureKind::Unavailable,
            code: "returned".into(),
            detail: argument.to_owned(),
            retry_after_ms: Some(u64::MAX),
        }),
        "last" => guest::last().into(),
        "frames" => guest::frames().to_string().into(),
        "http" => request(argument).await.into(),
        "body" => body(number, 0).await.into(),
        "drip" => body(0, number).await.into(),
        "open" => open(argument, None).await.into(),
        "open-at" => open("gateway", Some(argument)).await.into(),
        "say" => told(websocket::send(1, Payload::Text(argument.to_owned())).await).into(),
        "start" => match Gateway.start(argument).await {
            Ok(process) => process.number().to_string().into(),
            Err(why) => format!("{why:?}").into(),
        },
        "put" => {
            let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
            told(kv::put(&Gateway, key, value.as_bytes().to_vec()).await).into()
        }
        "get" => match Gateway.get(argument).await {
            Ok(value) => {
                value.map_or("none".to_owned(), |value| String::from_utf8_lossy(&value).into_owned()).into()
            }
            Err(why) => format!("{why:?}").into(),
        },
        "keys" => match kv::all(&Gateway, argument).await {
            Ok(all) => all.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>().join(" ").into(),
            Err(why) => format!("{why:?}").into(),
        },
        "admit" => admit(argument).await.into(),
        "find" => secrets::find(argument).await.into(),
        "leak" => secrets::leak(argument).await,
        _ => match files::act(word, argument, number).await {
            Some(said) => said.into(),
            None => floods::flood(word, argument, number).await.into(),
        },
    }
}

pub(crate) fn failure(detail: &str) -> Failure {
    Failure {
        kind: FailureKind::Permanent,
        code: "asked".into(),
        detail: detail.to_owned(),
        retry_after_ms: None,
    }
}

pub(crate) fn told<E: std::fmt::Debug>(result: Result<(), E>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(why) => format!("{why:?}"),
    }
}

/// A Rust panic, which aborts: an index beyond the end.
fn overflow(index: usize, empty: &[u8]) -> u8 {
    #[expect(clippy::indexing_slicing, reason = "it is to panic")]
    std::hint::black_box(empty)[index]
}

fn spin() -> ! {
    let mut value = 1_u64;
    loop {
        value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

fn burn(ms: u64) {
    let end = clock::monotonic_us().saturating_add(ms.saturating_mul(1_000));
    let mut value = 1_u64;
    while clock::monotonic_us() < end {
        for _ in 0..100_000 {
            value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    recurse(std::hint::black_box(depth + 1)).wrapping_add(frame.iter().sum())
}

/// Takes memory a MiB at a time until there are so many, or until there is none.
fn grow(mib: usize) -> (String, Vec<Vec<u8>>) {
    let before = clock::monotonic_us();
    let mut taken = Vec::new();
    while taken.len() < mib {
        let mut piece: Vec<u8> = Vec::new();
        if piece.try_reserve_exact(1 << 20).is_err() {
            let took = clock::monotonic_us() - before;
            return (format!("refused after {} MiB and {took} us", taken.len()), taken);
        }
        piece.resize(1 << 20, 1);
        taken.push(std::hint::black_box(piece));
    }
    ("it was never refused".into(), taken)
}

#[expect(clippy::disallowed_methods, reason = "it does what must not be done")]
fn block() -> ! {
    loop {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

fn stdin() -> String {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(read) => format!("read {read}: {line}"),
        Err(error) => format!("no input: {error}"),
    }
}

fn surroundings() -> String {
    format!("env {} args {}", std::env::vars_os().count(), std::env::args_os().count())
}

/// A request as JSON: `{"grant", "host", "method", "path", "query", "headers", "body", "ms"}`, all but the path optional.
async fn request(json: &str) -> String {
    let wish: serde_json::Value = match serde_json::from_str(json) {
        Ok(wish) => wish,
        Err(error) => return error.to_string(),
    };
    let text = |key: &str| wish.get(key).and_then(serde_json::Value::as_str);
    let pairs = |key: &str| -> Vec<(String, String)> {
        wish.get(key).and_then(|pairs| serde_json::from_value(pairs.clone()).ok()).unwrap_or_default()
    };
    let method = match text("method") {
        Some("POST") => Method::Post,
        Some("DELETE") => Method::Delete,
        _ => Method::Get,
    };
    let request = http::Request {
        grant: text("grant").unwrap_or("api").to_owned(),
        host: text("host").map(str::to_owned),
        method,
        path: text("path").unwrap_or("/").to_owned(),
        query: pairs("query"),
        headers: pairs("headers"),
        body: vec![http::Piece::Bytes(text("body").unwrap_or_default().as_bytes().to_vec())],
        timeout_ms: wish.get("ms").and_then(serde_json::Value::as_u64).unwrap_or(3_000),
    };
    match http::send(request).await {
        Ok(answer) => format!("{} {:?}", answer.status, answer.headers),
        Err(why) => format!("{:?}: {}", why.kind, why.detail),
    }
}

/// Reads an answer to its end.
async fn read(json: &str) -> String {
    let wish: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let path = wish.get("path").and_then(serde_json::Value::as_str).unwrap_or("/");
    match Gateway.http(Request::new("api", Method::Get, path, 3_000).limit(16 << 20)).await {
        Ok(answer) => format!("{} bytes", answer.body.len()),
        Err(why) => format!("{:?}: {}", why.kind, why.detail),
    }
}

/// Reads an answer's body to its end: of so many bytes, or of one byte after each so many milliseconds.
async fn body(bytes: u64, pause: u64) -> String {
    let path = if pause > 0 { format!("/drip/{pause}") } else { format!("/bytes/{bytes}") };
    match Gateway.http(Request::new("api", Method::Get, &path, 1_000).limit(16 << 20)).await {
        Ok(answer) => format!("{} bytes", answer.body.len()),
        Err(why) => format!("{:?}: {}", why.kind, why.detail),
    }
}

async fn open(endpoint: &str, host: Option<&str>) -> String {
    let opening = Opening::new(endpoint);
    let opening = match host {
        Some(host) => opening.host(host),
        None => opening,
    };
    match Gateway.open(opening).await {
        Ok(socket) => {
            // It stays open: nothing closes a socket but `close` and the end of its instance.
            socket.number().to_string()
        }
        Err(why) => format!("{:?}: {}", why.kind, why.detail),
    }
}

/// Admits a message with this id and text, which are apart by `=`.
async fn admit(argument: &str) -> String {
    let (id, text) = argument.split_once('=').unwrap_or((argument, "text"));
    match inbound::admit(floods::message(id, text.to_owned()), None).await {
        Ok(admission) => format!("{admission:?}"),
        Err(AdmitError::Invalid(why)) => format!("invalid: {why}"),
        Err(AdmitError::Unavailable(ms)) => format!("unavailable: {ms}"),
    }
}
