//! Files of accounts: durable, each account's own (T73), within a quota, and kept as long as something carries them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed, which is right")]

use std::path::Path;

use openclaw_store::{
    AccountKey, ChatKind, Conversation, Decision, Draft, MediaFault, MediaFile, Message, NewMedia, Route,
    SenderInfo, SenderKind, Store, Target, Verdict,
};

const HOUR: i64 = 3_600_000;

fn decision(verdict: Verdict, reason: &str) -> Decision {
    Decision { verdict, reason: reason.to_owned(), steps: Vec::new(), heard_in: None }
}

fn account() -> AccountKey {
    AccountKey::new("chat", "a")
}

async fn open(dir: &Path) -> Store {
    Store::open(&dir.join("gateway.sqlite")).await.unwrap()
}

async fn keep(store: &Store, bytes: &[u8], quota: u64, now: i64) -> Result<MediaFile, MediaFault> {
    let new = NewMedia { mime: "text/plain".into(), name: Some("a.txt".into()), size: None };
    let mut intake = store.take_media(&account(), new, quota).await?;
    for piece in bytes.chunks(3) {
        intake.write(piece).await?;
    }
    intake.finish(now).await
}

async fn bytes(store: &Store, handle: u64) -> Option<Vec<u8>> {
    let (_, mut content) = store.open_media(&account(), handle).await.unwrap()?;
    let mut bytes = Vec::new();
    while let Some(piece) = content.next().await.unwrap() {
        bytes.extend(piece);
    }
    Some(bytes)
}

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("media")).map_or(0, Iterator::count)
}

fn message(id: &str, media: Vec<MediaFile>) -> Message {
    Message {
        id: id.into(),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: "r".into(),
            thread: None,
            title: None,
        },
        sender: SenderInfo {
            kind: SenderKind::Person,
            id: "u".into(),
            username: None,
            display_name: None,
            roles: Vec::new(),
        },
        text: String::new(),
        sent_at_ms: 0,
        mentions_self: false,
        reply_to_self: false,
        addresses_others: false,
        edited: false,
        forwarded: false,
        quote: None,
        media,
        album: None,
        reply_context: Vec::new(),
    }
}

fn draft(batch: &str, media: Vec<MediaFile>) -> Draft {
    Draft {
        account: account(),
        target: Target { room: "r".into(), thread: None },
        parts: vec!["x".into(), "y".into()],
        batch: batch.into(),
        request_key: Some("key".into()),
        reply_to: None,
        reply_all: false,
        reply_context: Vec::new(),
        media,
        silent: false,
        expires_at: i64::MAX,
    }
}

#[tokio::test]
async fn a_file_is_there_after_a_restart_and_for_its_account_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let kept = keep(&store, b"hello world", 100, 0).await.unwrap();
    assert_eq!((kept.mime.as_str(), kept.name.as_deref(), kept.size), ("text/plain", Some("a.txt"), 11));
    store.close().await;
    let store = open(dir.path()).await;
    assert_eq!(bytes(&store, kept.handle).await.as_deref(), Some(&b"hello world"[..]));
    assert_eq!(store.media(&account(), kept.handle).await.unwrap(), Some(kept.clone()));
    for stranger in [AccountKey::new("chat", "b"), AccountKey::new("chat2", "a")] {
        assert!(store.open_media(&stranger, kept.handle).await.unwrap().is_none());
        store.forget_media(&stranger, kept.handle).await.unwrap();
    }
    assert_eq!(files(dir.path()), 1);
    store.forget_media(&account(), kept.handle).await.unwrap();
    assert_eq!((bytes(&store, kept.handle).await, files(dir.path())), (None, 0));
    let next = keep(&store, b"x", 100, 0).await.unwrap();
    assert!(next.handle > kept.handle, "a handle is never used again");
    store.close().await;
}

#[tokio::test]
async fn what_is_cut_short_is_gone_at_once_or_with_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut intake = store.take_media(&account(), NewMedia::default(), 100).await.unwrap();
    intake.write(b"half").await.unwrap();
    assert_eq!(files(dir.path()), 1);
    drop(intake);
    assert_eq!(files(dir.path()), 0);
    keep(&store, b"x", 100, 0).await.unwrap();
    store.close().await;
    std::fs::write(dir.path().join("media").join("left-behind"), "half").unwrap();
    let store = open(dir.path()).await;
    assert_eq!(files(dir.path()), 1);
    store.close().await;
}

#[tokio::test]
async fn the_oldest_make_room_and_nothing_that_is_needed_does() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let announced = NewMedia { size: Some(11), ..NewMedia::default() };
    assert!(matches!(store.take_media(&account(), announced, 10).await, Err(MediaFault::Full)));
    let old = keep(&store, &[1; 4], 10, 0).await.unwrap();
    let carried = keep(&store, &[2; 4], 10, 0).await.unwrap();
    assert!(matches!(keep(&store, &[3; 3], 10, HOUR).await, Err(MediaFault::Full)), "both are fresh");
    let id = store.admit(&account(), &message("m", vec![carried.clone()]), None, 0).await.unwrap().id;
    let fresh = keep(&store, &[3; 4], 10, HOUR + 1).await.unwrap();
    assert_eq!(bytes(&store, old.handle).await, None);
    assert_eq!(bytes(&store, carried.handle).await, Some(vec![2; 4]), "its turn is owed");
    assert!(matches!(keep(&store, &[4; 4], 10, HOUR + 2).await, Err(MediaFault::Full)));
    store.forget_media(&account(), carried.handle).await.unwrap();
    assert!(bytes(&store, carried.handle).await.is_some(), "not before its message is done with");
    store.decide(id, decision(Verdict::Drop, "test"), HOUR).await.unwrap();
    keep(&store, &[4; 4], 10, HOUR + 2).await.unwrap();
    assert_eq!(bytes(&store, carried.handle).await, None);
    assert!(bytes(&store, fresh.handle).await.is_some());
    // What comes in at the same time shares the room.
    let mut one = store.take_media(&account(), NewMedia::default(), 10).await.unwrap();
    let mut two = store.take_media(&account(), NewMedia::default(), 10).await.unwrap();
    one.write(&[0; 6]).await.unwrap();
    assert!(matches!(two.write(&[0; 6]).await, Err(MediaFault::Full)));
    drop((one, two));
    assert_eq!(files(dir.path()), 2);
    store.close().await;
}

#[tokio::test]
async fn files_go_with_their_messages() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let inbound = keep(&store, b"in", 100, 0).await.unwrap();
    let outbound = keep(&store, b"out", 100, 0).await.unwrap();
    let nobodys = keep(&store, b"none", 100, 0).await.unwrap();
    let id = store.admit(&account(), &message("m", vec![inbound.clone()]), None, 0).await.unwrap().id;
    store.enqueue(&draft("b", vec![outbound.clone()]), 0).await.unwrap();
    let rows = store.batch("b").await.unwrap();
    assert_eq!((rows[0].media.as_slice(), rows[1].media.len()), (std::slice::from_ref(&outbound), 0));
    // The same request again brings a file of its own, and is the same request.
    let again = MediaFile { handle: nobodys.handle, ..outbound.clone() };
    assert!(!store.enqueue(&draft("c", vec![again]), 0).await.unwrap().fresh);
    let other = MediaFile { size: 9, ..outbound.clone() };
    assert_eq!(store.enqueue(&draft("d", vec![other]), 0).await.unwrap_err().code(), "conflict");
    let row = store.undecided(openclaw_store::InboundId(0), 10).await.unwrap().remove(0);
    assert_eq!(row.message.media, std::slice::from_ref(&inbound));
    let route = Route { agent: "main".into(), session_key: "agent:main:main".into() };
    store.decide(id, decision(Verdict::Queue(route), "test"), 0).await.unwrap();
    store.finish_turn(id, None, None, 0).await.unwrap();
    store.prune(0, 25 * HOUR).await.unwrap();
    assert_eq!(bytes(&store, nobodys.handle).await, None, "no message carries it");
    assert!(bytes(&store, inbound.handle).await.is_some(), "its message is still known");
    store.prune(1, 25 * HOUR).await.unwrap();
    assert_eq!(bytes(&store, inbound.handle).await, None);
    assert!(bytes(&store, outbound.handle).await.is_some(), "it is still to be sent");
    assert_eq!(files(dir.path()), 1);
    store.close().await;
}
