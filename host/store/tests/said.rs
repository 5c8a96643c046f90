//! What was said of an answer before its turn is over: stored with its part of the outbox, and gone with the turn.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod common;

use openclaw_store::{InboundId, OtherRow, Said, Store, StoreError, TurnRows, Verdict};

use common::{Place, account, decision, draft, message, route};

async fn admitted(store: &Store, id: &str) -> InboundId {
    let id = store.admit(&account(), &message(id), None, 10).await.unwrap().id;
    store.decide(id, decision(Verdict::Queue(route()), "allowFrom"), 20).await.unwrap();
    id
}

fn said(text: &str, blocks: u32) -> Said {
    Said { text: text.to_owned(), blocks, told: "hello".to_owned() }
}

async fn waiting(store: &Store, batch: &str) -> usize {
    store.batch(batch).await.unwrap().len()
}

#[tokio::test]
async fn a_block_is_in_the_outbox_exactly_when_its_turn_knows_of_it() {
    let place = Place::new();
    let store = place.open().await;
    let rows = TurnRows::from(admitted(&store, "1").await);
    assert_eq!(store.said(&rows).await.unwrap(), Said::default());
    store.say(&rows, &said("One.\n\n", 1), draft("a", "r1", &["One."]), 30).await.unwrap();
    // Whoever is told that it failed asks again, and it may be there all the same.
    store.say(&rows, &said("One.\n\n", 1), draft("again", "r1", &["One."]), 31).await.unwrap();
    assert_eq!((waiting(&store, "a").await, waiting(&store, "again").await), (1, 0));
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.said(&rows).await.unwrap(), said("One.\n\n", 1));
    store.say(&rows, &said("One.\n\nTwo.\n\n", 2), draft("b", "r1", &["Two."]), 40).await.unwrap();
    assert_eq!(store.said_by_now(&rows).await.unwrap(), said("One.\n\nTwo.\n\n", 2));
    store.finish_turn(rows.clone(), None, Some(draft("c", "r1", &["Three."])), 50).await.unwrap();
    assert_eq!(store.said(&rows).await.unwrap(), Said::default());
    let late = store.say(&rows, &said("One.\n\nTwo.\n\nFour.", 3), draft("d", "r1", &["Four."]), 60).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert_eq!((waiting(&store, "b").await, waiting(&store, "d").await), (1, 0));
}

#[tokio::test]
async fn what_was_said_goes_on_with_the_message_that_its_own_is_told_with() {
    let place = Place::new();
    let store = place.open().await;
    let (first, second) = (admitted(&store, "1").await, admitted(&store, "2").await);
    store.say(&first.into(), &said("One. ", 1), draft("a", "r1", &["One."]), 30).await.unwrap();
    let other = OtherRow { id: first, dropped: false, how: "told".to_owned() };
    let both = TurnRows { own: second, ended: None, others: vec![other] };
    assert_eq!(store.said(&both).await.unwrap(), said("One. ", 1));
    store.say(&both, &said("One. Two. ", 2), draft("b", "r1", &["Two."]), 30).await.unwrap();
    assert_eq!(store.said(&first.into()).await.unwrap(), Said::default());
    assert_eq!(store.said(&both).await.unwrap(), said("One. Two. ", 2));
    assert_eq!(store.said_to().await.unwrap(), [vec![first, second]]);
    store.finish_turn(both, None, None, 40).await.unwrap();
    assert!(store.said_to().await.unwrap().is_empty());
}
