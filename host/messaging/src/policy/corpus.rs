//! Every policy and every shape of list against every kind of message: nobody gets in who is in no list. What is checked are
//! statements about who may get in, made anew here, not the order of the checks.

use openclaw_store::{ChatKind, Message, Quote, SenderKind};

use super::*;
use crate::settings::{DmPolicy, GroupRule};
use crate::testing::{self, list};

const DM: [DmPolicy; 4] = [DmPolicy::Pairing, DmPolicy::Allowlist, DmPolicy::Open, DmPolicy::Disabled];
const GROUP: [GroupPolicy; 3] = [GroupPolicy::Allowlist, GroupPolicy::Open, GroupPolicy::Disabled];
const KINDS: [ChatKind; 3] = [ChatKind::Direct, ChatKind::Group, ChatKind::Channel];
const SENDERS: [SenderKind; 4] =
    [SenderKind::Person, SenderKind::Bot, SenderKind::Anonymous, SenderKind::Myself];
/// Flags of a message, and whether pairing approved the sender: all combinations.
const FLAGS: u32 = 7;

/// The sender of all messages.
const SENDER: &str = "u7";

fn lists() -> Vec<AllowList> {
    let group = |member: &str| -> AllowList {
        let entry = Allowed::Group { name: "team".to_owned(), members: vec![member.to_owned()] };
        std::iter::once(entry).collect()
    };
    vec![list(&[]), list(&["friend"]), list(&[SENDER]), list(&["*"]), group("friend"), group("U7")]
}

fn messages() -> impl Iterator<Item = (Message, bool)> {
    KINDS.into_iter().flat_map(|kind| {
        SENDERS.into_iter().flat_map(move |sender| {
            (0..1_u32 << FLAGS).map(move |flags| {
                let flag = |number: u32| flags >> number & 1 == 1;
                let mut message = testing::message("1", SENDER, "hi");
                message.conversation.kind = kind;
                message.conversation.room = "r1".to_owned();
                message.conversation.thread = flag(0).then(|| "t1".to_owned());
                message.sender.kind = sender;
                message.mentions_self = flag(1);
                message.reply_to_self = flag(2);
                message.edited = flag(3);
                message.forwarded = flag(4);
                // What it cites, and whose words it repeats, is nobody's ticket.
                let quote =
                    Quote { message_id: None, author: Some("friend".to_owned()), text: "friend".to_owned() };
                message.quote = flag(5).then_some(quote);
                (message, flag(6))
            })
        })
    })
}

#[test]
fn nobody_gets_in_who_is_in_no_list() {
    let (mut cases, mut admitted) = (0, 0);
    let in_it = |list: &AllowList| list.admits(SENDER).is_some();
    for (dm, group) in DM.into_iter().flat_map(|dm| GROUP.into_iter().map(move |group| (dm, group))) {
        for own in lists() {
            for group_list in lists().into_iter().map(Some).chain([None]) {
                let mut settings = testing::settings();
                (settings.policy.dm, settings.policy.group) = (dm, group);
                settings.policy.allow_from = own.clone();
                settings.policy.group_allow_from.clone_from(&group_list);
                for (message, approved) in messages() {
                    let judged = decide(&settings, &message, Known { approved, ..Known::default() });
                    cases += 1;
                    let Decision::Admit(_) = judged.decision else { continue };
                    admitted += 1;
                    let person = matches!(message.sender.kind, SenderKind::Person | SenderKind::Anonymous);
                    let may = match message.conversation.kind {
                        ChatKind::Direct => {
                            dm != DmPolicy::Disabled && (in_it(&own) || (dm == DmPolicy::Pairing && approved))
                        }
                        ChatKind::Group | ChatKind::Channel => {
                            let named = message.mentions_self || message.reply_to_self;
                            let listed = in_it(group_list.as_ref().unwrap_or(&own));
                            named && (group == GroupPolicy::Open || group == GroupPolicy::Allowlist && listed)
                        }
                    };
                    assert!(person && !message.edited && may, "{settings:#?} {message:#?} {judged:#?}");
                }
            }
        }
    }
    assert!(cases > 500_000 && admitted > cases / 100, "{admitted} of {cases}: the corpus has both");
}

#[test]
fn another_bot_gets_in_only_where_bots_are_answered_and_by_a_list() {
    let in_it = |list: &AllowList| list.admits(SENDER).is_some();
    let mut admitted = 0;
    for bots in [Bots::Never, Bots::Mentions, Bots::Always] {
        for (dm, group) in DM.into_iter().flat_map(|dm| GROUP.into_iter().map(move |group| (dm, group))) {
            for own in lists() {
                let mut settings = testing::settings();
                (settings.policy.dm, settings.policy.group, settings.policy.bots) = (dm, group, bots);
                settings.policy.allow_from = own.clone();
                for (message, approved) in messages().filter(|(said, _)| said.sender.kind == SenderKind::Bot)
                {
                    let judged = decide(&settings, &message, Known { approved, ..Known::default() });
                    assert_ne!(judged.decision, Decision::Pair, "a bot is not paired");
                    let Decision::Admit(_) = judged.decision else { continue };
                    admitted += 1;
                    let named = message.mentions_self || message.reply_to_self;
                    let answered = bots == Bots::Always || (bots == Bots::Mentions && named);
                    let may = match message.conversation.kind {
                        ChatKind::Direct => {
                            dm != DmPolicy::Disabled && (in_it(&own) || (dm == DmPolicy::Pairing && approved))
                        }
                        ChatKind::Group | ChatKind::Channel => {
                            named
                                && group != GroupPolicy::Disabled
                                && (group == GroupPolicy::Open || in_it(&own))
                        }
                    };
                    assert!(answered && may, "{settings:#?} {message:#?} {judged:#?}");
                }
            }
        }
    }
    assert!(admitted > 1_000, "{admitted}");
}

#[test]
fn a_room_that_is_shut_or_not_listed_lets_nobody_in() {
    let rule = |change: &dyn Fn(&mut GroupRule)| {
        let mut rule = GroupRule { require_mention: Some(false), ..GroupRule::default() };
        change(&mut rule);
        rule
    };
    let shut = rule(&|rule| rule.enabled = Some(false));
    let stranger = rule(&|rule| rule.allow_from = Some(list(&["friend"])));
    let disabled = rule(&|rule| rule.policy = Some(GroupPolicy::Disabled));
    let elsewhere = rule(&|_| {});
    let inside = |inner: GroupRule| rule(&|rule| drop(rule.inner.insert("t1".to_owned(), inner.clone())));
    let closed = [
        ("r1", shut.clone()),
        ("r1", stranger.clone()),
        ("r1", disabled.clone()),
        ("*", shut.clone()),
        ("r2", elsewhere),
        ("r1", inside(shut)),
        ("r1", inside(stranger)),
        ("r1", inside(disabled)),
    ];
    for (key, rule) in closed {
        for group_listed in [false, true] {
            let mut settings = testing::settings();
            settings.policy.allow_from = list(&["*"]);
            settings.policy.group_listed = group_listed;
            settings.policy.groups = [(key.to_owned(), rule.clone())].into();
            let groups = messages().filter(|(message, _)| {
                message.conversation.kind != ChatKind::Direct && message.conversation.thread.is_some()
            });
            for (message, approved) in groups {
                let judged =
                    decide(&settings, &message, Known { approved, command: true, ..Known::default() });
                assert!(matches!(judged.decision, Decision::Drop(_)), "{key} {rule:?} {judged:?}");
            }
        }
    }
}
