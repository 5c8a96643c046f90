//! The channel against a scripted vendor, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use openclaw_sdk::account::Account;
use openclaw_sdk::channel::{FailureKind, Outcome, Receipt};
use openclaw_sdk::events::Occurrence;
use openclaw_sdk::http::ErrorKind;
use openclaw_sdk::inbound::{AdmitError, Connection};
use openclaw_sdk::long_poll::LongPolling;
use openclaw_sdk_test::{FakeHost, outbound};
use serde_json::{Value, json};

use crate::Protocol;

fn account() -> LongPolling<Protocol> {
    LongPolling::configure("{}").unwrap()
}

fn begun() -> FakeHost {
    FakeHost::new().answers(200, &[], r#"{"id": "bot", "name": "A bot"}"#)
}

fn message(id: u64) -> Value {
    json!({"id": id, "room": "lobby", "author": {"id": "ada", "name": "Ada"}, "text": format!("text {id}"), "at": 5})
}

fn page(host: FakeHost, messages: &Value) -> FakeHost {
    host.answers(200, &[], json!({"messages": messages}).to_string())
}

fn texts(host: &FakeHost) -> Vec<String> {
    host.admitted().into_iter().map(|admitted| admitted.message.text).collect()
}

fn after(host: &FakeHost) -> Vec<String> {
    let polls = host.calls().into_iter().filter(|call| !call.query.is_empty());
    polls.map(|call| call.query[0].1.clone()).collect()
}

#[test]
fn messages_are_admitted_and_then_acknowledged() {
    let host = page(page(begun(), &json!([message(1), message(2)])), &json!([message(3)]));
    host.until_idle(account().run(&host, None));
    assert_eq!(texts(&host), ["text 1", "text 2", "text 3"]);
    assert_eq!(after(&host), ["0", "2", "3"]);
    assert_eq!(host.cursor().as_deref(), Some(&b"3"[..]));
    let again = page(begun(), &json!([]));
    again.until_idle(account().run(&again, Some(b"3")));
    assert_eq!(after(&again), ["3", "3"], "a restart goes on with the cursor");
}

#[test]
fn what_is_not_understood_or_our_own_is_passed() {
    let own = json!({"id": 3, "room": "lobby", "author": {"id": "bot"}, "text": "mine"});
    let host = page(begun(), &json!([17, {"id": 1}, message(2), own]));
    host.until_idle(account().run(&host, None));
    assert_eq!(texts(&host), ["text 2"]);
    assert_eq!(after(&host), ["0", "3"]);
}

#[test]
fn what_the_gateway_cannot_store_is_not_acknowledged() {
    let host = page(begun().refuses_admission(AdmitError::Unavailable(200)), &json!([message(1)]));
    host.until_idle(account().run(&host, None));
    assert_eq!((texts(&host).len(), host.slept()), (1, vec![200]));
    assert_eq!(after(&host), ["0", "1"]);
}

#[test]
fn a_refused_token_waits_for_a_person() {
    let host = begun().answers(401, &[], "no");
    let ended = host.finish(account().run(&host, None)).unwrap_err();
    assert_eq!(ended.kind, FailureKind::Unauthorised);
    assert!(matches!(host.states().last(), Some(Connection::AuthRequired(_))));
}

#[test]
fn the_end_comes_when_it_is_asked_for() {
    let host = begun();
    host.happens(Occurrence::Shutdown);
    assert_eq!(host.finish(account().run(&host, None)), Ok(()));
}

#[test]
fn a_send_is_told_by_its_receipt() {
    let send = |host: &FakeHost, text: &str| host.finish(account().send(host, &outbound("lobby", text)));
    let host = FakeHost::new().answers(200, &[], r#"{"id": 9}"#).answers(200, &[], r#"{"id": 10}"#);
    let sent = send(&host, &"x".repeat(2_500));
    assert_eq!(sent, Outcome::Sent(Receipt { message_ids: vec!["9".into(), "10".into()] }));
    let body: Value = serde_json::from_slice(&host.calls()[1].body).unwrap();
    assert_eq!(body, json!({"room": "lobby", "text": "x".repeat(500)}));
    let limited = FakeHost::new().answers(429, &[("retry-after", "7")], "");
    let Outcome::Retryable(failure) = send(&limited, "x") else { panic!("it may be tried again") };
    assert_eq!(failure.retry_after_ms, Some(7_000));
    assert!(matches!(send(&FakeHost::new().fails(ErrorKind::Interrupted), "x"), Outcome::Ambiguous(_)));
    assert!(matches!(send(&FakeHost::new().answers(200, &[], "?"), "x"), Outcome::Ambiguous(_)));
    assert!(matches!(send(&FakeHost::new().fails(ErrorKind::NotSent), "x"), Outcome::Retryable(_)));
}

#[test]
fn a_probe_tells_who_we_are() {
    let host = begun();
    let identity = host.finish(account().probe(&host)).unwrap();
    assert_eq!((identity.id.as_str(), identity.display_name.as_deref()), ("bot", Some("A bot")));
}
