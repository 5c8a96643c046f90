//! `session.sendPolicy`: whether the answers of a session are sent.

use serde::Deserialize;

/// `session.sendPolicy`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SendRules {
    /// Where no rule says anything. Unset: they are sent.
    pub default: Option<SendAction>,
    /// The first that denies decides; without one, any that allows.
    pub rules: Vec<SendRule>,
}

/// One of `session.sendPolicy.rules`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SendRule {
    /// What it decides.
    pub action: SendAction,
    /// For which answers; what is not written matches all.
    #[serde(default, rename = "match")]
    pub matches: SendMatch,
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendAction {
    /// Send them.
    Allow,
    /// Only keep them.
    Deny,
}

/// `session.sendPolicy.rules[].match`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SendMatch {
    /// The channel's id.
    pub channel: Option<String>,
    /// `direct`, `group` or `channel`; the older `dm` is `direct`.
    pub chat_type: Option<String>,
    /// How the session's key begins, with or without `agent:<id>:`.
    pub key_prefix: Option<String>,
    /// How the whole key begins.
    pub raw_key_prefix: Option<String>,
}

/// Which answers a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendPlace<'a> {
    /// The channel's id.
    pub channel: &'a str,
    /// `direct`, `group` or `channel`; `None` if nobody knows.
    pub chat_type: Option<&'a str>,
    /// The session.
    pub session_key: &'a str,
}

impl<'a> SendPlace<'a> {
    /// Answers of a session on a channel, where only its key says which kind of conversation it is.
    #[must_use]
    pub fn of(channel: &'a str, session_key: &'a str) -> Self {
        let kinds = ["direct", "group", "channel"];
        let chat_type = session_key.split(':').find_map(|part| kinds.into_iter().find(|kind| *kind == part));
        Self { channel, chat_type, session_key }
    }
}

impl SendRules {
    /// Whether these answers are only kept.
    #[must_use]
    pub fn denies(&self, place: SendPlace<'_>) -> bool {
        let mut matching = self.rules.iter().filter(|rule| rule.matches.fits(place)).peekable();
        let default = if matching.peek().is_some() { None } else { self.default };
        matching.any(|rule| rule.action == SendAction::Deny) || default == Some(SendAction::Deny)
    }
}

impl SendMatch {
    fn fits(&self, place: SendPlace<'_>) -> bool {
        let said = |word: &Option<String>| {
            word.as_deref().map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty())
        };
        let key = place.session_key.to_lowercase();
        // `agent:<id>:` names the agent, not the conversation.
        let own =
            key.strip_prefix("agent:").and_then(|rest| rest.split_once(':')).map_or(&*key, |(_, own)| own);
        let chat_type =
            said(&self.chat_type).map(|kind| if kind == "dm" { "direct".to_owned() } else { kind });
        said(&self.channel).is_none_or(|channel| channel == place.channel.to_lowercase())
            && chat_type.is_none_or(|kind| Some(kind.as_str()) == place.chat_type)
            && said(&self.key_prefix)
                .is_none_or(|prefix| key.starts_with(&prefix) || own.starts_with(&prefix))
            && said(&self.raw_key_prefix).is_none_or(|prefix| key.starts_with(&prefix))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_key_says_which_kind_of_conversation_it_is() {
        for (key, kind) in [
            ("agent:main:main", None),
            ("agent:main:chat:direct:7", Some("direct")),
            ("agent:main:chat:group:-5:topic:3", Some("group")),
            ("agent:main:chat:channel:c", Some("channel")),
        ] {
            assert_eq!(SendPlace::of("chat", key).chat_type, kind, "{key}");
        }
    }

    #[test]
    fn the_first_rule_that_denies_decides_and_the_default_only_where_none_matches() {
        let check = |policy: Value, chat_type, key: &str, denied| {
            let rules = SendRules::deserialize(&policy).unwrap();
            let place = SendPlace { channel: "chat", chat_type, session_key: key };
            assert_eq!(rules.denies(place), denied, "{policy} {chat_type:?} {key}");
        };
        let (main, group) = ("agent:main:main", "agent:main:chat:group:-5");
        check(json!({}), None, main, false);
        check(json!({"default": "deny"}), None, main, true);
        let groups =
            json!({"rules": [{"action": "deny", "match": {"channel": "Chat", "chatType": "group"}}]});
        check(groups.clone(), Some("group"), group, true);
        check(groups.clone(), Some("direct"), main, false);
        check(groups, None, group, false);
        let one =
            json!({"default": "deny", "rules": [{"action": "allow", "match": {"keyPrefix": "chat:group:"}}]});
        check(one.clone(), Some("group"), group, false);
        check(one, Some("direct"), main, true);
        let raw = json!({"rules": [{"action": "deny", "match": {"rawKeyPrefix": "chat:"}}]});
        check(raw, Some("group"), group, false);
        let both = json!({"rules": [{"action": "allow"}, {"action": "deny", "match": {"chatType": "dm"}}]});
        check(both.clone(), Some("direct"), main, true);
        check(both, Some("group"), group, false);
        check(json!({"rules": [{"action": "deny", "match": {"channel": "other"}}]}), None, main, false);
    }
}
