//! Sends against scripted answers.

use openclaw_sdk::channel::Target;
use openclaw_sdk::http::ErrorKind;
use openclaw_sdk_test::FakeHost;
use serde_json::{Value, json};

use super::*;
use crate::script::Script;

fn outbound(text: &str) -> Outbound {
    Outbound {
        idempotency_key: "k".into(),
        target: Target { room: "42".into(), thread: None },
        text: text.into(),
        reply_to: None,
        reply_context: Vec::new(),
        silent: false,
    }
}

fn run(fake: &FakeHost, outbound: &Outbound) -> Outcome {
    fake.finish(send(fake, &Rest::new(), &Dms::default(), outbound, &Config::default()))
}

fn made(id: &str) -> Value {
    json!({"id": id, "channel_id": "42"})
}

fn receipt(ids: &[&str]) -> Outcome {
    Outcome::Sent(Receipt { message_ids: ids.iter().map(|id| (*id).to_owned()).collect() })
}

#[test]
fn a_short_message() {
    let fake = FakeHost::new().says(made("5"));
    assert_eq!(run(&fake, &outbound("hello **you** @everyone")), receipt(&["5"]));
    let calls = fake.asked();
    assert_eq!(calls[0].0, "POST /channels/42/messages");
    let nonce = calls[0].1["nonce"].as_str().unwrap();
    let expected = json!({"content": "hello **you** @everyone", "flags": 4,
        "allowed_mentions": {"parse": ["users"], "replied_user": true}, "nonce": nonce, "enforce_nonce": true});
    assert_eq!(calls[0].1, expected);
}

#[test]
fn answers_silence_and_previews() {
    let fake = FakeHost::new().says(made("5")).says(made("6"));
    let config = Config::parse(r#"{"suppressEmbeds": false}"#).unwrap();
    let mut message = outbound(&"x".repeat(2_500));
    message.reply_to = Some("12:2016-04-30T11:20:00".into());
    message.silent = true;
    message.target.thread = Some("43".into());
    assert_eq!(
        fake.finish(send(&fake, &Rest::new(), &Dms::default(), &message, &config)),
        receipt(&["5", "6"])
    );
    let calls = fake.asked();
    assert_eq!(calls[0].0, "POST /channels/43/messages");
    assert_eq!(calls[0].1["message_reference"], json!({"message_id": "12", "fail_if_not_exists": false}));
    assert_eq!(calls[0].1["flags"], json!(1 << 12));
    assert!(calls[1].1.get("message_reference").is_none(), "only the first part answers");
}

/// The original's vectors: 4,100 characters, and a block of 25 lines.
#[test]
fn long_and_tall_messages_are_split() {
    let lengths = |text: &str, parts: usize| {
        let fake = (0..parts).fold(FakeHost::new(), |fake, n| fake.says(made(&n.to_string())));
        assert!(matches!(run(&fake, &outbound(text)), Outcome::Sent(_)));
        fake.asked().iter().map(|(_, body)| body["content"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let long: Vec<usize> = lengths(&"x".repeat(4_100), 3).iter().map(String::len).collect();
    assert_eq!(long, [2_000, 2_000, 100]);
    let tall = lengths(&format!("```js\n{}```\nend", "a\n".repeat(25)), 2);
    assert_eq!(tall[0].lines().count(), 17);
    assert_eq!(tall[1], format!("```js\n{}```\nend", "a\n".repeat(10)));
}

#[test]
fn a_nonce_is_of_one_part_of_one_message() {
    let of = |key: &str, part| nonce(key, part);
    assert_eq!(of("k", 0), of("k", 0));
    assert_ne!(of("k", 0), of("k", 1));
    assert_ne!(of("k", 0), of("l", 0));
    assert!(of("k", 0).len() == 24 && of("", 0).len() == 24);
}

#[test]
fn what_was_not_answered_is_asked_for_with_the_same_nonce() {
    let fake = FakeHost::new().fails(ErrorKind::Interrupted).answers(502, &[], "x").says(made("5"));
    assert_eq!(run(&fake, &outbound("x")), receipt(&["5"]));
    let calls = fake.asked();
    assert!(calls.iter().all(|call| call == &calls[0]), "{calls:?}");
    assert_eq!(fake.slept(), [1_000, 2_000]);
    // The limit says nothing about what was sent before.
    let fake = FakeHost::new().fails(ErrorKind::Timeout).limits(7.0).says(made("5"));
    assert_eq!(run(&fake, &outbound("x")), receipt(&["5"]));
    assert_eq!(fake.slept(), [1_000, 7_000]);
}

#[test]
fn what_stays_unanswered_is_ambiguous() {
    let fake = FakeHost::new().fails(ErrorKind::Timeout).fails(ErrorKind::Timeout).fails(ErrorKind::Timeout);
    assert!(matches!(run(&fake, &outbound("x")), Outcome::Ambiguous(_)));
    let fake = FakeHost::new().fails(ErrorKind::Timeout).refuses(403, 50_013, "Missing Permissions");
    assert!(matches!(run(&fake, &outbound("x")), Outcome::Ambiguous(_)), "the first one may have arrived");
    let fake = FakeHost::new().fails(ErrorKind::Timeout);
    let fake = fake.fails(ErrorKind::NotSent).fails(ErrorKind::NotSent);
    assert!(matches!(run(&fake, &outbound("x")), Outcome::Ambiguous(_)));
}

#[test]
fn limits_are_waited_for_by_whoever_can_wait() {
    let fake = FakeHost::new().limits(0.65).says(made("5"));
    assert_eq!(run(&fake, &outbound("x")), receipt(&["5"]));
    assert_eq!(fake.slept(), [650]);
    let Outcome::Retryable(failure) = run(&FakeHost::new().limits(30.0), &outbound("x")) else { panic!() };
    assert_eq!(failure.retry_after_ms, Some(30_000));
    let fake = (0..6).fold(FakeHost::new(), |fake, _| fake.limits(0.0));
    assert!(matches!(run(&fake, &outbound("x")), Outcome::Retryable(_)), "not for ever");
    assert_eq!(fake.asked().len(), 6);
}

#[test]
fn a_message_that_stops_midway_is_ambiguous() {
    let long = outbound(&"x".repeat(2_500));
    let fake = FakeHost::new().says(made("5")).refuses(403, 50_013, "Missing Permissions");
    let Outcome::Ambiguous(failure) = run(&fake, &long) else { panic!() };
    assert!(failure.detail.starts_with("1 of 2 parts were sent, then: "), "{}", failure.detail);
    let fake = FakeHost::new().says(made("5")).limits(20.0).says(made("6"));
    assert_eq!(run(&fake, &long), receipt(&["5", "6"]), "half a message is worse than a wait");
}

#[test]
fn an_answer_that_may_not_be_shown_as_one_is_sent_without() {
    let fake =
        FakeHost::new().refuses(400, 160_002, "Cannot reply without permission to read message history");
    let fake = fake.says(made("5"));
    let mut message = outbound("x");
    message.reply_to = Some("12".into());
    assert_eq!(run(&fake, &message), receipt(&["5"]));
    assert!(fake.asked()[1].1.get("message_reference").is_none());
}

#[test]
fn a_person_is_written_to_in_their_private_channel() {
    let fake = FakeHost::new().says(json!({"id": "55", "type": 1})).says(made("5")).says(made("6"));
    let (rest, dms) = (Rest::new(), Dms::default());
    let mut message = outbound("x");
    message.target.room = "user:7".into();
    for _ in 0..2 {
        assert!(matches!(
            fake.finish(send(&fake, &rest, &dms, &message, &Config::default())),
            Outcome::Sent(_)
        ));
    }
    let calls = fake.asked();
    assert_eq!(calls[0], ("POST /users/@me/channels".to_owned(), json!({"recipient_id": "7"})));
    assert_eq!(fake.paths()[1..], ["POST /channels/55/messages", "POST /channels/55/messages"]);
    let fake = FakeHost::new().fails(ErrorKind::Timeout);
    assert!(matches!(run(&fake, &message), Outcome::Retryable(_)), "nothing is visible yet");
}

#[test]
fn what_has_no_text_or_target_is_not_sent() {
    let fake = FakeHost::new();
    assert!(matches!(run(&fake, &outbound(" \n ")), Outcome::Permanent(_)));
    let mut message = outbound("x");
    message.target.room = "nowhere".into();
    assert!(matches!(run(&fake, &message), Outcome::Permanent(_)));
    assert!(fake.asked().is_empty());
}
