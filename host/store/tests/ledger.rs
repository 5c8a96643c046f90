//! The store through its public API, on real files: what a crash leaves, what one transaction holds, who may open it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::path::{Path, PathBuf};

use openclaw_store::{
    AccountKey, Claim, Counts, Decision, Draft, Entry, EntryRole, InboundId, InboundState, NewPairing,
    OtherRow, OutboxState, PairingMeta, PairingOutcome, PairingRequest, PairingRules, Receipt, SendEnd,
    SessionWrite, Step, Store, StoreError, Target, TurnRows, Usage, Verdict,
};

use common::{Place, account, claimed, conversation, decision, draft, fault, message, route};

const RULES: PairingRules = PairingRules { ttl_ms: 3_600_000, max_pending: 3 };

#[tokio::test]
async fn a_redelivered_message_is_stored_once_and_moves_the_cursor() {
    let place = Place::new();
    let store = place.open().await;
    let first = store.admit(&account(), &message("1"), Some(vec![1]), 10).await.unwrap();
    let again = store.admit(&account(), &message("1"), Some(vec![2]), 20).await.unwrap();
    assert_eq!((first.duplicate, again.duplicate, first.id), (false, true, again.id));
    assert_eq!(store.cursor(&account()).await.unwrap(), Some(vec![2]));
    let other = AccountKey::new("chat", "second");
    assert!(!store.admit(&other, &message("1"), None, 30).await.unwrap().duplicate);
    assert_eq!(store.cursor(&other).await.unwrap(), None);
    let rows = store.undecided(InboundId(0), 10).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0].message, rows[0].received_at), (&message("1"), 10));
}

#[tokio::test]
async fn a_crash_after_each_step_leaves_what_was_answered() {
    let place = Place::new();
    let store = place.open().await;
    let id = store.admit(&account(), &message("1"), None, 10).await.unwrap().id;
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.undecided(InboundId(0), 10).await.unwrap().len(), 1);
    store.decide(id, decision(Verdict::Queue(route()), "allowFrom"), 20).await.unwrap();
    store.close().await;

    let store = place.open().await;
    assert!(store.undecided(InboundId(0), 10).await.unwrap().is_empty());
    let owed = store.unfinished(InboundId(0), 10).await.unwrap();
    assert_eq!((owed[0].id, owed[0].route.clone()), (id, Some(route())));
    assert_eq!(store.owed_in("agent:main:main", 10).await.unwrap(), owed);
    store.finish_turn(id, None, Some(draft("b", "r1", &["one", "two"])), 30).await.unwrap();
    store.close().await;

    let store = place.open().await;
    assert!(store.unfinished(InboundId(0), 10).await.unwrap().is_empty());
    assert_eq!(store.pending_conversations(None, 10).await.unwrap(), [conversation("r1")]);
    let row = claimed(&store, "r1", 40).await;
    assert_eq!((row.text.as_str(), row.idempotency_key().as_str()), ("one", "b-0"));
    store.close().await;

    let store = place.open().await;
    let flagged = store.flagged(10).await.unwrap();
    assert_eq!((flagged.len(), flagged[0].id, flagged[0].state), (1, row.id, OutboxState::Ambiguous));
    assert_eq!(flagged[0].error.as_ref().unwrap().code, "interrupted");
    let next = claimed(&store, "r1", 50).await;
    assert_eq!((next.text.as_str(), next.reply_to, next.reply_context), ("two", None, vec![9]));
    let receipt = Receipt { message_ids: vec!["v1".into()] };
    store.end_send(next.id, &SendEnd::Sent(receipt.clone()), 60).await.unwrap();
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.claim(&conversation("r1"), 70).await.unwrap(), Claim::Empty);
    assert_eq!(store.batch("b").await.unwrap()[1].receipt, Some(receipt));
    assert_eq!(store.counts().await.unwrap(), Counts { ambiguous: 1, ..Counts::default() });
    let depths = store.outbox_depths(9).await.unwrap();
    assert_eq!(depths, [(account(), Counts { ambiguous: 1, ..Counts::default() })]);
    assert_eq!(store.outbox_depths(0).await.unwrap(), []);
    let activity = store.activity().await.unwrap();
    assert_eq!((activity[0].1.last_inbound_at, activity[0].1.last_outbound_at), (Some(10), Some(60)));
}

#[tokio::test]
async fn a_turn_is_closed_once_and_with_everything_or_nothing() {
    let place = Place::new();
    let store = place.open().await;
    let id = store.admit(&account(), &message("1"), None, 10).await.unwrap().id;
    let session = SessionWrite {
        key: "agent:main:main".into(),
        session_id: "s".into(),
        agent: "main".into(),
        entries: vec![],
    };
    let early = store.finish_turn(id, Some(session.clone()), Some(draft("a", "r1", &["x"])), 15).await;
    assert!(matches!(early, Err(StoreError::Conflict(_))), "not decided yet: {early:?}");
    store.decide(id, decision(Verdict::Queue(route()), "allowFrom"), 20).await.unwrap();
    let twice = store.decide(id, decision(Verdict::Drop, "again"), 20).await;
    assert!(matches!(twice, Err(StoreError::Conflict(_))));
    store.finish_turn(id, None, Some(draft("b", "r1", &["x"])), 30).await.unwrap();
    let again = store.finish_turn(id, Some(session), Some(draft("c", "r1", &["x"])), 40).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))));
    assert!(store.sessions(10).await.unwrap().is_empty());
    assert_eq!(store.counts().await.unwrap().pending, 1);
}

#[tokio::test]
async fn messages_that_end_in_one_turn_are_closed_together_or_not_at_all() {
    let place = Place::new();
    let store = place.open().await;
    let mut ids = Vec::new();
    for id in ["1", "2", "3"] {
        let id = store.admit(&account(), &message(id), None, 10).await.unwrap().id;
        store.decide(id, decision(Verdict::Queue(route()), "allowFrom"), 20).await.unwrap();
        ids.push(id);
    }
    let other = |id, dropped, how: &str| OtherRow { id, dropped, how: how.to_owned() };
    let rows = |others| TurnRows { own: ids[1], ended: None, others };
    let wrong = rows(vec![other(ids[0], false, "told"), other(InboundId(99), false, "told")]);
    let early = store.finish_turn(wrong, None, Some(draft("a", "r1", &["x"])), 30).await;
    assert!(matches!(early, Err(StoreError::Conflict(_))), "{early:?}");
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.unfinished, counts.pending), (3, 0), "nothing of it is stored");
    let right = rows(vec![other(ids[0], false, "told with it"), other(ids[2], true, "too many waited")]);
    store.finish_turn(right, None, Some(draft("b", "r1", &["x"])), 30).await.unwrap();
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.unfinished, counts.pending), (0, 1));
    let ended = async |id: &str| {
        let found = store.decided(&account(), id).await.unwrap().unwrap();
        (found.state, found.turn, found.ended)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ended("1").await, (InboundState::Done, text("2"), text("told with it")));
    assert_eq!(ended("2").await, (InboundState::Done, None, None));
    assert_eq!(ended("3").await, (InboundState::Dropped, text("2"), text("too many waited")));
    let kept = store.admit(&account(), &message("4"), None, 10).await.unwrap().id;
    store.decide(kept, decision(Verdict::Queue(route()), "allowFrom"), 20).await.unwrap();
    let rows = TurnRows { ended: Some("not sent".to_owned()), ..TurnRows::from(kept) };
    store.finish_turn(rows, None, None, 30).await.unwrap();
    assert_eq!(ended("4").await, (InboundState::Done, text("4"), text("not sent")));
    let latest = store.latest(&account(), 9).await.unwrap();
    assert_eq!(latest.iter().filter(|found| found.turn.as_deref() == Some("2")).count(), 2);
}

#[tokio::test]
async fn many_writers_share_commits_and_a_failing_one_fails_alone() {
    let place = Place::new();
    let store = place.open().await;
    let mut writers = tokio::task::JoinSet::new();
    for index in 0..2000 {
        let store = store.clone();
        writers.spawn(async move {
            if index % 10 == 0 {
                // No such row: this job alone is undone.
                return store.end_send(-1, &SendEnd::Failed(fault("x")), 1).await.is_err();
            }
            store.admit(&account(), &message(&index.to_string()), None, 1).await.is_ok()
        });
    }
    while let Some(done) = writers.join_next().await {
        assert!(done.unwrap());
    }
    assert_eq!(store.counts().await.unwrap().undecided, 1800);
}

#[tokio::test]
async fn the_same_request_key_is_one_message() {
    let place = Place::new();
    let store = place.open().await;
    let keyed = |batch: &str, text: &str| Draft {
        request_key: Some("key".into()),
        ..draft(batch, "r1", &[text, "second part"])
    };
    let mut sends = tokio::task::JoinSet::new();
    for index in 0..100 {
        let (store, draft) = (store.clone(), keyed(&format!("b{index}"), "text"));
        sends.spawn(async move { store.enqueue(&draft, 10).await.unwrap() });
    }
    let all = sends.join_all().await;
    assert_eq!(all.iter().filter(|enqueued| enqueued.fresh).count(), 1);
    assert!(all.iter().all(|enqueued| enqueued.batch == all[0].batch));
    assert_eq!(store.counts().await.unwrap().pending, 2);
    let other = store.enqueue(&keyed("c", "another text"), 20).await;
    assert!(matches!(other, Err(StoreError::Conflict(_))));
}

#[tokio::test]
async fn a_conversation_is_sent_in_order_and_waits_for_its_head() {
    let place = Place::new();
    let store = place.open().await;
    store.enqueue(&draft("a", "r1", &["1", "2"]), 10).await.unwrap();
    store.enqueue(&draft("b", "r2", &["other"]), 10).await.unwrap();
    let head = claimed(&store, "r1", 20).await;
    store.end_send(head.id, &SendEnd::Retry(fault("429"), 90), 30).await.unwrap();
    assert_eq!(store.claim(&conversation("r1"), 40).await.unwrap(), Claim::NotBefore(90));
    assert_eq!(claimed(&store, "r2", 40).await.text, "other");
    let head = claimed(&store, "r1", 90).await;
    assert_eq!((head.text.as_str(), head.attempts), ("1", 2));
    store.end_send(head.id, &SendEnd::Parked(fault("down")), 95).await.unwrap();
    let head = claimed(&store, "r1", 96).await;
    assert_eq!((head.text.as_str(), head.attempts), ("1", 2), "a parked attempt does not count");
    store.end_send(head.id, &SendEnd::Failed(fault("400")), 97).await.unwrap();
    assert_eq!(claimed(&store, "r1", 98).await.text, "2");
}

#[tokio::test]
async fn what_is_past_its_expiry_is_never_sent() {
    let place = Place::new();
    let store = place.open().await;
    store.enqueue(&Draft { expires_at: 100, ..draft("a", "r1", &["old"]) }, 10).await.unwrap();
    store.enqueue(&draft("b", "r1", &["new"]), 10).await.unwrap();
    store.enqueue(&Draft { expires_at: 100, ..draft("c", "r9", &["old"]) }, 10).await.unwrap();
    assert_eq!(claimed(&store, "r1", 100).await.text, "new");
    store.prune(0, 100).await.unwrap();
    let flagged = store.flagged(10).await.unwrap();
    let codes: Vec<_> = flagged.iter().map(|row| row.error.as_ref().unwrap().code.as_str()).collect();
    assert_eq!(codes, ["expired", "expired"]);
}

#[tokio::test]
async fn a_decision_is_kept_with_what_led_to_it() {
    let place = Place::new();
    let store = place.open().await;
    let id = store.admit(&account(), &message("7"), None, 10).await.unwrap().id;
    let undecided = store.decided(&account(), "7").await.unwrap().unwrap();
    assert_eq!((undecided.state, undecided.reason, undecided.steps), (InboundState::New, None, vec![]));
    let step =
        Step { check: "dmPolicy".to_owned(), passed: false, found: "allowlist, u1 is not in it".to_owned() };
    let steps = vec![step];
    store
        .decide(id, Decision { steps: steps.clone(), ..decision(Verdict::Drop, "not in allowFrom") }, 20)
        .await
        .unwrap();
    let decided = store.decided(&account(), "7").await.unwrap().unwrap();
    assert_eq!((decided.state, decided.closed_at), (InboundState::Dropped, Some(20)));
    assert_eq!((decided.reason.as_deref(), decided.steps), (Some("not in allowFrom"), steps));
    assert_eq!(store.decided(&account(), "8").await.unwrap(), None);
    assert_eq!(store.decided(&AccountKey::new("chat", "other"), "7").await.unwrap(), None);
}

#[tokio::test]
async fn what_was_heard_goes_back_to_the_last_turn() {
    let place = Place::new();
    let store = place.open().await;
    let here = || Some(Target { room: "g1".into(), thread: None });
    let elsewhere = Some(Target { room: "g1".into(), thread: Some("t".into()) });
    let hear = async |id: &str, verdict: Verdict, heard_in: Option<Target>| {
        let id = store.admit(&account(), &message(id), None, 10).await.unwrap().id;
        store.decide(id, Decision { heard_in, ..decision(verdict, "test") }, 20).await.unwrap();
        id
    };
    let heard = async |before: InboundId, limit| {
        let rows = store.heard(&account(), &here().unwrap(), before, before, limit).await.unwrap();
        rows.into_iter().map(|row| row.message.id).collect::<Vec<_>>()
    };
    for id in ["1", "2", "3"] {
        hear(id, Verdict::Drop, here()).await;
    }
    hear("4", Verdict::Drop, elsewhere).await;
    hear("5", Verdict::Drop, None).await;
    let first = hear("6", Verdict::Queue(route()), here()).await;
    assert_eq!(heard(first, 10).await, ["1", "2", "3"]);
    assert_eq!(heard(first, 2).await, ["2", "3"], "the newest");
    hear("7", Verdict::Drop, here()).await;
    let second = hear("8", Verdict::Queue(route()), here()).await;
    assert_eq!(heard(second, 10).await, ["7"], "what the turn before was told is not told again");
}

#[tokio::test]
async fn pairing_follows_its_rules() {
    let place = Place::new();
    let store = place.open().await;
    let ask = async |number: &str, sender: &str, code: &str, now| {
        let inbound = store.admit(&account(), &message(number), None, now).await.unwrap().id;
        let meta = PairingMeta { username: Some("ada".into()), name: None };
        let reply = draft(&format!("b{number}"), "r1", &["text"]);
        let ask =
            NewPairing { inbound, sender: sender.into(), meta, code: code.into(), reply, steps: vec![] };
        store.request_pairing(ask, RULES, now).await.unwrap()
    };
    let pending = async || store.counts().await.unwrap().pending;
    assert_eq!(ask("1", "u1", "AAAAAAAA", 1_000).await, PairingOutcome::Created);
    assert_eq!(ask("2", "u1", "BBBBBBBB", 2_000).await, PairingOutcome::Refreshed);
    assert_eq!(pending().await, 1, "only a new request is answered");
    assert_eq!(ask("3", "u2", "AAAAAAAA", 3_000).await, PairingOutcome::CodeTaken);
    assert_eq!(store.undecided(InboundId(0), 9).await.unwrap().len(), 1, "a taken code decides nothing");
    assert_eq!(ask("4", "u2", "CCCCCCCC", 3_000).await, PairingOutcome::Created);
    assert_eq!(ask("5", "u3", "DDDDDDDD", 3_000).await, PairingOutcome::Created);
    assert_eq!(ask("6", "u4", "EEEEEEEE", 3_000).await, PairingOutcome::Full);
    assert_eq!(pending().await, 3);

    let requests = store.pairing_requests(Some("chat"), RULES, 4_000).await.unwrap();
    assert_eq!((requests.len(), requests[0].created_at, requests[0].last_seen_at), (3, 1_000, 2_000));
    assert_eq!(store.pairing_requests(Some("other"), RULES, 4_000).await.unwrap(), []);
    assert_eq!(store.approve("chat", None, "ZZZZZZZZ", true, RULES, 4_000).await.unwrap(), None);
    assert_eq!(store.approve("chat", Some("second"), "AAAAAAAA", true, RULES, 4_000).await.unwrap(), None);
    let first = store.approve("chat", None, "AAAAAAAA", true, RULES, 4_000).await.unwrap().unwrap();
    assert_eq!((first.sender.as_str(), first.room.as_str()), ("u1", "r1"));
    assert_eq!(first.owner_configured.as_deref(), Some("chat:u1"));
    let second = store.approve("chat", None, "CCCCCCCC", true, RULES, 5_000).await.unwrap().unwrap();
    assert_eq!(second.owner_configured, None, "there is an owner");
    assert_eq!(store.owner().await.unwrap().as_deref(), Some("chat:u1"));
    assert!(store.is_approved(&account(), "u1").await.unwrap());
    assert!(!store.is_approved(&AccountKey::new("chat", "second"), "u1").await.unwrap());
    assert_eq!(store.approved_senders(&account()).await.unwrap(), ["u1", "u2"]);

    let later = 3_000 + RULES.ttl_ms;
    assert_eq!(store.pairing_requests(None, RULES, later).await.unwrap(), [], "an hour is over");
    assert_eq!(store.approve("chat", None, "DDDDDDDD", true, RULES, later).await.unwrap(), None);
    assert_eq!(ask("7", "u3", "FFFFFFFF", later).await, PairingOutcome::Created);

    // By the request itself: only while it is that one.
    let third = store.pairing_requests(None, RULES, later).await.unwrap().remove(0);
    let elsewhere = PairingRequest { account: AccountKey::new("chat", "second"), ..third.clone() };
    let earlier = PairingRequest { created_at: 3_000, ..third.clone() };
    for other in [&elsewhere, &earlier] {
        assert_eq!(store.approve_request(other, true, later).await.unwrap(), None);
        assert!(!store.dismiss_request(other).await.unwrap());
    }
    assert!(store.dismiss_request(&third).await.unwrap());
    assert_eq!(store.approve_request(&third, true, later).await.unwrap(), None, "it was dismissed");
    assert_eq!(ask("8", "u3", "GGGGGGGG", later + 1).await, PairingOutcome::Created);
    let fourth = store.pairing_requests(None, RULES, later + 1).await.unwrap().remove(0);
    assert_eq!(store.approve_request(&fourth, true, later + 2).await.unwrap().unwrap().sender, "u3");
    assert!(store.is_approved(&account(), "u3").await.unwrap());
}

#[tokio::test]
async fn transcripts_are_read_from_their_end_and_start_anew() {
    let place = Place::new();
    let store = place.open().await;
    let write = |session_id: &str, texts: &[&str]| SessionWrite {
        key: "k".into(),
        session_id: session_id.into(),
        agent: "main".into(),
        entries: texts
            .iter()
            .map(|text| Entry {
                role: EntryRole::Assistant,
                content: (*text).to_owned(),
                model: Some("p/m".into()),
                usage: Some(Usage { input_tokens: 3, output_tokens: 4, cached_tokens: 1 }),
                at: 7,
            })
            .collect(),
    };
    let texts = async |entries, bytes| {
        let (session, entries) = store.load_session("k", entries, bytes).await.unwrap().unwrap();
        (session, entries.into_iter().map(|entry| entry.content).collect::<Vec<_>>())
    };
    assert_eq!(store.load_session("k", 9, 99).await.unwrap(), None);
    store.append_lazily(write("s1", &["one", "two"]), 10).await.unwrap();
    store.append_lazily(write("s1", &["three"]), 20).await.unwrap();
    let (session, all) = texts(9, 99).await;
    assert_eq!(all, ["one", "two", "three"], "a lazy write is seen by the next read");
    assert_eq!((session.created_at, session.updated_at, session.usage.output_tokens), (10, 20, 4));
    assert_eq!(session.model.as_deref(), Some("p/m"));
    assert_eq!(texts(2, 99).await.1, ["two", "three"]);
    assert_eq!(texts(9, 8).await.1, ["two", "three"]);
    store.append_lazily(write("s2", &[]), 30).await.unwrap();
    let (session, all) = texts(9, 99).await;
    assert_eq!((session.session_id.as_str(), session.created_at, all.len()), ("s2", 30, 0));
    store.close().await;
    assert!(matches!(store.append_lazily(write("s2", &[]), 40).await, Err(StoreError::Closed)));
    assert!(matches!(store.counts().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn sessions_are_counted_and_found_by_key_and_id() {
    let place = Place::new();
    let store = place.open().await;
    let keys = ["agent:a:main", "agent:a:direct:\u{10ffff}", "agent:ab:main"];
    for (at, key) in (10..).zip(keys) {
        let session_id = format!("id of {key}");
        let session = SessionWrite { key: key.into(), session_id, agent: "a".into(), entries: vec![] };
        store.append_lazily(session, at).await.unwrap();
    }
    // Waits for what was queued.
    store.load_session(keys[2], 0, 0).await.unwrap();
    let count = async |prefix| store.session_count(prefix).await.unwrap();
    assert_eq!((count(None).await, count(Some("agent:a:")).await, count(Some("agent:b:")).await), (3, 2, 0));
    let newest = async |limit| {
        let rows = store.sessions_below("agent:a:", limit).await.unwrap();
        rows.into_iter().map(|row| row.key).collect::<Vec<_>>()
    };
    assert_eq!(
        (newest(9).await, newest(1).await),
        (vec![keys[1].into(), keys[0].into()], vec![keys[1].into()])
    );
    let key = async |id| store.session_key(id).await.unwrap();
    assert_eq!(key("id of agent:ab:main").await.as_deref(), Some(keys[2]));
    assert_eq!(key("nobody's").await, None);
}

#[tokio::test]
async fn old_rows_go_and_open_ones_stay() {
    let place = Place::new();
    let store = place.open().await;
    for id in ["1", "2", "3"] {
        store.admit(&account(), &message(id), None, 10).await.unwrap();
    }
    store.decide(InboundId(1), decision(Verdict::Drop, "no"), 10).await.unwrap();
    store.decide(InboundId(2), decision(Verdict::Drop, "no"), 900).await.unwrap();
    store.enqueue(&draft("a", "r1", &["1", "2"]), 10).await.unwrap();
    let sent = claimed(&store, "r1", 10).await;
    store.end_send(sent.id, &SendEnd::Sent(Receipt::default()), 10).await.unwrap();
    assert_eq!(store.prune(500, 1_000).await.unwrap(), 2);
    assert_eq!(store.counts().await.unwrap(), Counts { undecided: 1, pending: 1, ..Counts::default() });
    assert!(!store.admit(&account(), &message("1"), None, 1_000).await.unwrap().duplicate, "forgotten");
    assert!(store.admit(&account(), &message("2"), None, 1_000).await.unwrap().duplicate, "remembered");
}

#[tokio::test]
async fn the_room_of_old_rows_goes_back_to_the_disk() {
    let place = Place::new();
    let store = place.open().await;
    let long = "x".repeat(8_000);
    let parts = vec![long.as_str(); 100];
    store.enqueue(&Draft { expires_at: 100, ..draft("a", "r1", &parts) }, 10).await.unwrap();
    assert_eq!(store.prune(0, 100).await.unwrap(), 0, "given up, but not old yet");
    store.close().await;
    let full = std::fs::metadata(place.path()).unwrap().len();
    let store = place.open().await;
    assert_eq!(store.prune(500, 1_000).await.unwrap(), 100);
    store.close().await;
    let empty = std::fs::metadata(place.path()).unwrap().len();
    assert!(empty < full / 2, "{full} bytes became {empty}");
}

#[tokio::test]
async fn only_one_gateway_opens_the_file() {
    let place = Place::new();
    let store = place.open().await;
    let second = Store::open(&place.path()).await.unwrap_err();
    assert_eq!(second.code(), "locked");
    assert!(second.to_string().contains("in use by another gateway"), "{second}");
    store.close().await;
    place.open().await.close().await;
}

#[tokio::test]
async fn what_is_no_sound_database_of_ours_is_refused_and_left_alone() {
    let check = async |bytes: &[u8], code: &str| {
        let place = Place::new();
        std::fs::create_dir_all(place.path().parent().unwrap()).unwrap();
        std::fs::write(place.path(), bytes).unwrap();
        let error = Store::open(&place.path()).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(std::fs::read(place.path()).unwrap(), bytes);
    };
    check(&b"this is no database, but it is long enough to be taken for one ".repeat(20), "corrupt").await;
    let whole = {
        let place = Place::new();
        let store = place.open().await;
        for id in 0..50 {
            store.admit(&account(), &message(&id.to_string()), None, 10).await.unwrap();
        }
        store.close().await;
        std::fs::read(place.path()).unwrap()
    };
    let mut torn = whole.clone();
    torn[5000..9000].fill(0xA5);
    check(&torn, "corrupt").await;
    let mut newer = whole;
    // The user version stands at byte 60 of the file header.
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    check(&newer, "schema_too_new").await;
}

#[tokio::test]
async fn a_torn_log_loses_only_what_was_not_answered() {
    let place = Place::new();
    let copy = Place::new();
    let store = place.open().await;
    for id in 0..20 {
        store.admit(&account(), &message(&id.to_string()), None, 10).await.unwrap();
    }
    // As a power failure would find it: no checkpoint, and the tail of the log half written.
    std::fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
    let wal = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(place.path(), copy.path()).unwrap();
    let mut log = std::fs::read(wal(&place.path())).unwrap();
    let length = log.len();
    log.extend_from_slice(&[0x5A; 3000]);
    std::fs::write(wal(&copy.path()), &log).unwrap();
    let torn = copy.open().await;
    assert_eq!(torn.counts().await.unwrap().undecided, 20);
    torn.close().await;

    log.truncate(length - 10);
    std::fs::copy(place.path(), copy.path()).unwrap();
    std::fs::write(wal(&copy.path()), &log).unwrap();
    let torn = copy.open().await;
    assert_eq!(torn.counts().await.unwrap().undecided, 19, "the last commit alone is gone");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let store = place.open().await;
    store.admit(&account(), &message("1"), None, 10).await.unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let path = format!("{}{suffix}", place.path().display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    store.close().await;
}
