//! Conversations over the WebSocket of the real binary: messages answered by events, the end of an answer on request, what is
//! stored, and what people decide about sessions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use openclaw_e2e::control::Connection;
use openclaw_e2e::{Home, SOON, TOKEN, eventually, fakes, model, model_only, open};
use openclaw_fakes::Mode;
use serde_json::{Value, json};

const KEY: &str = "agent:main:talk";
const ADMIN: &[&str] = &["operator.admin"];

fn said(message: &Value) -> &str {
    message["content"][0]["text"].as_str().unwrap_or_default()
}

/// Fails on keys that the published schema of a `chat` event does not have.
fn judge_chat(event: &Value) {
    let common = ["runId", "sessionKey", "agentId", "seq", "state"];
    let own: &[&str] = match event["state"].as_str().unwrap() {
        "status" => &["phase"],
        "delta" => &["message", "deltaText"],
        "final" => &["message", "usage", "stopReason"],
        "aborted" => &["message", "errorMessage", "stopReason"],
        "error" => &["message", "errorMessage", "errorKind", "errorDetail", "usage", "stopReason"],
        state => panic!("unknown state {state}"),
    };
    for key in event.as_object().unwrap().keys() {
        assert!(common.contains(&key.as_str()) || own.contains(&key.as_str()), "{key} in {event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_by_events_and_stored() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    assert_eq!(client.call("sessions.subscribe", json!({})).await.unwrap(), json!({"subscribed": true}));
    let follow = client.call("sessions.messages.subscribe", json!({"key": KEY})).await.unwrap();
    assert_eq!(follow, json!({"subscribed": true, "key": KEY}));
    model.set_mode(Mode::Chunks { count: 8, delay_ms: 50 });
    let last = client.talk(KEY, "hello", "run-1").await;
    assert_eq!((&last["state"], &last["stopReason"]), (&json!("final"), &json!("stop")));
    let ended = |frame: &Value| frame["event"] == "sessions.changed" && frame["payload"]["phase"] == "end";
    let changed = client.until(ended).await["payload"].clone();
    assert_eq!((&changed["runId"], &changed["session"]["key"]), (&json!("run-1"), &json!(KEY)));
    assert_eq!((&changed["hasActiveRun"], changed.get("status")), (&json!(false), None), "{changed}");

    let chats = client.told("chat", "run-1");
    chats.iter().for_each(|event| judge_chat(event));
    let states: Vec<_> = chats.iter().map(|chat| chat["state"].as_str().unwrap()).collect();
    assert_eq!(
        (&states[..2], states.last()),
        (["status", "status"].as_slice(), Some(&"final")),
        "{states:?}"
    );
    let deltas: Vec<_> = chats.iter().filter(|chat| chat["state"] == "delta").collect();
    assert!((2..8).contains(&deltas.len()), "400 ms of pieces in events that are 150 ms apart: {states:?}");
    let whole: String = deltas.iter().map(|delta| delta["deltaText"].as_str().unwrap()).collect();
    assert_eq!(
        (said(&deltas.last().unwrap()["message"]), said(&last["message"])),
        (whole.as_str(), whole.as_str())
    );
    let seqs: Vec<_> = chats.iter().map(|chat| chat["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted(), "{seqs:?}");
    let steps: Vec<_> = client
        .told("agent", "run-1")
        .iter()
        .map(|event| (event["stream"].as_str().unwrap(), event["data"]["phase"].as_str().unwrap_or_default()))
        .collect();
    let begun = steps.iter().position(|step| *step == ("lifecycle", "start")).unwrap();
    let spoke = steps.iter().position(|step| *step == ("assistant", "")).unwrap();
    assert!(begun < spoke && steps.last() == Some(&("lifecycle", "end")), "{steps:?}");

    let stored: Vec<_> = client
        .seen
        .iter()
        .filter(|frame| frame["event"] == "session.message")
        .map(|frame| &frame["payload"])
        .collect();
    assert_eq!(stored.len(), 2);
    assert_eq!((&stored[0]["message"]["content"], &stored[0]["messageSeq"]), (&json!("hello"), &json!(1)));
    let id = stored[1]["messageId"].clone();
    let page = client.call("chat.history", json!({"sessionKey": KEY, "limit": 1})).await.unwrap();
    assert_eq!(
        (&page["totalMessages"], &page["hasMore"], &page["nextOffset"]),
        (&json!(2), &json!(true), &json!(1))
    );
    assert_eq!((said(&page["messages"][0]), &page["messages"][0]["__openclaw"]["id"]), (whole.as_str(), &id));
    assert_eq!(
        (&page["sessionInfo"]["model"], &page["defaults"]["modelProvider"]),
        (&json!("echo"), &json!("fake"))
    );
    let one = client.call("chat.message.get", json!({"sessionKey": KEY, "messageId": id})).await.unwrap();
    assert_eq!((&one["ok"], said(&one["message"])), (&json!(true), whole.as_str()));
    let none = client.call("chat.message.get", json!({"sessionKey": KEY, "messageId": "999"})).await.unwrap();
    assert_eq!(none, json!({"ok": false, "unavailableReason": "not_found"}));
    let waited = client.call("agent.wait", json!({"runId": "run-1"})).await.unwrap();
    assert_eq!((&waited["status"], &waited["stopReason"]), (&json!("ok"), &json!("stop")));

    // The same again is the same run; the key means nothing else.
    let again = json!({"sessionKey": KEY, "message": "hello", "idempotencyKey": "run-1"});
    assert_eq!(client.call("chat.send", again).await.unwrap(), json!({"runId": "run-1", "status": "ok"}));
    let elsewhere = json!({"sessionKey": "agent:main:other", "message": "hello", "idempotencyKey": "run-1"});
    let expected = "idempotency key is already bound to a different message route";
    assert_eq!(client.refused("chat.send", elsewhere).await, expected);
    assert_eq!(model.chats().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_become_a_turn_is_refused() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    let with = |more: Value| {
        let mut params = json!({"sessionKey": KEY, "message": "hi", "idempotencyKey": "k"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    for (more, expected) in [
        (json!({"message": "  "}), "message or attachment required"),
        (json!({"attachments": [{"type": "image", "content": "aGk="}]}), "attachments are not supported"),
        (json!({"thinking": "hard"}), "invalid thinkingLevel \"hard\" (use off|minimal|"),
        (json!({"toolBindings": {"a": {}}}), "chat.send: toolBindings is not supported"),
        (json!({"deliver": true}), "deliver needs `originatingChannel` and `originatingTo`"),
        (json!({"agentId": "nobody"}), "agentId \"nobody\" does not match session key"),
        (json!({"sessionKey": "agent:nobody:main"}), "unknown agent: nobody"),
        (json!({"bogus": 1}), "invalid chat.send params: at root: unexpected property 'bogus'"),
        (json!({"expectedLeafEntryId": "7"}), "active branch changed; review and retry"),
    ] {
        let message = client.refused("chat.send", with(more)).await;
        assert!(message.starts_with(expected), "{message}");
    }
    let bad = client.refused("sessions.list", json!({"limit": "x"})).await;
    assert_eq!(bad, "invalid sessions.list params: at /limit: must be integer");
    assert_eq!(
        client.refused("chat.inject", json!({"sessionKey": KEY, "message": "x"})).await,
        "missing scope: operator.admin"
    );
    let mut reader = Connection::open(&home, &["operator.read"]).await;
    assert_eq!(reader.refused("chat.send", with(json!({}))).await, "missing scope: operator.write");
    assert_eq!(model.chats().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_ended_on_request_and_the_lane_is_free() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    model.script([Mode::Chunks { count: 1_000, delay_ms: 20 }, Mode::Echo]);
    let params = json!({"sessionKey": KEY, "message": "slow one", "idempotencyKey": "slow"});
    client.call("chat.send", params.clone()).await.unwrap();
    client.until(|frame| frame["event"] == "chat" && frame["payload"]["state"] == "delta").await;
    // One that waits behind it is ended where it waits.
    let behind = json!({"sessionKey": KEY, "message": "behind", "idempotencyKey": "behind"});
    client.call("chat.send", behind).await.unwrap();
    assert_eq!(
        client.call("chat.send", params).await.unwrap(),
        json!({"runId": "slow", "status": "in_flight"})
    );
    let now = client.call("chat.history", json!({"sessionKey": KEY})).await.unwrap();
    assert_eq!(now["inFlightRun"]["runId"], "behind");
    let other = json!({"sessionKey": "agent:main:other", "runId": "slow"});
    assert_eq!(client.refused("chat.abort", other).await, "runId does not match sessionKey");

    let begun = Instant::now();
    let ended = client.call("chat.abort", json!({"sessionKey": KEY, "runId": "behind"})).await.unwrap();
    assert_eq!(ended, json!({"ok": true, "aborted": true, "runIds": ["behind"]}));
    let ended = client.call("chat.abort", json!({"sessionKey": KEY})).await.unwrap();
    assert_eq!(ended, json!({"ok": true, "aborted": true, "runIds": ["slow"]}));
    assert!(begun.elapsed() < Duration::from_secs(1));
    let last = client.end_of("slow").await;
    judge_chat(&last);
    assert_eq!((&last["state"], &last["stopReason"]), (&json!("aborted"), &json!("rpc")));
    assert!(!said(&last["message"]).is_empty(), "what was written is kept: {last}");
    let told = client.seen.iter().position(|frame| frame["payload"] == last).unwrap();
    let answered = client.seen.iter().position(|frame| frame["payload"] == ended).unwrap();
    assert!(told < answered, "the event comes before the answer");
    assert_eq!(said(&client.talk(KEY, "next", "next").await["message"]), "echo: next");
    let history = client.call("chat.history", json!({"sessionKey": KEY})).await.unwrap();
    assert_eq!(history["totalMessages"], 2, "nothing of an aborted turn is stored: {history}");
    let nothing = client.call("chat.abort", json!({"sessionKey": KEY})).await.unwrap();
    assert_eq!(nothing, json!({"ok": true, "aborted": false, "runIds": []}));

    // A word that ends turns, and a message that takes the place of one.
    model.script([Mode::Hang, Mode::Hang, Mode::Echo]);
    let send =
        |run: &str, message: &str| json!({"sessionKey": KEY, "message": message, "idempotencyKey": run});
    client.call("chat.send", send("a", "hang")).await.unwrap();
    assert!(model.wait_for(3, SOON).await);
    let stopped = client.call("chat.send", send("b", "please stop!")).await.unwrap();
    assert_eq!(stopped, json!({"ok": true, "aborted": true, "runIds": ["a"]}));
    assert_eq!(client.end_of("a").await["stopReason"], "stop");
    client.call("chat.send", send("c", "hang")).await.unwrap();
    assert!(model.wait_for(4, SOON).await);
    let mut instead = send("d", "instead");
    instead["queueMode"] = json!("interrupt");
    let ack = client.call("chat.send", instead).await.unwrap();
    assert_eq!(ack, json!({"runId": "d", "status": "started", "interruptedActiveRun": true}));
    assert_eq!(
        (&client.end_of("c").await["state"], said(&client.end_of("d").await["message"])),
        (&json!("aborted"), "echo: instead")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_a_kind() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    let overflow = Mode::ContextOverflow;
    for (mode, kind, status) in
        [(overflow, "context_length", 400), (Mode::RateLimited { retry_after: None }, "rate_limit", 429)]
    {
        model.set_mode(mode);
        let last = client.talk(KEY, "hi", kind).await;
        judge_chat(&last);
        assert_eq!((&last["state"], &last["errorKind"]), (&json!("error"), &json!(kind)), "{last}");
        let detail = &last["errorDetail"];
        assert_eq!((&detail["provider"], &detail["httpStatus"]), (&json!("fake"), &json!(status)), "{last}");
        assert!(!last["errorMessage"].as_str().unwrap().is_empty());
        let steps = client.told("agent", kind);
        assert_eq!(steps.last().unwrap()["data"]["phase"], "error");
    }
    let waited = client.call("agent.wait", json!({"runId": "rate_limit"})).await.unwrap();
    assert_eq!(waited["status"], "error");
    let refused = home_with(Mode::Unauthorized).await;
    assert_eq!(
        (&refused["errorKind"], &refused["errorDetail"]["httpStatus"]),
        (&json!("unknown"), &json!(401))
    );
}

/// The last `chat` event of a turn whose model answers so.
async fn home_with(mode: Mode) -> Value {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    model.set_mode(mode);
    Connection::open(&home, &["operator.write"]).await.talk(KEY, "hi", "run").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_goes_on_when_its_client_has_gone() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    model.set_mode(Mode::Late { delay_ms: 300 });
    let params = json!({"sessionKey": KEY, "message": "bye", "idempotencyKey": "late"});
    client.call("chat.send", params).await.unwrap();
    drop(client);
    let mut later = Connection::open(&home, &["operator.write"]).await;
    assert_eq!(later.call("agent.wait", json!({"runId": "late"})).await.unwrap()["status"], "ok");
    let history = later.call("chat.history", json!({"sessionKey": KEY})).await.unwrap();
    assert_eq!(said(&history["messages"][1]), "echo: bye");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_answers_twice_on_the_same_id() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    let params = json!({"message": "hello", "sessionKey": KEY, "idempotencyKey": "a1", "deliver": false});
    let accepted = client.call("agent", params.clone()).await.unwrap();
    assert_eq!((&accepted["runId"], &accepted["status"]), (&json!("a1"), &json!("accepted")));
    assert!(accepted["acceptedAt"].as_u64() > Some(0) && accepted["agentId"] == "main");
    let done =
        client.until(|frame| frame["type"] == "res" && frame["payload"]["summary"] == "completed").await;
    assert_eq!(done["id"], "r2", "on the request's id");
    let done = &done["payload"];
    assert_eq!(done["result"]["payloads"], json!([{"text": "echo: hello", "mediaUrl": null}]));
    let meta = &done["result"]["meta"];
    assert_eq!((&meta["agentMeta"]["provider"], &meta["stopReason"]), (&json!("fake"), &json!("stop")));
    assert!(meta["agentMeta"]["usage"]["total"].as_u64() > Some(0) && meta["durationMs"].is_u64());
    let again = client.call("agent", params).await.unwrap();
    assert_eq!(&again, done, "a repetition is answered once, with the first answer");
    let elsewhere = json!({"message": "hello", "sessionKey": "agent:main:b", "idempotencyKey": "a1"});
    assert!(client.refused("agent", elsewhere).await.starts_with("idempotency key is already bound"));
    for more in [json!({"model": "fake/echo"}), json!({"message": "/new"})] {
        let mut params = json!({"message": "hi", "idempotencyKey": "a2"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(client.refused("agent", params).await, "missing scope: operator.admin");
    }
    let cwd = json!({"message": "hi", "idempotencyKey": "a3", "cwd": "/tmp"});
    assert!(client.refused("agent", cwd).await.starts_with("agent: cwd is not supported"));
    let agents = client.call("agents.list", json!({})).await.unwrap();
    assert_eq!((&agents["defaultId"], &agents["agents"][0]["id"]), (&json!("main"), &json!("main")));
    let who = client.call("agent.identity.get", json!({})).await.unwrap();
    assert_eq!(who, json!({"agentId": "main", "name": "main", "nameSource": "agent", "avatar": "M"}));
    let metadata = client.call("chat.metadata", json!({})).await.unwrap();
    assert_eq!(metadata["models"][0]["id"], "echo");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_named_found_cut_and_forgotten() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, ADMIN).await;
    let made = client
        .call(
            "sessions.create",
            json!({"key": KEY, "label": "Talk", "message": "first words", "idempotencyKey": "c"}),
        )
        .await
        .unwrap();
    assert_eq!(
        (&made["runId"], &made["runStarted"], &made["entry"]["label"]),
        (&json!("c"), &json!(true), &json!("Talk"))
    );
    client.end_of("c").await;
    client.talk("agent:main:main", "other words", "m").await;
    let taken = json!({"key": "main", "label": "Talk"});
    assert_eq!(client.refused("sessions.patch", taken).await, "label already in use: Talk");
    let list = client
        .call("sessions.list", json!({"includeLastMessage": true, "includeDerivedTitles": true}))
        .await
        .unwrap();
    assert_eq!(
        (&list["count"], &list["hasMore"], &list["defaults"]["model"]),
        (&json!(2), &json!(false), &json!("echo"))
    );
    let rows = list["sessions"].as_array().unwrap();
    let keys: Vec<_> = rows.iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["agent:main:main", KEY]);
    assert_eq!(
        (&rows[1]["derivedTitle"], &rows[1]["lastMessagePreview"]),
        (&json!("first words"), &json!("echo: first words"))
    );
    assert_eq!(
        (&rows[0]["isMain"], &rows[0]["kind"], &rows[0]["modelProvider"]),
        (&json!(true), &json!("direct"), &json!("fake"))
    );
    assert!(rows[0]["totalTokens"].as_u64() > Some(0));
    let found = client.call("sessions.list", json!({"search": "tALK", "limit": 1})).await.unwrap();
    assert_eq!((&found["sessions"][0]["key"], &found["limitApplied"]), (&json!(KEY), &json!(1)));
    let key = client.call("sessions.resolve", json!({"label": "Talk"})).await.unwrap();
    assert_eq!(key, json!({"ok": true, "key": KEY, "agentId": "main"}));
    assert_eq!(
        client.refused("sessions.resolve", json!({"key": "agent:main:nobody"})).await,
        "No session found: agent:main:nobody"
    );
    let missing = json!({"key": "agent:main:nobody", "allowMissing": true});
    assert_eq!(client.call("sessions.resolve", missing).await.unwrap(), json!({"ok": false}));
    let preview = client.call("sessions.preview", json!({"keys": [KEY, "agent:main:nobody"]})).await.unwrap();
    assert_eq!(preview["previews"][0]["items"][0], json!({"role": "user", "text": "first words"}));
    assert_eq!(preview["previews"][1]["status"], "missing");
    let hit = client.call("sessions.search", json!({"query": "FIRST"})).await.unwrap();
    assert_eq!(
        (&hit["results"][1]["sessionKey"], &hit["results"][1]["snippet"]),
        (&json!(KEY), &json!("first words"))
    );
    let usage = client.call("sessions.usage", json!({"range": "7d"})).await.unwrap();
    assert_eq!(usage["aggregates"]["messages"]["assistant"], 2, "{usage}");
    assert!(usage["totals"]["totalTokens"].as_u64() > Some(0));

    // A model of its own, until that is taken back.
    let patched = client.call("sessions.patch", json!({"key": KEY, "model": "fake/other"})).await.unwrap();
    assert_eq!(
        (&patched["entry"]["providerOverride"], &patched["entry"]["modelOverride"]),
        (&json!("fake"), &json!("other"))
    );
    client.talk(KEY, "with another", "o").await;
    assert_eq!(model.chats().last().unwrap().body["model"], "other");
    client.call("sessions.patch", json!({"key": KEY, "model": null})).await.unwrap();
    client.talk(KEY, "as before", "p").await;
    assert_eq!(model.chats().last().unwrap().body["model"], "echo");
    let refused = client.refused("sessions.patch", json!({"key": KEY, "elevatedLevel": "full"})).await;
    assert!(refused.starts_with("sessions.patch: elevatedLevel is not supported"), "{refused}");

    let injected = client
        .call("chat.inject", json!({"sessionKey": KEY, "message": "by the way", "label": "cron"}))
        .await
        .unwrap();
    assert_eq!(injected["ok"], true);
    let cut = client.call("sessions.compact", json!({"key": KEY, "maxLines": 2})).await.unwrap();
    assert_eq!(cut, json!({"ok": true, "key": KEY, "compacted": true, "kept": 2}));
    let kept = client.call("sessions.get", json!({"key": KEY})).await.unwrap();
    assert_eq!(said(&kept["messages"][1]), "[cron]\n\nby the way");
    client.talk(KEY, "after the cut", "q").await;
    let heard = model.chats().last().unwrap().body["messages"].to_string();
    assert!(heard.contains("by the way") && !heard.contains("first words"), "{heard}");
    let before = client.call("sessions.describe", json!({"key": KEY})).await.unwrap();
    let anew = client.call("sessions.reset", json!({"key": KEY})).await.unwrap();
    assert_ne!(anew["entry"]["sessionId"], before["session"]["sessionId"]);
    assert_eq!(anew["entry"]["label"], "Talk");

    // Putting away is anybody's who may write; forgetting what was not put away is not.
    let mut writer = Connection::open(&home, &["operator.write"]).await;
    assert_eq!(writer.refused("sessions.delete", json!({"key": KEY})).await, "missing scope: operator.admin");
    let only = json!({"key": KEY, "archivedOnly": true});
    assert!(writer.refused("sessions.delete", only.clone()).await.ends_with("is not archived"));
    writer.call("sessions.patch", json!({"key": KEY, "archived": true})).await.unwrap();
    let list = writer.call("sessions.list", json!({})).await.unwrap();
    assert_eq!(list["count"], 1);
    assert_eq!(
        writer.call("sessions.list", json!({"archived": true})).await.unwrap()["sessions"][0]["key"],
        KEY
    );
    let gone = writer.call("sessions.delete", only).await.unwrap();
    assert_eq!(gone, json!({"ok": true, "key": KEY, "deleted": true, "archived": []}));
    assert_eq!(
        writer.call("sessions.describe", json!({"key": KEY})).await.unwrap(),
        json!({"session": null})
    );
    assert!(
        client
            .refused("sessions.delete", json!({"key": "main"}))
            .await
            .starts_with("Cannot delete the main session")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sends_with_one_key_send_once() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    assert!(telegram.wait_for_poll(TOKEN, 4 * SOON).await);
    let mut client = Connection::open(&home, &["operator.write"]).await;
    let params = json!({"to": "777001", "message": "once", "channel": "telegram", "idempotencyKey": "same"});
    // More than a connection may have under way at once would be refused as busy: two connections share them.
    let mut other = Connection::open(&home, &["operator.write"]).await;
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push((client.ask("send", params.clone()).await, other.ask("send", params.clone()).await));
    }
    let mut answers = Vec::new();
    for (one, two) in ids {
        answers.push(client.until(|frame| frame["id"] == one.as_str()).await["payload"].clone());
        answers.push(other.until(|frame| frame["id"] == two.as_str()).await["payload"].clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((&answers[0]["runId"], &answers[0]["chatId"]), (&json!("same"), &json!("777001")));
    assert_eq!(telegram.messages(TOKEN).len(), 1);
    let mut elsewhere = params.clone();
    elsewhere["to"] = json!("777002");
    let expected = "idempotency key is already bound to a different message route";
    assert_eq!(client.refused("send", elsewhere).await, expected);
    let media = json!({"to": "1", "mediaUrl": "http://x/y.png", "idempotencyKey": "m"});
    assert!(client.refused("send", media).await.starts_with("send: mediaUrl is not supported"));
    let webchat = json!({"to": "1", "message": "x", "channel": "webchat", "idempotencyKey": "w"});
    assert!(
        client.refused("send", webchat).await.starts_with("unsupported channel: webchat (internal-only).")
    );
    let poll = json!({"to": "1", "question": "q", "options": ["a", "b"], "idempotencyKey": "p"});
    assert!(client.refused("poll", poll).await.starts_with("unsupported poll channel: telegram"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_and_the_control_plane_share_a_session() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    assert!(telegram.wait_for_poll(TOKEN, 4 * SOON).await);
    let mut client = Connection::open(&home, &["operator.write"]).await;
    client.talk("main", "from the control plane", "one").await;
    assert_eq!(telegram.messages(TOKEN).len(), 0, "nothing is delivered unasked");
    let ada = openclaw_fakes::Talker::private(777_001, "ada_l");
    telegram.say(TOKEN, &ada, "from the channel");
    eventually("the reply", async || telegram.messages(TOKEN).len() == 1).await;
    let heard = model.chats().last().unwrap().body["messages"].to_string();
    assert!(heard.contains("from the control plane") && heard.contains("from the channel"), "{heard}");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(history["totalMessages"], 4);
    let params = json!({"sessionKey": "main", "message": "tell them", "idempotencyKey": "two", "deliver": true,
        "originatingChannel": "telegram", "originatingTo": "777001"});
    client.call("chat.send", params).await.unwrap();
    eventually("the delivery", async || telegram.messages(TOKEN).len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_session_is_told_of_an_undone_edit() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let good = std::fs::read_to_string(home.config_path()).unwrap();
    std::fs::write(home.config_path(), good.replace("\"loopback\"", "\"nowhere\"")).unwrap();
    eventually("the restore", async || home.log().contains("Config auto-restored from last-known-good"))
        .await;
    let mut client = Connection::open(&home, &["operator.write"]).await;
    client.talk("main", "what happened?", "one").await;
    let heard = model.chats().last().unwrap().body["messages"].to_string();
    assert!(
        heard.contains("System: [") && heard.contains("the last good configuration was put back"),
        "{heard}"
    );
    client.talk("agent:main:other", "and here?", "two").await;
    assert!(!model.chats().last().unwrap().body["messages"].to_string().contains("System: ["));
}
