//! What a manifest's pointers find in an account's section: plain data for the host's admission policy. It reads;
//! `messaging` judges.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::manifest::ChannelPolicyMap;

/// The operator's rules for one account, as far as the section states them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelPolicy {
    /// `pairing`, `allowlist`, `open` or `disabled`.
    pub dm_policy: Option<String>,
    /// Sender ids without prefixes; `*` means everybody.
    pub allow_from: Vec<String>,
    /// `open`, `allowlist` or `disabled`.
    pub group_policy: Option<String>,
    /// Sender ids for groups. `None` when the section says nothing, so that `allow_from` may stand in.
    pub group_allow_from: Option<Vec<String>>,
    /// By group id; `*` holds for groups without an entry.
    pub groups: BTreeMap<String, GroupPolicy>,
    /// Where patterns count as a mention.
    pub mention_patterns: MentionScope,
    /// Whether other bots are answered: `true`, `false` or `mentions`.
    pub allow_bots: Option<String>,
    /// What two bots may exchange, as far as the section says it.
    pub bot_loop: BotLoop,
    /// `all`, `allowlist` or `allowlist_quote`.
    pub context_visibility: Option<String>,
    /// How many messages of a group are told with the next one that names the agent.
    pub history_limit: Option<usize>,
    /// How many turns of a direct chat a turn is told; 0 for all that fit.
    pub dm_history_limit: Option<usize>,
    /// The same by sender id.
    pub dm_history_limits: BTreeMap<String, usize>,
    /// What the agent is told beside its own prompt in a direct chat, by sender id; `*` holds for those without an entry. An entry
    /// that says nothing is an empty text.
    pub direct_instructions: BTreeMap<String, String>,
    /// The operator's own limit for one message, in the manifest's unit.
    pub text_limit: Option<u32>,
}

/// What two bots may exchange. What is not said is said by a wider section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BotLoop {
    /// `false` turns the guard off.
    pub enabled: Option<bool>,
    /// Messages of both together.
    pub max_events: Option<u64>,
    /// In so many seconds.
    pub window: Option<u64>,
    /// For so many seconds the other bot is not answered then.
    pub cooldown: Option<u64>,
}

impl BotLoop {
    /// Reads an object of the configuration; anything else says nothing.
    #[must_use]
    pub fn of(section: &Value) -> Self {
        let number = |key: &str| section.get(key).and_then(Value::as_u64);
        Self {
            enabled: section.get("enabled").and_then(Value::as_bool),
            max_events: number("maxEventsPerWindow"),
            window: number("windowSeconds"),
            cooldown: number("cooldownSeconds"),
        }
    }

    /// This, completed by a wider section.
    #[must_use]
    pub fn or(self, wider: Self) -> Self {
        Self {
            enabled: self.enabled.or(wider.enabled),
            max_events: self.max_events.or(wider.max_events),
            window: self.window.or(wider.window),
            cooldown: self.cooldown.or(wider.cooldown),
        }
    }
}

/// The rules of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPolicy {
    /// Answer only when named.
    pub require_mention: Option<bool>,
    /// Leave alone what is said to others and not to the agent.
    pub ignore_others: Option<bool>,
    /// `false` silences the group.
    pub enabled: Option<bool>,
    /// This group's own `group_policy`.
    pub group_policy: Option<String>,
    /// This group's own sender ids.
    pub allow_from: Option<Vec<String>>,
    /// Roles whose holders may write beside them.
    pub roles: Option<Vec<String>>,
    /// The agent that answers here.
    pub agent: Option<String>,
    /// What it is told beside its own prompt.
    pub instructions: Option<String>,
    /// Narrower rules inside it, by thread or room id.
    pub inner: BTreeMap<String, GroupPolicy>,
}

/// Where patterns count as a mention: `allow` counts in the listed rooms alone, `deny` in all others. Nothing counts
/// everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MentionScope {
    /// They count nowhere else.
    pub allow_in: Option<Vec<String>>,
    /// They do not count there.
    pub deny_in: Vec<String>,
}

impl ChannelPolicyMap {
    /// Reads the rules out of an account's merged section.
    #[must_use]
    pub fn extract(&self, section: &Value) -> ChannelPolicy {
        let at = |pointer: &Option<String>| pointer.as_ref().and_then(|pointer| section.pointer(pointer));
        let groups = at(&self.groups).and_then(Value::as_object).into_iter().flatten();
        ChannelPolicy {
            dm_policy: at(&self.dm_policy).and_then(text),
            allow_from: at(&self.allow_from).and_then(|list| self.ids(list)).unwrap_or_default(),
            group_policy: at(&self.group_policy).and_then(text),
            group_allow_from: at(&self.group_allow_from).and_then(|list| self.ids(list)),
            groups: groups.map(|(id, rules)| (self.sender_id(id), self.group(rules))).collect(),
            mention_patterns: at(&self.mention_patterns).map(|scope| self.scope(scope)).unwrap_or_default(),
            allow_bots: at(&self.allow_bots).and_then(|value| match value {
                Value::Bool(switch) => Some(switch.to_string()),
                other => text(other),
            }),
            bot_loop: at(&self.bot_loop).map(BotLoop::of).unwrap_or_default(),
            context_visibility: at(&self.context_visibility).and_then(text),
            history_limit: at(&self.history_limit).and_then(count),
            dm_history_limit: at(&self.dm_history_limit).and_then(count),
            dm_history_limits: at(&self.dms)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(id, own)| Some((self.sender_id(id), count(own.get("historyLimit")?)?)))
                .collect(),
            direct_instructions: at(&self.direct)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(id, own)| (self.sender_id(id), self.told_in(own).unwrap_or_default()))
                .collect(),
            text_limit: at(&self.text_limit)
                .and_then(Value::as_u64)
                .and_then(|limit| u32::try_from(limit).ok()),
        }
    }

    fn group(&self, rules: &Value) -> GroupPolicy {
        let at = |key: &Option<String>| key.as_ref().and_then(|key| rules.get(key));
        let senders = rules.get(self.group_senders.as_deref().unwrap_or("allowFrom"));
        let roles = at(&self.group_roles).and_then(Value::as_array).filter(|roles| !roles.is_empty());
        let inner = at(&self.group_inner).and_then(Value::as_object).into_iter().flatten();
        GroupPolicy {
            require_mention: rules.get("requireMention").and_then(Value::as_bool),
            ignore_others: at(&self.group_ignore_others).and_then(Value::as_bool),
            enabled: rules.get("enabled").and_then(Value::as_bool),
            group_policy: rules.get("groupPolicy").and_then(text),
            allow_from: senders.and_then(|list| self.ids(list)),
            roles: roles.map(|roles| roles.iter().filter_map(text).collect()),
            agent: at(&self.group_agent).and_then(text),
            instructions: self.told_in(rules),
            inner: inner.map(|(id, rules)| (self.sender_id(id), self.group(rules))).collect(),
        }
    }

    /// What the agent is told where these rules hold.
    fn told_in(&self, rules: &Value) -> Option<String> {
        let told = rules.get(self.instructions.as_ref()?)?.as_str()?;
        Some(told.trim().to_owned())
    }

    fn scope(&self, scope: &Value) -> MentionScope {
        let list = |key: &str| scope.get(key).and_then(|list| self.ids(list));
        match scope.get("mode").and_then(Value::as_str) {
            Some("deny") => MentionScope { allow_in: None, deny_in: list("denyIn").unwrap_or_default() },
            Some("allow") => {
                MentionScope { allow_in: Some(list("allowIn").unwrap_or_default()), deny_in: Vec::new() }
            }
            Some(_) | None => {
                MentionScope { allow_in: list("allowIn"), deny_in: list("denyIn").unwrap_or_default() }
            }
        }
    }

    fn ids(&self, list: &Value) -> Option<Vec<String>> {
        let entries = list.as_array()?;
        Some(
            entries
                .iter()
                .filter_map(text)
                .map(|id| self.sender_id(&id))
                .filter(|id| !id.is_empty())
                .collect(),
        )
    }

    /// The id without the prefix that people may write before it.
    #[must_use]
    pub fn sender_id(&self, written: &str) -> String {
        let written = written.trim();
        self.sender_prefixes
            .iter()
            .find_map(|prefix| {
                let head = written.get(..prefix.len())?;
                head.eq_ignore_ascii_case(prefix).then(|| written.get(prefix.len()..)).flatten()
            })
            .unwrap_or(written)
            .trim()
            .to_owned()
    }
}

fn count(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|count| usize::try_from(count).ok())
}

/// Ids and words may be written as numbers.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_the_pointers_name() {
        let pointer = |text: &str| Some(text.to_owned());
        let map = ChannelPolicyMap {
            dm_policy: pointer("/dm/policy"),
            allow_from: pointer("/allowFrom"),
            group_policy: None,
            group_allow_from: pointer("/groupAllowFrom"),
            groups: pointer("/groups"),
            text_limit: pointer("/limit"),
            sender_prefixes: vec!["chat:".to_owned(), "c:".to_owned()],
            ..ChannelPolicyMap::default()
        };
        let policy = map.extract(&json!({
            "dm": {"policy": "allowlist"}, "allowFrom": [12, "chat:13", " C:14 ", "*", true, ""], "limit": 100,
            "groups": {"-5": {"requireMention": false, "allowFrom": []}, "*": {"enabled": false}, "c:9": 3},
        }));
        assert_eq!(policy.dm_policy.as_deref(), Some("allowlist"));
        assert_eq!(policy.allow_from, ["12", "13", "14", "*"]);
        assert_eq!(
            (policy.group_policy, policy.group_allow_from, policy.text_limit),
            (None, None, Some(100))
        );
        assert_eq!(policy.groups.keys().collect::<Vec<_>>(), ["*", "-5", "9"]);
        assert_eq!(policy.groups["-5"].require_mention, Some(false));
        assert_eq!(policy.groups["-5"].allow_from, Some(vec![]));
        assert_eq!(policy.groups["*"].enabled, Some(false));
        assert_eq!(policy.groups["9"], GroupPolicy::default());
    }

    #[test]
    fn rules_inside_a_group_and_roles_are_read() {
        let key = |text: &str| Some(text.to_owned());
        let map = ChannelPolicyMap {
            groups: key("/guilds"),
            group_senders: key("users"),
            group_roles: key("roles"),
            group_inner: key("channels"),
            mention_patterns: key("/patterns"),
            history_limit: key("/historyLimit"),
            allow_bots: key("/allowBots"),
            bot_loop: key("/loops"),
            group_agent: key("agentId"),
            group_ignore_others: key("ignoreOthers"),
            dm_history_limit: key("/dmHistoryLimit"),
            dms: key("/dms"),
            direct: key("/direct"),
            instructions: key("systemPrompt"),
            ..ChannelPolicyMap::default()
        };
        let policy = map.extract(&json!({
            "guilds": {
                "1": {"users": ["7"], "roles": ["r"], "channels": {"c": {"requireMention": false, "agentId": "b", "ignoreOthers": true}}},
                "2": {"roles": ["r"], "systemPrompt": " Be brief. "}, "3": {"roles": [], "allowFrom": ["9"]},
            },
            "patterns": {"mode": "allow", "allowIn": ["c"]}, "historyLimit": 0, "dmHistoryLimit": 3,
            "dms": {"7": {"historyLimit": 1}, "8": {}}, "allowBots": true,
            "direct": {"*": {"systemPrompt": "Be kind."}, "7": {"tools": {}}},
            "loops": {"enabled": true, "windowSeconds": 5},
        }));
        assert_eq!(policy.groups["1"].allow_from, Some(vec!["7".to_owned()]));
        assert_eq!(policy.groups["1"].inner["c"].require_mention, Some(false));
        let roles = ["1", "2", "3"].map(|id| policy.groups[id].roles.as_ref().map(Vec::len));
        assert_eq!((&policy.groups["2"].allow_from, roles), (&None, [Some(1), Some(1), None]));
        assert_eq!(policy.mention_patterns.allow_in, Some(vec!["c".to_owned()]));
        assert_eq!(policy.allow_bots.as_deref(), Some("true"));
        let wider = BotLoop { enabled: Some(false), max_events: Some(3), ..BotLoop::default() };
        let expected = BotLoop { enabled: Some(true), max_events: Some(3), window: Some(5), cooldown: None };
        assert_eq!(policy.bot_loop.or(wider), expected);
        assert_eq!((policy.history_limit, policy.dm_history_limit), (Some(0), Some(3)));
        assert_eq!(policy.dm_history_limits, [("7".to_owned(), 1)].into());
        let inner = &policy.groups["1"].inner["c"];
        assert_eq!((inner.agent.as_deref(), &policy.groups["1"].agent), (Some("b"), &None));
        assert_eq!(
            (policy.groups["2"].instructions.as_deref(), &inner.instructions),
            (Some("Be brief."), &None)
        );
        let direct = ["*", "7"].map(|id| policy.direct_instructions[id].as_str());
        assert_eq!(direct, ["Be kind.", ""], "an entry stands alone");
        assert_eq!((inner.ignore_others, policy.groups["1"].ignore_others), (Some(true), None));
        let deny = map.scope(&json!({"mode": "deny", "allowIn": ["x"], "denyIn": ["y"]}));
        assert_eq!((deny.allow_in, deny.deny_in), (None, vec!["y".to_owned()]));
    }
}
