//! What people decide about sessions, and transcripts as people read them, on real files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use openclaw_store::{
    Archived, Entry, EntryRole, SessionQuery, SessionWrite, Store, StoreError, Usage, path_in,
};

const MAIN: &str = "agent:main:main";

async fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(&path_in(dir.path())).await.unwrap()
}

fn entry(role: EntryRole, content: &str, at: i64) -> Entry {
    let answer = role == EntryRole::Assistant;
    let usage = Usage { input_tokens: 10, output_tokens: 4, cached_tokens: 1 };
    Entry {
        role,
        content: content.into(),
        model: answer.then(|| "p/m".into()),
        usage: answer.then_some(usage),
        at,
    }
}

async fn say(store: &Store, key: &str, session_id: &str, agent: &str, text: &str, at: i64) {
    let entries =
        vec![entry(EntryRole::User, text, at), entry(EntryRole::Assistant, &format!("{text}!"), at + 1)];
    let write = SessionWrite { key: key.into(), session_id: session_id.into(), agent: agent.into(), entries };
    store.append_lazily(write, at).await.unwrap();
}

#[tokio::test]
async fn sessions_are_listed_by_what_is_known_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    for (key, id, agent, at) in
        [(MAIN, "s1", "main", 10), ("agent:main:work", "s2", "main", 20), ("agent:b:main", "s3", "b", 30)]
    {
        say(&store, key, id, agent, "hello", at).await;
    }
    let label = |label: &str| {
        let label = label.to_owned();
        Box::new(move |settings: &mut openclaw_store::SessionSettings| settings.label = Some(label))
    };
    store.patch_session("agent:main:work", "main", "unused", label("Work"), 40).await.unwrap();
    let taken = store.patch_session(MAIN, "main", "unused", label("Work"), 40).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(text) if text == "label already in use: Work"));
    store.patch_session("agent:b:main", "b", "unused", label("Work"), 40).await.unwrap();
    let archive = Box::new(|settings: &mut openclaw_store::SessionSettings| {
        settings.archived_at = Some(50);
        settings.model = Some("p/other".into());
    });
    let made = store.patch_session("agent:main:new", "main", "s4", archive, 50).await.unwrap();
    assert_eq!((made.row.session_id.as_str(), made.settings.model.as_deref()), ("s4", Some("p/other")));

    let check = async |query: SessionQuery, expected: &[&str], total: u64| {
        let (found, count) = store.list_sessions(SessionQuery { limit: 2, ..query }).await.unwrap();
        let ids: Vec<_> = found.iter().map(|found| found.row.session_id.as_str()).collect();
        assert_eq!((ids.as_slice(), count), (expected, total));
    };
    let all = SessionQuery::default;
    check(all(), &["s3", "s2"], 3).await;
    check(SessionQuery { offset: 2, ..all() }, &["s1"], 3).await;
    check(SessionQuery { agent: Some("main".into()), ..all() }, &["s2", "s1"], 2).await;
    check(SessionQuery { since: Some(25), ..all() }, &["s3"], 1).await;
    check(SessionQuery { label: Some("Work".into()), ..all() }, &["s3", "s2"], 2).await;
    check(SessionQuery { search: Some("WORK".into()), agent: Some("main".into()), ..all() }, &["s2"], 1)
        .await;
    check(SessionQuery { archived: Archived::Only, ..all() }, &["s4"], 1).await;
    check(SessionQuery { archived: Archived::With, ..all() }, &["s4", "s3"], 4).await;
    check(SessionQuery { without: vec![MAIN.into(), "agent:b:main".into()], ..all() }, &["s2"], 1).await;

    store.close().await;
    let store = open(&dir).await;
    let known = store.session("agent:main:work").await.unwrap().unwrap();
    assert_eq!(known.settings.label.as_deref(), Some("Work"));
    say(&store, "agent:main:new", "s4", "main", "again", 60).await;
    let back = store.session("agent:main:new").await.unwrap().unwrap().settings;
    assert_eq!((back.archived_at, back.model.as_deref()), (None, Some("p/other")), "it is used again");
    assert_eq!(store.session("agent:main:nobody").await.unwrap(), None);
}

#[tokio::test]
async fn a_session_is_begun_anew_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    say(&store, MAIN, "s1", "main", "hello", 10).await;
    let anew = store.reset_session(MAIN, "main", "s2", 20).await.unwrap().unwrap();
    assert_eq!((anew.row.session_id.as_str(), anew.row.model, anew.row.created_at), ("s2", None, 20));
    assert_eq!(store.transcript(MAIN, "s2", 10, 0).await.unwrap().total, 0);
    assert_eq!(store.transcript(MAIN, "s1", 10, 0).await.unwrap().total, 2, "what was said is kept");
    assert_eq!(store.delete_session(MAIN, true).await.unwrap().as_deref(), Some("s2"));
    assert_eq!(store.delete_session(MAIN, true).await.unwrap(), None);
    assert_eq!(store.session(MAIN).await.unwrap(), None);
}

#[tokio::test]
async fn transcripts_are_read_in_pages_from_the_end_and_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    for (text, at) in [("one", 10), ("two", 20), ("three", 30)] {
        say(&store, MAIN, "s1", "main", text, at).await;
    }
    let page = store.transcript(MAIN, "s1", 2, 1).await.unwrap();
    let read: Vec<_> = page.entries.iter().map(|known| (known.seq, known.entry.content.as_str())).collect();
    assert_eq!((read.as_slice(), page.total), ([(4, "two!"), (5, "three")].as_slice(), 6));
    let one = store.transcript_entry(MAIN, "s1", page.entries[0].id).await.unwrap().unwrap();
    assert_eq!(one, page.entries[0]);
    assert_eq!(store.transcript_entry(MAIN, "other", one.id).await.unwrap(), None);
    let found = store.search_transcripts("TWO", Some("main"), &[], 10).await.unwrap();
    assert_eq!(found.iter().map(|found| found.entry.content.as_str()).collect::<Vec<_>>(), ["two!", "two"]);
    assert_eq!(store.search_transcripts("two", None, &["other".to_owned()], 10).await.unwrap(), []);
    let used = store.usage_between(0, 25, None, None).await.unwrap();
    let answers = used.iter().find(|row| row.model.is_some()).unwrap();
    assert_eq!((answers.input, answers.output, answers.cached, answers.answered), (20, 8, 2, 2));
    assert_eq!(used.iter().map(|row| row.said).sum::<u64>(), 2);
    assert_eq!(store.trim_transcript("s1", 3).await.unwrap(), 6);
    let kept = store.transcript(MAIN, "s1", 10, 0).await.unwrap();
    assert_eq!((kept.total, kept.entries[0].entry.content.as_str()), (3, "two!"));
}

#[tokio::test]
async fn a_summary_stands_for_what_is_older_and_goes_with_its_transcript() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    for (text, at) in [("one", 10), ("two", 20), ("three", 30)] {
        say(&store, MAIN, "s1", "main", text, at).await;
    }
    let told = async |store: &Store| {
        let (_, entries) = store.load_session(MAIN, 9, 999).await.unwrap().unwrap();
        entries.into_iter().map(|entry| entry.content).collect::<Vec<_>>()
    };
    assert!(!store.summarize("s1", 6, "all of it".into(), 40).await.unwrap(), "nothing is older");
    assert_eq!((told(&store).await.len(), store.summary("s1").await.unwrap()), (6, None));
    assert!(store.summarize("s1", 4, "one was said".into(), 40).await.unwrap());
    assert_eq!(told(&store).await, ["two", "two!", "three", "three!"]);
    assert!(store.summarize("s1", 2, "one and two".into(), 50).await.unwrap());
    store.close().await;

    let store = open(&dir).await;
    assert_eq!(told(&store).await, ["three", "three!"]);
    assert_eq!(store.summary("s1").await.unwrap().as_deref(), Some("one and two"));
    assert_eq!(store.transcript(MAIN, "s1", 99, 0).await.unwrap().total, 6, "the transcript stays");
    store.delete_session(MAIN, true).await.unwrap();
    assert_eq!(store.summary("s1").await.unwrap(), None);
}
