//! What a persistent instance can do, and that what it does wrong ends itself and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Bench, eventually, outbound, say};
use openclaw_runtime::guest::Outcome;
use openclaw_runtime::{Exit, Limits, LoadError, NotRunning, Occurrence};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// A vendor that takes requests and never answers. Returns its root and what it was asked.
async fn silent_vendor() -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    seen.lock().unwrap().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                }
                seen.lock().unwrap().push("closed".into());
            });
        }
    });
    (root, asked)
}

async fn report(instance: &openclaw_runtime::ChannelInstance) -> Value {
    serde_json::from_str(&say(instance, "report").await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn send_is_answered_while_run_waits_in_a_long_poll() {
    let bench = Bench::new().await;
    let (root, asked) = silent_vendor().await;
    let grants = bench.grants(&root, "12345:secret");
    let instance = bench.start_with("main", &json!({"mode": "poll"}), Limits::default(), grants, None);
    eventually("the poll is under way", async || !asked.lock().unwrap().is_empty()).await;
    let began = Instant::now();
    assert_eq!(say(&instance, "hello").await, "5");
    assert!(began.elapsed() < Duration::from_millis(100), "took {:?}", began.elapsed());
    let request = asked.lock().unwrap()[0].clone();
    assert!(request.starts_with("GET /bot12345:secret/poll HTTP/1.1"), "{request}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_instance_stops_polling_and_its_successor_may_poll() {
    let bench = Bench::new().await;
    let (root, asked) = silent_vendor().await;
    let config = json!({"mode": "poll"});
    let start = || bench.start_with("main", &config, Limits::default(), bench.grants(&root, "t"), None);
    let first = start();
    eventually("the first poll", async || asked.lock().unwrap().len() == 1).await;
    let began = Instant::now();
    first.stop(Duration::from_secs(5)).await;
    assert!(began.elapsed() < Duration::from_millis(200), "took {:?}", began.elapsed());
    let _second = start();
    eventually("the second poll", async || {
        let asked = asked.lock().unwrap();
        asked.iter().filter(|line| line.starts_with("GET")).count() == 2
            && asked.contains(&"closed".to_owned())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_credential_polls_once_and_the_other_account_is_told_who_has_it() {
    let bench = Bench::new().await;
    let (root, asked) = silent_vendor().await;
    let config = json!({"mode": "poll"});
    let poll =
        |account: &str| bench.start_with(account, &config, Limits::default(), bench.grants(&root, "t"), None);
    let _first = poll("first");
    eventually("the first poll", async || asked.lock().unwrap().len() == 1).await;
    let second = poll("second");
    eventually("a refusal", async || report(&second).await["polls"].as_u64() > Some(0)).await;
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sends_run_side_by_side() {
    let bench = Bench::new().await;
    let instance = bench.start("main", &json!({"mode": "echo", "tickMs": 1}));
    let began = Instant::now();
    let sends = (0..10).map(|_| {
        let instance = instance.clone();
        tokio::spawn(async move { say(&instance, "sleep:300").await })
    });
    for send in sends.collect::<Vec<_>>() {
        assert_eq!(send.await.unwrap(), "300");
    }
    assert!(began.elapsed() < Duration::from_millis(900), "took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spinning_guest_ends_and_its_neighbours_do_not_notice() {
    let bench = Bench::new().await;
    let bad = bench.start("bad", &json!({"mode": "echo"}));
    let good = bench.start("good", &json!({"mode": "echo"}));
    say(&good, "warm").await;
    let spinning = tokio::spawn({
        let bad = bad.clone();
        async move { bad.send(outbound("spin:60000"), Vec::new()).await }
    });
    let mut slowest = Duration::ZERO;
    while !spinning.is_finished() {
        let began = Instant::now();
        say(&good, "hello").await;
        slowest = slowest.max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(matches!(spinning.await.unwrap(), Ok(Outcome::Ambiguous(_))));
    assert!(matches!(bad.exited().await, Exit::Runaway));
    assert!(bad.facts().borrow().strikes >= 1);
    assert!(slowest < Duration::from_millis(200), "a neighbour waited {slowest:?}");
    assert_eq!(bad.send(outbound("x"), Vec::new()).await.unwrap_err(), NotRunning);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_a_blocking_call_and_too_much_memory_each_end_their_instance() {
    let bench = Bench::new().await;
    let good = bench.start("good", &json!({"mode": "echo"}));
    for (text, reason) in [("trap", "unreachable"), ("block:10000", "blocking WASI call"), ("grow:200", "")] {
        let bad = bench.start("bad", &json!({"mode": "echo"}));
        assert_eq!(say(&bad, "hello").await, "5");
        let outcome = bad.send(outbound(text), Vec::new()).await;
        assert!(matches!(outcome, Ok(Outcome::Ambiguous(_))), "{text}: {outcome:?}");
        match bad.exited().await {
            Exit::Trapped { reason: told, .. } => assert!(told.contains(reason), "{text}: {told}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(say(&good, "hello").await, "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_past_its_deadline_is_ambiguous_and_retires_the_instance() {
    let bench = Bench::new().await;
    let limits = Limits { send: Duration::from_millis(100), ..Limits::default() };
    let instance = bench.start_with("main", &json!({"mode": "echo"}), limits, Vec::new(), None);
    let outcome = instance.send(outbound("sleep:60000"), Vec::new()).await;
    assert!(matches!(&outcome, Ok(Outcome::Ambiguous(failure)) if failure.code == "deadline"), "{outcome:?}");
    assert!(matches!(instance.exited().await, Exit::Unresponsive("send")));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_a_call_in_flight_finish() {
    let bench = Bench::new().await;
    let instance = bench.start("main", &json!({"mode": "echo"}));
    say(&instance, "warm").await;
    let sending = tokio::spawn({
        let instance = instance.clone();
        async move { say(&instance, "sleep:100").await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    instance.stop(Duration::from_secs(5)).await;
    assert_eq!(sending.await.unwrap(), "100");
}

/// The hostile timing of the cancellation experiment: events every 60 µs, `next` dropped after 50 µs.
#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_to_a_dropped_next() {
    const EVENTS: u64 = 20_000;
    let bench = Bench::new().await;
    let config = json!({"mode": "race", "timers": 0, "count": EVENTS, "deadlineUs": 50});
    let instance = bench.start("main", &config);
    say(&instance, "warm").await;
    let fed = Arc::new(AtomicBool::new(false));
    let feeding = tokio::spawn({
        let (instance, fed) = (instance.clone(), Arc::clone(&fed));
        async move {
            for number in 1..=EVENTS {
                let due = Instant::now() + Duration::from_micros(60);
                instance.deliver(Occurrence::Timer(number.to_string())).await;
                while Instant::now() < due {
                    tokio::task::yield_now().await;
                }
            }
            fed.store(true, Ordering::Relaxed);
        }
    });
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seen = report(&instance).await;
    while seen["finished"] != true {
        assert!(Instant::now() < deadline, "lost: fed {}, {seen}", fed.load(Ordering::Relaxed));
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen = report(&instance).await;
    }
    feeding.await.unwrap();
    assert_eq!((seen["timers"].as_u64(), seen["gaps"].as_u64()), (Some(EVENTS), Some(0)), "{seen}");
    assert!(seen["dropped"].as_u64() > Some(1_000), "the timing was not hostile: {seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn admitted_messages_survive_traps() {
    const MESSAGES: usize = 2_000;
    let bench = Bench::new().await;
    let config = json!({"mode": "admit", "messages": MESSAGES});
    let limits = Limits { emits: u32::MAX, ..Limits::default() };
    // Every round is cut short by a trap somewhere in the middle, except the last.
    for round in 1.. {
        let instance = bench.start_with("main", &config, limits, Vec::new(), None);
        let until = round * 150;
        let have = || bench.inbox.ids.lock().unwrap().len();
        eventually("messages arrive", async || have() >= until.min(MESSAGES)).await;
        if have() == MESSAGES {
            break;
        }
        // The instance may have ended on its own trap; either way it is gone.
        instance.send(outbound("trap"), Vec::new()).await.ok();
        instance.exited().await;
    }
    assert_eq!(bench.inbox.ids.lock().unwrap().len(), MESSAGES);
    assert_eq!(bench.inbox.cursor.lock().unwrap().as_deref(), Some(MESSAGES.to_string().as_bytes()));
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_accounts_cost_less_than_twenty_megabytes() {
    let bench = Bench::new().await;
    let config = json!({"mode": "echo", "tickMs": 60_000});
    let first = bench.start("0", &config);
    say(&first, "warm").await;
    let before = resident_kib();
    let mut accounts = Vec::new();
    for number in 1..=100 {
        let account = bench.start(&number.to_string(), &config);
        say(&account, "warm").await;
        accounts.push(account);
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 20 * 1024, "100 accounts cost {grown} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_channel_component_does_not_load() {
    let bench = Bench::new().await;
    let cases = [
        // Text is no component.
        (b"(component)".to_vec(), "plugin_invalid"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "plugin_contract_mismatch"),
        // Of the contract, but not a channel.
        (common::importing("openclaw:plugin/events@0.2.0"), "plugin_contract_mismatch"),
    ];
    for (wasm, code) in cases {
        let error: LoadError = bench.runtime.load(&common::package(&wasm)).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("echo"), "{error}");
    }
}
