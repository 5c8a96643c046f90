//! A place for a database, and the plainest of what is kept in it.
#![allow(dead_code, reason = "each test program uses its part")]

use std::path::PathBuf;

use openclaw_store::{
    AccountKey, ChatKind, Claim, Conversation, ConversationKey, Decision, Draft, Message, Route, SendFault,
    SenderInfo, SenderKind, Store, Target, Verdict, path_in,
};

/// A folder with a database in it.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        path_in(self.dir.path())
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.path()).await.unwrap()
    }
}

pub(crate) fn account() -> AccountKey {
    AccountKey::new("chat", "default")
}

pub(crate) fn decision(verdict: Verdict, reason: &str) -> Decision {
    Decision { verdict, reason: reason.to_owned(), steps: Vec::new(), heard_in: None }
}

pub(crate) fn message(id: &str) -> Message {
    Message {
        id: id.to_owned(),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: "r1".into(),
            thread: Some("t1".into()),
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
        reply_context: vec![0, 255],
    }
}

pub(crate) fn route() -> Route {
    Route { agent: "main".into(), session_key: "agent:main:main".into() }
}

pub(crate) fn target(room: &str) -> Target {
    Target { room: room.to_owned(), thread: None }
}

pub(crate) fn conversation(room: &str) -> ConversationKey {
    ConversationKey { account: account(), target: target(room) }
}

pub(crate) fn draft(batch: &str, room: &str, parts: &[&str]) -> Draft {
    Draft {
        account: account(),
        target: target(room),
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        batch: batch.to_owned(),
        request_key: None,
        reply_to: Some("m1".into()),
        reply_all: false,
        reply_context: vec![9],
        media: Vec::new(),
        silent: false,
        expires_at: 1_000_000,
    }
}

pub(crate) fn fault(code: &str) -> SendFault {
    SendFault { code: code.into(), detail: "why".into() }
}

pub(crate) async fn claimed(store: &Store, room: &str, now: i64) -> openclaw_store::OutboxRow {
    match store.claim(&conversation(room), now).await.unwrap() {
        Claim::Part(row) => *row,
        other => panic!("nothing to claim: {other:?}"),
    }
}
