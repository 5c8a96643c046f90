//! From an account's rules to who is let in, who may give commands, and what a pair of bots may exchange.

use std::time::Duration;

use openclaw_config::Config;
use openclaw_messaging as messaging;
use openclaw_messaging::{
    ACCESS_GROUP, AllowList, Allowed, BotLoopRules, Bots, CommandRules, ContextVisibility, GroupRule, Policy,
};
use openclaw_packages::{BotLoop, ChannelPolicy, ChannelPolicyMap, GroupPolicy};

use super::Naming;

/// The longest window and pause of the guard against loops of bots, in seconds, and the most it counts.
const LONGEST_LOOP: u64 = 24 * 3600;
const MOST_LOOP_EVENTS: usize = 1_000;

/// The channel whose rules are read, and the configuration that they refer to.
pub(super) struct Groups<'a> {
    pub(super) config: &'a Config,
    pub(super) naming: &'a Naming,
    pub(super) channel: &'a str,
}

impl Groups<'_> {
    /// Says what is wrong here, once for a configuration.
    pub(super) fn tell(&self, fault: &str) {
        self.naming.tell(self.channel, fault);
    }

    fn list(&self, written: Vec<String>) -> AllowList {
        written.into_iter().map(|entry| self.entry(entry)).collect()
    }

    fn entry(&self, written: String) -> Allowed {
        if written == "*" {
            return Allowed::Anyone;
        }
        let Some(name) = written.strip_prefix(ACCESS_GROUP) else { return Allowed::Sender(written) };
        // Only what names its members can be looked up without a vendor; anything else lets nobody in.
        let group = self.config.access_groups.get(name).filter(|group| group.kind == "message.senders");
        let of = |channel: &str| group.and_then(|group| group.members.get(channel)).into_iter().flatten();
        if group.is_none() {
            let why = format!("accessGroups.{name} is missing or not of the type message.senders");
            self.tell(&format!("accessGroup:{name} lets nobody in: {why}"));
        }
        let members = of(self.channel).chain(of("*")).cloned().collect();
        Allowed::Group { name: name.to_owned(), members }
    }

    /// The agent of a group, if there is one of that name; else whoever answers without it.
    fn agent(&self, named: &str) -> Option<String> {
        let known =
            self.config.agents.entries.iter().find(|agent| agent.id.eq_ignore_ascii_case(named.trim()));
        if known.is_none() {
            self.tell(&format!("a group's agentId is passed over: there is no agent {named:?}"));
        }
        known.map(|agent| agent.id.to_lowercase())
    }

    fn rule(&self, rule: GroupPolicy, inner_listed: bool) -> GroupRule {
        let GroupPolicy {
            require_mention,
            ignore_others,
            enabled,
            allow_from,
            roles,
            group_policy: word,
            agent,
            instructions,
            inner,
        } = rule;
        GroupRule {
            require_mention,
            ignore_others,
            enabled,
            allow_from: allow_from.map(|list| self.list(list)),
            roles,
            policy: word.as_deref().map(group_policy),
            agent: agent.and_then(|agent| self.agent(&agent)),
            instructions,
            inner: inner.into_iter().map(|(id, rule)| (id, self.rule(rule, inner_listed))).collect(),
            inner_listed,
        }
    }
}

/// The rules in neutral terms. A word that is none of the known ones counts as the strictest: the report of the
/// configuration names it, and until it is mended nobody gets in by a typing error.
pub(super) fn policy(rules: ChannelPolicy, map: &ChannelPolicyMap, access: &Groups<'_>) -> Policy {
    let rule = |(id, rule)| (id, access.rule(rule, map.group_inner_listed));
    Policy {
        dm: match rules.dm_policy.as_deref() {
            None | Some("pairing") => messaging::DmPolicy::Pairing,
            Some("allowlist") => messaging::DmPolicy::Allowlist,
            Some("open") => messaging::DmPolicy::Open,
            Some(_) => messaging::DmPolicy::Disabled,
        },
        allow_from: access.list(rules.allow_from),
        group: rules
            .group_policy
            .as_deref()
            .or(access.config.channel_defaults.group_policy.as_deref())
            .map(group_policy)
            .unwrap_or_default(),
        group_allow_from: rules.group_allow_from.map(|list| access.list(list)),
        groups: rules.groups.into_iter().map(rule).collect(),
        group_listed: map.group_listed,
        bots: match rules.allow_bots.as_deref() {
            Some("true") => Bots::Always,
            Some("mentions") => Bots::Mentions,
            Some(_) | None => Bots::Never,
        },
        bot_loop: None,
    }
}

fn group_policy(word: &str) -> messaging::GroupPolicy {
    match word {
        "allowlist" => messaging::GroupPolicy::Allowlist,
        "open" => messaging::GroupPolicy::Open,
        _ => messaging::GroupPolicy::Disabled,
    }
}

/// Whose words a passage are is not known, so that the quoted passage is told or not, whatever else is.
pub(super) fn context_visibility(word: &str) -> ContextVisibility {
    match word {
        "all" | "allowlist_quote" => ContextVisibility::All,
        _ => ContextVisibility::Allowlist,
    }
}

pub(super) fn bot_loop(said: BotLoop) -> Option<BotLoopRules> {
    let usual = BotLoopRules::default();
    let seconds =
        |said: Option<u64>, usual| said.map_or(usual, |said| Duration::from_secs(said.min(LONGEST_LOOP)));
    (said.enabled != Some(false)).then(|| BotLoopRules {
        max_events: said.max_events.map_or(usual.max_events, |said| {
            usize::try_from(said).unwrap_or(usize::MAX).min(MOST_LOOP_EVENTS)
        }),
        window: seconds(said.window, usual.window),
        cooldown: seconds(said.cooldown, usual.cooldown),
    })
}

/// Who may give commands on this channel.
pub(super) fn commands(access: &Groups<'_>, map: &ChannelPolicyMap) -> CommandRules {
    let (config, channel) = (access.config, access.channel);
    let ids = |ids: &[String]| ids.iter().map(|id| map.sender_id(id)).collect::<Vec<_>>();
    let is_channel = |id: &str| config.channel(id).is_some();
    CommandRules {
        allow_from: config.commands.allowed_on(channel).map(|list| access.list(ids(list))),
        owners: ids(&config.commands.owners_on(channel, is_channel)),
        owners_named: !config.commands.owner_allow_from.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_config::{AccessGroup, Agent};

    use super::*;

    fn read(config: &Config, rules: ChannelPolicy, map: &ChannelPolicyMap) -> Policy {
        policy(rules, map, &Groups { config, naming: &Naming::default(), channel: "chat" })
    }

    #[test]
    fn an_unknown_word_lets_nobody_in() {
        let check = |word: Option<&str>, dm, group| {
            let rules = ChannelPolicy {
                dm_policy: word.map(str::to_owned),
                group_policy: word.map(str::to_owned),
                ..ChannelPolicy::default()
            };
            let policy = read(&Config::default(), rules, &ChannelPolicyMap::default());
            assert_eq!((policy.dm, policy.group), (dm, group), "{word:?}");
        };
        check(None, messaging::DmPolicy::Pairing, messaging::GroupPolicy::Allowlist);
        check(Some("open"), messaging::DmPolicy::Open, messaging::GroupPolicy::Open);
        check(Some("opne"), messaging::DmPolicy::Disabled, messaging::GroupPolicy::Disabled);
    }

    #[test]
    fn a_group_may_have_a_policy_of_its_own_and_rules_inside() {
        let inner =
            [("t".to_owned(), GroupPolicy { require_mention: Some(false), ..GroupPolicy::default() })];
        let rule = GroupPolicy {
            group_policy: Some("open".into()),
            enabled: Some(false),
            inner: inner.into(),
            ..GroupPolicy::default()
        };
        let rules = ChannelPolicy { groups: [("a".to_owned(), rule)].into(), ..ChannelPolicy::default() };
        let map = ChannelPolicyMap { group_inner_listed: true, ..ChannelPolicyMap::default() };
        let policy = read(&Config::default(), rules, &map);
        let group = &policy.groups["a"];
        assert_eq!(
            (group.policy, group.enabled, group.inner_listed),
            (Some(messaging::GroupPolicy::Open), Some(false), true)
        );
        assert_eq!(group.inner["t"].require_mention, Some(false));
    }

    #[test]
    fn an_access_group_lets_its_members_in_and_an_unknown_one_nobody() {
        let group = |kind: &str, members: &[(&str, &str)]| AccessGroup {
            kind: kind.to_owned(),
            members: members
                .iter()
                .map(|(channel, id)| ((*channel).to_owned(), vec![(*id).to_owned()]))
                .collect(),
        };
        let mut config = Config::default();
        let team = group("message.senders", &[("*", "1"), ("chat", "2"), ("other", "3")]);
        config.access_groups.insert("team".to_owned(), team);
        config.access_groups.insert("audience".to_owned(), group("vendor.audience", &[("*", "4")]));
        let allow_from =
            ["accessGroup:team", "accessGroup:audience", "accessGroup:gone", "5"].map(str::to_owned);
        let rules = ChannelPolicy { allow_from: allow_from.to_vec(), ..ChannelPolicy::default() };
        let list = read(&config, rules, &ChannelPolicyMap::default()).allow_from;
        let in_it: Vec<_> =
            ["1", "2", "3", "4", "5"].into_iter().filter(|id| list.admits(id).is_some()).collect();
        assert_eq!(in_it, ["1", "2", "5"]);
    }

    #[test]
    fn a_groups_agent_has_to_be_there() {
        let mut config = Config::default();
        config.agents.entries = vec![Agent { id: "Coder".to_owned(), ..Agent::default() }];
        let groups = Groups { config: &config, naming: &Naming::default(), channel: "chat" };
        assert_eq!((groups.agent(" coder "), groups.agent("gone")), (Some("coder".to_owned()), None));
    }
}
