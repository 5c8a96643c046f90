//! From `bindings` and `session` to which agent answers one account's messages, and which of them share a session.

use std::collections::BTreeMap;

use openclaw_config::{Account, Binding, Channel, Config, DmScope, GroupScope};
use openclaw_messaging as messaging;
use openclaw_messaging::{ChatKind, Peer};

use super::admission::Groups;

pub(super) fn dm_scope(scope: DmScope) -> messaging::DmScope {
    match scope {
        DmScope::Main => messaging::DmScope::Main,
        DmScope::PerPeer => messaging::DmScope::PerPeer,
        DmScope::PerChannelPeer => messaging::DmScope::PerChannelPeer,
        DmScope::PerAccountChannelPeer => messaging::DmScope::PerAccountChannelPeer,
    }
}

pub(super) fn group_scope(scope: GroupScope) -> messaging::GroupScope {
    match scope {
        GroupScope::PerGroup => messaging::GroupScope::PerGroup,
        GroupScope::Main => messaging::GroupScope::Main,
    }
}

/// A binding as far as it is about this account. One that nobody can satisfy is left out, with a line in the log.
pub(super) fn binding(
    access: &Groups<'_>,
    channel: &Channel,
    account: &Account,
    entry: &Binding,
) -> Option<messaging::Binding> {
    let any_account = entry.account_id.as_deref() == Some("*");
    let meant = entry.account_id.as_deref().unwrap_or(&channel.default_account);
    if entry.channel != channel.id || !(any_account || meant == account.id) {
        return None;
    }
    let agent =
        access.config.agents.entries.iter().find(|agent| agent.id.eq_ignore_ascii_case(&entry.agent_id));
    let Some(agent) = agent else {
        access.tell(&format!(
            "a binding to the agent {:?} answers nobody: there is no such agent",
            entry.agent_id
        ));
        return None;
    };
    let peer = match &entry.peer {
        None => None,
        Some((kind, id)) => {
            let kind = match kind.as_str() {
                "direct" => ChatKind::Direct,
                "group" => ChatKind::Group,
                "channel" => ChatKind::Channel,
                _ => return None,
            };
            Some(Peer { kind, id: id.clone() })
        }
    };
    Some(messaging::Binding {
        agent: agent.id.to_lowercase(),
        peer,
        space: entry.space.clone(),
        roles: entry.roles.clone(),
        any_account,
        dm_scope: entry.dm_scope.map(dm_scope),
        group_scope: entry.group_scope.map(group_scope),
    })
}

/// The senders of this channel that are one person with others.
pub(super) fn links(config: &Config, channel: &str) -> BTreeMap<String, String> {
    let all = config.session.identity_links.iter();
    let ids = all.flat_map(|(person, ids)| ids.iter().map(move |id| (id, person)));
    let own = ids.filter_map(|(id, person)| {
        let (at, id) = id.split_once(':')?;
        at.eq_ignore_ascii_case(channel).then(|| (id.to_lowercase(), person.clone()))
    });
    own.collect()
}
