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
    /// The operator's own limit for one message, in the manifest's unit.
    pub text_limit: Option<u32>,
}

/// The rules of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPolicy {
    /// Answer only when named.
    pub require_mention: Option<bool>,
    /// `false` silences the group.
    pub enabled: Option<bool>,
    /// This group's own `group_policy`.
    pub group_policy: Option<String>,
    /// This group's own sender ids.
    pub allow_from: Option<Vec<String>>,
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
            groups: groups.map(|(id, rules)| (self.id(id), self.group(rules))).collect(),
            text_limit: at(&self.text_limit)
                .and_then(Value::as_u64)
                .and_then(|limit| u32::try_from(limit).ok()),
        }
    }

    fn group(&self, rules: &Value) -> GroupPolicy {
        GroupPolicy {
            require_mention: rules.get("requireMention").and_then(Value::as_bool),
            enabled: rules.get("enabled").and_then(Value::as_bool),
            group_policy: rules.get("groupPolicy").and_then(text),
            allow_from: rules.get("allowFrom").and_then(|list| self.ids(list)),
        }
    }

    fn ids(&self, list: &Value) -> Option<Vec<String>> {
        let entries = list.as_array()?;
        Some(entries.iter().filter_map(text).map(|id| self.id(&id)).filter(|id| !id.is_empty()).collect())
    }

    /// The id without the prefix that people may write before it.
    fn id(&self, written: &str) -> String {
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
}
