//! What did not get through, through the store's public API: listed, revived in order, forgotten for good.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use openclaw_store::{
    AccountKey, Buried, Claim, ConversationKey, DeadDetail, DeadId, DeadKind, DeadQuery, Draft, MediaFile,
    OutboxRow, OutboxState, Receipt, Revived, SendEnd, SendFault, SetAside, Store, Target, path_in,
};

/// The expiry of everything here.
const EXPIRY: i64 = 1_000;

async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&path_in(dir.path())).await.unwrap();
    (dir, store)
}

fn account(name: &str) -> AccountKey {
    AccountKey::new("chat", name)
}

fn target(room: &str) -> Target {
    Target { room: room.to_owned(), thread: None }
}

fn draft(batch: &str, of: &str, room: &str, parts: &[&str]) -> Draft {
    Draft {
        account: account(of),
        target: target(room),
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        batch: batch.to_owned(),
        request_key: Some(format!("asked-{batch}")),
        reply_to: Some("m1".into()),
        reply_all: false,
        reply_context: vec![9],
        media: Vec::new(),
        silent: false,
        expires_at: EXPIRY,
    }
}

fn fault(code: &str) -> SendFault {
    SendFault { code: code.into(), detail: "why".into() }
}

async fn claimed(store: &Store, of: &str, room: &str, now: i64) -> OutboxRow {
    let conversation = ConversationKey { account: account(of), target: target(room) };
    match store.claim(&conversation, now).await.unwrap() {
        Claim::Part(row) => *row,
        other => panic!("nothing to claim: {other:?}"),
    }
}

/// Sends the next part of a room, to this end.
async fn ends(store: &Store, of: &str, room: &str, end: SendEnd, now: i64) -> i64 {
    let row = claimed(store, of, room, now).await;
    store.end_send(row.id, &end, now).await.unwrap();
    row.id
}

async fn aside(store: &Store, of: &str, raw: &[u8], at: i64) {
    let what = SetAside { vendor_id: Some("v7".into()), reason: "no chat in it".into(), raw: raw.into(), at };
    store.set_aside(&account(of), &what, vec![1], 100).await.unwrap();
}

async fn listed(store: &Store, query: DeadQuery) -> Vec<(DeadKind, String, String)> {
    let letters = store.dead_letters(&query).await.unwrap();
    letters.into_iter().map(|letter| (letter.kind, letter.code, letter.text)).collect()
}

#[tokio::test]
async fn what_did_not_get_through_is_listed_the_newest_first() {
    let (_dir, store) = store().await;
    store.enqueue(&draft("b1", "one", "r1", &["refused", "cut"]), 1).await.unwrap();
    store.enqueue(&draft("b2", "two", "r1", &["late"]), 1).await.unwrap();
    store.enqueue(&draft("b3", "one", "r2", &["still waits"]), 1).await.unwrap();
    ends(&store, "one", "r1", SendEnd::Failed(fault("400")), 10).await;
    aside(&store, "two", b"{\"odd\": \xff1}", 15).await;
    ends(&store, "one", "r1", SendEnd::Ambiguous(fault("cut")), 20).await;
    let late = ConversationKey { account: account("two"), target: target("r1") };
    assert_eq!(store.claim(&late, EXPIRY).await.unwrap(), Claim::Empty);

    let row = |kind, code: &str, text: &str| (kind, code.to_owned(), text.to_owned());
    let all = [
        row(DeadKind::Expired, "expired", "late"),
        row(DeadKind::Ambiguous, "cut", "cut"),
        row(DeadKind::Unread, "no chat in it", "{\"odd\": \u{fffd}1}"),
        row(DeadKind::Failed, "400", "refused"),
    ];
    assert_eq!(listed(&store, DeadQuery { limit: 9, ..DeadQuery::default() }).await, all);
    assert_eq!(listed(&store, DeadQuery { limit: 2, ..DeadQuery::default() }).await, all[..2]);
    let of_one = DeadQuery { account: Some("one".into()), limit: 9, ..DeadQuery::default() };
    assert_eq!(listed(&store, of_one).await, [all[1].clone(), all[3].clone()]);
    let elsewhere = DeadQuery { channel: Some("other".into()), limit: 9, ..DeadQuery::default() };
    assert!(listed(&store, elsewhere).await.is_empty());

    let counts = store.dead_counts(9).await.unwrap();
    let [(one, of_one), (two, of_two)] = counts.as_slice() else { panic!("{counts:?}") };
    assert_eq!((one, of_one.failed, of_one.ambiguous, of_one.total()), (&account("one"), 1, 1, 2));
    assert_eq!((two, of_two.expired, of_two.unread, of_two.total()), (&account("two"), 1, 1, 2));
}

#[tokio::test]
async fn a_vendors_own_code_is_not_taken_for_the_expiry() {
    let (_dir, store) = store().await;
    store.enqueue(&draft("b1", "one", "r1", &["in time"]), 1).await.unwrap();
    ends(&store, "one", "r1", SendEnd::Failed(fault("expired")), 10).await;
    let found = listed(&store, DeadQuery { limit: 9, ..DeadQuery::default() }).await;
    assert_eq!(found[0].0, DeadKind::Failed);
}

#[tokio::test]
async fn everything_is_told_of_one() {
    let (_dir, store) = store().await;
    store.enqueue(&draft("b1", "one", "r1", &["sent", "refused"]), 1).await.unwrap();
    let sent = ends(&store, "one", "r1", SendEnd::Sent(Receipt { message_ids: vec!["m".into()] }), 5).await;
    let id = ends(&store, "one", "r1", SendEnd::Failed(fault("400")), 10).await;
    let Some(DeadDetail::Send { kind, row, request_key, parts }) =
        store.dead_letter(DeadId::Send(id)).await.unwrap()
    else {
        panic!("it is gone")
    };
    assert_eq!((kind, parts, request_key.as_deref()), (DeadKind::Failed, 2, Some("asked-b1")));
    assert_eq!((row.part, row.attempts, row.error), (1, 1, Some(fault("400"))));
    assert_eq!(store.dead_letter(DeadId::Send(sent)).await.unwrap(), None);

    aside(&store, "one", b"raw", 3).await;
    let letters = store.dead_letters(&DeadQuery { limit: 9, ..DeadQuery::default() }).await.unwrap();
    let unread = letters.iter().find(|letter| letter.kind == DeadKind::Unread).unwrap().id;
    let Some(DeadDetail::Unread { account: whose, what }) = store.dead_letter(unread).await.unwrap() else {
        panic!("it is gone")
    };
    assert_eq!((whose, what.raw, what.vendor_id.as_deref()), (account("one"), b"raw".to_vec(), Some("v7")));
    assert_eq!(store.dead_letter(DeadId::Unread(99)).await.unwrap(), None);
}

#[tokio::test]
async fn a_retry_goes_on_in_the_old_order_and_touches_nothing_else() {
    let (_dir, store) = store().await;
    store.enqueue(&draft("b1", "one", "r1", &["a", "b", "c", "d"]), 1).await.unwrap();
    let first = ends(&store, "one", "r1", SendEnd::Failed(fault("400")), 10).await;
    ends(&store, "one", "r1", SendEnd::Sent(Receipt { message_ids: vec!["m".into()] }), 10).await;
    ends(&store, "one", "r1", SendEnd::Failed(fault("400")), 10).await;
    let last = ends(&store, "one", "r1", SendEnd::Failed(fault("400")), 10).await;
    store.enqueue(&draft("b2", "one", "r1", &["newer"]), 11).await.unwrap();

    let conversation = ConversationKey { account: account("one"), target: target("r1") };
    let queued = |parts| Revived::Queued { conversation: conversation.clone(), parts };
    assert_eq!(store.revive(last, false, 9_000, 20).await.unwrap(), queued(1), "nothing before it");
    assert_eq!(store.revive(last, false, 9_000, 20).await.unwrap(), Revived::Not(OutboxState::Pending));
    assert_eq!(store.revive(first, false, 9_000, 20).await.unwrap(), queued(2));
    let mut order = Vec::new();
    for _ in 0..4 {
        let row = claimed(&store, "one", "r1", 30).await;
        assert_eq!((row.attempts, row.error), (1, None));
        order.push(row.text);
        store.end_send(row.id, &SendEnd::Sent(Receipt::default()), 30).await.unwrap();
    }
    assert_eq!(order, ["a", "c", "d", "newer"]);
    assert_eq!(store.revive(first, true, 9_000, 40).await.unwrap(), Revived::Not(OutboxState::Sent));
    assert_eq!(store.revive(99, true, 9_000, 40).await.unwrap(), Revived::Gone);
    assert!(store.dead_counts(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_retry_has_a_time_of_its_own() {
    let (_dir, store) = store().await;
    store.enqueue(&draft("b1", "one", "r1", &["late"]), 1).await.unwrap();
    let conversation = ConversationKey { account: account("one"), target: target("r1") };
    assert_eq!(store.claim(&conversation, EXPIRY).await.unwrap(), Claim::Empty);
    let id = store.batch("b1").await.unwrap()[0].id;
    let revived = store.revive(id, false, 3 * EXPIRY, EXPIRY + 1).await.unwrap();
    assert_eq!(revived, Revived::Queued { conversation, parts: 1 });
    assert_eq!(claimed(&store, "one", "r1", 2 * EXPIRY).await.text, "late");
}

#[tokio::test]
async fn what_may_have_arrived_is_sent_again_only_on_purpose() {
    let (_dir, store) = store().await;
    store.enqueue(&draft("b1", "one", "r1", &["refused", "cut"]), 1).await.unwrap();
    let refused = ends(&store, "one", "r1", SendEnd::Failed(fault("400")), 10).await;
    let cut = ends(&store, "one", "r1", SendEnd::Ambiguous(fault("cut")), 10).await;
    for id in [refused, cut] {
        assert_eq!(store.revive(id, false, 9_000, 20).await.unwrap(), Revived::Uncertain(1));
    }
    assert!(store.batch("b1").await.unwrap().iter().all(|row| row.state.is_final()), "nothing changed");
    let revived = store.revive(refused, true, 9_000, 20).await.unwrap();
    assert!(matches!(revived, Revived::Queued { parts: 2, .. }), "{revived:?}");
}

#[tokio::test]
async fn nothing_is_sent_again_without_its_files() {
    let (_dir, store) = store().await;
    let file = MediaFile { handle: 77, mime: "image/png".into(), name: None, size: 3 };
    let draft = Draft { media: vec![file], ..draft("b1", "one", "r1", &["see the picture"]) };
    store.enqueue(&draft, 1).await.unwrap();
    let id = ends(&store, "one", "r1", SendEnd::Failed(fault("400")), 10).await;
    assert_eq!(store.revive(id, false, 9_000, 20).await.unwrap(), Revived::FilesGone);
    assert_eq!(store.outbox_state(id).await.unwrap(), Some(OutboxState::Failed));
}

#[tokio::test]
async fn what_is_dropped_is_gone_and_its_key_stays_taken() {
    let (dir, store) = store().await;
    let message = draft("b1", "one", "r1", &["cut"]);
    store.enqueue(&message, 1).await.unwrap();
    let id = ends(&store, "one", "r1", SendEnd::Ambiguous(fault("cut")), 10).await;
    aside(&store, "one", b"raw", 3).await;
    let letters = store.dead_letters(&DeadQuery { limit: 9, ..DeadQuery::default() }).await.unwrap();
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        assert_eq!(store.bury(letter.id, 20).await.unwrap(), Buried::Forgotten(account("one")));
    }
    assert_eq!(store.bury(DeadId::Send(id), 20).await.unwrap(), Buried::Not(OutboxState::Dropped));
    assert_eq!(store.bury(DeadId::Unread(1), 20).await.unwrap(), Buried::Gone);
    assert_eq!(store.bury(DeadId::Send(99), 20).await.unwrap(), Buried::Gone);
    store.close().await;

    let store = Store::open(&path_in(dir.path())).await.unwrap();
    assert!(listed(&store, DeadQuery { limit: 9, ..DeadQuery::default() }).await.is_empty());
    assert_eq!(store.counts().await.unwrap().ambiguous, 0);
    assert_eq!(store.revive(id, true, 9_000, 30).await.unwrap(), Revived::Not(OutboxState::Dropped));
    let again = store.enqueue(&Draft { batch: "b9".into(), ..message }, 30).await.unwrap();
    assert_eq!((again.batch.as_str(), again.fresh), ("b1", false), "the key still means that message");
    assert!(store.prune(21, 40).await.unwrap() > 0, "it goes with the other old rows");
    assert_eq!(store.outbox_state(id).await.unwrap(), None);
}
