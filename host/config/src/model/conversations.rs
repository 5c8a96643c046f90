//! `messages.*`, `accessGroups.*` and `bindings`: what is read of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::agents::{DmScope, GroupScope};
use super::queue::{Inbound, Queue};

/// `messages.*`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// `messages.groupChat`
    pub group_chat: GroupChat,
    /// `messages.inbound`
    pub inbound: Inbound,
    /// `messages.queue`
    pub queue: Queue,
    /// `messages.responsePrefix`: stands before every reply. Empty for none.
    pub response_prefix: Option<String>,
    /// `messages.ackReaction`: the reaction to a message that was accepted. Empty for none.
    pub ack_reaction: Option<String>,
    /// `messages.ackReactionScope`: which messages get it.
    pub ack_reaction_scope: Option<String>,
    /// `messages.removeAckAfterReply`
    pub remove_ack_after_reply: bool,
    /// `messages.statusReactions.enabled`: it changes with the stages of the turn.
    pub status_reactions: bool,
}

/// `messages.groupChat`, or an agent's own `groupChat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupChat {
    /// Regular expressions that name the agent. An empty list is an answer too: nothing does.
    pub mention_patterns: Option<Vec<String>>,
    /// How many messages of a group are told with the next one that names the agent; 0 for none.
    pub history_limit: Option<usize>,
}

/// An agent's `identity`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// What people call it.
    pub name: Option<String>,
    /// Its sign.
    pub emoji: Option<String>,
    /// How it speaks.
    pub theme: Option<String>,
}

/// `accessGroups.<name>`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessGroup {
    /// `message.senders` names its members; what other words mean is a vendor's affair.
    pub kind: String,
    /// Sender ids by channel; those under `*` hold for every channel.
    pub members: BTreeMap<String, Vec<String>>,
}

/// One entry of `bindings`: which agent answers where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The agent.
    pub agent_id: String,
    /// The channel.
    pub channel: String,
    /// The account; `*` for all, nothing for the default one.
    pub account_id: Option<String>,
    /// `direct`, `group` or `channel`, and the id of the conversation or `*`.
    pub peer: Option<(String, String)>,
    /// The vendor's server or workspace: `guildId` or `teamId`.
    pub space: Option<String>,
    /// Whoever has one of these roles there; empty: anybody.
    pub roles: Vec<String>,
    /// Instead of `session.dmScope`.
    pub dm_scope: Option<DmScope>,
    /// Instead of `session.groupScope`.
    pub group_scope: Option<GroupScope>,
}

/// The entries that route messages, in their order. One that does not fit is left out: the report names it.
pub(super) fn bindings(section: Option<&Value>) -> Vec<Binding> {
    let entries = section.and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(Binding::of).collect()
}

impl Binding {
    fn of(entry: &Value) -> Option<Self> {
        if entry.get("type").and_then(Value::as_str).is_some_and(|kind| kind != "route") {
            return None;
        }
        let wanted = entry.get("match")?;
        let text = |key: &str| wanted.get(key).and_then(Value::as_str).map(str::to_owned);
        let scope = |key: &str| entry.pointer(&format!("/session/{key}"));
        let peer = wanted.get("peer").map(|peer| {
            let kind = peer.get("kind")?.as_str()?;
            // An older spelling.
            let kind = if kind == "dm" { "direct" } else { kind };
            Some((kind.to_owned(), peer.get("id")?.as_str()?.to_owned()))
        });
        // A peer that cannot be read must not widen the entry.
        let peer = match peer {
            Some(None) => return None,
            Some(peer) => peer,
            None => None,
        };
        // The same holds for roles.
        let roles = match wanted.get("roles") {
            Some(roles) => Vec::deserialize(roles).ok()?,
            None => Vec::new(),
        };
        Some(Self {
            agent_id: entry.get("agentId")?.as_str()?.to_owned(),
            channel: text("channel")?,
            account_id: text("accountId"),
            peer,
            space: text("guildId").or_else(|| text("teamId")),
            roles,
            dm_scope: scope("dmScope").and_then(|scope| DmScope::deserialize(scope).ok()),
            group_scope: scope("groupScope").and_then(|scope| GroupScope::deserialize(scope).ok()),
        })
    }
}

impl Messages {
    pub(super) fn of(section: Option<&Value>) -> Self {
        let at = |pointer: &str| section.and_then(|section| section.pointer(pointer));
        let text = |pointer| at(pointer).and_then(Value::as_str).map(str::to_owned);
        let on = |pointer| at(pointer).and_then(Value::as_bool).unwrap_or_default();
        Self {
            group_chat: GroupChat::of(at("/groupChat")),
            inbound: Inbound::of(at("/inbound")),
            queue: Queue::of(at("/queue")),
            response_prefix: text("/responsePrefix"),
            ack_reaction: text("/ackReaction"),
            ack_reaction_scope: text("/ackReactionScope"),
            remove_ack_after_reply: on("/removeAckAfterReply"),
            status_reactions: on("/statusReactions/enabled"),
        }
    }
}

impl GroupChat {
    pub(super) fn of(section: Option<&Value>) -> Self {
        let limit = section.and_then(|section| section.get("historyLimit")?.as_u64());
        Self {
            mention_patterns: section.and_then(|section| texts(section.get("mentionPatterns")?)),
            history_limit: limit.and_then(|limit| usize::try_from(limit).ok()),
        }
    }
}

impl Identity {
    pub(super) fn of(section: Option<&Value>) -> Self {
        let text = |key: &str| {
            let text = section?.get(key)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self { name: text("name"), emoji: text("emoji"), theme: text("theme") }
    }
}

/// By name. What does not fit is an empty group, which lets nobody in.
pub(super) fn access_groups(section: Option<&Value>) -> BTreeMap<String, AccessGroup> {
    let groups = section.and_then(Value::as_object).into_iter().flatten();
    let groups = groups.map(|(name, group)| {
        let members = group.get("members").and_then(Value::as_object).into_iter().flatten();
        let members = members.filter_map(|(channel, ids)| Some((channel.clone(), texts(ids)?)));
        let kind = group.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        (name.clone(), AccessGroup { kind, members: members.collect() })
    });
    groups.collect()
}

fn texts(list: &Value) -> Option<Vec<String>> {
    let texts = list.as_array()?.iter().filter_map(Value::as_str);
    Some(texts.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Config;

    #[test]
    fn what_is_said_about_groups_is_read() {
        let config = Config::from_value(&json!({
            "messages": {"groupChat": {"mentionPatterns": ["a", "b"], "historyLimit": 0}},
            "agents": {"entries": {"main": {"identity": {"name": " Molty ", "emoji": ""}, "groupChat": {"mentionPatterns": []}}}},
            "accessGroups": {"team": {"type": "message.senders", "members": {"*": ["1"], "chat": ["2", 3]}}, "odd": 5},
        }));
        let patterns = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(
            config.messages.group_chat,
            GroupChat { mention_patterns: patterns, history_limit: Some(0) }
        );
        let agent = config.agents.get("main").unwrap();
        assert_eq!(agent.identity, Identity { name: Some("Molty".to_owned()), ..Identity::default() });
        assert_eq!(agent.group_chat, GroupChat { mention_patterns: Some(vec![]), history_limit: None });
        assert_eq!(config.access_groups["team"].members["chat"], ["2"]);
        assert_eq!(config.access_groups["odd"], AccessGroup::default());
    }

    #[test]
    fn what_is_said_about_replies_is_read() {
        let config = Config::from_value(&json!({"messages": {
            "responsePrefix": "auto", "ackReaction": "", "ackReactionScope": "all",
            "removeAckAfterReply": true, "statusReactions": {"enabled": true},
        }}));
        let expected = Messages {
            response_prefix: Some("auto".to_owned()),
            ack_reaction: Some(String::new()),
            ack_reaction_scope: Some("all".to_owned()),
            remove_ack_after_reply: true,
            status_reactions: true,
            ..Messages::default()
        };
        assert_eq!(config.messages, expected);
        assert_eq!(
            Config::from_value(&json!({"messages": {"statusReactions": {}}})).messages,
            Messages::default()
        );
    }

    #[test]
    fn bindings_are_read_and_none_is_widened() {
        let found = bindings(Some(&json!([
            {"agentId": "a", "match": {"channel": "chat", "peer": {"kind": "dm", "id": "7"}}, "session": {"dmScope": "per-peer"}},
            {"agentId": "b", "match": {"channel": "chat", "peer": {"kind": "group"}}},
            {"agentId": "c", "type": "acp", "match": {"channel": "chat"}},
            {"agentId": "d", "match": {"channel": "chat", "accountId": "*", "teamId": "t", "roles": ["r"]}},
            {"match": {"channel": "chat"}},
        ])));
        let expected = [
            Binding {
                agent_id: "a".to_owned(),
                channel: "chat".to_owned(),
                peer: Some(("direct".to_owned(), "7".to_owned())),
                dm_scope: Some(DmScope::PerPeer),
                ..Binding::default()
            },
            Binding {
                agent_id: "d".to_owned(),
                channel: "chat".to_owned(),
                account_id: Some("*".to_owned()),
                space: Some("t".to_owned()),
                roles: vec!["r".to_owned()],
                ..Binding::default()
            },
        ];
        assert_eq!(found, expected);
    }
}
