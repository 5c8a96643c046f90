//! Owns session keys: which agent answers a message, and which messages share a session. Pure. The formats are those of the
//! compatibility specification, §6.6; stored transcripts are found by them, so they never change.

use openclaw_store::{ChatKind, Message, Route};

use crate::policy;
use crate::settings::{AccountSettings, Binding, DmScope, GroupScope, Peer};

/// The one session of `session.scope: "global"`.
const GLOBAL: &str = "global";

/// The binding that holds for a message: the most specific one, and of those the first.
fn binding<'a>(settings: &'a AccountSettings, message: &Message) -> Option<&'a Binding> {
    let ranked = settings.bindings.iter().filter_map(|binding| Some((rank(binding, message)?, binding)));
    // `min_by_key` keeps the first of equals.
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, binding)| binding)
}

/// How specific a binding is about a message, 0 most; `None` where it does not hold.
fn rank(binding: &Binding, message: &Message) -> Option<u8> {
    let conversation = &message.conversation;
    let space = conversation.space.as_deref();
    if binding
        .space
        .as_deref()
        .is_some_and(|wanted| space.is_none_or(|space| !space.eq_ignore_ascii_case(wanted)))
    {
        return None;
    }
    let roles = &message.sender.roles;
    if !binding.roles.is_empty() && !binding.roles.iter().any(|role| roles.contains(role)) {
        return None;
    }
    match &binding.peer {
        Some(peer) => rank_peer(peer, message),
        None if !binding.roles.is_empty() => Some(3),
        None if binding.space.is_some() => Some(4),
        None if !binding.any_account => Some(5),
        None => Some(6),
    }
}

fn rank_peer(peer: &Peer, message: &Message) -> Option<u8> {
    let conversation = &message.conversation;
    if peer.kind != conversation.kind {
        return None;
    }
    if peer.id == "*" {
        return Some(2);
    }
    let is = |id: &str| peer.id.eq_ignore_ascii_case(id);
    match (conversation.kind, &conversation.thread) {
        (ChatKind::Direct, _) => (is(&message.sender.id) || is(&conversation.room)).then_some(0),
        (_, Some(thread)) if is(thread) => Some(0),
        // The room is the thread's parent.
        (_, Some(_)) => is(&conversation.room).then_some(1),
        (_, None) => is(&conversation.room).then_some(0),
    }
}

/// The agent that answers a message: what the group's own rules say comes before bindings.
pub(crate) fn agent<'a>(settings: &'a AccountSettings, message: &'a Message) -> &'a str {
    policy::agent_there(settings, message).unwrap_or_else(|| bound(settings, binding(settings, message)))
}

fn bound<'a>(settings: &'a AccountSettings, binding: Option<&'a Binding>) -> &'a str {
    binding.map_or(settings.agent.as_str(), |binding| &binding.agent)
}

/// The agent and the session that a message belongs to. Keys are lower case.
pub(crate) fn route(settings: &AccountSettings, message: &Message) -> Route {
    let binding = binding(settings, message);
    let agent = policy::agent_there(settings, message).unwrap_or_else(|| bound(settings, binding));
    if settings.global {
        return Route { agent: agent.to_owned(), session_key: GLOBAL.to_owned() };
    }
    let main = main_key(agent, &settings.main);
    let dm_scope = binding.and_then(|binding| binding.dm_scope).unwrap_or(settings.dm_scope);
    let group_scope = binding.and_then(|binding| binding.group_scope).unwrap_or(settings.group_scope);
    let (channel, account) = (&settings.key.channel, &settings.key.account);
    let room = &message.conversation.room;
    let peer = settings.person(&message.sender.id);
    let parent = match (message.conversation.kind, dm_scope) {
        (ChatKind::Direct, DmScope::Main) => main,
        (ChatKind::Direct, DmScope::PerPeer) => format!("agent:{agent}:direct:{peer}"),
        (ChatKind::Direct, DmScope::PerChannelPeer) => format!("agent:{agent}:{channel}:direct:{peer}"),
        (ChatKind::Direct, DmScope::PerAccountChannelPeer) => {
            format!("agent:{agent}:{channel}:{account}:direct:{peer}")
        }
        (ChatKind::Group | ChatKind::Channel, _) if group_scope == GroupScope::Main => main,
        (ChatKind::Group, _) => format!("agent:{agent}:{channel}:group:{room}"),
        (ChatKind::Channel, _) => format!("agent:{agent}:{channel}:channel:{room}"),
    };
    let own = message.conversation.kind != ChatKind::Direct && group_scope == GroupScope::PerGroup;
    let key = match &message.conversation.thread {
        // A direct chat's topics share its session.
        Some(thread) if own => format!("{parent}:{}:{thread}", settings.words.thread_word),
        Some(_) | None => parent,
    };
    Route { agent: agent.to_owned(), session_key: key.to_lowercase() }
}

/// The session that an agent's direct messages and its command line share by default.
fn main_key(agent: &str, main: &str) -> String {
    format!("agent:{agent}:{main}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use openclaw_store::ChatKind::{Channel, Direct, Group};

    use super::*;
    use crate::settings::GroupRule;
    use crate::testing;

    #[test]
    fn keys_have_the_documented_form() {
        let check = |kind, thread: Option<&str>, scope, expected: &str| {
            let mut settings = testing::settings();
            settings.dm_scope = scope;
            let mut message = testing::message("1", "U7", "hi");
            message.conversation.kind = kind;
            message.conversation.room = "-100A".to_owned();
            message.conversation.thread = thread.map(str::to_owned);
            assert_eq!(route(&settings, &message).session_key, expected);
        };
        check(Direct, None, DmScope::Main, "agent:main:main");
        check(Direct, Some("5"), DmScope::Main, "agent:main:main");
        check(Direct, None, DmScope::PerPeer, "agent:main:direct:u7");
        check(Direct, None, DmScope::PerChannelPeer, "agent:main:chat:direct:u7");
        check(Direct, None, DmScope::PerAccountChannelPeer, "agent:main:chat:default:direct:u7");
        check(Group, None, DmScope::PerPeer, "agent:main:chat:group:-100a");
        check(Group, Some("5"), DmScope::Main, "agent:main:chat:group:-100a:topic:5");
        check(Channel, None, DmScope::Main, "agent:main:chat:channel:-100a");
    }

    fn bound(agent: &str, change: impl FnOnce(&mut Binding)) -> Binding {
        let mut binding = Binding { agent: agent.to_owned(), ..Binding::default() };
        change(&mut binding);
        binding
    }

    #[test]
    fn the_most_specific_binding_answers() {
        let peer = |kind, id: &str| Some(Peer { kind, id: id.to_owned() });
        let space = |id: &str| Some(id.to_owned());
        let mut settings = testing::settings();
        // The other way round than they count.
        settings.bindings = vec![
            bound("channel", |binding| binding.any_account = true),
            bound("account", |_| {}),
            bound("second", |_| {}),
            bound("space", |binding| binding.space = space("s1")),
            bound("staff", |binding| (binding.space, binding.roles) = (space("s1"), vec!["r1".to_owned()])),
            bound("elsewhere", |binding| (binding.space, binding.peer) = (space("s2"), peer(Group, "g1"))),
            bound("any-group", |binding| binding.peer = peer(Group, "*")),
            bound("parent", |binding| binding.peer = peer(Group, "G1")),
            bound("thread", |binding| binding.peer = peer(Group, "t1")),
            bound("ada", |binding| binding.peer = peer(Direct, "u7")),
        ];
        let answers = |kind, space: Option<&str>, room: &str, thread: Option<&str>, sender: &str| {
            let mut message = testing::message("1", sender, "hi");
            let conversation = &mut message.conversation;
            (conversation.kind, conversation.room) = (kind, room.to_owned());
            (conversation.space, conversation.thread) = (space.map(str::to_owned), thread.map(str::to_owned));
            let route = route(&settings, &message);
            assert_eq!(agent(&settings, &message), route.agent);
            route.agent
        };
        assert_eq!(answers(Group, None, "g1", Some("t1"), "u7"), "thread");
        assert_eq!(answers(Group, None, "g1", Some("t2"), "u7"), "parent");
        assert_eq!(answers(Group, Some("s1"), "g1", None, "u7"), "parent");
        assert_eq!(answers(Group, Some("s1"), "g2", None, "u7"), "any-group");
        assert_eq!(answers(Channel, Some("s1"), "c1", None, "u7"), "space");
        assert_eq!(answers(Channel, Some("s2"), "c1", None, "u7"), "account", "the first of two");
        let mut staff = testing::message("1", "u7", "hi");
        (staff.conversation.kind, staff.conversation.space) = (Channel, space("s1"));
        staff.sender.roles = vec!["r0".to_owned(), "r1".to_owned()];
        assert_eq!(route(&settings, &staff).agent, "staff");
        assert_eq!(answers(Direct, None, "u7", None, "U7"), "ada");
        assert_eq!(answers(Direct, None, "u8", None, "u8"), "account");
        settings.bindings = vec![bound("channel", |binding| binding.any_account = true)];
        assert_eq!(route(&settings, &testing::message("1", "u9", "hi")).agent, "channel");
        settings.bindings.clear();
        assert_eq!(route(&settings, &testing::message("1", "u9", "hi")).agent, "main");
    }

    #[test]
    fn a_binding_says_which_messages_share_a_session_and_links_make_one_person() {
        let mut settings = testing::settings();
        settings.dm_scope = DmScope::PerPeer;
        settings.links = [("u7".to_owned(), "Ada".to_owned())].into();
        let message = testing::message("1", "U7", "hi");
        assert_eq!(route(&settings, &message).session_key, "agent:main:direct:ada");
        settings.bindings = vec![bound("work", |binding| binding.dm_scope = Some(DmScope::Main))];
        assert_eq!(route(&settings, &message).session_key, "agent:work:main");
        let mut group = testing::message("2", "U7", "hi");
        group.conversation.kind = Group;
        group.conversation.thread = Some("5".to_owned());
        settings.group_scope = GroupScope::Main;
        assert_eq!(route(&settings, &group).session_key, "agent:work:main");
    }

    #[test]
    fn a_topic_may_have_an_agent_of_its_own() {
        let mut settings = testing::settings();
        settings.bindings = vec![bound("bound", |_| {})];
        let rule = |agent: &str| GroupRule { agent: Some(agent.to_owned()), ..GroupRule::default() };
        let inner = [("5".to_owned(), rule("topic"))].into();
        let group = GroupRule { inner, ..GroupRule::default() };
        settings.policy.groups = [("g1".to_owned(), group), ("g2".to_owned(), rule("group"))].into();
        let key = |kind, room: &str, thread: Option<&str>| {
            let mut message = testing::message("1", "u7", "hi");
            let conversation = &mut message.conversation;
            (conversation.kind, conversation.room) = (kind, room.to_owned());
            conversation.thread = thread.map(str::to_owned);
            let route = route(&settings, &message);
            assert_eq!(agent(&settings, &message), route.agent);
            route.session_key
        };
        assert_eq!(key(Group, "g1", Some("5")), "agent:topic:chat:group:g1:topic:5");
        assert_eq!(key(Group, "g1", Some("6")), "agent:bound:chat:group:g1:topic:6");
        assert_eq!(key(Group, "g2", Some("6")), "agent:group:chat:group:g2:topic:6");
        assert_eq!(key(Direct, "g2", None), "agent:bound:main");
    }

    #[test]
    fn the_main_session_has_the_name_that_is_given_and_a_global_one_is_everybodys() {
        let mut settings = testing::settings();
        settings.main = "home".to_owned();
        let direct = testing::message("1", "u7", "hi");
        let mut group = testing::message("2", "u7", "hi");
        group.conversation.kind = Group;
        assert_eq!(route(&settings, &direct).session_key, "agent:main:home");
        settings.group_scope = GroupScope::Main;
        assert_eq!(route(&settings, &group).session_key, "agent:main:home");
        settings.global = true;
        for message in [&direct, &group] {
            let route = route(&settings, message);
            assert_eq!((route.agent.as_str(), route.session_key.as_str()), ("main", "global"));
        }
    }
}
