//! What versions of the contract a component may speak, and what it may import.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Bench, eventually, guest, importing, outbound, package, say};
use openclaw_runtime::dialect::{
    ChatRequest, Chunk, Content, EmbeddingsRequest, FailureReason, Message, Role,
};
use openclaw_runtime::guest::Target;
use openclaw_runtime::{Connection, Limits, ShimPool};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A vendor that answers each request with `body`.
async fn vendor(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            assert!(stream.read(&mut buffer).await.unwrap() > 0);
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    root
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_the_version_before_runs_beside_the_current_one() {
    let (old, new) = (Bench::of(guest("vintage"), false).await, Bench::new().await);
    let grants = old.grants(&vendor("hello from 0.1.0").await, "token");
    let vintage = old.start_with("main", &json!({}), Limits::default(), grants, None);
    let echo = new.start("main", &json!({"mode": "echo"}));
    let mut facts = vintage.facts();
    facts.wait_for(|facts| matches!(facts.connection, Connection::Ready)).await.unwrap();
    assert!(old.inbox.ids.lock().unwrap().contains("vintage-1"));
    assert_eq!(old.inbox.cursor.lock().unwrap().as_deref(), Some(&b"cursor"[..]));
    eventually("timers", async || !say(&vintage, "hello").await.starts_with("0:")).await;
    assert!(say(&vintage, "hello").await.ends_with(":5"));
    assert_eq!(say(&echo, "hello").await, "5");
    assert_eq!(vintage.probe().await.unwrap().facts, [("contract".to_owned(), "0.1.0".to_owned())]);
    let refused = vintage.typing(Target { room: "room".into(), thread: None }).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.detail.as_str()), ("typing", "room"));
    vintage.stop(std::time::Duration::from_secs(5)).await;
    assert!(vintage.send(outbound("x"), Vec::new()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shim_of_the_version_before_runs() {
    let bench = Bench::of(guest("vintage-shim"), false).await;
    assert!(bench.plugin.features().embeddings);
    let pool = ShimPool::new(&bench.runtime, &bench.plugin).unwrap();
    let message = Message {
        role: Role::User,
        content: Some(Content::Text("hello".into())),
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
    };
    let request = ChatRequest {
        model: "m".into(),
        messages: vec![message],
        tools: Vec::new(),
        tool_choice: None,
        stream: true,
        max_tokens: None,
        temperature: None,
        top_p: None,
        stop: Vec::new(),
        extra: Vec::new(),
        compat: String::new(),
    };
    let prepared = pool.prepare(&request).unwrap().unwrap();
    assert_eq!((prepared.path.as_str(), prepared.body.as_slice()), ("/ask", &b"m\nhello"[..]));
    let mut decoder = pool.decoder(true, "text/plain").unwrap();
    let text = |chunks: Vec<Chunk>| match chunks.as_slice() {
        [Chunk::Text(text) | Chunk::Reasoning(text), ..] => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(decoder.push(b"one").unwrap().unwrap()), "one");
    assert_eq!(text(decoder.push(b"two").unwrap().unwrap()), "two");
    assert_eq!(text(decoder.finish().unwrap().unwrap()), "streamed: true, pieces: 2");
    let failure = pool.classify(429, &[], b"slower").unwrap();
    assert_eq!((failure.reason, failure.message.as_str()), (FailureReason::RateLimit, "slower"));
    assert_eq!(pool.prepare_models().unwrap().path, "/models");
    assert_eq!(pool.decode_models(b"model").unwrap().unwrap()[0].context_window, Some(7));
    let texts = |dimensions| EmbeddingsRequest {
        model: "m".into(),
        input: vec!["a".into(), "b".into()],
        dimensions,
        extra: Vec::new(),
    };
    assert_eq!(pool.prepare_embeddings(&texts(None)).unwrap().unwrap().unwrap().body, b"ab");
    assert_eq!(pool.prepare_embeddings(&texts(Some(3))).unwrap().unwrap().unwrap_err(), "one length only");
    assert_eq!(pool.decode_embeddings(&[1, 2]).unwrap().unwrap().vectors, [[1.0, 2.0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_an_unknown_version_or_with_more_imports_than_grants_is_told_why() {
    let bench = Bench::new().await;
    let cases = [
        (
            "openclaw:plugin/events@0.3.0",
            "plugin_contract_mismatch",
            "built against openclaw:plugin@0.3.0, and this gateway speaks openclaw:plugin@0.2.0 and @0.1.0: update the gateway",
        ),
        ("openclaw:plugin/events@0.0.9", "plugin_contract_mismatch", "install a newer version of the plugin"),
        ("openclaw:plugin/websocket@0.2.0", "plugin_not_granted", "Add a [[websocket]] entry to plugin.toml"),
        ("openclaw:plugin/process@0.2.0", "plugin_not_granted", "Add a [[process]] entry to plugin.toml"),
        (
            "wasi:filesystem/preopens@0.2.0",
            "plugin_contract_mismatch",
            "no import and no export of the contract",
        ),
    ];
    for (import, code, told) in cases {
        let mut package = package(&importing(import));
        package.manifest.websockets.clear();
        package.manifest.processes.clear();
        let error = bench.runtime.load(&package).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
}
