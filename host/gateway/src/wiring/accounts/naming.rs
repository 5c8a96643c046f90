//! Owns what one configuration is read for once, whatever the number of its accounts and of their starts: the patterns that
//! name its agents, and which of its faults were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use openclaw_config::{Config, GroupChat};
use openclaw_messaging::{Mentions, pattern_of_name, pattern_of_text};
use tracing::warn;

/// Of one configuration. Patterns are compiled when the first account asks for them.
#[derive(Debug, Default)]
pub(crate) struct Naming {
    mentions: OnceLock<BTreeMap<String, Mentions>>,
    told: Mutex<BTreeSet<String>>,
}

impl Naming {
    /// What names each agent, by its id in lower case, in any room. A pattern that is not valid is told then.
    pub(super) fn mentions(&self, config: &Config) -> &BTreeMap<String, Mentions> {
        self.mentions.get_or_init(|| {
            let agents = config.agents.entries.iter();
            agents.map(|agent| (agent.id.to_lowercase(), mentions(config, &agent.id))).collect()
        })
    }

    /// Says what is wrong about a channel's part, once.
    pub(super) fn tell(&self, channel: &str, fault: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(format!("{channel} {fault}")) {
            warn!(channel, "{fault}");
        }
    }
}

/// What an agent says about groups itself, else what holds for all.
pub(super) fn group_chat<T>(
    config: &Config,
    agent: &str,
    what: impl Fn(&GroupChat) -> Option<T>,
) -> Option<T> {
    let own = config.agents.get(agent).and_then(|agent| what(&agent.group_chat));
    own.or_else(|| what(&config.messages.group_chat))
}

/// The patterns that name the agent: its own, those for all, or its identity's name and emoji.
fn mentions(config: &Config, agent: &str) -> Mentions {
    let patterns = group_chat(config, agent, |own| own.mention_patterns.clone()).unwrap_or_else(|| {
        let identity = config.agents.get(agent).map(|agent| &agent.identity);
        let name = identity.and_then(|identity| identity.name.as_deref()).map(pattern_of_name);
        let emoji = identity.and_then(|identity| identity.emoji.as_deref()).map(pattern_of_text);
        name.into_iter().chain(emoji).collect()
    });
    let (mentions, faults) = Mentions::new(patterns.iter().map(String::as_str));
    for fault in faults {
        warn!(
            agent,
            "{fault}; mend agents.entries.{agent}.groupChat.mentionPatterns or messages.groupChat.mentionPatterns"
        );
    }
    mentions
}

#[cfg(test)]
mod tests {
    use openclaw_config::{Agent, Identity};

    use super::*;

    #[test]
    fn an_agent_is_named_by_its_own_patterns_or_its_identity() {
        let named = |config: &Config, text: &str| mentions(config, "main").named_by(text, "r").is_some();
        let mut config = Config::default();
        assert!(!named(&config, "main"), "its id is no name");
        let identity =
            Identity { name: Some("Molty".to_owned()), emoji: Some("🦞".to_owned()), theme: None };
        let agent = Agent { id: "main".to_owned(), identity, ..Agent::default() };
        config.agents.entries = vec![agent.clone()];
        assert!(named(&config, "hi molty") && named(&config, "🦞please") && !named(&config, "moltys"));
        config.messages.group_chat.mention_patterns = Some(vec!["claw".to_owned(), "(".to_owned()]);
        assert!(
            named(&config, "CLAW?") && !named(&config, "hi molty"),
            "a list takes the place of the identity"
        );
        let own = GroupChat { mention_patterns: Some(vec![]), history_limit: None };
        config.agents.entries = vec![Agent { group_chat: own, ..agent }];
        assert!(!named(&config, "hi molty, claw"), "an empty list is an answer");
    }

    #[test]
    fn patterns_are_compiled_once_and_a_fault_is_told_once() {
        let naming = Naming::default();
        let mut config = Config::default();
        config.agents.entries = vec![Agent { id: "Main".to_owned(), ..Agent::default() }];
        config.messages.group_chat.mention_patterns = Some(vec!["claw".to_owned()]);
        let first = naming.mentions(&config);
        assert!(first["main"].named_by("claw", "r").is_some());
        assert!(std::ptr::eq(first, naming.mentions(&config)), "for the next account too");
        for (channel, fault) in [("chat", "one"), ("chat", "one"), ("talk", "one"), ("chat", "two")] {
            naming.tell(channel, fault);
        }
        assert_eq!(naming.told.lock().unwrap().len(), 3);
    }
}
