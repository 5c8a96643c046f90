//! What was said of an answer before its turn is over: stored with its part of the outbox, and gone with the turn.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use openclaw_store::{
    AccountKey, ChatKind, Conversation, Decision, Draft, InboundId, Message, OtherRow, Route, Said,
    SenderInfo, SenderKind, Store, StoreError, Target, TurnRows, Verdict, path_in,
};

async fn admitted(store: &Store, id: &str) -> InboundId {
    let message = Message {
        id: id.to_owned(),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: "r1".into(),
            thread: None,
            title: None,
        },
        sender: SenderInfo {
            kind: SenderKind::Person,
            id: "u1".into(),
            username: None,
            display_name: None,
            roles: Vec::new(),
        },
        text: "hello".into(),
        sent_at_ms: 5,
        mentions_self: false,
        reply_to_self: false,
        addresses_others: false,
        edited: false,
        forwarded: false,
        quote: None,
        media: Vec::new(),
        album: None,
        reply_context: Vec::new(),
    };
    let id = store.admit(&AccountKey::new("chat", "default"), &message, None, 10).await.unwrap().id;
    let route = Route { agent: "main".into(), session_key: "agent:main:main".into() };
    let decision = Decision {
        verdict: Verdict::Queue(route),
        reason: "allowFrom".into(),
        steps: Vec::new(),
        heard_in: None,
    };
    store.decide(id, decision, 20).await.unwrap();
    id
}

fn draft(batch: &str, parts: &[&str]) -> Draft {
    Draft {
        account: AccountKey::new("chat", "default"),
        target: Target { room: "r1".to_owned(), thread: None },
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        batch: batch.to_owned(),
        request_key: None,
        reply_to: None,
        reply_all: false,
        reply_context: Vec::new(),
        media: Vec::new(),
        silent: false,
        expires_at: 1_000_000,
    }
}

fn said(text: &str, blocks: u32) -> Said {
    Said { text: text.to_owned(), blocks, told: "hello".to_owned() }
}

async fn waiting(store: &Store, batch: &str) -> usize {
    store.batch(batch).await.unwrap().len()
}

#[tokio::test]
async fn a_block_is_in_the_outbox_exactly_when_its_turn_knows_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&path_in(dir.path())).await.unwrap();
    let rows = TurnRows::from(admitted(&store, "1").await);
    assert_eq!(store.said(&rows).await.unwrap(), Said::default());
    store.say(&rows, &said("One.\n\n", 1), draft("a", &["One."]), 30).await.unwrap();
    // Whoever is told that it failed asks again, and it may be there all the same.
    store.say(&rows, &said("One.\n\n", 1), draft("again", &["One."]), 31).await.unwrap();
    assert_eq!((waiting(&store, "a").await, waiting(&store, "again").await), (1, 0));
    store.close().await;

    let store = Store::open(&path_in(dir.path())).await.unwrap();
    assert_eq!(store.said(&rows).await.unwrap(), said("One.\n\n", 1));
    store.say(&rows, &said("One.\n\nTwo.\n\n", 2), draft("b", &["Two."]), 40).await.unwrap();
    assert_eq!(store.said_by_now(&rows).await.unwrap(), said("One.\n\nTwo.\n\n", 2));
    store.finish_turn(rows.clone(), None, Some(draft("c", &["Three."])), 50).await.unwrap();
    assert_eq!(store.said(&rows).await.unwrap(), Said::default());
    let late = store.say(&rows, &said("One.\n\nTwo.\n\nFour.", 3), draft("d", &["Four."]), 60).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert_eq!((waiting(&store, "b").await, waiting(&store, "d").await), (1, 0));
}

#[tokio::test]
async fn what_was_said_goes_on_with_the_message_that_its_own_is_told_with() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&path_in(dir.path())).await.unwrap();
    let (first, second) = (admitted(&store, "1").await, admitted(&store, "2").await);
    store.say(&first.into(), &said("One. ", 1), draft("a", &["One."]), 30).await.unwrap();
    let other = OtherRow { id: first, dropped: false, how: "told".to_owned() };
    let both = TurnRows { own: second, others: vec![other] };
    assert_eq!(store.said(&both).await.unwrap(), said("One. ", 1));
    store.say(&both, &said("One. Two. ", 2), draft("b", &["Two."]), 30).await.unwrap();
    assert_eq!(store.said(&first.into()).await.unwrap(), Said::default());
    assert_eq!(store.said(&both).await.unwrap(), said("One. Two. ", 2));
    assert_eq!(store.said_to().await.unwrap(), [vec![first, second]]);
    store.finish_turn(both, None, None, 40).await.unwrap();
    assert!(store.said_to().await.unwrap().is_empty());
}
