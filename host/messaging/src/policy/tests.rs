use openclaw_store::ChatKind;

use super::*;
use crate::settings::{DmPolicy, GroupRule};
use crate::testing::{self, list};

/// The policy's decision in one word, and the log line of a refusal.
fn outcome(settings: &AccountSettings, message: &Message, approved: bool) -> String {
    match decide(settings, message, Known { approved, ..Known::default() }).decision {
        Decision::Admit(reason) => format!("admit: {reason}"),
        Decision::Pair => "pair".to_owned(),
        Decision::Drop(refusal) => refusal.line,
    }
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
    check(&|settings, _| settings.policy.allow_from = list(&[]), &stranger);
    check(&|settings, _| settings.policy.group_allow_from = Some(list(&[])), &stranger);
    check(&|settings, _| settings.policy.group = GroupPolicy::Disabled, &closed("groupPolicy: disabled"));
    check(
        &|settings, _| {
            settings.policy.group = GroupPolicy::Open;
            settings.policy.allow_from = list(&[]);
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

#[test]
fn a_place_has_rules_from_narrow_to_wide() {
    let guild = |inner_listed| GroupRule {
        require_mention: Some(false),
        allow_from: Some(list(&["u7"])),
        inner: [
            ("c1".to_owned(), GroupRule { require_mention: Some(true), ..GroupRule::default() }),
            ("c2".to_owned(), GroupRule { enabled: Some(false), ..GroupRule::default() }),
            ("t5".to_owned(), GroupRule { allow_from: Some(list(&["u9"])), ..GroupRule::default() }),
        ]
        .into(),
        inner_listed,
        ..GroupRule::default()
    };
    let check = |room: &str, thread: Option<&str>, inner_listed, expected: &str| {
        let mut settings = testing::settings();
        settings.policy.groups = [("s1".to_owned(), guild(inner_listed))].into();
        let mut message = testing::message("1", "u7", "hi");
        message.conversation.kind = ChatKind::Channel;
        message.conversation.space = Some("s1".to_owned());
        message.conversation.room = room.to_owned();
        message.conversation.thread = thread.map(str::to_owned);
        let found = outcome(&settings, &message, false);
        assert!(found.contains(expected), "{room} {thread:?}: {found}");
    };
    check("c1", None, true, "mention required");
    check("c2", None, true, "not in allowlist");
    check("c3", None, true, "groupPolicy: allowlist, not in allowlist");
    check("c3", None, false, "admit: group");
    check("c1", Some("t5"), true, "sender u7 blocked");
    check("c1", Some("t6"), true, "mention required");
}

#[test]
fn whoever_has_a_role_of_the_group_is_let_in_beside_those_it_lists() {
    let rule = |users: Option<&[&str]>, roles: Option<&[&str]>| GroupRule {
        require_mention: Some(false),
        allow_from: users.map(list),
        roles: roles.map(|roles| roles.iter().map(|role| (*role).to_owned()).collect()),
        ..GroupRule::default()
    };
    let check = |outer: GroupRule, inner: GroupRule, sender: &str, roles: &[&str], expected: &str| {
        let mut settings = testing::settings();
        let inner = [("c1".to_owned(), inner)].into();
        settings.policy.groups = [("s1".to_owned(), GroupRule { inner, ..outer })].into();
        settings.policy.allow_from = list(&["*"]);
        let mut message = testing::message("1", sender, "hi");
        message.conversation.kind = ChatKind::Channel;
        message.conversation.space = Some("s1".to_owned());
        message.conversation.room = "c1".to_owned();
        message.sender.roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let found = outcome(&settings, &message, true);
        assert!(found.contains(expected), "{sender} {roles:?}: {found}");
    };
    let nothing = || rule(None, None);
    check(rule(None, Some(&["r1"])), nothing(), "u7", &["r0", "r1"], "admit: group");
    check(rule(None, Some(&["r1"])), nothing(), "u7", &["R1"], "sender u7 blocked");
    check(rule(None, Some(&["r1"])), nothing(), "u7", &[], "sender u7 blocked");
    check(rule(Some(&["u7"]), Some(&["r1"])), nothing(), "u7", &[], "admit: group");
    check(rule(Some(&["u9"]), Some(&["r1"])), nothing(), "u7", &[], "sender u7 blocked");
    // What is inside speaks of users and of roles by itself.
    check(rule(Some(&["u7"]), None), rule(None, Some(&["r1"])), "u7", &[], "admit: group");
    check(rule(None, Some(&["r1"])), rule(None, Some(&["r2"])), "u7", &["r1"], "sender u7 blocked");
    check(rule(None, Some(&["r1"])), rule(Some(&[]), None), "u7", &["r1"], "admit: group");
}

#[test]
fn what_the_agent_is_told_of_a_place_is_the_groups_and_then_what_is_inside() {
    let told = |text: &str| GroupRule { instructions: Some(text.to_owned()), ..GroupRule::default() };
    let mut settings = testing::settings();
    let inner = [("t5".to_owned(), told("Work.")), ("*".to_owned(), told(""))].into();
    settings.policy.groups = [("g1".to_owned(), GroupRule { inner, ..told("Be brief.") })].into();
    settings.direct_instructions =
        [("*", "Be kind."), ("u7", "")].map(|(id, text)| (id.to_owned(), text.to_owned())).into();
    let check = |kind, room: &str, thread: Option<&str>, sender: &str, expected: Option<&str>| {
        let mut message = testing::message("1", sender, "hi");
        message.conversation.kind = kind;
        message.conversation.room = room.to_owned();
        message.conversation.thread = thread.map(str::to_owned);
        assert_eq!(
            instructions_there(&settings, &message).as_deref(),
            expected,
            "{room} {thread:?} {sender}"
        );
    };
    check(ChatKind::Group, "g1", Some("t5"), "u7", Some("Be brief.\n\nWork."));
    check(ChatKind::Group, "g1", Some("t6"), "u7", Some("Be brief."));
    check(ChatKind::Group, "g2", None, "u8", None);
    check(ChatKind::Direct, "u8", None, "u8", Some("Be kind."));
    check(ChatKind::Direct, "u7", None, "u7", None);
}

#[test]
fn a_name_in_the_text_or_a_command_is_a_mention() {
    let mut settings = testing::settings();
    settings.policy.allow_from = list(&["u7"]);
    let molty = crate::Mentions::new([crate::pattern_of_name("Molty").as_str()]).0;
    settings.mentions.insert("main".to_owned(), molty);
    let judged = |text: &str, sender: &str, command| {
        let mut message = testing::message("1", sender, text);
        message.conversation.kind = ChatKind::Group;
        decide(&settings, &message, Known { agent: "main", command, ..Known::default() })
    };
    assert_eq!(judged("hey molty!", "u7", false).decision, Decision::Admit("group"));
    assert_eq!(judged("/status", "u7", true).decision, Decision::Admit("group"));
    let Decision::Drop(refusal) = judged("hey", "u7", false).decision else { panic!("it was let in") };
    assert!(refusal.heard, "it is told with the next message that names the agent");
    let Decision::Drop(refusal) = judged("/status", "u8", true).decision else { panic!("it was let in") };
    assert!(!refusal.heard, "a stranger's words are told to nobody");
}

#[test]
fn what_the_owner_decided_in_a_session_outweighs_the_configuration() {
    let required = |configured: Option<bool>, activation| {
        let mut settings = testing::settings();
        settings.policy.allow_from = list(&["u7"]);
        let rule = GroupRule { require_mention: configured, ..GroupRule::default() };
        settings.policy.groups = [("*".to_owned(), rule)].into();
        let mut message = testing::message("1", "u7", "hi");
        message.conversation.kind = ChatKind::Group;
        let judged = decide(&settings, &message, Known { activation, ..Known::default() });
        judged.decision != Decision::Admit("group")
    };
    assert!(required(None, None) && !required(Some(false), None));
    assert!(required(Some(false), Some(Activation::Mention)));
    assert!(!required(Some(true), Some(Activation::Always)));
}

#[test]
fn what_is_said_to_others_is_left_alone_unless_the_agent_is_named_too() {
    let judged = |inner: Option<bool>, outer: Option<bool>, change: &dyn Fn(&mut Message)| {
        let mut settings = testing::settings();
        settings.policy.allow_from = list(&["u7"]);
        let rule = |ignore_others| GroupRule { ignore_others, ..GroupRule::default() };
        let space = GroupRule {
            require_mention: Some(false),
            inner: [("c1".to_owned(), rule(inner))].into(),
            ..rule(outer)
        };
        settings.policy.groups = [("s1".to_owned(), space)].into();
        let molty = crate::Mentions::new([crate::pattern_of_name("Molty").as_str()]).0;
        settings.mentions.insert("main".to_owned(), molty);
        let mut message = testing::message("1", "u7", "hi");
        message.conversation.kind = ChatKind::Channel;
        (message.conversation.space, message.conversation.room) = (Some("s1".into()), "c1".into());
        message.addresses_others = true;
        change(&mut message);
        decide(&settings, &message, Known { agent: "main", ..Known::default() })
    };
    let admitted = |judged: &Judged| judged.decision == Decision::Admit("group");
    let last = |judged: &Judged| judged.steps.last().map(|step| (step.check.clone(), step.passed));
    let own = |passed| Some(("ignoreOtherMentions".to_owned(), passed));
    for (inner, outer) in [(Some(true), None), (None, Some(true)), (Some(true), Some(false))] {
        let left = judged(inner, outer, &|_| {});
        let Decision::Drop(refusal) = &left.decision else { panic!("{left:?}") };
        assert_eq!(
            refusal.line,
            "chat: skipping group message (ignoreOtherMentions: said to somebody else, room=c1)"
        );
        assert!(refusal.heard && refusal.notable && last(&left) == own(false), "{left:?}");
    }
    for (inner, outer) in [(None, None), (Some(false), Some(true))] {
        let answered = judged(inner, outer, &|_| {});
        assert!(admitted(&answered) && last(&answered) != own(true), "no such check is made: {answered:?}");
    }
    let to_agent: [&dyn Fn(&mut Message); 4] = [
        &|message| message.addresses_others = false,
        &|message| message.mentions_self = true,
        &|message| message.reply_to_self = true,
        &|message| message.text = "molty and grace?".to_owned(),
    ];
    for change in to_agent {
        let answered = judged(Some(true), None, change);
        assert!(admitted(&answered) && last(&answered) == own(true), "{answered:?}");
    }
}

#[test]
fn what_the_owner_decided_is_asked_for_only_where_it_counts() {
    let counts = |change: &dyn Fn(&mut AccountSettings, &mut Message)| {
        let mut settings = testing::settings();
        settings.policy.allow_from = list(&["u7"]);
        let mut message = testing::message("1", "u7", "hi");
        message.conversation.kind = ChatKind::Group;
        change(&mut settings, &mut message);
        decide(&settings, &message, Known::default()).activation_counts
    };
    assert!(counts(&|_, _| {}) && counts(&|_, message| message.mentions_self = true));
    assert!(!counts(&|_, message| message.conversation.kind = ChatKind::Direct));
    assert!(!counts(&|settings, _| settings.policy.allow_from = list(&[])));
    assert!(!counts(&|settings, _| settings.policy.group = GroupPolicy::Disabled));
    assert!(!counts(&|_, message| message.edited = true));
}

#[test]
fn other_bots_are_answered_as_the_account_says() {
    let check = |bots, mentions_self, expected: &str| {
        let mut settings = testing::settings();
        settings.policy.allow_from = list(&["u7"]);
        settings.policy.bots = bots;
        let mut message = testing::message("1", "u7", "hi");
        message.sender.kind = SenderKind::Bot;
        message.mentions_self = mentions_self;
        assert_eq!(outcome(&settings, &message, false), expected, "{bots:?}");
    };
    check(Bots::Never, true, "chat: drop message (sender is a bot)");
    check(Bots::Mentions, false, "chat: drop message (sender is a bot that mentions nobody)");
    check(Bots::Mentions, true, "admit: allowFrom");
    check(Bots::Always, false, "admit: allowFrom");
    let mut stranger = testing::message("1", "u9", "hi");
    stranger.sender.kind = SenderKind::Bot;
    let mut settings = testing::settings();
    settings.policy.bots = Bots::Always;
    let expected = "Blocked unauthorized chat sender u9 (dmPolicy=pairing, a bot is not paired)";
    assert_eq!(outcome(&settings, &stranger, false), expected);
}

#[test]
fn the_end_of_a_bot_loop_is_told_with_what_led_to_it() {
    let mut settings = testing::settings();
    settings.policy.allow_from = list(&["u7"]);
    let message = testing::message("1", "u7", "hi");
    let judged = decide(&settings, &message, Known::default());
    let before = judged.steps.len();
    let ended = end_bot_loop(&settings, &message, judged);
    let Decision::Drop(refusal) = ended.decision else { panic!("it goes on") };
    assert_eq!(refusal.line, "chat: drop message (bot loop protection, sender=u7, room=u7)");
    assert_eq!((ended.steps.len(), ended.steps[before].passed), (before + 1, false));
}

#[test]
fn every_check_is_told_and_the_last_one_decides() {
    let mut settings = testing::settings();
    settings.policy.allow_from = list(&["u8"]);
    let steps = |settings: &AccountSettings, kind, approved| {
        let mut message = testing::message("1", "u7", "hi");
        message.conversation.kind = kind;
        let judged = decide(settings, &message, Known { approved, ..Known::default() });
        let steps = judged.steps.iter();
        steps.map(|step| (step.check.clone(), step.passed)).collect::<Vec<_>>()
    };
    let expect = |steps: &[(&str, bool)]| -> Vec<(String, bool)> {
        steps.iter().map(|(check, passed)| ((*check).to_owned(), *passed)).collect()
    };
    let direct = |pairing| {
        expect(&[
            ("account", true),
            ("sender", true),
            ("dmPolicy", true),
            ("allowFrom", true),
            ("pairing", pairing),
        ])
    };
    assert_eq!(steps(&settings, ChatKind::Direct, true), direct(true));
    assert_eq!(steps(&settings, ChatKind::Direct, false), direct(false));
    let group = expect(&[
        ("account", true),
        ("sender", true),
        ("groupPolicy", true),
        ("groups", true),
        ("group senders", false),
    ]);
    assert_eq!(steps(&settings, ChatKind::Group, true), group);
    settings.enabled = false;
    assert_eq!(steps(&settings, ChatKind::Group, true), expect(&[("account", false)]));
}
