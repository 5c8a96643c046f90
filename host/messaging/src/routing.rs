//! Owns session keys: which messages share a session. Pure. The formats are those of the compatibility specification, §6.6;
//! stored transcripts are found by them, so they never change.

use openclaw_store::{ChatKind, Message, Route};

use crate::settings::{AccountSettings, DmScope};

/// The session that a message belongs to. Keys are lower case.
pub(crate) fn route(settings: &AccountSettings, message: &Message) -> Route {
    let agent = &settings.agent;
    let (channel, account) = (&settings.key.channel, &settings.key.account);
    let (room, peer) = (&message.conversation.room, &message.sender.id);
    let parent = match (message.conversation.kind, settings.dm_scope) {
        (ChatKind::Direct, DmScope::Main) => main_key(agent),
        (ChatKind::Direct, DmScope::PerPeer) => format!("agent:{agent}:direct:{peer}"),
        (ChatKind::Direct, DmScope::PerChannelPeer) => format!("agent:{agent}:{channel}:direct:{peer}"),
        (ChatKind::Direct, DmScope::PerAccountChannelPeer) => {
            format!("agent:{agent}:{channel}:{account}:direct:{peer}")
        }
        (ChatKind::Group, _) => format!("agent:{agent}:{channel}:group:{room}"),
        (ChatKind::Channel, _) => format!("agent:{agent}:{channel}:channel:{room}"),
    };
    let key = match &message.conversation.thread {
        // A direct chat's topics share its session.
        Some(thread) if message.conversation.kind != ChatKind::Direct => {
            format!("{parent}:{}:{thread}", settings.words.thread_word)
        }
        Some(_) | None => parent,
    };
    Route { agent: agent.clone(), session_key: key.to_lowercase() }
}

/// The session that an agent's direct messages and its command line share by default.
pub fn main_key(agent: &str) -> String {
    format!("agent:{agent}:main").to_lowercase()
}

#[cfg(test)]
mod tests {
    use openclaw_store::ChatKind::{Channel, Direct, Group};

    use super::*;
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
}
