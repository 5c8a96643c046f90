//! Events as Discord documents them, and what the host is told.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a document that is made in place reads better without a borrow"
)]

use serde_json::{Value, json};

use super::*;

fn me() -> Cursor {
    Cursor {
        session_id: "s".into(),
        resume_url: String::new(),
        sequence: 1,
        bot_id: "1000".into(),
        bot_name: "claw".into(),
    }
}

/// A person's message in a server's channel, with `changes` laid over it.
fn event(changes: Value) -> Message {
    let mut event = json!({
        "id": "175928847299117063", "channel_id": "20", "guild_id": "10", "type": 0, "content": "hello",
        "author": {"id": "7", "username": "ada", "global_name": "Ada L.", "discriminator": "0", "avatar": null},
        "member": {"nick": null, "roles": []}, "timestamp": "2016-04-30T11:18:25.796000+00:00",
        "edited_timestamp": null, "mentions": [], "mention_roles": [], "mention_everyone": false, "attachments": [],
        "embeds": [], "pinned": false, "tts": false, "components": [], "channel_type": 0
    });
    for (key, value) in changes.as_object().unwrap() {
        event[key] = value.clone();
    }
    serde_json::from_value(event).unwrap()
}

fn mapped(changes: Value) -> Inbound {
    let message = event(changes);
    match map(&message, message.edited_timestamp.is_some(), None, &me()) {
        Mapped::Message(message) => *message,
        other => panic!("{other:?}"),
    }
}

fn why(changes: Value, edited: bool) -> Mapped {
    map(&event(changes), edited, None, &me())
}

#[test]
fn a_message_in_a_channel() {
    let message = mapped(json!({}));
    assert_eq!((message.id.as_str(), message.text.as_str()), ("175928847299117063", "hello"));
    assert_eq!(message.sent_at_ms, 1_462_015_105_796);
    let conversation = Conversation {
        kind: ChatKind::Channel,
        space: Some("10".into()),
        room: "20".into(),
        thread: None,
        title: None,
    };
    assert_eq!(message.conversation, conversation);
    let sender = Sender {
        kind: SenderKind::Person,
        id: "7".into(),
        username: Some("ada".into()),
        display_name: Some("Ada L.".into()),
        roles: Vec::new(),
    };
    assert_eq!(message.sender, sender);
    assert!(!message.mentions_self && !message.reply_to_self && !message.edited && !message.forwarded);
}

#[test]
fn a_private_message_and_a_group_of_them() {
    let kind = |changes| mapped(changes).conversation.kind;
    assert_eq!(kind(json!({"guild_id": null, "channel_type": 1})), ChatKind::Direct);
    assert_eq!(kind(json!({"guild_id": null, "channel_type": null})), ChatKind::Direct);
    assert_eq!(kind(json!({"guild_id": null, "channel_type": 3})), ChatKind::Group);
}

#[test]
fn a_thread_is_part_of_its_parent() {
    let room = Room { kind: 11, parent: Some("20".into()), name: Some("a thread".into()) };
    let message = event(json!({"channel_id": "30", "channel_type": 11}));
    let Mapped::Message(mapped) = map(&message, false, Some(&room), &me()) else { panic!() };
    assert_eq!(
        (mapped.conversation.room.as_str(), mapped.conversation.thread.as_deref()),
        ("20", Some("30"))
    );
    assert_eq!(mapped.conversation.title.as_deref(), Some("a thread"));
    // The category above a channel is no room.
    let room = Room { kind: 0, parent: Some("2".into()), name: None };
    let Mapped::Message(mapped) = map(&event(json!({})), false, Some(&room), &me()) else { panic!() };
    assert_eq!((mapped.conversation.room.as_str(), mapped.conversation.thread), ("20", None));
}

#[test]
fn who_is_a_bot() {
    let kind = |changes| mapped(changes).sender.kind;
    assert_eq!(kind(json!({"author": {"id": "8", "username": "other", "bot": true}})), SenderKind::Bot);
    assert_eq!(kind(json!({"webhook_id": "9", "author": {"id": "9", "username": "Hook"}})), SenderKind::Bot);
    let own = json!({"author": {"id": "1000", "username": "claw", "bot": true}});
    assert_eq!(why(own, false), Mapped::Nothing("the bot's own message"));
    let nick = mapped(json!({"member": {"nick": "Countess"}}));
    assert_eq!(nick.sender.display_name.as_deref(), Some("Countess"));
    assert_eq!(mapped(json!({"member": {"roles": ["30", "31"]}})).sender.roles, ["30", "31"]);
    assert!(mapped(json!({"member": null})).sender.roles.is_empty());
}

#[test]
fn mentions_and_answers() {
    let named = mapped(json!({"content": "<@1000> hi", "mentions": [{"id": "1000", "username": "claw"}]}));
    assert_eq!((named.text.as_str(), named.mentions_self), ("hi", true));
    // An answer pings its author without naming it.
    let answer = mapped(json!({
        "type": 19, "content": "yes", "mentions": [{"id": "1000", "username": "claw"}],
        "message_reference": {"message_id": "5", "channel_id": "20"},
        "referenced_message": {"id": "5", "channel_id": "20", "author": {"id": "1000", "username": "claw"}, "content": "ok?"}
    }));
    assert_eq!((answer.mentions_self, answer.reply_to_self), (false, true));
    let quote = Quote { message_id: Some("5".into()), author: Some("claw".into()), text: "ok?".into() };
    assert_eq!(answer.quote, Some(quote));
    let everyone = mapped(json!({"content": "@everyone look", "mention_everyone": true}));
    assert!(!everyone.mentions_self);
    let deleted =
        mapped(json!({"type": 19, "message_reference": {"message_id": "5"}, "referenced_message": null}));
    assert_eq!(deleted.quote, None);
}

#[test]
fn what_is_said_to_others() {
    let to_others = |changes| mapped(changes).addresses_others;
    let grace = || json!({"id": "8", "username": "grace"});
    let bot = || json!({"id": "1000", "username": "claw", "bot": true});
    let answer = |to: Value, webhook: Value| {
        json!({"type": 19, "content": "yes", "mentions": [grace()], "message_reference": {"message_id": "5"},
            "referenced_message": {"id": "5", "channel_id": "20", "author": to, "webhook_id": webhook, "content": "ok?"}})
    };
    assert!(to_others(json!({"content": "<@8> hi", "mentions": [grace()]})));
    assert!(to_others(json!({"content": "<@&30> hi", "mention_roles": ["30"]})));
    let both = mapped(json!({"content": "<@8> and <@1000>", "mentions": [grace(), bot()]}));
    assert!(both.mentions_self && both.addresses_others);
    assert!(!to_others(json!({"content": "<@1000> hi", "mentions": [bot()]})));
    assert!(!to_others(json!({"content": "@everyone hi", "mention_everyone": true})));
    // An answer to a person pings without naming; another bot is who is asked.
    assert!(!to_others(answer(grace(), Value::Null)));
    assert!(to_others(answer(json!({"id": "9", "username": "other", "bot": true}), Value::Null)));
    assert!(!to_others(answer(json!({"id": "9", "username": "feed", "bot": true}), json!("9"))));
    assert!(!to_others(answer(bot(), Value::Null)));
}

#[test]
fn a_forwarded_message() {
    let message = mapped(json!({
        "content": "", "message_reference": {"type": 1, "message_id": "5"},
        "message_snapshots": [{"message": {"content": "old words", "attachments": [{"filename": "a.png", "content_type": "image/png"}]}}]
    }));
    assert!(message.forwarded);
    assert_eq!(message.text, "old words\n<media:image> a.png");
}

#[test]
fn attachments_are_noted() {
    let attachment = |name: &str, mime: Value| json!({"id": "1", "filename": name, "content_type": mime});
    let check = |attachments: Value, expected: &str| {
        assert_eq!(mapped(json!({"content": "", "attachments": attachments})).text, expected);
    };
    check(json!([attachment("a.png", json!("image/png"))]), "<media:image> a.png");
    check(
        json!([attachment("v.mp4", json!("video/mp4")), attachment("x.pdf", json!(null))]),
        "<media:video> v.mp4\n<media:document> x.pdf",
    );
    check(
        json!([{"id": "1", "filename": "voice-message.ogg", "duration_secs": 1.5}]),
        "<media:audio> voice-message.ogg",
    );
    assert_eq!(
        mapped(json!({"content": "", "sticker_items": [{"id": "1", "name": "Wave"}]})).text,
        "<media:sticker> Wave"
    );
}

#[test]
fn edits_have_an_id_of_their_own() {
    let edit = mapped(json!({"edited_timestamp": "2016-04-30T11:20:00.000000+00:00", "content": "better"}));
    assert!(edit.edited);
    assert_eq!(edit.id, "175928847299117063:2016-04-30T11:20:00.000000+00:00");
    assert_eq!(why(json!({}), true), Mapped::Nothing("an update without an edit"));
}

#[test]
fn what_is_no_message() {
    assert_eq!(why(json!({"type": 7, "content": ""}), false), Mapped::Nothing("a system message"));
    assert_eq!(why(json!({"author": {}}), false), Mapped::Nothing("a part of a message"));
}

#[test]
fn content_that_discord_hides_is_told_from_none() {
    assert_eq!(why(json!({"content": ""}), false), Mapped::Hidden);
    let nothing = Mapped::Nothing("a message without words or media");
    assert_eq!(why(json!({"content": "", "embeds": [{}]}), false), nothing);
    assert_eq!(why(json!({"content": "", "poll": {}}), false), nothing);
    assert_eq!(why(json!({"content": "", "guild_id": null}), false), nothing);
    assert_eq!(why(json!({"content": "<@1000>"}), false), nothing);
}
