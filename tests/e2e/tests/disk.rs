//! A disk that is full, broken or read-only: what the gateway refuses then, what it serves all the same, and how it goes on by
//! itself, without a restart and without losing a message.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use openclaw_e2e::control::Connection;
use openclaw_e2e::disk::FaultyDisk;
use openclaw_e2e::http::{get, post};
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, TOKEN, eventually, fakes, model, model_only, open};
use openclaw_fakes::{FakeTelegram, Mode, Talker};
use serde_json::{Value, json};

const SECRET: Option<&str> = Some(GATEWAY_TOKEN);
/// What other programs start hooks with.
const HOOK: &str = "e2e-hook-token-0123456789abcdef";
/// From the moment that the disk works.
const RECOVERED_WITHIN: Duration = Duration::from_secs(5);

fn chat(model: &str) -> Value {
    json!({ "model": model, "user": "ada", "messages": [{ "role": "user", "content": "hello" }] })
}

async fn ready(gateway: &Gateway) -> (u16, Value) {
    let answer = get(&format!("{}/readyz", gateway.base()), SECRET).await.unwrap();
    (answer.status, answer.json())
}

async fn refuses(gateway: &Gateway, code: &str) {
    eventually("it says that it cannot store", async || ready(gateway).await.0 == 503).await;
    let (_, why) = ready(gateway).await;
    assert_eq!((&why["failing"], &why["store"]["code"]), (&json!(["store"]), &json!(code)), "{why}");
}

fn answers(telegram: &FakeTelegram, text: &str) -> usize {
    telegram.messages(TOKEN).iter().filter(|sent| sent.text.contains(text)).count()
}

/// Has somebody say this, and returns when the component was told that it cannot be stored.
async fn deliver_in_vain(telegram: &FakeTelegram, home: &Home, text: &str) {
    let refusals = || home.log().matches("the gateway cannot take messages now; waiting").count();
    let before = refusals();
    telegram.say(TOKEN, &Talker::private(1, "ada"), text);
    eventually("it is refused", async || refusals() > before).await;
}

/// Which calls fail, with what, below which path of the state directory, and by which code it is told.
const FAULTS: [(&str, &str, &str, &str); 9] = [
    ("write", "ENOSPC", "", "disk_full"),
    ("sync", "ENOSPC", "", "disk_full"),
    ("all", "ENOSPC", "", "disk_full"),
    ("write", "EIO", "state/gateway.sqlite-wal", "io"),
    ("sync", "EIO", "state/gateway.sqlite-wal", "io"),
    ("sync", "EIO", "", "io"),
    ("all", "EIO", "", "io"),
    ("write", "EROFS", "", "read_only"),
    ("all", "EROFS", "", "read_only"),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_it_refuses_serves_and_goes_on() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["hooks"] = json!({ "enabled": true, "token": HOOK });
    let home = Home::new(config);
    let disk = FaultyDisk::of(&home);
    let gateway = home.start_with(&disk.environment()).await;
    let pid = gateway.pid();
    let url = |path: &str| format!("{}{path}", gateway.base());
    let mut client = Connection::open(&home, &["operator.read", "operator.write"]).await;
    let before = json!({ "sessionKey": "main", "message": "before", "idempotencyKey": "before" });
    client.call("chat.send", before).await.unwrap();
    client.end_of("before").await;
    // Stored behind the answer: what the rounds below read has to be on the disk before it fails.
    eventually("the transcript is stored", async || {
        let listed = home.run(&["sessions", "list", "--json"]).await.ok().stdout;
        listed.contains("agent:main:main")
    })
    .await;
    for (number, (calls, error, path, code)) in (0..).zip(FAULTS) {
        let what = format!("{calls} {error} {path}");
        let text = format!("message number {number}.");
        disk.fail(calls, error, path);
        refuses(&gateway, code).await;

        // What would have to be stored is refused, in words, before a model is asked.
        let asked = model.chats().len();
        for path in ["/v1/chat/completions", "/v1/responses"] {
            let mut body = chat("openclaw");
            body["input"] = json!("hello");
            let answer = post(&url(path), SECRET, &body).await.unwrap();
            assert_eq!(
                (answer.status, &answer.json()["error"]["code"]),
                (503, &json!(code)),
                "{what} {answer:?}"
            );
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            body["stream"] = json!(true);
            let answer = post(&url(path), SECRET, &body).await.unwrap();
            assert_eq!(answer.status, 503, "{what} {answer:?}");
        }
        let hook = post(&url("/hooks/agent"), Some(HOOK), &json!({ "message": "go" })).await.unwrap();
        assert_eq!((hook.status, &hook.json()["code"]), (503, &json!(code)), "{what} {hook:?}");
        let send = json!({ "sessionKey": "main", "message": "now", "idempotencyKey": text });
        let refused = client.call("chat.send", send).await.unwrap_err();
        assert_eq!(
            (&refused["code"], &refused["details"]["code"]),
            (&json!("UNAVAILABLE"), &json!(code)),
            "{refused}"
        );
        deliver_in_vain(&telegram, &home, &text).await;
        assert_eq!(telegram.unconfirmed(TOKEN), 1, "the vendor keeps it: {what}");
        assert_eq!(model.chats().len(), asked, "{what}");

        // What needs no write is served.
        for path in ["/healthz", "/v1/models"] {
            assert_eq!(get(&url(path), SECRET).await.unwrap().status, 200, "{what} {path}");
        }
        let raw = post(&url("/v1/chat/completions"), SECRET, &chat("fake/echo")).await.unwrap();
        assert_eq!(raw.status, 200, "{what} {raw:?}");
        let status = home.run(&["status", "--json"]).await.ok().json();
        assert_eq!(status["storage"][0]["code"], code, "{what} {status}");
        let listed = client.call("sessions.list", json!({})).await.unwrap();
        assert!(listed.to_string().contains("agent:main:main"), "{what} {listed}");
        let history = client.call("chat.history", json!({ "sessionKey": "main" })).await.unwrap();
        assert!(history.to_string().contains("before"), "{what} {history}");

        // It goes on by itself.
        let mended = Instant::now();
        disk.mend();
        eventually("it is ready", async || ready(&gateway).await.0 == 200).await;
        let answer = post(&url("/v1/chat/completions"), SECRET, &chat("openclaw")).await.unwrap();
        assert_eq!(answer.status, 200, "{what} {answer:?}");
        eventually("the message is answered", async || answers(&telegram, &text) > 0).await;
        assert!(mended.elapsed() < RECOVERED_WITHIN, "{what}: {:?}", mended.elapsed());
        assert_eq!(telegram.unconfirmed(TOKEN), 0, "{what}");
    }
    for number in 0..FAULTS.len() {
        assert_eq!(answers(&telegram, &format!("message number {number}.")), 1, "{number}");
    }
    assert_eq!(gateway.pid(), pid);
    // Once for each time, not once for each message.
    let log = home.log();
    let said = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(said("writes are refused until"), FAULTS.len(), "{log}");
    assert_eq!(said("can be written again"), FAULTS.len(), "{log}");
    for text in ["a message is not admitted", "refused a write", "was not stored"] {
        assert_eq!(said(text), 0, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_the_disk_was_known_to_be_full_is_kept() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let disk = FaultyDisk::of(&home);
    let gateway = home.start_with(&disk.environment()).await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    assert_eq!(post(&url, SECRET, &chat("openclaw")).await.unwrap().status, 200);
    // Nobody knows it yet when the turn begins.
    model.set_mode(Mode::Late { delay_ms: 300 });
    let asked = model.chats().len();
    let turn = tokio::spawn({
        let (url, mut body) = (url.clone(), chat("openclaw"));
        body["messages"][0]["content"] = json!("said in between");
        async move { post(&url, SECRET, &body).await.unwrap() }
    });
    eventually("the model is asked", async || model.chats().len() > asked).await;
    disk.fail("all", "ENOSPC", "");
    let answer = turn.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    refuses(&gateway, "disk_full").await;
    assert_eq!(post(&url, SECRET, &chat("openclaw")).await.unwrap().status, 503);
    disk.mend();
    eventually("it is ready", async || ready(&gateway).await.0 == 200).await;
    // Not from this process's memory.
    gateway.kill().await;
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.read"]).await;
    let key = "agent:main:openai-user:ada";
    let history = client.call("chat.history", json!({ "sessionKey": key })).await.unwrap();
    assert!(history.to_string().contains("said in between"), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_synced_is_not_acknowledged() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let disk = FaultyDisk::of(&home);
    let gateway = home.start_with(&disk.environment()).await;
    disk.fail("sync", "EIO", "");
    deliver_in_vain(&telegram, &home, "not synced").await;
    assert_eq!(
        telegram.unconfirmed(TOKEN),
        1,
        "the bytes were written, but nobody knows whether they are there"
    );
    gateway.kill().await;
    disk.mend();
    let _gateway = home.start_with(&disk.environment()).await;
    eventually("it is answered", async || answers(&telegram, "not synced") > 0).await;
    telegram.say(TOKEN, &Talker::private(1, "ada"), "and one behind it");
    eventually("the next one is answered", async || answers(&telegram, "and one behind it") > 0).await;
    assert_eq!(answers(&telegram, "not synced"), 1, "{:#?}", telegram.messages(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_a_broken_disk_took_is_told() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let gateway = home.start().await;
    telegram.say(TOKEN, &Talker::private(1, "ada"), "the last one");
    eventually("it is answered", async || answers(&telegram, "the last one") > 0).await;
    gateway.kill().await;
    let log = home.state().join("state/gateway.sqlite-wal");
    let mut bytes = std::fs::read(&log).unwrap();
    let place = bytes.len() / 4 * 3;
    bytes[place] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let _gateway = home.start().await;
    assert!(home.log().contains(r#""code":"tail_lost""#), "{}", home.log());
    let status = home.run(&["status"]).await.ok();
    assert!(status.stdout.contains("tail_lost"), "{status:?}");
    let doctor = home.run(&["doctor"]).await;
    assert!(doctor.stdout.contains("tail_lost"), "{doctor:?}");
}
