//! `channels.<id>` with its accounts. The keys inside belong to the channel's plugin: only `enabled`, `name`,
//! `accounts` and `defaultAccount` have a meaning here.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The account that a section without `accounts` describes.
const IMPLICIT_ACCOUNT: &str = "default";
/// Siblings of the channels in `channels` that are not channels.
pub(crate) const NOT_CHANNELS: &[&str] = &["defaults", "modelByChannel"];
/// The keys of an account that the host reads for every channel.
pub(crate) const HOST_KEYS: &[&str] = &["enabled", "name"];

/// `channels.defaults`: what holds for a channel that says nothing else.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, rename_all = "camelCase")]
pub struct ChannelDefaults {
    /// `open`, `allowlist` or `disabled`.
    pub group_policy: Option<String>,
    /// `all`, `allowlist` or `allowlist_quote`.
    pub context_visibility: Option<String>,
    /// What two bots may exchange.
    pub bot_loop_protection: Value,
}

/// `channels.<id>`
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// The key in `channels`.
    pub id: String,
    /// `false` only when the section says so.
    pub enabled: bool,
    /// The account that environment variables and commands without an account mean.
    pub default_account: String,
    /// There is no `accounts`: the section itself describes the only account.
    pub implicit: bool,
    /// What holds for every account that does not say otherwise: the section without `accounts` and `defaultAccount`.
    pub shared: Value,
    /// In the order of the file; never empty.
    pub accounts: Vec<Account>,
}

/// One account with the section that holds for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The key in `accounts`, or `default`.
    pub id: String,
    /// Whether both the channel and the account are enabled.
    pub enabled: bool,
    /// For people.
    pub name: Option<String>,
    /// The channel's keys with the account's own laid over them, key by key, without `accounts` and
    /// `defaultAccount`.
    pub section: Value,
}

impl Channel {
    /// The account with this id.
    #[must_use]
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    fn from_section(id: &str, section: &Map<String, Value>) -> Self {
        let mut root = section.clone();
        let own_accounts = match root.shift_remove("accounts") {
            Some(Value::Object(accounts)) => accounts,
            _ => Map::new(),
        };
        let named_default = root.shift_remove("defaultAccount");
        let enabled = is_enabled(&root);
        let mut accounts: Vec<Account> = own_accounts
            .iter()
            .filter_map(|(id, own)| Some(merge(id, &root, own.as_object()?, enabled)))
            .collect();
        let implicit = accounts.is_empty();
        if implicit {
            accounts.push(merge(IMPLICIT_ACCOUNT, &root, &Map::new(), enabled));
        }
        let named = named_default.as_ref().and_then(Value::as_str);
        let default_account = [named, Some(IMPLICIT_ACCOUNT)]
            .into_iter()
            .flatten()
            .find(|wanted| accounts.iter().any(|account| account.id == *wanted))
            .or_else(|| accounts.first().map(|account| account.id.as_str()))
            .unwrap_or(IMPLICIT_ACCOUNT)
            .to_owned();
        let shared = Value::Object(root);
        Self { id: id.to_owned(), enabled, default_account, implicit, shared, accounts }
    }
}

pub(super) fn from_section(section: Option<&Value>) -> Vec<Channel> {
    section
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(id, _)| !NOT_CHANNELS.contains(&id.as_str()))
        .filter_map(|(id, value)| Some(Channel::from_section(id, value.as_object()?)))
        .collect()
}

fn merge(id: &str, root: &Map<String, Value>, own: &Map<String, Value>, channel_enabled: bool) -> Account {
    Account {
        id: id.to_owned(),
        enabled: channel_enabled && is_enabled(own),
        // The channel's own name does not name its accounts.
        name: own.get("name").and_then(Value::as_str).map(str::to_owned),
        section: Value::Object(laid_over(root, own)),
    }
}

/// The account's keys over the channel's, key by key.
pub(crate) fn laid_over(root: &Map<String, Value>, own: &Map<String, Value>) -> Map<String, Value> {
    let mut section = root.clone();
    section.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
    section
}

fn is_enabled(section: &Map<String, Value>) -> bool {
    section.get("enabled").and_then(Value::as_bool).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn channel(section: impl Into<Value>) -> Channel {
        let section = section.into();
        from_section(Some(&json!({ "defaults": {}, "chat": section }))).remove(0)
    }

    #[test]
    fn a_plain_section_is_the_default_account() {
        let chat = channel(json!({"token": "t", "name": "Bot"}));
        assert_eq!((chat.enabled, chat.default_account.as_str()), (true, "default"));
        assert_eq!(chat.accounts.len(), 1);
        assert_eq!(chat.accounts[0].section, json!({"token": "t", "name": "Bot"}));
    }

    #[test]
    fn an_account_overrides_the_channel() {
        let chat = channel(json!({
            "policy": "open", "groups": {"a": 1}, "defaultAccount": "work",
            "accounts": {"home": {"token": "h"}, "work": {"token": "w", "policy": "closed", "groups": {"b": 2}}},
        }));
        assert_eq!(chat.default_account, "work");
        let work = chat.account("work").unwrap();
        assert_eq!(work.section, json!({"policy": "closed", "groups": {"b": 2}, "token": "w"}));
        let home = chat.account("home").unwrap();
        assert_eq!(home.section, json!({"policy": "open", "groups": {"a": 1}, "token": "h"}));
    }

    #[test]
    fn enabled_needs_channel_and_account() {
        let chat = channel(json!({"enabled": false, "accounts": {"a": {"enabled": true}}}));
        assert!(!chat.enabled && !chat.accounts[0].enabled);
        let chat = channel(json!({"accounts": {"a": {"enabled": false}, "b": {}}}));
        assert_eq!(chat.accounts.iter().map(|a| a.enabled).collect::<Vec<_>>(), [false, true]);
        assert_eq!(chat.default_account, "a");
    }
}
