//! Previews of answers through the store's public API: what is remembered of one, and what takes its place.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod common;

use openclaw_store::{Draft, InboundId, OtherRow, PreviewBegin, Receipt, SendEnd, TurnRows, Verdict};

use common::{Place, account, claimed, conversation, decision, draft, fault, message, route};

#[tokio::test]
async fn a_preview_is_marked_known_and_taken_by_the_reply() {
    let place = Place::new();
    let store = place.open().await;
    let id = store.admit(&account(), &message("1"), None, 10).await.unwrap().id;
    let begin = async |id: InboundId| store.begin_preview(&id.into(), &conversation("r1")).await.unwrap();
    assert_eq!(begin(id).await, PreviewBegin::Never, "no turn is owed yet");
    store.decide(id, decision(Verdict::Queue(route()), "allowFrom"), 20).await.unwrap();
    store.enqueue(&draft("a", "r1", &["first"]), 20).await.unwrap();
    assert_eq!(begin(id).await, PreviewBegin::Busy, "what waits goes first");
    let row = claimed(&store, "r1", 20).await;
    assert_eq!(begin(id).await, PreviewBegin::Busy, "and what is being sent");
    store.end_send(row.id, &SendEnd::Failed(fault("x")), 21).await.unwrap();
    assert_eq!(begin(id).await, PreviewBegin::Begun);
    assert_eq!(begin(id).await, PreviewBegin::Never, "nobody knows how its send ended");
    store.end_preview(id, None).await.unwrap();
    assert_eq!(begin(id).await, PreviewBegin::Begun, "nothing was visible");
    store.end_preview(id, Some("v7")).await.unwrap();
    store.close().await;

    let store = place.open().await;
    let begun = store.begin_preview(&id.into(), &conversation("r1")).await.unwrap();
    assert_eq!(begun, PreviewBegin::Shown("v7".to_owned()));
    let reply = Draft { reply_all: true, ..draft("b", "r1", &["one", "two"]) };
    store.finish_turn(id, None, Some(reply), 30).await.unwrap();
    let first = claimed(&store, "r1", 30).await;
    assert_eq!((first.edits.as_deref(), first.reply_to.as_deref()), (Some("v7"), Some("m1")));
    store.close().await;

    // An edit that was under way is not flagged: it shows the same when it is made twice.
    let store = place.open().await;
    let again = claimed(&store, "r1", 40).await;
    assert_eq!((again.id, again.attempts, again.edits.as_deref()), (first.id, 2, Some("v7")));
    store.end_send(again.id, &SendEnd::Anew(fault("gone")), 41).await.unwrap();
    let anew = claimed(&store, "r1", 42).await;
    assert_eq!((anew.id, anew.attempts, anew.edits), (first.id, 2, None));
    store.end_send(anew.id, &SendEnd::Sent(Receipt { message_ids: vec!["v8".into()] }), 43).await.unwrap();
    let second = claimed(&store, "r1", 44).await;
    assert_eq!((second.edits, second.reply_to.as_deref()), (None, Some("m1")));
    let begun = store.begin_preview(&id.into(), &conversation("r1")).await.unwrap();
    assert_eq!(begun, PreviewBegin::Never, "the turn is over");
}

#[tokio::test]
async fn a_preview_goes_on_with_the_message_that_its_own_is_told_with() {
    let place = Place::new();
    let store = place.open().await;
    let mut ids = Vec::new();
    for id in ["1", "2", "3"] {
        let id = store.admit(&account(), &message(id), None, 10).await.unwrap().id;
        store.decide(id, decision(Verdict::Queue(route()), "allowFrom"), 20).await.unwrap();
        ids.push(id);
    }
    let begin = async |rows: &TurnRows| store.begin_preview(rows, &conversation("r1")).await.unwrap();
    let told = |own: usize, with: &[usize]| {
        let other = |at: &usize| OtherRow { id: ids[*at], dropped: false, how: "told".to_owned() };
        TurnRows { own: ids[own], ended: None, others: with.iter().map(other).collect() }
    };
    assert_eq!(begin(&told(0, &[])).await, PreviewBegin::Begun);
    store.end_preview(ids[0], Some("v7")).await.unwrap();
    // The first turn was interrupted: the next one is told both, and has the preview.
    assert_eq!(begin(&told(1, &[0])).await, PreviewBegin::Shown("v7".to_owned()));
    // And again, this time without looking at it before its end.
    store.finish_turn(told(2, &[0, 1]), None, Some(draft("b", "r1", &["one"])), 30).await.unwrap();
    assert_eq!(claimed(&store, "r1", 30).await.edits.as_deref(), Some("v7"));
}
