use openclaw_store::ChatKind;

use super::*;
use crate::settings::{DmPolicy, GroupRule};
use crate::testing;

/// The policy's decision in one word, and the log line of a refusal.
fn outcome(settings: &AccountSettings, message: &Message, approved: bool) -> String {
    match decide(settings, message, approved) {
        Decision::Admit(reason) => format!("admit: {reason}"),
        Decision::Pair => "pair".to_owned(),
        Decision::Drop(refusal) => refusal.line,
    }
}

fn list(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn direct_messages_follow_the_dm_policy() {
    let check = |dm, allow_from: &[&str], approved, expected: &str| {
        let mut settings = testing::settings();
        settings.policy.dm = dm;
        settings.policy.allow_from = list(allow_from);
        assert_eq!(outcome(&settings, &testing::message("1", "u7", "hi"), approved), expected);
    };
    check(DmPolicy::Pairing, &[], false, "pair");
    check(DmPolicy::Pairing, &[], true, "admit: pairing");
    check(DmPolicy::Pairing, &["U7"], false, "admit: allowFrom");
    let blocked =
        |policy| format!("Blocked unauthorized chat sender u7 (dmPolicy={policy}, not in allowFrom)");
    check(DmPolicy::Allowlist, &["u8"], false, &blocked("allowlist"));
    check(DmPolicy::Allowlist, &["u8", "u7"], false, "admit: allowFrom");
    check(DmPolicy::Allowlist, &["u8"], true, &blocked("allowlist"));
    check(DmPolicy::Open, &["*"], false, "admit: allowFrom");
    check(DmPolicy::Open, &[], true, &blocked("open"));
    check(DmPolicy::Disabled, &["*"], true, "chat: drop dm (dmPolicy: disabled)");
}

#[test]
fn group_messages_pass_every_gate_or_none() {
    let rule = |mention| GroupRule { require_mention: Some(mention), ..GroupRule::default() };
    let check = |change: &dyn Fn(&mut AccountSettings, &mut Message), expected: &str| {
        let mut settings = testing::settings();
        let mut message = testing::message("1", "u7", "hi");
        message.conversation.kind = ChatKind::Group;
        message.conversation.room = "g1".to_owned();
        message.mentions_self = true;
        settings.policy.allow_from = list(&["u7"]);
        change(&mut settings, &mut message);
        // Pairing never lets anybody into a group.
        assert_eq!(outcome(&settings, &message, true), expected);
    };
    let closed = |detail: &str| format!("chat: skipping group message ({detail}, room=g1)");
    let stranger = closed("groupPolicy: allowlist, sender u7 blocked: not in allowlist");
    let unlisted = closed("groupPolicy: allowlist, not in allowlist");
    let unnamed = closed("mention required");

    check(&|_, _| {}, "admit: group");
    check(&|settings, _| settings.policy.allow_from.clear(), &stranger);
    check(&|settings, _| settings.policy.group_allow_from = Some(vec![]), &stranger);
    check(&|settings, _| settings.policy.group = GroupPolicy::Disabled, &closed("groupPolicy: disabled"));
    check(
        &|settings, _| {
            settings.policy.group = GroupPolicy::Open;
            settings.policy.allow_from.clear();
        },
        "admit: group",
    );
    check(&|settings, _| drop(settings.policy.groups.insert("g2".into(), rule(true))), &unlisted);
    check(&|settings, _| drop(settings.policy.groups.insert("*".into(), rule(true))), "admit: group");
    check(
        &|settings, message| {
            message.conversation.space = Some("s1".into());
            settings.policy.groups.insert("s1".into(), rule(true));
        },
        "admit: group",
    );
    check(
        &|settings, _| {
            let shut = GroupRule { enabled: Some(false), ..GroupRule::default() };
            settings.policy.groups.insert("g1".into(), shut);
        },
        &unlisted,
    );
    check(&|_, message| message.mentions_self = false, &unnamed);
    check(
        &|_, message| {
            message.mentions_self = false;
            message.reply_to_self = true;
        },
        "admit: group",
    );
    check(
        &|settings, message| {
            message.mentions_self = false;
            settings.policy.groups.insert("g1".into(), rule(false));
        },
        "admit: group",
    );
    check(
        &|settings, _| {
            let own = GroupRule { allow_from: Some(list(&["u9"])), ..GroupRule::default() };
            settings.policy.groups.insert("g1".into(), own);
        },
        &stranger,
    );
    check(
        &|settings, _| {
            let own = GroupRule { policy: Some(GroupPolicy::Disabled), ..GroupRule::default() };
            settings.policy.groups.insert("g1".into(), own);
        },
        &closed("groupPolicy: disabled"),
    );
}

#[test]
fn what_is_no_persons_new_message_is_dropped() {
    let check = |change: &dyn Fn(&mut AccountSettings, &mut Message), expected: &str| {
        let mut settings = testing::settings();
        let mut message = testing::message("1", "u7", "hi");
        settings.policy.allow_from = list(&["*"]);
        change(&mut settings, &mut message);
        assert_eq!(outcome(&settings, &message, true), expected);
    };
    check(&|settings, _| settings.enabled = false, "chat: drop message (account disabled)");
    check(&|_, message| message.sender.kind = SenderKind::Myself, "chat: drop own message");
    check(&|_, message| message.sender.kind = SenderKind::Bot, "chat: drop message (sender is a bot)");
    check(&|_, message| message.edited = true, "chat: drop edit of an earlier message");
}
