//! The session against what Discord documents.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a document that is made in place reads better without a borrow"
)]

use openclaw_sdk::channel::FailureKind;
use openclaw_sdk::websocket::Session as _;
use serde_json::Value;

use super::*;

const INTENTS: u64 = 46_601;
const INTERVAL: u64 = 41_250;
const SECOND_US: u64 = 1_000_000;

fn hello() -> String {
    json!({"op": 10, "d": {"heartbeat_interval": INTERVAL}, "s": null, "t": null}).to_string()
}

fn ready(session: &str) -> String {
    let d = json!({"v": 10, "session_id": session, "resume_gateway_url": "wss://us-east1.discord.gg",
        "user": {"id": "1000", "username": "claw", "bot": true}, "guilds": []});
    json!({"op": 0, "s": 1, "t": "READY", "d": d}).to_string()
}

fn event(sequence: u64) -> String {
    json!({"op": 0, "s": sequence, "t": "MESSAGE_CREATE", "d": {"id": sequence.to_string()}}).to_string()
}

fn op(op: u8, d: Value) -> String {
    json!({"op": op, "d": d}).to_string()
}

/// What was sent, parsed.
fn sent(effects: &[Effect]) -> Vec<Value> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send(text) => Some(serde_json::from_str(text).unwrap()),
        _ => None,
    });
    sent.collect()
}

fn armed(effects: &[Effect], wanted: &str) -> Option<u64> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::Arm(timer, ms) if *timer == wanted => Some(*ms),
        _ => None,
    })
}

fn has(effects: &[Effect], wanted: &Effect) -> bool {
    effects.contains(wanted)
}

fn ended(effects: &[Effect]) -> Option<&Failure> {
    effects.iter().find_map(|effect| match effect {
        Effect::End(failure) => Some(failure),
        _ => None,
    })
}

fn fresh() -> Session {
    let mut session = Session::new(INTENTS, None);
    session.start();
    session
}

/// A session that is ready, at second 0.
fn living() -> Session {
    let mut session = fresh();
    session.opened(0);
    session.frame(&hello(), 0);
    session.frame(&ready("abc"), 0);
    session
}

/// Connects again; the frame with which the session greets.
fn greeting(session: &mut Session, now_us: u64) -> Value {
    session.timer(CONNECT, true, now_us);
    session.opened(0);
    sent(&session.frame(&hello(), now_us))[0].clone()
}

#[test]
fn a_new_session_identifies_without_a_token() {
    let mut session = Session::new(INTENTS, None);
    assert_eq!(session.start(), [Effect::State(Connection::Connecting), Effect::Open(None)]);
    assert_eq!(session.opened(0), [Effect::Arm(READY, READY_MS)]);
    let effects = session.frame(&hello(), 7);
    assert_eq!(
        sent(&effects),
        [json!({"op": 2, "d": {"token": "", "intents": INTENTS,
            "properties": {"os": "linux", "browser": "openclaw", "device": "openclaw"}}})]
    );
    let effects = session.frame(&ready("abc"), 8);
    assert!(has(&effects, &Effect::State(Connection::Ready)) && has(&effects, &Effect::Disarm(READY)));
}

#[test]
fn the_first_heartbeat_comes_at_a_random_moment_of_the_interval() {
    let mut moments = std::collections::BTreeSet::new();
    for now in 0..100 {
        let mut session = fresh();
        session.opened(0);
        let moment = armed(&session.frame(&hello(), now), HEARTBEAT).unwrap();
        assert!(moment < INTERVAL);
        moments.insert(moment);
    }
    assert!(moments.len() > 90, "{moments:?}");
    assert!(moments.first().unwrap() < &(INTERVAL / 10) && moments.last().unwrap() > &(INTERVAL * 9 / 10));
}

#[test]
fn heartbeats_carry_the_last_number() {
    let mut session = fresh();
    session.opened(0);
    session.frame(&hello(), 0);
    let effects = session.timer(HEARTBEAT, true, 0);
    assert_eq!(sent(&effects), [json!({"op": 1, "d": null})]);
    assert_eq!(armed(&effects, HEARTBEAT), Some(INTERVAL));
    session.frame(&op(11, Value::Null), 0);
    session.frame(&ready("abc"), 0);
    session.frame(&event(5), 0);
    assert_eq!(sent(&session.timer(HEARTBEAT, true, 0)), [json!({"op": 1, "d": 5})]);
    assert_eq!(session.frame(&op(11, Value::Null), 0), [Effect::State(Connection::Ready)]);
    assert_eq!(sent(&session.frame(&op(1, Value::Null), 0)), [json!({"op": 1, "d": 5})], "asked for one");
    let effects = session.timer(HEARTBEAT, true, 0);
    assert!(
        !has(&effects, &Effect::Close(KEEP_SESSION)),
        "the next regular one is not overdue because of that"
    );
}

#[test]
fn a_connection_that_does_not_answer_is_given_up_and_resumed() {
    let mut session = living();
    session.frame(&event(9), 0);
    session.timer(HEARTBEAT, true, 0);
    let effects = session.timer(HEARTBEAT, true, INTERVAL * 1_000);
    assert!(has(&effects, &Effect::Close(KEEP_SESSION)), "a code that keeps the session");
    assert!(sent(&effects).is_empty());
    let wait = armed(&effects, CONNECT).unwrap();
    assert!((800..=1_000).contains(&wait));
    let effects = session.timer(CONNECT, true, 50 * SECOND_US);
    assert_eq!(effects, [Effect::Open(Some("wss://us-east1.discord.gg".into()))]);
    session.opened(0);
    let effects = session.frame(&hello(), 50 * SECOND_US);
    assert_eq!(sent(&effects), [json!({"op": 6, "d": {"token": "", "session_id": "abc", "seq": 9}})]);
}

#[test]
fn what_was_missed_is_replayed_with_its_place() {
    let mut session = living();
    session.frame(&op(7, Value::Null), 0);
    greeting(&mut session, SECOND_US);
    let replayed = session.frame(&event(2), SECOND_US);
    let [Effect::Event(dispatch)] = &replayed[..] else { panic!("{replayed:?}") };
    assert_eq!((dispatch.event.as_str(), dispatch.data.as_str()), ("MESSAGE_CREATE", r#"{"id":"2"}"#));
    assert_eq!((dispatch.cursor.session_id.as_str(), dispatch.cursor.sequence), ("abc", 2));
    assert_eq!(dispatch.cursor.bot_id, "1000");
    let resumed = json!({"op": 0, "s": 3, "t": "RESUMED", "d": {}}).to_string();
    assert!(has(&session.frame(&resumed, SECOND_US), &Effect::State(Connection::Ready)));
}

#[test]
fn a_restart_resumes_where_the_cursor_says() {
    let cursor = Cursor {
        session_id: "old".into(),
        resume_url: "wss://x.discord.gg".into(),
        sequence: 77,
        bot_id: "1000".into(),
        bot_name: "claw".into(),
    };
    let kept = Cursor::parse(&cursor.to_bytes());
    assert_eq!(kept, Some(cursor));
    let mut session = Session::new(INTENTS, kept);
    assert!(has(&session.start(), &Effect::Open(Some("wss://x.discord.gg".into()))));
    session.opened(0);
    assert_eq!(
        sent(&session.frame(&hello(), 0)),
        [json!({"op": 6, "d": {"token": "", "session_id": "old", "seq": 77}})]
    );
    assert_eq!(Cursor::parse(b"garbage"), None);
}

#[test]
fn an_invalid_session_waits_and_identifies() {
    for now in 0..50 {
        let mut session = living();
        session.frame(&op(7, Value::Null), now);
        greeting(&mut session, 100 * SECOND_US);
        let effects = session.frame(&op(9, json!(false)), 100 * SECOND_US + now);
        assert!(has(&effects, &Effect::Close(END_SESSION)));
        let wait = armed(&effects, CONNECT).unwrap();
        assert!((1_000..=5_000).contains(&wait), "{wait}");
        assert_eq!(session.timer(CONNECT, true, 110 * SECOND_US), [Effect::Open(None)]);
        session.opened(0);
        assert_eq!(sent(&session.frame(&hello(), 110 * SECOND_US))[0]["op"], 2);
    }
}

#[test]
fn a_session_that_can_be_resumed_is() {
    let mut session = living();
    let effects = session.frame(&op(9, json!(true)), 0);
    assert!(has(&effects, &Effect::Close(KEEP_SESSION)));
    assert_eq!(greeting(&mut session, SECOND_US)["op"], 6);
}

#[test]
fn an_identify_never_follows_another_within_five_seconds() {
    for now in 0..50 {
        let mut session = fresh();
        session.opened(0);
        session.frame(&hello(), 0);
        let effects = session.frame(&op(9, json!(false)), now * 1_000);
        assert!(armed(&effects, CONNECT).unwrap() + now >= IDENTIFY_MS);
    }
    let mut session = living();
    let effects = session.closed(Some(4009), "Session timed out", 2 * SECOND_US);
    assert_eq!(armed(&effects, CONNECT), Some(3_000));
}

#[test]
fn close_codes_resume_identify_or_end() {
    for code in [None, Some(4000), Some(4001), Some(4002), Some(4008), Some(1006)] {
        let mut session = living();
        assert!(ended(&session.closed(code, "", 0)).is_none());
        assert_eq!(greeting(&mut session, SECOND_US)["op"], 6, "{code:?}");
    }
    for code in [4003, 4005, 4007, 4009] {
        let mut session = living();
        assert!(ended(&session.closed(Some(code), "", 0)).is_none());
        assert_eq!(greeting(&mut session, SECOND_US)["op"], 2, "{code}");
    }
    for code in [4004, 4010, 4011, 4012, 4013, 4014] {
        let mut session = living();
        let effects = session.closed(Some(code), "", 0);
        let failure = ended(&effects).unwrap();
        assert_eq!((failure.kind, failure.code.clone()), (FailureKind::Unauthorised, code.to_string()));
        assert!(has(&effects, &Effect::State(Connection::AuthRequired(failure.detail.clone()))));
        assert_eq!(armed(&effects, CONNECT), None, "nothing is tried again");
        assert!(session.timer(CONNECT, true, SECOND_US).is_empty());
    }
}

#[test]
fn three_resumes_that_lead_nowhere_end_the_session() {
    let mut session = living();
    session.closed(None, "", 0);
    for round in 1..=3 {
        assert_eq!(greeting(&mut session, 60 * round * SECOND_US)["op"], 6);
        session.closed(None, "", 60 * round * SECOND_US);
    }
    assert_eq!(greeting(&mut session, 600 * SECOND_US)["op"], 2);
}

#[test]
fn a_network_that_is_down_does_not_cost_the_session() {
    let mut session = living();
    session.closed(None, "", 0);
    let mut waits = Vec::new();
    for round in 0..10 {
        session.timer(CONNECT, true, round);
        waits.push(armed(&session.not_opened("no route", round), CONNECT).unwrap());
    }
    assert!(waits.iter().all(|wait| *wait <= OFFLINE_MS), "{waits:?}");
    // The address of the session may be what is down.
    let effects = session.timer(CONNECT, true, 0);
    assert_eq!(effects, [Effect::Open(Some(String::new()))]);
    session.opened(0);
    assert_eq!(sent(&session.frame(&hello(), 0))[0]["op"], 6);
}

#[test]
fn an_account_that_never_connects_is_left_to_the_host() {
    let mut session = fresh();
    for _ in 0..10 * MAX_ATTEMPTS {
        assert!(ended(&session.not_opened("no route", 0)).is_none(), "a network that is down is waited for");
        session.timer(CONNECT, true, 0);
    }
    for round in 1..MAX_ATTEMPTS {
        session.opened(0);
        assert!(ended(&session.closed(None, "", 0)).is_none(), "{round}");
        session.timer(CONNECT, true, 0);
    }
    session.opened(0);
    let effects = session.closed(None, "", 0);
    let failure = ended(&effects).unwrap();
    assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Unavailable, "gateway_unreachable"));
}

#[test]
fn a_session_that_does_not_begin_is_given_up() {
    for frames in [vec![], vec![hello()]] {
        let mut session = fresh();
        session.opened(0);
        for frame in frames {
            session.frame(&frame, 0);
        }
        let effects = session.timer(READY, true, 0);
        assert!(has(&effects, &Effect::Close(KEEP_SESSION)));
        assert!(armed(&effects, CONNECT).is_some());
    }
    assert!(living().timer(READY, true, 0).is_empty(), "disarmed too late");
}

#[test]
fn no_session_is_begun_beyond_the_limit_of_a_day() {
    let mut session = fresh();
    assert_eq!(session.may_begin(None), Ok(()));
    assert_eq!(session.may_begin(Some(SessionStartLimit { remaining: 1, reset_after: 9 })), Ok(()));
    let limit = SessionStartLimit { remaining: 0, reset_after: 3_600_000 };
    let effects = session.may_begin(Some(limit)).unwrap_err();
    assert_eq!(armed(&effects, CONNECT), Some(3_600_000));
    assert!(matches!(&effects[1], Effect::State(Connection::Degraded(text)) if text.contains("3600 s")));
    assert_eq!(session.timer(CONNECT, true, 0), [Effect::Open(None)]);
}

#[test]
fn a_pause_loses_nothing() {
    let mut session = living();
    session.frame(&event(4), 0);
    let effects = session.pause();
    assert!(has(&effects, &Effect::Close(KEEP_SESSION)));
    assert!(session.frame(&event(5), 0).is_empty(), "not taken over");
    assert_eq!(session.timer(CONNECT, false, 0), [Effect::Arm(CONNECT, PAUSE_MS)]);
    assert!(matches!(session.timer(CONNECT, true, 0)[..], [Effect::Open(Some(_))]));
    session.opened(0);
    assert_eq!(sent(&session.frame(&hello(), 0))[0]["d"]["seq"], 4);
}

#[test]
fn a_stop_keeps_the_session_for_the_next_start() {
    let mut session = living();
    assert!(has(&session.stop(), &Effect::Close(KEEP_SESSION)));
    assert!(session.timer(CONNECT, true, 0).is_empty() && session.frame(&event(2), 0).is_empty());
}

#[test]
fn odd_frames_do_no_harm() {
    let mut session = living();
    for odd in ["", "[]", "{}", "{\"op\":0}", "{\"op\":99}", "{\"op\":0,\"s\":2}", "{\"op\":9}x", "\u{0}"] {
        let effects = session.frame(odd, 0);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Log(..))), "{odd}: {effects:?}");
    }
    let mut session = fresh();
    session.opened(0);
    let effects = session.frame(&op(10, json!({"heartbeat_interval": 0})), 0);
    assert!(has(&effects, &Effect::Close(KEEP_SESSION)));
}

/// A warning at once, then one a minute with the count; the attempts between are for who looks closely.
#[test]
fn a_long_outage_is_not_told_at_each_attempt() {
    let mut session = Session::new(INTENTS, None);
    let lines = |effects: Vec<Effect>| {
        effects.into_iter().filter_map(|effect| match effect {
            Effect::Log(level, line) => Some((level, line)),
            _ => None,
        })
    };
    let told: Vec<_> = (0..24)
        .flat_map(|n| lines(session.not_opened(&format!("try {n}"), n * 5 * SECOND_US)).collect::<Vec<_>>())
        .collect();
    let loud: Vec<&str> =
        told.iter().filter(|(level, _)| *level == Level::Warn).map(|(_, line)| line.as_str()).collect();
    assert_eq!((told.len(), loud.len()), (24, 2), "{told:#?}");
    assert!(loud[0].starts_with("Discord gateway not reachable: try 0; "), "{loud:?}");
    assert!(loud[1].ends_with(" (failure 13 in 60 s)"), "{loud:?}");
}
