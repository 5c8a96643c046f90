//! Files: how they come in, where they may go, and what becomes of one that is cut short.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Bench, call, outbound};
use openclaw_runtime::guest::{File, Outcome};
use openclaw_runtime::{ChannelInstance, Limits, Over};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "12345:canary-secret";

/// A vendor that gives files out and takes them in.
struct Vendor {
    root: String,
    /// The requests with bodies, as they came.
    taken: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&all)));
            }
        });
        Self { root, taken }
    }
}

/// `/<bytes>` is a file of so many, `/cut` one that breaks off, `/secret` one with the secret in it, `/none` none.
async fn answer(mut stream: TcpStream, taken: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let head = loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            break text[..end + 4].to_owned();
        }
    };
    if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        let whole = head.len() + length.parse::<usize>().unwrap();
        while request.len() < whole {
            let mut buffer = [0; 65_536];
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the body breaks off");
            request.extend_from_slice(&buffer[..read]);
        }
        taken.lock().unwrap().push(String::from_utf8_lossy(&request[head.len()..]).into_owned());
    }
    let path = head.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
    let (status, length, body) = match path {
        "take" => (204, 0, Vec::new()),
        "none" => (404, 4, b"none".to_vec()),
        "cut" => (200, 1_000, vec![b'x'; 10]),
        "secret" => (200, 65_600, [vec![b'x'; 65_530], TOKEN.into(), vec![b'x'; 51]].concat()),
        bytes => {
            let bytes = bytes.parse().unwrap();
            (200, bytes, vec![b'x'; bytes])
        }
    };
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Whoever has enough closes first.
    stream.write_all(&body).await.ok();
}

async fn start() -> (Bench, Vendor, ChannelInstance) {
    let (bench, vendor) = (Bench::new().await, Vendor::start().await);
    let section = json!({"root": vendor.root, "token": TOKEN});
    let instance = bench.launch(&json!({"mode": "echo"}), &section, Limits::default());
    (bench, vendor, instance)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_kept_shown_sent_and_forgotten() {
    let (bench, vendor, instance) = start().await;
    let kept = call(&instance, json!({"keep": ["../a/b.TXT", "Text/Plain; charset=x", "hello"]})).await;
    assert_eq!(kept, "1 text/plain Some(\"b.TXT\") 5");
    assert_eq!(call(&instance, json!({"show": 1})).await, "hello");
    assert_eq!(call(&instance, json!({"post": ["/take", 1]})).await, "204");
    assert_eq!(*vendor.taken.lock().unwrap(), ["begin hello end"]);
    assert_eq!(call(&instance, json!({"bring": ["m1", 1]})).await, "Ok(Admission::Accepted)");
    assert_eq!(call(&instance, json!({"forget": 1})).await, "ok");
    assert_eq!(call(&instance, json!({"show": 1})).await, "Error::Gone");
    let refused = call(&instance, json!({"post": ["/take", 1]})).await;
    assert_eq!(refused, "ErrorKind::Denied: the account has no file 1");
    assert_eq!(bench.files.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_becomes_a_file_without_passing_through_the_component() {
    let (bench, _vendor, instance) = start().await;
    assert_eq!(
        call(&instance, json!({"download": ["/200000", "image/png"]})).await,
        "1 image/png None 200000"
    );
    assert_eq!(call(&instance, json!({"show": 1})).await, "200000 bytes");
    assert_eq!(
        call(&instance, json!({"download": ["/0", "odd"]})).await,
        "2 application/octet-stream None 0"
    );
    assert_eq!(call(&instance, json!({"download": ["/none", "image/png"]})).await, "refused 404");
    let cut = call(&instance, json!({"download": ["/cut", "image/png"]})).await;
    assert!(cut.contains("Interrupted"), "{cut}");
    assert_eq!(bench.files.len(), 2, "half a file is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_or_holds_a_secret_is_not_kept() {
    let (bench, vendor, instance) = start().await;
    let mut facts = instance.facts();
    let full = call(&instance, json!({"download": ["/300001", "image/png"]})).await;
    assert!(full.contains("Full"), "{full}");
    facts.wait_for(|facts| facts.over == Some(Over::Media)).await.unwrap();
    assert_eq!(call(&instance, json!({"keep": ["a", "a/b", "x"]})).await, "1 a/b Some(\"a\") 1");
    assert_eq!(facts.borrow().over, None);
    let told = call(&instance, json!({"download": ["/secret", "image/png"]})).await;
    assert!(told.contains("a secret of this account stands in it"), "{told}");
    let told = call(&instance, json!({"keep": ["a", "a/b", format!("it is {TOKEN}")]})).await;
    assert!(told.contains("a secret of this account stands in it"), "{told}");
    assert_eq!(bench.files.len(), 1);
    assert!(vendor.taken.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_let_go_of_or_cut_by_a_crash_is_not_kept() {
    let (bench, _vendor, instance) = start().await;
    for _ in 0..20 {
        assert_eq!(call(&instance, json!({"half": 100_000})).await, "dropped");
    }
    // All of them are over: the next one has its place.
    assert_eq!(call(&instance, json!({"keep": ["a", "a/b", "x"]})).await, "1 a/b Some(\"a\") 1");
    let dying = bench.launch(&json!({"mode": "echo"}), &json!({"token": TOKEN}), Limits::default());
    let half = tokio::spawn({
        let dying = dying.clone();
        async move { dying.send(outbound("use:{\"half\": 100000}"), Vec::new()).await }
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    dying.stop(Duration::ZERO).await;
    half.await.unwrap().ok();
    assert_eq!(bench.files.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_by_components_that_can() {
    let (bench, _vendor, instance) = start().await;
    assert!(bench.plugin.features().send_media);
    let file = File { handle: 7, mime: "image/png".into(), name: Some("a.png".into()), size: 3 };
    let Ok(Outcome::Sent(receipt)) = instance.send(outbound("look"), vec![file.clone()]).await else {
        panic!()
    };
    assert_eq!(receipt.message_ids, ["look", "7 image/png Some(\"a.png\") 3"]);
    let older = Bench::of(common::guest("vintage"), false).await;
    let vintage = older.start("a", &json!({"root": "http://127.0.0.1:9"}));
    let Ok(Outcome::Permanent(failure)) = vintage.send(outbound("look"), vec![file]).await else { panic!() };
    assert_eq!(failure.code, "no_media");
}
