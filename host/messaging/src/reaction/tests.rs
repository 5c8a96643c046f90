use std::collections::BTreeMap;

use openclaw_store::Route;

use super::*;
use crate::mention::Mentions;
use crate::replies::Persona;
use crate::testing::{self, Memory, within};

fn row(id: i64, kind: ChatKind, text: &str) -> InboundRow {
    let mut message = testing::message("m1", "u1", text);
    message.conversation.kind = kind;
    InboundRow {
        id: InboundId(id),
        account: testing::account(),
        message,
        received_at: 0,
        route: Some(Route { agent: "main".into(), session_key: "s".into() }),
    }
}

fn settings(reactions: Reactions) -> AccountSettings {
    let mut settings = testing::settings();
    let (mentions, _) = Mentions::new(["molty"]);
    settings.mentions = BTreeMap::from([("main".to_owned(), mentions)]);
    settings.replies.reactions = reactions;
    settings
}

#[test]
fn the_scope_says_which_messages_get_one() {
    let check = |scope, expected: [bool; 4]| {
        let settings = settings(Reactions { scope, ..Reactions::default() });
        let mut named = row(1, ChatKind::Group, "hello");
        named.message.mentions_self = true;
        let rows = [
            row(1, ChatKind::Direct, "molty"),
            named,
            row(1, ChatKind::Channel, "hi Molty"),
            row(1, ChatKind::Group, "hello"),
        ];
        assert_eq!(rows.map(|row| ack(&row, &settings).is_some()), expected, "{scope:?}");
    };
    check(AckScope::GroupMentions, [false, true, true, false]);
    check(AckScope::GroupAll, [false, true, true, true]);
    check(AckScope::Direct, [true, false, false, false]);
    check(AckScope::All, [true; 4]);
    check(AckScope::Off, [false; 4]);
}

#[test]
fn the_nearest_says_which_reaction() {
    let check = |own: Option<&str>, persona: Option<&str>, expected: Option<&str>| {
        let ack_of = own.map(str::to_owned);
        let mut settings = settings(Reactions { ack: ack_of, scope: AckScope::All, ..Reactions::default() });
        let persona = Persona { name: None, emoji: persona.map(str::to_owned) };
        settings.replies.personas.insert("main".to_owned(), persona);
        assert_eq!(ack(&row(1, ChatKind::Direct, "x"), &settings).as_deref(), expected);
    };
    check(None, None, Some("👀"));
    check(None, Some("🦞"), Some("🦞"));
    check(Some("👍"), Some("🦞"), Some("👍"));
    check(Some(""), Some("🦞"), None);
}

async fn reactions(sender: &Memory, count: usize) -> Vec<(Option<String>, Option<String>)> {
    let mut reacted = sender.reacted.subscribe();
    within(reacted.wait_for(|reacted| reacted.len() >= count)).await.unwrap().clone()
}

fn pair(emoji: &str, instead_of: Option<&str>) -> (Option<String>, Option<String>) {
    (Some(emoji).filter(|emoji| !emoji.is_empty()).map(str::to_owned), instead_of.map(str::to_owned))
}

#[tokio::test(start_paused = true)]
async fn stages_follow_one_another_and_the_last_is_taken_away() {
    let sender = Memory::new();
    let as_sender: Arc<dyn Sender> = Arc::<Memory>::clone(&sender);
    let reactor = Reactor::new(as_sender, Tasks::new());
    let all = Reactions { scope: AckScope::All, remove: true, status: true, ack: None };
    reactor.accepted(&row(1, ChatKind::Direct, "x"), &settings(all));
    reactions(&sender, 1).await;
    reactor.working(InboundId(1));
    reactions(&sender, 2).await;
    reactor.ended(InboundId(1), true);
    let expected = [pair("👀", None), pair("🤔", Some("👀")), pair("😱", Some("🤔")), pair("", Some("😱"))];
    assert_eq!(reactions(&sender, 4).await, expected);
    reactor.working(InboundId(1));
    assert!(reactor.lock().is_empty(), "it is over");
}

#[tokio::test(start_paused = true)]
async fn a_plain_reaction_stays_unless_it_is_to_go() {
    let sender = Memory::new();
    let as_sender: Arc<dyn Sender> = Arc::<Memory>::clone(&sender);
    let reactor = Reactor::new(as_sender, Tasks::new());
    let stays = Reactions { scope: AckScope::All, ..Reactions::default() };
    reactor.accepted(&row(1, ChatKind::Direct, "x"), &settings(stays.clone()));
    reactions(&sender, 1).await;
    assert!(reactor.lock().is_empty(), "nothing more will change");
    reactor.ended(InboundId(1), false);
    reactor.accepted(&row(2, ChatKind::Direct, "x"), &settings(Reactions { remove: true, ..stays }));
    reactions(&sender, 2).await;
    reactor.ended(InboundId(2), false);
    let expected = [pair("👀", None), pair("👀", None), pair("", Some("👀"))];
    assert_eq!(reactions(&sender, 3).await, expected);
}

#[tokio::test(start_paused = true)]
async fn so_many_are_followed_and_no_more() {
    let sender = Memory::new();
    let as_sender: Arc<dyn Sender> = Arc::<Memory>::clone(&sender);
    let reactor = Reactor::new(as_sender, Tasks::new());
    let all = settings(Reactions { scope: AckScope::All, status: true, ..Reactions::default() });
    for id in 0..300 {
        reactor.accepted(&row(id, ChatKind::Direct, "x"), &all);
    }
    assert_eq!(reactor.lock().len(), MOST);
}
