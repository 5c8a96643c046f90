//! Owns what the tests of this crate share: an account, a message, a sender that remembers, a runner that can be held.

use openclaw_store::{AccountKey, ChatKind, Conversation, Message, SenderInfo, SenderKind};
use openclaw_text::Unit;

use crate::settings::{AccountSettings, DmScope, Policy, Words};

pub(crate) fn account() -> AccountKey {
    AccountKey::new("chat", "default")
}

pub(crate) fn settings() -> AccountSettings {
    AccountSettings {
        key: account(),
        enabled: true,
        policy: Policy::default(),
        words: Words {
            label: "Chat".to_owned(),
            sender_id_line: "Your Chat user id: {id}".to_owned(),
            group_drop: "skipping group message".to_owned(),
            thread_word: "topic".to_owned(),
        },
        text_limit: 4000,
        text_unit: Unit::Utf16,
        agent: "main".to_owned(),
        dm_scope: DmScope::Main,
    }
}

/// A direct message of `sender`, in a room of the same name.
pub(crate) fn message(id: &str, sender: &str, text: &str) -> Message {
    Message {
        id: id.to_owned(),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: sender.to_owned(),
            thread: None,
            title: None,
        },
        sender: SenderInfo {
            kind: SenderKind::Person,
            id: sender.to_owned(),
            username: Some("ada".to_owned()),
            display_name: Some("Ada".to_owned()),
        },
        text: text.to_owned(),
        sent_at_ms: 0,
        mentions_self: false,
        reply_to_self: false,
        edited: false,
        forwarded: false,
        quote: None,
        reply_context: vec![7],
    }
}
