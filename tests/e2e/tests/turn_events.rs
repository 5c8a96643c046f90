//! What connected clients hear of turns that others begin: HTTP, hooks, channels and events. Who hears what, and that nobody
//! else does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::control::Connection;
use openclaw_e2e::http::{post, send_with};
use openclaw_e2e::{GATEWAY_TOKEN, Home, SOON, TOKEN, fakes, model, model_only, open};
use openclaw_fakes::{Mode, Talker};
use serde_json::{Value, json};

const KEY: &str = "agent:main:shared";
const READ: &[&str] = &["operator.read"];

/// What was told of a run, each thing where it was told first.
fn steps(client: &Connection, run: &str) -> Vec<String> {
    let of_run = |frame: &&Value| frame["type"] == "event" && frame["payload"]["runId"] == run;
    let step = |frame: &Value| {
        let (event, payload) = (frame["event"].as_str().unwrap(), &frame["payload"]);
        let word = [&payload["state"], &payload["phase"], &payload["data"]["phase"], &payload["stream"]];
        format!("{event} {}", word.iter().find_map(|word| word.as_str()).unwrap_or_default())
    };
    let mut steps: Vec<String> = Vec::new();
    for step in client.seen.iter().filter(of_run).map(step) {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps
}

fn messages<'a>(client: &'a Connection, key: &str) -> Vec<&'a Value> {
    let of_session =
        |frame: &&Value| frame["event"] == "session.message" && frame["payload"]["sessionKey"] == key;
    client.seen.iter().filter(of_session).map(|frame| &frame["payload"]["message"]).collect()
}

/// Waits for the end of whichever run a session has, and returns its id.
async fn over(client: &mut Connection, key: &str) -> String {
    let ended = client.until(|frame| {
        frame["event"] == "sessions.changed"
            && frame["payload"]["sessionKey"] == key
            && ["end", "error"].contains(&frame["payload"]["phase"].as_str().unwrap_or_default())
    });
    let payload = ended.await["payload"].clone();
    assert_ne!(payload["hasActiveRun"], true, "{payload}");
    payload["runId"].as_str().unwrap().to_owned()
}

/// A call that is answered after everything that was said before it.
async fn settled(client: &mut Connection) {
    client.call("health", json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_http_begins_is_told_like_any_other() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let mut reader = Connection::open(&home, READ).await;
    reader.call("sessions.subscribe", json!({})).await.unwrap();
    let mut stranger = Connection::open(&home, &["operator.pairing"]).await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    for stream in [false, true] {
        let key = format!("{KEY}-{stream}");
        let bearer = format!("Bearer {GATEWAY_TOKEN}");
        let headers = [("authorization", bearer.as_str()), ("x-openclaw-session-key", key.as_str())];
        let body = json!({"model": "openclaw", "stream": stream,
            "messages": [{"role": "user", "content": "over http"}]});
        let answer = send_with(hyper::Method::POST, &url, &headers, Some(body.to_string()));
        let answer = answer.await.unwrap();
        assert!(answer.status == 200 && answer.body.contains("http"), "{answer:?}");
        let run = over(&mut reader, &key).await;
        let told = steps(&reader, &run);
        let expected = [
            "agent start",
            "sessions.changed start",
            "agent assistant",
            "chat delta",
            "agent end",
            "chat final",
            "sessions.changed end",
        ];
        assert_eq!(told, expected, "stream {stream}");
        let last = reader.end_of(&run).await;
        assert_eq!(
            (&last["sessionKey"], &last["agentId"], &last["stopReason"]),
            (&json!(key), &json!("main"), &json!("stop"))
        );
        assert_eq!(last["message"]["content"][0]["text"], "echo: over http");
        let said = messages(&reader, &key);
        assert_eq!((said.len(), &said[0]["role"]), (2, &json!("user")), "{said:?}");
    }
    settled(&mut stranger).await;
    let heard: Vec<_> = stranger.seen.iter().filter(|frame| frame["type"] == "event").collect();
    assert!(heard.iter().all(|frame| frame["payload"].get("runId").is_none()), "{heard:?}");
    // Straight to a model: there is no turn, and nothing to tell.
    let before = reader.seen.len();
    let body = json!({"model": "fake/echo", "messages": [{"role": "user", "content": "raw"}]});
    assert_eq!(post(&url, Some(GATEWAY_TOKEN), &body).await.unwrap().status, 200);
    settled(&mut reader).await;
    let since = &reader.seen[before..];
    assert!(since.iter().all(|frame| frame["payload"].get("runId").is_none()), "{since:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_whose_client_leaves_or_whose_model_fails_has_an_end() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let mut reader = Connection::open(&home, READ).await;
    reader.call("sessions.subscribe", json!({})).await.unwrap();
    let url = format!("{}/v1/responses", gateway.base());
    let ask = |user: &str| json!({"model": "openclaw", "user": user, "input": "hello"});
    model.set_mode(Mode::Hang);
    let body = ask("leaver");
    let leaving = {
        let url = url.clone();
        tokio::spawn(async move { post(&url, Some(GATEWAY_TOKEN), &body).await.is_ok() })
    };
    let key = "agent:main:openresponses-user:leaver";
    reader.until(|frame| frame["payload"]["phase"] == "start" && frame["payload"]["sessionKey"] == key).await;
    leaving.abort();
    let run = over(&mut reader, key).await;
    let last = reader.end_of(&run).await;
    assert_eq!((&last["state"], &last["stopReason"]), (&json!("aborted"), &json!("disconnect")));
    model.set_mode(Mode::ContextOverflow);
    assert_eq!(post(&url, Some(GATEWAY_TOKEN), &ask("unlucky")).await.unwrap().status, 400);
    let run = over(&mut reader, "agent:main:openresponses-user:unlucky").await;
    let last = reader.end_of(&run).await;
    assert_eq!((&last["state"], &last["errorKind"]), (&json!("error"), &json!("context_length")));
    assert_eq!(steps(&reader, &run).last().unwrap(), "sessions.changed error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_a_hook_begins_is_told() {
    let model = model().await;
    let mut config = model_only(&model);
    config["hooks"] = json!({"enabled": true, "token": "e2e-hook-token-0123456789abcdef"});
    let home = Home::new(config);
    let gateway = home.start().await;
    let mut reader = Connection::open(&home, READ).await;
    let url = format!("{}/hooks/agent", gateway.base());
    let body = json!({"message": "from outside", "waitForCompletion": true});
    let answer = post(&url, Some("e2e-hook-token-0123456789abcdef"), &body).await.unwrap().json();
    let run = answer["runId"].as_str().unwrap();
    let last = reader.end_of(run).await;
    assert_eq!(last["state"], "final");
    // It did not ask for the sessions.
    assert_eq!(
        steps(&reader, run),
        ["agent start", "agent assistant", "chat delta", "agent end", "chat final"]
    );
    assert!(!reader.seen.iter().any(|frame| frame["event"] == "session.message"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_of_a_channel_is_told_to_those_who_follow_its_session() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    let key = "agent:main:main";
    let mut follower = Connection::open(&home, READ).await;
    follower.call("sessions.messages.subscribe", json!({"key": key})).await.unwrap();
    follower.call("sessions.subscribe", json!({})).await.unwrap();
    let mut lister = Connection::open(&home, READ).await;
    lister.call("sessions.subscribe", json!({})).await.unwrap();
    let mut reader = Connection::open(&home, READ).await;
    telegram.say(TOKEN, &Talker::private(777_001, "ada_l"), "over the channel");
    let run = over(&mut follower, key).await;
    assert!(run.starts_with("inbound-"), "{run}");
    let told = steps(&follower, &run);
    let expected = [
        "agent start",
        "sessions.changed start",
        "chat delta",
        "agent end",
        "chat final",
        "sessions.changed end",
    ];
    assert_eq!(told, expected);
    let said = messages(&follower, key);
    assert_eq!(said.len(), 2);
    assert_eq!(said[1]["content"][0]["text"].as_str().unwrap().split(':').next(), Some("echo"));
    // Whoever follows the list of sessions reads the messages, but not each word; everybody else hears nothing.
    over(&mut lister, key).await;
    assert_eq!(steps(&lister, &run), ["sessions.changed start", "sessions.changed end"]);
    assert_eq!(messages(&lister, key).len(), 2);
    settled(&mut reader).await;
    assert_eq!(steps(&reader, &run), Vec::<String>::new());
    assert!(messages(&reader, key).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_its_session_begins_a_turn() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut admin = Connection::open(&home, &["operator.admin"]).await;
    admin.call("sessions.subscribe", json!({})).await.unwrap();
    let told = json!({"ok": true});
    // Without a session it waits, as where the original has no heartbeats.
    let wake = |text: &str| json!({"mode": "now", "text": text});
    assert_eq!(admin.call("wake", wake("for later")).await.unwrap(), told);
    let mut named = wake("the door opens");
    named["sessionKey"] = json!("agent:main:door");
    assert_eq!(admin.call("wake", named.clone()).await.unwrap(), told);
    let run = over(&mut admin, "agent:main:door").await;
    assert_eq!(admin.end_of(&run).await["state"], "final");
    let heard = model.chats();
    assert_eq!(heard.len(), 1);
    let heard = heard[0].body["messages"].to_string();
    assert!(heard.contains("the door opens") && heard.contains("NO_REPLY") && !heard.contains("later"));
    let status = admin.call("status", json!({})).await.unwrap();
    assert_eq!(status["queuedSystemEvents"], json!(["for later"]));
    // Events that come while a turn waits are read by it.
    model.script([Mode::Chunks { count: 4, delay_ms: 100 }, Mode::Echo]);
    let busy = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "busy"});
    admin.call("chat.send", busy).await.unwrap();
    assert!(model.wait_for(2, SOON).await);
    for text in ["one", "two", "three"] {
        let event = json!({"text": text, "wake": true});
        assert_eq!(admin.call("system-event", event).await.unwrap(), told);
    }
    assert!(model.wait_for(3, SOON).await);
    let heard = model.chats()[2].body["messages"].as_array().unwrap().last().unwrap().to_string();
    assert!(["one", "two", "three"].iter().all(|text| heard.contains(text)), "{heard}");
    // Whoever wants none of this says so.
    let off = admin.call("set-heartbeats", json!({"enabled": false})).await.unwrap();
    assert_eq!(off, json!({"ok": true, "enabled": false}));
    assert_eq!(admin.call("wake", named).await.unwrap(), told);
    let talk = admin.talk("agent:main:door", "who is there?", "talk").await;
    assert_eq!(talk["state"], "final");
    assert_eq!(model.chats().len(), 4);
    let heard = model.chats()[3].body["messages"].as_array().unwrap().last().unwrap().to_string();
    assert!(heard.contains("the door opens") && heard.contains("who is there?"), "{heard}");
    let refused = json!({"mode": "now", "text": "x", "sessionKey": "agent:main:subagent:x"});
    assert_eq!(admin.refused("wake", refused).await, "wake sessionKey cannot target a subagent session");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reports_is_present_for_a_while() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut admin = Connection::open(&home, &["operator.admin"]).await;
    let line = "Node: mac (10.0.0.2) · app 1.2 · last input 7s ago · mode local · reason launch";
    let told = json!({"ok": true});
    let mut report = json!({"text": line, "instanceId": "I-1", "platform": "macos", "roles": ["node"]});
    assert_eq!(admin.call("system-event", report.clone()).await.unwrap(), told);
    let is_there = |frame: &Value| {
        let present = frame["payload"]["presence"].as_array();
        frame["event"] == "presence" && present.unwrap().iter().any(|entry| entry["instanceId"] == "I-1")
    };
    admin.until(is_there).await;
    report["reason"] = json!("crash");
    assert_eq!(admin.call("system-event", report.clone()).await.unwrap(), told);
    let list = admin.call("system-presence", json!({})).await.unwrap();
    let found: Vec<_> = list.as_array().unwrap().iter().filter(|entry| entry["host"] == "mac").collect();
    assert_eq!(found.len(), 1, "{list}");
    let mut expected = json!({"host": "mac", "ip": "10.0.0.2", "version": "1.2", "mode": "local", "text": line,
        "lastInputSeconds": 7, "reason": "crash", "instanceId": "I-1", "platform": "macos", "roles": ["node"]});
    expected["ts"] = found[0]["ts"].clone();
    assert_eq!(*found[0], expected);
    // The main session reads what is new, and nothing for a report that says the same.
    admin.call("system-event", report).await.unwrap();
    let status = admin.call("status", json!({})).await.unwrap();
    let first = "Node: mac (10.0.0.2) · app 1.2 · mode local";
    assert_eq!(status["queuedSystemEvents"], json!([first, "reason crash"]));
    let wake = json!({"text": line, "wake": true});
    let refused = admin.refused("system-event", wake).await;
    assert_eq!(refused, "wake is not supported for node presence events");
}
