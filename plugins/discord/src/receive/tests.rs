//! The loop against scripted arrivals.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a document that is made in place reads better without a borrow"
)]

use openclaw_sdk::channel::FailureKind;
use openclaw_sdk::http::ErrorKind;
use openclaw_sdk::inbound::Admission;
use serde_json::{Value, json};

use super::*;
use crate::fake::{Arrivals, Fake, until_idle};

fn gateway() -> Value {
    json!({"url": "wss://gateway.discord.gg", "shards": 1,
        "session_start_limit": {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}})
}

fn hello() -> Value {
    json!({"op": 10, "d": {"heartbeat_interval": 41_250}})
}

fn dispatch(sequence: u64, event: &str, d: Value) -> Value {
    let mut frame = json!({"op": 0, "s": sequence, "t": event});
    frame["d"] = d;
    frame
}

fn ready() -> Value {
    let user = json!({"id": "1000", "username": "claw", "bot": true});
    dispatch(
        1,
        "READY",
        json!({"session_id": "abc", "resume_gateway_url": "wss://us-east1.discord.gg", "user": user}),
    )
}

fn message(sequence: u64, changes: Value) -> Value {
    let mut message = json!({"id": (sequence + 100).to_string(), "channel_id": "20", "guild_id": "10", "channel_type": 0,
        "content": format!("text {sequence}"), "author": {"id": "7", "username": "ada"}});
    for (key, value) in changes.as_object().unwrap() {
        message[key] = value.clone();
    }
    dispatch(sequence, "MESSAGE_CREATE", message)
}

/// Everything up to READY on socket 1.
fn begun() -> (Fake, Arrivals) {
    let arrivals = Arrivals::default().frame(1, &hello()).frame(1, &ready());
    (Fake::default().says(gateway()).opens(Ok(1)), arrivals)
}

fn receive(fake: &Fake, mut arrivals: Arrivals, cursor: Option<Value>) -> Option<Result<(), Failure>> {
    let cursor = cursor.map(|cursor| cursor.to_string().into_bytes());
    until_idle(run(fake, &mut arrivals, &Rest::new(), &Config::default(), cursor.as_deref()))
}

fn texts(fake: &Fake) -> Vec<String> {
    fake.admitted().into_iter().map(|(message, _)| message.text).collect()
}

#[test]
fn messages_are_admitted_with_their_place() {
    let (fake, arrivals) = begun();
    let arrivals = arrivals.frame(1, &message(2, json!({}))).frame(1, &message(3, json!({})));
    assert!(receive(&fake, arrivals, None).is_none());
    assert_eq!(fake.paths(), ["GET /gateway/bot"]);
    assert_eq!(fake.opened(), [Some("gateway.discord.gg".to_owned())]);
    assert_eq!(fake.frames()[0].1["op"], 2);
    assert_eq!(texts(&fake), ["text 2", "text 3"]);
    let expected = json!({"sessionId": "abc", "resumeUrl": "wss://us-east1.discord.gg", "sequence": 2,
        "botId": "1000", "botName": "claw"});
    assert_eq!(fake.admitted()[0].1, expected);
}

#[test]
fn a_broken_connection_is_resumed_at_the_address_of_the_session() {
    let (fake, arrivals) = begun();
    let fake = fake.opens(Ok(2));
    let arrivals = arrivals
        .closed(1, None)
        .frame(1, &message(9, json!({"content": "of a socket that is gone"})))
        .timer("connect")
        .frame(2, &hello())
        .frame(2, &message(2, json!({})))
        .frame(2, &dispatch(3, "RESUMED", json!({})));
    receive(&fake, arrivals, None);
    assert_eq!(fake.opened()[1].as_deref(), Some("us-east1.discord.gg"));
    assert_eq!(fake.frames()[1], (2, json!({"op": 6, "d": {"token": "", "session_id": "abc", "seq": 1}})));
    assert_eq!(texts(&fake), ["text 2"]);
    assert_eq!(fake.paths().len(), 1, "a resume asks for no address");
}

#[test]
fn a_restart_goes_on_with_the_cursor() {
    let cursor = json!({"sessionId": "old", "resumeUrl": "ws://127.0.0.1:1", "sequence": 5, "botId": "1000", "botName": "claw"});
    let fake = Fake::default().opens(Ok(1));
    let arrivals =
        Arrivals::default().frame(1, &hello()).frame(1, &message(6, json!({"content": "<@1000> missed"})));
    receive(&fake, arrivals, Some(cursor));
    assert_eq!(fake.opened(), [None], "an address that is not Discord's own is the manifest's");
    assert_eq!(fake.frames()[0].1["d"]["seq"], 5);
    assert_eq!(texts(&fake), ["missed"]);
    assert!(fake.admitted()[0].0.mentions_self, "the bot knows itself without a READY");
}

#[test]
fn a_refused_token_ends_the_account() {
    let fake = Fake::default().refuses(401, 0, "401: Unauthorized");
    let failure = receive(&fake, Arrivals::default(), None).unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthorised);
    assert!(matches!(fake.states().last(), Some(Connection::AuthRequired(_))));
    let (fake, arrivals) = begun();
    let failure = receive(&fake, arrivals.closed(1, Some(4014)), None).unwrap().unwrap_err();
    assert_eq!(failure.code, "4014");
}

#[test]
fn without_the_address_the_usual_one_is_used() {
    let fake = Fake::default().fails(ErrorKind::NotSent).opens(Ok(1));
    receive(&fake, Arrivals::default().frame(1, &hello()), None);
    assert_eq!(fake.opened(), [None]);
    assert_eq!(fake.frames()[0].1["op"], 2);
}

#[test]
fn a_shutdown_keeps_the_session() {
    let (fake, arrivals) = begun();
    assert_eq!(receive(&fake, arrivals.shutdown(), None), Some(Ok(())));
    assert_eq!(fake.closed(), [(1, 4000)]);
    // Also while a socket is being opened, which here takes for ever.
    let fake = Fake::default().says(gateway());
    assert_eq!(receive(&fake, Arrivals::default().timer("heartbeat").shutdown(), None), Some(Ok(())));
}

#[test]
fn messages_of_a_thread_are_found_a_room() {
    let (fake, arrivals) = begun();
    let fake = fake.says(json!({"id": "31", "type": 11, "parent_id": "20", "name": "asked"}));
    let guild = json!({"id": "10", "channels": [], "threads": [{"id": "30", "type": 11, "parent_id": "20", "name": "known"}]});
    let in_thread = |id: &str| json!({"channel_id": id, "channel_type": 11});
    let arrivals = arrivals
        .frame(1, &dispatch(2, "GUILD_CREATE", guild))
        .frame(1, &message(3, in_thread("30")))
        .frame(1, &message(4, in_thread("31")))
        .frame(1, &message(5, in_thread("31")));
    receive(&fake, arrivals, None);
    let rooms: Vec<_> = fake.admitted().into_iter().map(|(message, _)| message.conversation).collect();
    let names: Vec<_> =
        rooms.iter().map(|room| (room.room.as_str(), room.thread.as_deref().unwrap())).collect();
    assert_eq!(names, [("20", "30"), ("20", "31"), ("20", "31")]);
    assert_eq!(fake.paths(), ["GET /gateway/bot", "GET /channels/31"], "asked for once");
}

#[test]
fn a_room_that_cannot_be_found_is_no_thread() {
    let (fake, arrivals) = begun();
    let fake = fake.fails(ErrorKind::Timeout).limits(0.7).refuses(403, 50_001, "Missing Access");
    receive(&fake, arrivals.frame(1, &message(2, json!({"channel_id": "30", "channel_type": 11}))), None);
    let (message, _) = &fake.admitted()[0];
    assert_eq!((message.conversation.room.as_str(), message.conversation.thread.as_deref()), ("30", None));
    assert_eq!(fake.slept().len(), 2);
}

#[test]
fn a_host_that_cannot_store_is_waited_for_while_heartbeats_go_on() {
    let (fake, arrivals) = begun();
    let fake = fake.admits(Err(AdmitError::Unavailable(1))).admits(Ok(Admission::Accepted));
    let arrivals = arrivals.frame(1, &message(2, json!({}))).timer("heartbeat");
    receive(&fake, arrivals, None);
    assert_eq!(texts(&fake), ["text 2"]);
    assert_eq!(fake.slept(), [50]);
    assert!(fake.frames().iter().any(|(_, frame)| frame["op"] == 1));
}

#[test]
fn a_full_queue_leaves_the_rest_with_discord() {
    let (fake, mut arrivals) = begun();
    let fake = fake.opens(Ok(2));
    for sequence in 2..=MOST_WAITING as u64 + 3 {
        arrivals = arrivals.frame(1, &message(sequence, json!({})));
    }
    receive(&fake, arrivals.timer("connect"), None);
    assert_eq!(fake.closed(), [(1, 4000)]);
    assert_eq!(texts(&fake).len(), MOST_WAITING);
    assert_eq!(fake.opened().len(), 1, "nothing is opened before the queue is empty");
    assert_eq!(fake.armed().last(), Some(&("connect".to_owned(), 1_000)));
}

#[test]
fn hidden_content_is_told_once() {
    let (fake, arrivals) = begun();
    let empty = json!({"content": ""});
    receive(&fake, arrivals.frame(1, &message(2, empty.clone())).frame(1, &message(3, empty)), None);
    assert_eq!(
        fake.lines().iter().filter(|line| line.starts_with("Message Content Intent is disabled.")).count(),
        1
    );
    assert!(fake.admitted().is_empty());
    // Who does not subscribe to it knows.
    let (fake, mut arrivals) = begun();
    arrivals = arrivals.frame(1, &message(2, json!({"content": ""})));
    let config = Config::parse(r#"{"intents": {"messageContent": false}}"#).unwrap();
    until_idle(run(&fake, &mut arrivals, &Rest::new(), &config, None));
    assert!(!fake.lines().iter().any(|line| line.contains("Message Content Intent")));
    assert_eq!(fake.states().last(), Some(&Connection::Ready));
}

#[test]
fn what_is_not_understood_is_skipped() {
    let (fake, arrivals) = begun();
    let arrivals = arrivals
        .frame(1, &dispatch(2, "MESSAGE_CREATE", json!({"content": 5})))
        .frame(1, &dispatch(3, "MESSAGE_CREATE", Value::Null))
        .frame(1, &message(4, json!({})));
    let fake = fake.admits(Err(AdmitError::Invalid("text".into())));
    receive(&fake, arrivals.frame(1, &message(5, json!({}))), None);
    assert_eq!(texts(&fake), ["text 5"]);
}

#[test]
fn hosts_of_addresses() {
    assert_eq!(
        discords_host("wss://gateway-us-east1-b.discord.gg/?v=10"),
        Some("gateway-us-east1-b.discord.gg")
    );
    for other in [
        "",
        "wss://evil.example",
        "wss://evildiscord.gg",
        "ws://gateway.discord.gg",
        "wss://discord.gg.example/",
    ] {
        assert_eq!(discords_host(other), None, "{other}");
    }
}
