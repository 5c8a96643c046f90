//! The loop against scripted answers.

use openclaw_sdk::channel::FailureKind;
use openclaw_sdk::http::ErrorKind;
use openclaw_sdk::inbound::AdmitError;
use openclaw_sdk_test::FakeHost;
use serde_json::{Value, json};

use super::*;
use crate::script::Script;

fn me(fake: FakeHost) -> FakeHost {
    fake.says(json!({"id": 7, "is_bot": true, "username": "mock_claw_bot"}))
}

/// `getMe` and `deleteWebhook` have gone well.
fn started() -> FakeHost {
    me(FakeHost::new()).says(json!(true))
}

fn update(id: i64) -> Value {
    json!({"update_id": id, "message": {"message_id": id, "chat": {"id": 1, "type": "private"},
        "from": {"id": 1, "first_name": "A"}, "date": 5, "text": format!("text {id}")}})
}

fn receive(fake: &FakeHost, cursor: Option<Value>) -> Option<Result<(), Failure>> {
    receive_after(fake, cursor, 0)
}

fn receive_after(fake: &FakeHost, cursor: Option<Value>, crashes: u32) -> Option<Result<(), Failure>> {
    let cursor = cursor.map(|cursor| serde_json::to_vec(&cursor).unwrap());
    fake.until_idle(run(fake, cursor.as_deref(), crashes, 1 << 20))
}

#[test]
fn starts_like_the_original() {
    let fake = started().says(json!([])).says(json!([]));
    assert!(receive(&fake, None).is_none());
    let methods: Vec<String> = fake.asked().into_iter().map(|(method, _)| method).collect();
    assert_eq!(methods, ["getMe", "deleteWebhook", "getUpdates", "getUpdates", "getUpdates"]);
    assert_eq!(fake.asked_for("deleteWebhook"), [json!({"drop_pending_updates": false})]);
    let polls = fake.asked_for("getUpdates");
    let allowed = json!(["message", "edited_message", "channel_post", "edited_channel_post"]);
    assert_eq!(polls[0], json!({"limit": 100, "timeout": 0, "allowed_updates": allowed}));
    assert_eq!(polls[1]["timeout"], json!(30), "held open once a poll has succeeded");
    assert_eq!(fake.states(), [Connection::Connecting, Connection::Ready, Connection::Ready]);
}

#[test]
fn the_offset_follows_the_admission() {
    let fake = started().says(json!([update(10), update(11)])).says(json!([update(11), update(12)]));
    receive(&fake, None);
    let admitted = fake.taken();
    let texts: Vec<&str> = admitted.iter().map(|(message, _)| message.text.as_str()).collect();
    assert_eq!(texts, ["text 10", "text 11", "text 12"], "an update that is repeated is not admitted again");
    assert_eq!(admitted[1].1, json!({"offset": 12, "botId": 7}));
    let offsets: Vec<Value> =
        fake.asked_for("getUpdates").into_iter().map(|poll| poll["offset"].clone()).collect();
    assert_eq!(offsets, [Value::Null, json!(12), json!(13)]);
}

#[test]
fn goes_on_where_it_stopped_unless_the_bot_is_another() {
    let first_offset = |cursor: Option<Value>| {
        let fake = started();
        receive(&fake, cursor);
        fake.asked_for("getUpdates")[0].get("offset").cloned()
    };
    assert_eq!(first_offset(Some(json!({"offset": 55, "botId": 7}))), Some(json!(55)));
    assert_eq!(first_offset(Some(json!({"offset": 55, "botId": 8}))), None);
    assert_eq!(first_offset(Some(json!("garbage"))), None);
    assert_eq!(first_offset(None), None);
}

#[test]
fn a_gateway_that_cannot_store_is_waited_for() {
    let fake = started()
        .says(json!([update(10)]))
        .refuses_admission(AdmitError::Unavailable(200))
        .refuses_admission(AdmitError::Unavailable(0));
    receive(&fake, None);
    assert_eq!(fake.slept(), [200, 50]);
    assert_eq!(fake.taken().len(), 1);
    assert_eq!(fake.asked_for("getUpdates").len(), 2, "no poll acknowledges what is not stored");
}

#[test]
fn garbage_never_blocks_what_is_behind_it() {
    let bad = json!([17, {"update_id": "x"}, {"update_id": 9, "message": {"chat": 5}}, {"update_id": 10, "poll": {}}, update(11)]);
    let fake =
        started().says(bad).refuses_admission(AdmitError::Invalid("text".into())).says(json!([update(12)]));
    receive(&fake, None);
    let texts: Vec<String> = fake.taken().into_iter().map(|(message, _)| message.text).collect();
    assert_eq!(texts, ["text 12"]);
    assert!(fake.messages().iter().any(|line| line.starts_with("skipping message 7:1:11: text")));
    assert_eq!(fake.asked_for("getUpdates")[1]["offset"], json!(12));
}

#[test]
fn empty_polls_that_are_not_held_open_slow_down() {
    let mut fake = started();
    for _ in 0..7 {
        fake = fake.says(json!([]));
    }
    fake = fake.says(json!([update(1)])).says(json!([]));
    receive(&fake, None);
    assert_eq!(fake.slept(), [50, 100, 200, 400, 800, 1000, 1000, 50]);
}

#[test]
fn a_refused_token_needs_a_person() {
    for (status, description) in [(401, "Unauthorized"), (404, "Not Found")] {
        let fake = FakeHost::new().refuses(status, description, None);
        let failure = receive(&fake, None).unwrap().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unauthorised);
        let text = format!(
            "Telegram bot token unauthorized (getMe returned {status} from Telegram). Update it with the current BotFather token."
        );
        assert_eq!(fake.states().last(), Some(&Connection::AuthRequired(text.clone())));
        assert_eq!(failure.detail, text);
    }
    let later = started().says(json!([])).refuses(401, "Unauthorized", None);
    assert_eq!(receive(&later, None).unwrap().unwrap_err().kind, FailureKind::Unauthorised);
    let webhook = me(FakeHost::new()).refuses(401, "Unauthorized", None);
    assert_eq!(receive(&webhook, None).unwrap().unwrap_err().kind, FailureKind::Unauthorised);
}

#[test]
fn a_bad_network_is_waited_out() {
    let mut fake = me(FakeHost::new().fails(ErrorKind::NotSent)).fails(ErrorKind::Timeout).says(json!([]));
    for _ in 0..7 {
        fake = fake.fails(ErrorKind::NotSent);
    }
    fake = fake.answers(502, &[], "<html>").says(json!([update(3)]));
    receive(&fake, None);
    assert_eq!(fake.taken().len(), 1);
    let waits: Vec<u64> = fake.slept().into_iter().filter(|ms| *ms > 600).collect();
    for (wait, expected) in waits.iter().skip(1).zip([1_000, 2_000, 4_000, 4_600, 4_600, 4_600, 4_600, 4_600])
    {
        assert!((expected * 4 / 5..=expected).contains(wait), "{waits:?}");
    }
    assert!(
        fake.messages().iter().any(|line| line.starts_with("Telegram network error: ")),
        "{:?}",
        fake.messages()
    );
    assert_eq!(fake.asked_for("deleteWebhook").len(), 1, "the poll says whether there is a webhook");
    // Each of the two outages is told once loudly, and so is its end.
    let lines = fake.lines();
    let loud = |level: Level, begin: &str| {
        lines.iter().filter(|line| line.level == level && line.message.starts_with(begin)).count()
    };
    assert_eq!(loud(Level::Warn, "Telegram network error: "), 2, "{lines:#?}");
    assert!(loud(Level::Debug, "Telegram network error: ") >= 6, "{lines:#?}");
    assert_eq!(loud(Level::Info, "Telegram answers again after "), 2, "{lines:#?}");
}

/// A backlog of long messages that is larger than one answer may be must not come back for ever.
#[test]
fn an_answer_that_is_too_large_is_asked_for_in_pieces() {
    let mut fake = started();
    for _ in 0..8 {
        fake = fake.fails(ErrorKind::TooLarge);
    }
    fake = fake.says(json!([update(1)])).says(json!([update(2)]));
    receive(&fake, None);
    let limits: Vec<Value> =
        fake.asked_for("getUpdates").into_iter().map(|poll| poll["limit"].clone()).collect();
    assert_eq!(limits, [100, 50, 25, 12, 6, 3, 1, 1, 1, 100, 100].map(Value::from));
    assert_eq!(fake.taken().len(), 2);
}

#[test]
fn telegrams_wait_is_kept() {
    let fake = started().refuses(429, "Too Many Requests: retry after 7", Some(7)).says(json!([]));
    receive(&fake, None);
    assert_eq!(fake.slept()[0], 7_000);
}

/// Channels reference §1.2 and trap 1: a rival is named, the webhook cleared again, and the end of it noticed at once.
#[test]
fn a_rival_is_waited_out() {
    let text =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    let mut fake = started().says(json!([]));
    for _ in 0..8 {
        fake = fake.refuses(409, text, None).says(json!(true));
    }
    fake = fake.says(json!([])).says(json!([]));
    assert!(receive(&fake, None).is_none());
    assert_eq!(fake.asked_for("deleteWebhook").len(), 9);
    assert!(fake.slept().iter().all(|ms| *ms <= 30_000), "{:?}", fake.slept());
    let line =
        fake.messages().into_iter().find(|line| line.starts_with("Telegram getUpdates conflict: ")).unwrap();
    assert!(line.ends_with("stop the duplicate poller or switch this account to webhook mode."), "{line}");
    assert!(line.contains("; retrying in 1s."), "{line}");
    let polls = fake.asked_for("getUpdates");
    assert_eq!(polls[9]["timeout"], json!(0), "the first poll after a conflict is not held open");
    assert_eq!(fake.states().last(), Some(&Connection::Ready));
    assert!(fake.states().iter().any(|state| matches!(state, Connection::Degraded(_))));
}

#[test]
fn an_update_that_crashed_its_readers_is_passed_unread() {
    let fake = started().says(json!([update(10)])).says(json!([update(11)]));
    receive_after(&fake, None, 1);
    let limits: Vec<Value> =
        fake.asked_for("getUpdates").into_iter().map(|poll| poll["limit"].clone()).collect();
    assert_eq!(limits[..2], [json!(1), json!(100)], "one at a time until one is taken over");
    assert_eq!((fake.taken().len(), fake.given_up().len()), (2, 0));

    let fake = started()
        .says(json!([update(10)]))
        .refuses_admission(AdmitError::Unavailable(200))
        .says(json!([update(11)]));
    receive_after(&fake, None, 2);
    let [given_up] = &fake.given_up()[..] else { panic!("{:?}", fake.given_up()) };
    assert_eq!(given_up.id.as_deref(), Some("10"));
    assert_eq!(serde_json::from_slice::<Value>(&given_up.raw).unwrap(), update(10));
    let texts: Vec<String> = fake.taken().into_iter().map(|(message, _)| message.text).collect();
    assert_eq!(texts, ["text 11"]);
    assert_eq!(fake.asked_for("getUpdates")[1]["offset"], json!(11));
}

#[test]
fn a_photo_comes_with_its_message_and_one_that_does_not_come_is_told() {
    let photo = |id: i64, size: u64| {
        let mut update = update(id);
        update["message"]["photo"] = json!([{"file_id": "p", "file_size": size}]);
        update
    };
    let fake = started()
        .says(json!([photo(10, 3), photo(11, 2 << 20)]))
        .says(json!({"file_id": "p", "file_path": "photos/1.jpg"}))
        .answers(200, &[], "jpg");
    receive(&fake, None);
    let admitted = fake.taken();
    let files = fake.files();
    assert_eq!(
        (admitted[0].0.text.as_str(), admitted[0].0.media.as_slice()),
        ("text 10\n<media:image>", &[files[0].0.handle][..])
    );
    let (too_large, cursor) = &admitted[1];
    assert!(
        too_large.media.is_empty()
            && too_large.text.starts_with("text 11\n<media:image>\n[media unavailable: it has 2097152 bytes")
    );
    assert_eq!(cursor["offset"], json!(12), "the update is passed all the same");
}
