//! What plugins remember: durable, atomic, within a quota, and each account's own (T73).
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is right")]

use openclaw_store::{AccountKey, KvOutcome, KvWrite, Store};

fn put(key: &str, value: &[u8]) -> KvWrite {
    KvWrite::Put(key.to_owned(), value.to_vec())
}

#[tokio::test]
async fn what_was_put_is_there_after_a_restart_and_for_its_account_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.sqlite");
    let (mine, other) = (AccountKey::new("chat", "a"), AccountKey::new("chat", "b"));
    let store = Store::open(&path).await.unwrap();
    let changes = vec![put("k", b"1"), put("gone", b"x"), put("k", b"22"), KvWrite::Delete("gone".into())];
    assert_eq!(store.kv_apply(&mine, changes, 1000).await.unwrap(), KvOutcome::Applied);
    store.close().await;
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.kv_get(&mine, "k").await.unwrap().as_deref(), Some(&b"22"[..]));
    assert_eq!(store.kv_get(&mine, "gone").await.unwrap(), None);
    for stranger in [&other, &AccountKey::new("chat2", "a")] {
        assert_eq!(store.kv_get(stranger, "k").await.unwrap(), None);
        assert!(store.kv_scan(stranger, "", None, 10, 1000).await.unwrap().is_empty());
    }
    store.close().await;
}

#[tokio::test]
async fn a_batch_over_the_quota_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.sqlite")).await.unwrap();
    let account = AccountKey::new("chat", "a");
    let apply = async |changes, quota| store.kv_apply(&account, changes, quota).await.unwrap();
    assert_eq!(apply(vec![put("aa", &[0; 8])], 20).await, KvOutcome::Applied);
    assert_eq!(apply(vec![put("bb", &[0; 8])], 20).await, KvOutcome::Applied);
    // Full: also the part that would fit.
    assert_eq!(apply(vec![KvWrite::Delete("aa".into()), put("c", &[0; 10])], 20).await, KvOutcome::Full);
    assert_eq!(store.kv_get(&account, "aa").await.unwrap(), Some(vec![0; 8]));
    // The old value of a key makes room for its new one.
    assert_eq!(apply(vec![put("aa", &[1; 8])], 20).await, KvOutcome::Applied);
    // A quota that became smaller lets an account shrink and not grow.
    assert_eq!(apply(vec![put("aa", &[1; 4])], 5).await, KvOutcome::Applied);
    assert_eq!(apply(vec![put("aa", &[1; 5])], 5).await, KvOutcome::Full);
    assert_eq!(
        apply(vec![KvWrite::Delete("aa".into()), KvWrite::Delete("bb".into())], 5).await,
        KvOutcome::Applied
    );
    assert_eq!(apply(vec![put("d", &[1; 4])], 5).await, KvOutcome::Applied);
    store.close().await;
}

#[tokio::test]
async fn a_scan_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.sqlite")).await.unwrap();
    let account = AccountKey::new("chat", "a");
    let keys = ["a", "p", "p/", "p/1", "p/2", "p/2x", "pé", "q"];
    let changes = keys.iter().map(|key| put(key, &[7; 10])).collect();
    store.kv_apply(&account, changes, 10_000).await.unwrap();
    let scan = async |prefix: &str, after: Option<&str>, limit, bytes| {
        let found = store.kv_scan(&account, prefix, after, limit, bytes).await.unwrap();
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(scan("p/", None, 10, 1000).await, ["p/", "p/1", "p/2", "p/2x"]);
    assert_eq!(scan("p/", None, 2, 1000).await, ["p/", "p/1"]);
    assert_eq!(scan("p/", Some("p/1"), 10, 1000).await, ["p/2", "p/2x"]);
    assert_eq!(scan("p/", Some("p/2x"), 10, 1000).await, Vec::<String>::new());
    // What lies before the prefix does not move the beginning.
    assert_eq!(scan("p/", Some("a"), 1, 1000).await, ["p/"]);
    assert_eq!(scan("p/", Some("q"), 1, 1000).await, Vec::<String>::new());
    assert_eq!(scan("", None, 100, 1000).await, keys);
    // Bytes bound an answer, but one entry always fits.
    assert_eq!(scan("p", None, 10, 24).await, ["p", "p/"]);
    assert_eq!(scan("p", None, 10, 1).await, ["p"]);
    store.close().await;
}
