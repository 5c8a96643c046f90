//! Receiving against scripted sockets.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a document that is made in place reads better without a borrow"
)]

use openclaw_sdk::channel::FailureKind;
use openclaw_sdk::events::Occurrence;
use openclaw_sdk::http::ErrorKind;
use openclaw_sdk::inbound::AdmitError;
use openclaw_sdk::websocket::MOST_WAITING;
use openclaw_sdk_test::{Act, FakeHost, Opened};
use serde_json::{Value, json};

use super::*;
use crate::script::Script;

fn gateway() -> Value {
    json!({"url": "wss://gateway.discord.gg", "shards": 1,
        "session_start_limit": {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}})
}

fn text(frame: Value) -> Act {
    Act::Text(frame.to_string())
}

fn hello() -> Act {
    text(json!({"op": 10, "d": {"heartbeat_interval": 41_250}}))
}

fn dispatch(sequence: u64, event: &str, d: Value) -> Act {
    let mut frame = json!({"op": 0, "s": sequence, "t": event});
    frame["d"] = d;
    text(frame)
}

fn ready() -> Act {
    let user = json!({"id": "1000", "username": "claw", "bot": true});
    dispatch(
        1,
        "READY",
        json!({"session_id": "abc", "resume_gateway_url": "wss://us-east1.discord.gg", "user": user}),
    )
}

fn message(sequence: u64, changes: Value) -> Act {
    let mut message = json!({"id": (sequence + 100).to_string(), "channel_id": "20", "guild_id": "10", "channel_type": 0,
        "content": format!("text {sequence}"), "author": {"id": "7", "username": "ada"}});
    for (key, value) in changes.as_object().unwrap() {
        message[key] = value.clone();
    }
    dispatch(sequence, "MESSAGE_CREATE", message)
}

/// A first socket on which the session begins and `acts` follow.
fn begun(acts: impl IntoIterator<Item = Act>) -> FakeHost {
    let acts = [hello(), ready()].into_iter().chain(acts).collect();
    FakeHost::new().says(gateway()).opens(Opened::Socket(acts))
}

/// For less time than until a heartbeat goes unanswered.
fn receive(fake: &FakeHost, cursor: Option<Value>) -> Option<Result<(), Failure>> {
    receive_for(fake, 10_000, cursor)
}

fn receive_for(fake: &FakeHost, ms: u64, cursor: Option<Value>) -> Option<Result<(), Failure>> {
    let cursor = cursor.map(|cursor| cursor.to_string().into_bytes());
    fake.run_for(ms, run(fake, &Rest::new(), &Config::default(), cursor.as_deref(), 0))
}

fn texts(fake: &FakeHost) -> Vec<String> {
    fake.admitted().into_iter().map(|admitted| admitted.message.text).collect()
}

#[test]
fn messages_are_admitted_with_their_place() {
    let fake = begun([message(2, json!({})), message(3, json!({}))]);
    assert!(receive(&fake, None).is_none());
    assert_eq!(fake.paths(), ["GET /gateway/bot"]);
    assert_eq!(fake.places(), [Some("gateway.discord.gg".to_owned())]);
    assert_eq!(fake.opened()[0].destination().query[0], ("v".to_owned(), "10".to_owned()));
    assert_eq!(fake.wired()[0].1["op"], 2);
    assert_eq!(texts(&fake), ["text 2", "text 3"]);
    let expected = json!({"sessionId": "abc", "resumeUrl": "wss://us-east1.discord.gg", "sequence": 2,
        "botId": "1000", "botName": "claw"});
    assert_eq!(fake.taken()[0].1, expected);
}

#[test]
fn a_broken_connection_is_resumed_at_the_address_of_the_session() {
    let late = message(9, json!({"content": "of a socket that is gone"}));
    let fake = begun([Act::Wait(100), Act::Close(None, "why".into()), late]);
    let replayed = vec![hello(), message(2, json!({})), dispatch(3, "RESUMED", json!({}))];
    let fake = fake.opens(Opened::Socket(replayed));
    receive(&fake, None);
    assert_eq!(fake.places()[1].as_deref(), Some("us-east1.discord.gg"));
    assert_eq!(fake.wired()[1], (2, json!({"op": 6, "d": {"token": "", "session_id": "abc", "seq": 1}})));
    assert_eq!(texts(&fake), ["text 2"]);
    assert_eq!(fake.paths().len(), 1, "a resume asks for no address");
}

#[test]
fn a_restart_goes_on_with_the_cursor() {
    let cursor = json!({"sessionId": "old", "resumeUrl": "ws://127.0.0.1:1", "sequence": 5, "botId": "1000", "botName": "claw"});
    let missed = vec![hello(), message(6, json!({"content": "<@1000> missed"}))];
    let fake = FakeHost::new().opens(Opened::Socket(missed));
    receive(&fake, Some(cursor));
    assert_eq!(fake.places(), [None], "an address that is not Discord's own is the manifest's");
    assert_eq!(fake.wired()[0].1["d"]["seq"], 5);
    assert_eq!(texts(&fake), ["missed"]);
    assert!(fake.taken()[0].0.mentions_self, "the bot knows itself without a READY");
}

#[test]
fn a_refused_token_ends_the_account() {
    let fake = FakeHost::new().refuses(401, 0, "401: Unauthorized");
    let failure = receive(&fake, None).unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthorised);
    assert!(matches!(fake.states().last(), Some(Connection::AuthRequired(_))));
    let fake = begun([Act::Close(Some(4014), "why".into())]);
    assert_eq!(receive(&fake, None).unwrap().unwrap_err().code, "4014");
}

#[test]
fn without_the_address_the_usual_one_is_used() {
    let fake = FakeHost::new().answers(500, &[], "<html>").opens(Opened::Socket(vec![hello()]));
    receive(&fake, None);
    assert_eq!(fake.places(), [None]);
    assert_eq!(fake.wired()[0].1["op"], 2);
    // Where nobody answers, the same is asked again: two waits for one network that is down are one too many.
    for silence in [ErrorKind::NotSent, ErrorKind::Timeout] {
        let fake = FakeHost::new().fails(silence).says(gateway()).opens(Opened::Socket(vec![hello()]));
        receive(&fake, None);
        assert_eq!(fake.paths(), ["GET /gateway/bot", "GET /gateway/bot"]);
        assert_eq!(fake.places(), [Some("gateway.discord.gg".to_owned())]);
    }
}

#[test]
fn a_shutdown_keeps_the_session() {
    let fake = begun([]);
    fake.happens_after(500, Occurrence::Shutdown);
    assert_eq!(receive(&fake, None), Some(Ok(())));
    assert_eq!(fake.closed(), [(1, 4000)]);
    // Also while a socket is being opened, which here takes for ever.
    let fake = FakeHost::new().says(gateway());
    fake.happens(Occurrence::Timer("heartbeat".into()));
    fake.happens(Occurrence::Shutdown);
    assert_eq!(receive(&fake, None), Some(Ok(())));
}

#[test]
fn messages_of_a_thread_are_found_a_room() {
    let guild = json!({"id": "10", "channels": [], "threads": [{"id": "30", "type": 11, "parent_id": "20", "name": "known"}]});
    let in_thread = |id: &str| json!({"channel_id": id, "channel_type": 11});
    let fake = begun([
        dispatch(2, "GUILD_CREATE", guild),
        message(3, in_thread("30")),
        message(4, in_thread("31")),
        message(5, in_thread("31")),
    ]);
    let fake = fake.says(json!({"id": "31", "type": 11, "parent_id": "20", "name": "asked"}));
    receive(&fake, None);
    let rooms: Vec<_> = fake.taken().into_iter().map(|(message, _)| message.conversation).collect();
    let names: Vec<_> =
        rooms.iter().map(|room| (room.room.as_str(), room.thread.as_deref().unwrap())).collect();
    assert_eq!(names, [("20", "30"), ("20", "31"), ("20", "31")]);
    assert_eq!(fake.paths(), ["GET /gateway/bot", "GET /channels/31"], "asked for once");
}

#[test]
fn a_room_that_cannot_be_found_is_no_thread() {
    let fake = begun([message(2, json!({"channel_id": "30", "channel_type": 11}))]);
    let fake = fake.fails(ErrorKind::Timeout).limits(0.7).refuses(403, 50_001, "Missing Access");
    receive(&fake, None);
    let (message, _) = &fake.taken()[0];
    assert_eq!((message.conversation.room.as_str(), message.conversation.thread.as_deref()), ("30", None));
    assert_eq!(fake.slept().len(), 2);
}

#[test]
fn a_host_that_cannot_store_is_waited_for_while_heartbeats_go_on() {
    let fake = begun([message(2, json!({}))]).refuses_admission(AdmitError::Unavailable(60_000));
    receive_for(&fake, 42_000, None);
    assert_eq!(texts(&fake), ["text 2"]);
    assert_eq!(fake.slept(), [30_000], "no longer than that");
    assert!(fake.wired().iter().any(|(_, frame)| frame["op"] == 1));
}

#[test]
fn a_full_queue_leaves_the_rest_with_discord() {
    let fake = begun((2..=MOST_WAITING as u64 + 4).map(|sequence| message(sequence, json!({}))));
    let fake = fake.refuses_admission(AdmitError::Unavailable(5_000)).opens(Opened::Socket(Vec::new()));
    receive_for(&fake, 4_000, None);
    assert_eq!(fake.closed(), [(1, 4000)]);
    assert_eq!(
        (texts(&fake).len(), fake.opened().len()),
        (0, 1),
        "nothing is opened before the queue is empty"
    );
    assert_eq!(fake.armed().last(), Some(&("connect".to_owned(), 1_000)));
}

#[test]
fn a_queue_that_was_full_is_emptied_before_the_session_goes_on() {
    let fake = begun((2..=MOST_WAITING as u64 + 4).map(|sequence| message(sequence, json!({}))));
    let fake = fake.refuses_admission(AdmitError::Unavailable(5_000));
    let last = MOST_WAITING as u64 + 2;
    let fake = fake.opens(Opened::Socket(vec![hello(), message(last, json!({}))]));
    receive(&fake, None);
    assert_eq!(fake.wired().last().unwrap().1["d"]["seq"], last - 1, "nothing is passed over");
    assert_eq!(texts(&fake).len(), MOST_WAITING + 1);
}

#[test]
fn hidden_content_is_told_once() {
    let empty = || json!({"content": ""});
    let fake = begun([message(2, empty()), message(3, empty())]);
    receive(&fake, None);
    assert_eq!(
        fake.messages().iter().filter(|line| line.starts_with("Message Content Intent is disabled.")).count(),
        1
    );
    assert!(fake.admitted().is_empty());
    // Who does not subscribe to it knows.
    let fake = begun([message(2, empty())]);
    let config = Config::parse(r#"{"intents": {"messageContent": false}}"#).unwrap();
    fake.run_for(1_000, run(&fake, &Rest::new(), &config, None, 0));
    assert!(!fake.messages().iter().any(|line| line.contains("Message Content Intent")));
    assert_eq!(fake.states().last(), Some(&Connection::Ready));
}

#[test]
fn what_is_not_understood_is_skipped() {
    let fake = begun([
        dispatch(2, "MESSAGE_CREATE", json!({"content": 5})),
        dispatch(3, "MESSAGE_CREATE", Value::Null),
        Act::Text("{".into()),
        Act::Binary(vec![1, 2]),
        message(4, json!({})),
        message(5, json!({})),
    ]);
    let fake = fake.refuses_admission(AdmitError::Invalid("text".into()));
    receive(&fake, None);
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

#[test]
fn a_message_that_crashed_its_readers_is_passed_unread() {
    let stored =
        json!({"sessionId": "abc", "resumeUrl": "", "sequence": 1, "botId": "1000", "botName": "claw"});
    let cursor = stored.to_string().into_bytes();
    let resumed = |acts: Vec<Act>| FakeHost::new().opens(Opened::Socket([vec![hello()], acts].concat()));
    let fake = resumed(vec![message(2, json!({})), message(3, json!({})), dispatch(4, "RESUMED", json!({}))]);
    fake.run_for(1_000, run(&fake, &Rest::new(), &Config::default(), Some(&cursor), 2));
    let [given_up] = &fake.given_up()[..] else { panic!("{:?}", fake.given_up()) };
    assert!(given_up.id.as_deref() == Some("2") && String::from_utf8_lossy(&given_up.raw).contains("text 2"));
    assert_eq!(texts(&fake), ["text 3"]);
    // Of a session that is gone nothing comes again: what the next one brings is not to blame.
    let user = json!({"id": "1000", "username": "claw", "bot": true});
    let another = dispatch(1, "READY", json!({"session_id": "new", "resume_gateway_url": "", "user": user}));
    let fake = resumed(vec![text(json!({"op": 9, "d": false}))]).says(gateway()).opens(Opened::Socket(vec![
        hello(),
        another,
        message(2, json!({})),
    ]));
    fake.run_for(20_000, run(&fake, &Rest::new(), &Config::default(), Some(&cursor), 2));
    assert_eq!((fake.given_up().len(), texts(&fake)), (0, vec!["text 2".to_owned()]));
}
