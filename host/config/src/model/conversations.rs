//! `messages.*` and `accessGroups.*`: what is read of them.

use std::collections::BTreeMap;

use serde_json::Value;

/// `messages.*`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// `messages.groupChat`
    pub group_chat: GroupChat,
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
}

/// `accessGroups.<name>`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessGroup {
    /// `message.senders` names its members; what other words mean is a vendor's affair.
    pub kind: String,
    /// Sender ids by channel; those under `*` hold for every channel.
    pub members: BTreeMap<String, Vec<String>>,
}

impl Messages {
    pub(super) fn of(section: Option<&Value>) -> Self {
        Self { group_chat: GroupChat::of(section.and_then(|section| section.get("groupChat"))) }
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
        Self { name: text("name"), emoji: text("emoji") }
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
        assert_eq!(agent.identity, Identity { name: Some("Molty".to_owned()), emoji: None });
        assert_eq!(agent.group_chat, GroupChat { mention_patterns: Some(vec![]), history_limit: None });
        assert_eq!(config.access_groups["team"].members["chat"], ["2"]);
        assert_eq!(config.access_groups["odd"], AccessGroup::default());
    }
}
