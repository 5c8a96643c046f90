//! From the configuration and a channel's manifest to what messaging and an instance are told about one account. The
//! channel's own words and keys come from the manifest; nothing here knows a vendor.

use openclaw_config::{Account, Channel, Config, DmScope, Env, SecretResolver, resolve_secret};
use openclaw_messaging as messaging;
use openclaw_messaging::{AccountKey, AccountSettings, GroupRule, Policy, Words};
use openclaw_packages::{AccountSecrets, ChannelPolicy, GroupPolicy, Manifest, SecretLookup, TextUnit};
use openclaw_secrets::Secret;
use openclaw_text::Unit;
use serde_json::Value;

/// The admission policy and the words of one account. `None` when the manifest is not a channel's.
pub(super) fn settings(
    config: &Config,
    manifest: &Manifest,
    channel: &Channel,
    account: &Account,
) -> Option<AccountSettings> {
    let words = manifest.channel.as_ref()?;
    let rules = words.policy.extract(&account.section);
    let own_limit = rules.text_limit.map_or(words.text_limit, |limit| limit.clamp(1, words.text_limit));
    Some(AccountSettings {
        key: AccountKey::new(&channel.id, &account.id),
        enabled: account.enabled,
        policy: policy(rules),
        words: Words {
            label: manifest.plugin.label.clone(),
            sender_id_line: words.sender_id_line.clone(),
            group_drop: words.group_drop.clone(),
            thread_word: words.thread_word.clone(),
        },
        text_limit: usize::try_from(own_limit).unwrap_or(usize::MAX),
        text_unit: match words.text_unit {
            TextUnit::Utf16 => Unit::Utf16,
            TextUnit::Chars => Unit::Chars,
            TextUnit::Bytes => Unit::Bytes,
        },
        agent: config.agents.default_id().to_owned(),
        dm_scope: match config.session.dm_scope {
            DmScope::Main => messaging::DmScope::Main,
            DmScope::PerPeer => messaging::DmScope::PerPeer,
            DmScope::PerChannelPeer => messaging::DmScope::PerChannelPeer,
            DmScope::PerAccountChannelPeer => messaging::DmScope::PerAccountChannelPeer,
        },
    })
}

/// The rules in neutral terms. A word that is none of the known ones counts as the strictest: the report of the
/// configuration names it, and until it is mended nobody gets in by a typing error.
fn policy(rules: ChannelPolicy) -> Policy {
    let groups = rules.groups.into_iter().map(|(id, rule)| {
        let policy = rule.group_policy.as_deref().map(group_policy);
        let GroupPolicy { require_mention, enabled, allow_from, .. } = rule;
        (id, GroupRule { require_mention, allow_from, policy, enabled })
    });
    Policy {
        dm: match rules.dm_policy.as_deref() {
            None | Some("pairing") => messaging::DmPolicy::Pairing,
            Some("allowlist") => messaging::DmPolicy::Allowlist,
            Some("open") => messaging::DmPolicy::Open,
            Some(_) => messaging::DmPolicy::Disabled,
        },
        allow_from: rules.allow_from,
        group: rules.group_policy.as_deref().map(group_policy).unwrap_or_default(),
        group_allow_from: rules.group_allow_from,
        groups: groups.collect(),
    }
}

fn group_policy(word: &str) -> messaging::GroupPolicy {
    match word {
        "allowlist" => messaging::GroupPolicy::Allowlist,
        "open" => messaging::GroupPolicy::Open,
        _ => messaging::GroupPolicy::Disabled,
    }
}

/// The account's section as the component sees it: without its secrets, and without the keys that are the host's own.
pub(super) fn without_secrets(manifest: &Manifest, section: &Value) -> String {
    let mut shown = section.clone();
    if let Some(shown) = shown.as_object_mut() {
        shown.retain(|key, _| !manifest.is_secret_place(key) && key != "enabled" && key != "name");
    }
    shown.to_string()
}

/// Where the secrets that an account cannot do without come from, told without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The configuration holds or refers to it.
    Config,
    /// The configuration names a file.
    File,
    /// A variable of the environment.
    Environment,
    /// Nowhere.
    Missing,
    /// The channel needs none.
    NotNeeded,
}

impl Credential {
    /// The word in `tokenSource`.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Credential::Config => "config",
            Credential::File => "tokenFile",
            Credential::Environment => "env",
            Credential::Missing | Credential::NotNeeded => "none",
        }
    }

    /// The word in `tokenStatus`.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Credential::Config | Credential::File | Credential::Environment => "available",
            Credential::Missing => "missing",
            Credential::NotNeeded => "not-needed",
        }
    }
}

/// Finds where an account's secrets are. With several the last one counts, and one that is missing counts most.
pub(crate) fn credential(
    manifest: &Manifest,
    section: &Value,
    default_account: bool,
    env: &dyn Env,
) -> Credential {
    let set = |key: &Option<String>| {
        let value = key.as_ref().and_then(|key| section.get(key));
        value.is_some_and(|value| {
            !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())
        })
    };
    let mut found = Credential::NotNeeded;
    for secret in manifest.secrets.iter().filter(|secret| !secret.optional) {
        let variable = secret.env.as_ref().filter(|_| default_account);
        found = match () {
            () if set(&secret.config_file) => Credential::File,
            () if set(&secret.config) => Credential::Config,
            () if variable.is_some_and(|name| env.non_blank(name).is_some()) => Credential::Environment,
            () => return Credential::Missing,
        };
    }
    found
}

/// The values of an account's secrets that can be read now, so that the log can be kept free of them.
pub(super) fn secrets(
    manifest: &Manifest,
    channel: &Channel,
    account: &Account,
    resolver: &SecretResolver<'_>,
) -> Vec<Secret> {
    let lookup = Lookup { secrets: resolver, place: format!("channels.{}", channel.id) };
    let default_account = channel.default_account == account.id;
    // An account whose secrets cannot be read has none to hide.
    let Ok(found) = AccountSecrets::collect(manifest, &account.section, default_account, &lookup) else {
        return Vec::new();
    };
    manifest.secrets.iter().filter_map(|secret| found.get(&secret.name).cloned()).collect()
}

/// Resolves the secrets of one account the way the configuration spells them.
pub(super) struct Lookup<'a> {
    pub(super) secrets: &'a SecretResolver<'a>,
    /// Where the account's section stands, for instance `channels.x`.
    pub(super) place: String,
}

impl SecretLookup for Lookup<'_> {
    fn config(&self, key: &str, value: &Value) -> Result<Option<Secret>, String> {
        let place = format!("{}.{key}", self.place);
        resolve_secret(value, self.secrets, &place).map_err(|error| error.to_string())
    }

    fn env(&self, name: &str) -> Option<Secret> {
        self.secrets.env().non_blank(name).map(|value| Secret::from(value.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_lets_nobody_in() {
        let check = |word: Option<&str>, dm, group| {
            let rules = ChannelPolicy {
                dm_policy: word.map(str::to_owned),
                group_policy: word.map(str::to_owned),
                ..ChannelPolicy::default()
            };
            let policy = policy(rules);
            assert_eq!((policy.dm, policy.group), (dm, group), "{word:?}");
        };
        check(None, messaging::DmPolicy::Pairing, messaging::GroupPolicy::Allowlist);
        check(Some("open"), messaging::DmPolicy::Open, messaging::GroupPolicy::Open);
        check(Some("opne"), messaging::DmPolicy::Disabled, messaging::GroupPolicy::Disabled);
    }

    #[test]
    fn a_group_may_have_a_policy_of_its_own() {
        let rule =
            GroupPolicy { group_policy: Some("open".into()), enabled: Some(false), ..GroupPolicy::default() };
        let rules = ChannelPolicy { groups: [("a".to_owned(), rule)].into(), ..ChannelPolicy::default() };
        let expected = GroupRule {
            policy: Some(messaging::GroupPolicy::Open),
            enabled: Some(false),
            ..GroupRule::default()
        };
        assert_eq!(policy(rules).groups.get("a"), Some(&expected));
    }
}
