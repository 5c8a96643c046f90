//! The channel against a scripted board, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use openclaw_sdk::account::{Account, WebhookAccount};
use openclaw_sdk::channel::{FailureKind, Outcome, Receipt, WebhookMethod, WebhookRequest};
use openclaw_sdk::events::Occurrence;
use openclaw_sdk::http::ErrorKind;
use openclaw_sdk::inbound::{AdmitError, Connection};
use openclaw_sdk::webhook::Hooked;
use openclaw_sdk_test::{FakeHost, outbound};
use serde_json::{Value, json};

use crate::Board;

fn account() -> Hooked<Board> {
    Hooked::configure("{}").unwrap()
}

fn begun() -> FakeHost {
    FakeHost::new().answers(200, &[], r#"{"id": "bot", "name": "A bot"}"#)
}

fn note(id: u64, author: &str, text: &str) -> WebhookRequest {
    let body = json!({"id": id, "board": "kitchen", "author": {"id": author}, "text": text, "at": 5});
    call(&body.to_string())
}

fn call(body: &str) -> WebhookRequest {
    WebhookRequest {
        route: "notes".into(),
        method: WebhookMethod::Post,
        query: Vec::new(),
        headers: Vec::new(),
        body: body.into(),
    }
}

#[test]
fn a_note_is_admitted_once_and_answered_after_that() {
    let (host, account) = (begun(), account());
    host.until_idle(account.run(&host, None));
    for _ in 0..2 {
        let answer = host.finish(account.handle(&host, &note(8, "ada", "hello @bot")));
        assert_eq!(answer.status, 204);
    }
    assert_eq!((host.admitted().len(), host.duplicates()), (1, 1));
    let message = &host.admitted()[0].message;
    assert_eq!((message.text.as_str(), message.mentions_self), ("hello @bot", true));
    assert_eq!(host.states().last(), Some(&Connection::Ready));
}

#[test]
fn what_cannot_be_stored_comes_again_and_what_cannot_be_read_does_not() {
    let (host, account) = (begun().refuses_admission(AdmitError::Unavailable(1_500)), account());
    host.until_idle(account.run(&host, None));
    let refused = host.finish(account.handle(&host, &note(8, "ada", "hello")));
    assert_eq!((refused.status, refused.headers[0].1.as_str()), (503, "2"));
    assert_eq!(host.finish(account.handle(&host, &note(8, "ada", "hello"))).status, 204);
    for body in ["", "{", "{\"id\": 1}", "\u{0}"] {
        assert_eq!(host.finish(account.handle(&host, &call(body))).status, 422, "{body}");
    }
    assert_eq!(host.finish(account.handle(&host, &note(9, "bot", "mine"))).status, 204);
    assert_eq!(host.admitted().len(), 1);
}

#[test]
fn an_answer_stands_under_its_note() {
    let host = FakeHost::new().answers(201, &[], r#"{"id": 9}"#).answers(201, &[], r#"{"id": 10}"#);
    let mut answer = outbound("kitchen", &"x".repeat(1_500));
    answer.reply_context = b"8".to_vec();
    let sent = host.finish(account().send(&host, &answer));
    assert_eq!(sent, Outcome::Sent(Receipt { message_ids: vec!["9".into(), "10".into()] }));
    assert_eq!(host.paths(), ["POST /boards/kitchen/notes", "POST /boards/kitchen/notes"]);
    let body: Value = serde_json::from_slice(&host.calls()[1].body).unwrap();
    assert_eq!(body, json!({"text": "x".repeat(500), "answers": 8}));
}

#[test]
fn a_send_says_what_became_of_it() {
    let send = |host: &FakeHost, board: &str| host.finish(account().send(host, &outbound(board, "x")));
    for board in ["", "../me", "a/b", "käse"] {
        assert!(matches!(send(&FakeHost::new(), board), Outcome::Permanent(_)), "{board}");
    }
    assert!(matches!(send(&FakeHost::new().fails(ErrorKind::NotSent), "b"), Outcome::Retryable(_)));
    assert!(matches!(send(&FakeHost::new().fails(ErrorKind::Timeout), "b"), Outcome::Ambiguous(_)));
    assert!(matches!(send(&FakeHost::new().answers(429, &[], ""), "b"), Outcome::Retryable(_)));
    assert!(matches!(send(&FakeHost::new().answers(200, &[], "?"), "b"), Outcome::Ambiguous(_)));
}

#[test]
fn a_refused_token_waits_for_a_person_and_the_end_comes_when_it_is_asked_for() {
    let host = FakeHost::new().answers(401, &[], "no");
    assert_eq!(host.finish(account().run(&host, None)).unwrap_err().kind, FailureKind::Unauthorised);
    assert_eq!(host.calls().len(), 1, "it is not asked again");
    let host = begun();
    host.happens_after(1_000, Occurrence::Shutdown);
    assert_eq!(host.finish(account().run(&host, None)), Ok(()));
}
