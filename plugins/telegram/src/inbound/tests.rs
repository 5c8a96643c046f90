//! Updates as Telegram sends them, and what the gateway gets.

use serde_json::{Value, json};

use super::*;

fn me() -> User {
    User { id: 7, is_bot: true, username: Some("mock_claw_bot".into()), ..User::default() }
}

fn map_json(update: Value) -> Mapped {
    map(&serde_json::from_value(update).unwrap(), &me())
}

fn message(extra: Value) -> Inbound {
    let mut message = json!({
        "message_id": 12,
        "from": {"id": 777001, "is_bot": false, "first_name": "Ada", "last_name": "L", "username": "ada_l"},
        "chat": {"id": 777001, "type": "private", "first_name": "Ada"},
        "date": 1_700_000_000,
    });
    let Value::Object(extra) = extra else { panic!("an object") };
    for (key, value) in extra {
        message[key] = value;
    }
    match map_json(json!({"update_id": 900, "message": message})) {
        Mapped::Message(message, _) => *message,
        Mapped::Nothing(why) => panic!("{why}"),
    }
}

#[test]
fn a_private_message() {
    let got = message(json!({"text": "hello"}));
    assert_eq!(got.id, "7:777001:12");
    assert_eq!((got.conversation.kind, got.conversation.room.as_str()), (ChatKind::Direct, "777001"));
    assert_eq!((got.sender.kind, got.sender.id.as_str()), (SenderKind::Person, "777001"));
    assert_eq!(got.sender.display_name.as_deref(), Some("Ada L"));
    assert_eq!(got.sender.username.as_deref(), Some("ada_l"));
    assert_eq!((got.text.as_str(), got.sent_at_ms), ("hello", 1_700_000_000_000));
    assert!(!got.mentions_self && !got.reply_to_self && !got.edited && !got.forwarded && got.quote.is_none());
}

#[test]
fn rooms_and_topics() {
    let check = |chat: Value, extra: Value, kind, thread: Option<&str>| {
        let mut extra = extra;
        extra["chat"] = chat;
        extra["text"] = json!("x");
        let got = message(extra);
        assert_eq!((got.conversation.kind, got.conversation.thread.as_deref()), (kind, thread));
    };
    let forum = || json!({"id": -1001, "type": "supergroup", "title": "T", "is_forum": true});
    check(json!({"id": -5, "type": "group"}), json!({}), ChatKind::Group, None);
    check(json!({"id": -1001, "type": "supergroup"}), json!({"message_thread_id": 9}), ChatKind::Group, None);
    check(forum(), json!({"message_thread_id": 9, "is_topic_message": true}), ChatKind::Group, Some("9"));
    check(forum(), json!({}), ChatKind::Group, Some("1"));
    check(json!({"id": -1002, "type": "channel"}), json!({}), ChatKind::Channel, None);
    let private = json!({"id": 1, "type": "private"});
    check(private, json!({"message_thread_id": 9, "is_topic_message": true}), ChatKind::Direct, None);
    check(json!({"id": 1, "type": "galaxy"}), json!({}), ChatKind::Group, None);
}

#[test]
fn who_speaks() {
    let check = |extra: Value, kind, id: &str| {
        let mut extra = extra;
        extra["text"] = json!("x");
        let got = message(extra);
        assert_eq!((got.sender.kind, got.sender.id.as_str()), (kind, id));
    };
    check(json!({"from": {"id": 8, "is_bot": true, "first_name": "B"}}), SenderKind::Bot, "8");
    let group = json!({"id": -1001, "type": "supergroup", "title": "Team"});
    let admin =
        json!({"sender_chat": group, "from": {"id": 1_087_968_824, "is_bot": true, "first_name": "Group"}});
    check(admin, SenderKind::Anonymous, "-1001");
    check(json!({"from": null}), SenderKind::Anonymous, "777001");
}

#[test]
fn mentions_and_replies() {
    let group = json!({"id": -1001, "type": "supergroup", "title": "Team"});
    let mention = json!([{"type": "mention", "offset": 0, "length": 14}]);
    let got = message(json!({"chat": group, "text": "@mock_claw_bot hi", "entities": mention}));
    assert!(got.mentions_self);
    assert_eq!(got.text, "@mock_claw_bot hi");

    let command = json!([{"type": "bot_command", "offset": 0, "length": 18}]);
    assert_eq!(message(json!({"text": "/new@mock_claw_bot", "entities": command})).text, "/new");

    let ours = json!({"message_id": 3, "chat": group, "from": {"id": 7, "is_bot": true, "first_name": "Claw"}, "text": "earlier"});
    let got = message(json!({"text": "why?", "reply_to_message": ours}));
    assert!(got.reply_to_self);
    let quote = got.quote.unwrap();
    assert_eq!((quote.message_id.as_deref(), quote.author.as_deref()), (Some("7:-1001:3"), Some("Claw")));
    assert_eq!(quote.text, "earlier");

    let selected =
        message(json!({"text": "why?", "reply_to_message": ours, "quote": {"text": "lier", "position": 3}}));
    assert_eq!(selected.quote.unwrap().text, "lier");
}

#[test]
fn what_is_said_to_others() {
    let group = json!({"id": -1001, "type": "supergroup", "title": "Team"});
    let answer = |from: Value, extra: Value| {
        let mut replied = json!({"message_id": 3, "chat": group, "from": from, "text": "earlier"});
        replied["sender_chat"] = extra;
        message(json!({"chat": group, "text": "why?", "reply_to_message": replied})).addresses_others
    };
    let bot = json!({"id": 8, "is_bot": true, "first_name": "B"});
    assert!(answer(bot.clone(), Value::Null));
    assert!(!answer(bot, group.clone()), "an anonymous administrator");
    assert!(!answer(json!({"id": 7, "is_bot": true, "first_name": "Claw"}), Value::Null));
    assert!(!answer(json!({"id": 9, "first_name": "Grace"}), Value::Null));
    let mention = json!([{"type": "mention", "offset": 0, "length": 6}]);
    let got = message(json!({"chat": group, "text": "@grace hi", "entities": mention}));
    assert!(got.addresses_others && !got.mentions_self);
}

/// Every message of a topic "answers" the service message that began it.
#[test]
fn the_beginning_of_a_topic_is_no_reply() {
    let begin = json!({"message_id": 9, "chat": {"id": -1001, "type": "supergroup"}, "from": {"id": 7, "is_bot": true},
        "forum_topic_created": {"name": "T"}});
    let got = message(
        json!({"text": "x", "message_thread_id": 9, "is_topic_message": true, "reply_to_message": begin}),
    );
    assert!(!got.reply_to_self && got.quote.is_none());
}

#[test]
fn media_and_captions() {
    let check = |extra: Value, text: &str| assert_eq!(message(extra).text, text);
    check(json!({"photo": [{"file_id": "x"}]}), "<media:image>");
    check(json!({"photo": [{"file_id": "x"}], "caption": "look"}), "look\n<media:image>");
    check(json!({"voice": {"file_id": "x"}}), "<media:audio>");
    check(json!({"animation": {}, "document": {}}), "<media:video>");
    check(json!({"document": {}}), "<media:document>");
    check(json!({"sticker": {"emoji": "😀", "is_video": true}}), "😀");
    check(json!({"sticker": {"emoji": "😀"}}), "<media:sticker>");
    let caption = json!({"photo": [], "caption": "@mock_claw_bot", "caption_entities": [{"type": "mention", "offset": 0, "length": 14}]});
    assert!(message(caption).mentions_self);
}

#[test]
fn forwards_and_edits() {
    assert!(message(json!({"text": "x", "forward_origin": {"type": "hidden_user"}})).forwarded);
    assert!(message(json!({"text": "x", "forward_date": 1})).forwarded);

    let edit = |update_id| {
        json!({"update_id": update_id, "edited_message": {"message_id": 12, "chat": {"id": 1, "type": "private"},
            "from": {"id": 1}, "date": 5, "edit_date": 9, "text": "x"}})
    };
    let (Mapped::Message(first, _), Mapped::Message(second, _)) = (map_json(edit(901)), map_json(edit(902)))
    else {
        panic!()
    };
    assert!(first.edited);
    assert_eq!((first.id.as_str(), first.sent_at_ms), ("7:1:12:u901", 9_000));
    assert_ne!(first.id, second.id, "two edits within one second are two messages");
}

#[test]
fn what_is_not_admitted() {
    let check = |update: Value, expected| assert_eq!(map_json(update), Mapped::Nothing(expected));
    let with = |extra: Value| {
        let mut message = json!({"message_id": 1, "chat": {"id": 1, "type": "private"}, "from": {"id": 1}});
        for (key, value) in extra.as_object().unwrap() {
            message[key] = value.clone();
        }
        json!({"update_id": 1, "message": message})
    };
    check(json!({"update_id": 1, "poll": {}}), "an update of another kind");
    check(with(json!({"new_chat_members": [{"id": 7}]})), "a message without words or media");
    check(with(json!({"text": "x", "from": {"id": 7}})), "the bot's own message");
    let other = json!([{"type": "bot_command", "offset": 0, "length": 10}]);
    check(with(json!({"text": "/new@other", "entities": other})), "a command for another bot");
}
