//! From the configuration and a channel's manifest to what messaging is told about one account. The
//! channel's own words and keys come from the manifest; nothing here knows a vendor.

use std::collections::BTreeMap;
use std::time::Duration;

use openclaw_config::{
    Account, Agent, Binding, Channel, Config, DmScope, GroupChat, GroupScope, SessionScope,
};
use openclaw_messaging as messaging;
use openclaw_messaging::{
    ACCESS_GROUP, AccountKey, AccountSettings, AllowList, Allowed, BotLoopRules, Bots, ChatKind,
    CommandRules, ContextVisibility, GroupRule, Mentions, Peer, Policy, QueueDrop, QueueMode, QueueRules,
    TypingMode, TypingRules, Words, pattern_of_name, pattern_of_text,
};
use openclaw_packages::{
    BotLoop, ChannelPolicy, ChannelPolicyMap, GroupPolicy, Manifest, MentionScope, TextUnit,
};
use openclaw_text::Unit;
use tracing::warn;

/// Messages of a group that are told with the next one that names the agent, where nobody says how many; and the most.
const HISTORY: usize = 50;
const LONGEST_HISTORY: usize = 200;

/// The longest window and pause of the guard against loops of bots, in seconds, and the most it counts.
const LONGEST_LOOP: u64 = 24 * 3600;
const MOST_LOOP_EVENTS: usize = 1_000;

/// The admission policy and the words of one account. `None` when the manifest is not a channel's.
pub(super) fn settings(
    config: &Config,
    manifest: &Manifest,
    channel: &Channel,
    account: &Account,
) -> Option<AccountSettings> {
    let words = manifest.channel.as_ref()?;
    let rules = words.policy.extract(&account.section);
    let agent = config.agents.default_id();
    let history_limit = rules.history_limit.or(group_chat(config, agent, |own| own.history_limit));
    let (dm_history_limit, dm_history_limits) = (rules.dm_history_limit, rules.dm_history_limits.clone());
    let names =
        |agent: &Agent| (agent.id.to_lowercase(), mentions(config, &agent.id, &rules.mention_patterns));
    let mentions = config.agents.entries.iter().map(names).collect();
    let commands = commands(config, &words.policy, &channel.id);
    let context =
        rules.context_visibility.as_deref().or(config.channel_defaults.context_visibility.as_deref());
    let context = context.map(context_visibility).unwrap_or_default();
    let loops = [
        rules.bot_loop,
        words.policy.extract(&channel.shared).bot_loop,
        BotLoop::of(&config.channel_defaults.bot_loop_protection),
    ];
    let loops = loops.into_iter().reduce(BotLoop::or).unwrap_or_default();
    let own_limit = rules.text_limit.map_or(words.text_limit, |limit| limit.clamp(1, words.text_limit));
    Some(AccountSettings {
        key: AccountKey::new(&channel.id, &account.id),
        enabled: account.enabled,
        policy: Policy {
            bot_loop: bot_loop(loops),
            ..policy(rules, &words.policy, &Groups { config, channel: &channel.id })
        },
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
        agent: agent.to_lowercase(),
        bindings: config
            .bindings
            .iter()
            .filter_map(|entry| binding(config, channel, account, entry))
            .collect(),
        dm_scope: dm_scope(config.session.dm_scope),
        group_scope: group_scope(config.session.group_scope),
        links: links(config, &channel.id),
        mentions,
        main: config.session.main(),
        global: config.session.scope == SessionScope::Global,
        dm_history_limit: dm_history_limit.unwrap_or(0),
        dm_history_limits,
        debounce: config
            .messages
            .inbound
            .debounce_of(&channel.id)
            .map_or(Duration::from_millis(u64::from(words.debounce_ms)), Duration::from_millis),
        queue: queue(config, &channel.id),
        history_limit: history_limit
            .unwrap_or_else(|| words.policy.history_default.map_or(HISTORY, usize::from))
            .min(LONGEST_HISTORY),
        context,
        commands,
        typing: config
            .agents
            .entries
            .iter()
            .map(|agent| (agent.id.to_lowercase(), typing(config, agent)))
            .collect(),
        replies: super::replies::replies(config, words.replies.extract(&account.section)),
    })
}

/// A model's reasoning is not followed, so that `thinking` begins with the text too.
fn typing(config: &Config, agent: &Agent) -> TypingRules {
    let defaults = &config.agents.defaults;
    let mode = agent.typing_mode.as_deref().or(defaults.typing_mode.as_deref());
    TypingRules {
        mode: mode.and_then(|mode| match mode {
            "never" => Some(TypingMode::Never),
            "instant" => Some(TypingMode::Instant),
            "thinking" | "message" => Some(TypingMode::Message),
            _ => None,
        }),
        every: defaults.typing_interval_seconds.map(|seconds| Duration::from_secs(seconds.clamp(1, 60))),
    }
}

/// Who may give commands on this channel.
fn commands(config: &Config, map: &ChannelPolicyMap, channel: &str) -> CommandRules {
    let ids = |ids: &[String]| ids.iter().map(|id| map.sender_id(id)).collect::<Vec<_>>();
    let access = Groups { config, channel };
    let is_channel = |id: &str| config.channel(id).is_some();
    CommandRules {
        allow_from: config.commands.allowed_on(channel).map(|list| access.list(ids(list))),
        owners: ids(&config.commands.owners_on(channel, is_channel)),
        owners_named: !config.commands.owner_allow_from.is_empty(),
    }
}

/// Whose words a passage are is not known, so that the quoted passage is told or not, whatever else is.
fn context_visibility(word: &str) -> ContextVisibility {
    match word {
        "all" | "allowlist_quote" => ContextVisibility::All,
        _ => ContextVisibility::Allowlist,
    }
}

fn bot_loop(said: BotLoop) -> Option<BotLoopRules> {
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

/// What becomes of messages of a channel that wait. A word that is none of the known ones counts as none.
fn queue(config: &Config, channel: &str) -> QueueRules {
    let (written, usual) = (&config.messages.queue, QueueRules::default());
    QueueRules {
        mode: written.mode_of(channel).and_then(QueueMode::of).unwrap_or(usual.mode),
        cap: written.cap.unwrap_or(usual.cap).max(1),
        drop: written.drop.as_deref().and_then(QueueDrop::of).unwrap_or(usual.drop),
        quiet: written.debounce_of(channel).map_or(usual.quiet, Duration::from_millis),
    }
}

fn dm_scope(scope: DmScope) -> messaging::DmScope {
    match scope {
        DmScope::Main => messaging::DmScope::Main,
        DmScope::PerPeer => messaging::DmScope::PerPeer,
        DmScope::PerChannelPeer => messaging::DmScope::PerChannelPeer,
        DmScope::PerAccountChannelPeer => messaging::DmScope::PerAccountChannelPeer,
    }
}

fn group_scope(scope: GroupScope) -> messaging::GroupScope {
    match scope {
        GroupScope::PerGroup => messaging::GroupScope::PerGroup,
        GroupScope::Main => messaging::GroupScope::Main,
    }
}

/// A binding as far as it is about this account. One that nobody can satisfy is left out, with a line in the log.
fn binding(
    config: &Config,
    channel: &Channel,
    account: &Account,
    entry: &Binding,
) -> Option<messaging::Binding> {
    let any_account = entry.account_id.as_deref() == Some("*");
    let meant = entry.account_id.as_deref().unwrap_or(&channel.default_account);
    if entry.channel != channel.id || !(any_account || meant == account.id) {
        return None;
    }
    let agent = config.agents.entries.iter().find(|agent| agent.id.eq_ignore_ascii_case(&entry.agent_id));
    let (Some(agent), false) = (agent, entry.roles) else {
        let why = if entry.roles {
            "it asks for roles, which the gateway does not know"
        } else {
            "there is no such agent"
        };
        warn!(channel = channel.id, agent = entry.agent_id, "a binding answers nobody: {why}");
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
        any_account,
        dm_scope: entry.dm_scope.map(dm_scope),
        group_scope: entry.group_scope.map(group_scope),
    })
}

/// The senders of this channel that are one person with others.
fn links(config: &Config, channel: &str) -> BTreeMap<String, String> {
    let all = config.session.identity_links.iter();
    let ids = all.flat_map(|(person, ids)| ids.iter().map(move |id| (id, person)));
    let own = ids.filter_map(|(id, person)| {
        let (at, id) = id.split_once(':')?;
        at.eq_ignore_ascii_case(channel).then(|| (id.to_lowercase(), person.clone()))
    });
    own.collect()
}

/// What an agent says about groups itself, else what holds for all.
fn group_chat<T>(config: &Config, agent: &str, what: impl Fn(&GroupChat) -> Option<T>) -> Option<T> {
    let own = config.agents.get(agent).and_then(|agent| what(&agent.group_chat));
    own.or_else(|| what(&config.messages.group_chat))
}

/// The patterns that name the agent: its own, those for all, or its identity's name and emoji.
fn mentions(config: &Config, agent: &str, scope: &MentionScope) -> Mentions {
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
    mentions.only_in(scope.allow_in.clone(), scope.deny_in.clone())
}

/// Fills in the members of `accessGroup:` entries.
struct Groups<'a> {
    config: &'a Config,
    channel: &'a str,
}

impl Groups<'_> {
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
            warn!(
                channel = self.channel,
                "accessGroup:{name} lets nobody in: accessGroups.{name} is missing or not of the type message.senders"
            );
        }
        let members = of(self.channel).chain(of("*")).cloned().collect();
        Allowed::Group { name: name.to_owned(), members }
    }

    /// The agent of a group, if there is one of that name; else whoever answers without it.
    fn agent(&self, named: &str) -> Option<String> {
        let known =
            self.config.agents.entries.iter().find(|agent| agent.id.eq_ignore_ascii_case(named.trim()));
        if known.is_none() {
            warn!(
                channel = self.channel,
                agent = named,
                "a group's agentId is passed over: there is no such agent"
            );
        }
        known.map(|agent| agent.id.to_lowercase())
    }

    fn rule(&self, rule: GroupPolicy, inner_listed: bool) -> GroupRule {
        let GroupPolicy { require_mention, enabled, allow_from, group_policy: word, agent, inner } = rule;
        GroupRule {
            require_mention,
            enabled,
            allow_from: allow_from.map(|list| self.list(list)),
            policy: word.as_deref().map(group_policy),
            agent: agent.and_then(|agent| self.agent(&agent)),
            inner: inner.into_iter().map(|(id, rule)| (id, self.rule(rule, inner_listed))).collect(),
            inner_listed,
        }
    }
}

/// The rules in neutral terms. A word that is none of the known ones counts as the strictest: the report of the
/// configuration names it, and until it is mended nobody gets in by a typing error.
fn policy(rules: ChannelPolicy, map: &ChannelPolicyMap, access: &Groups<'_>) -> Policy {
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

#[cfg(test)]
mod tests {
    use openclaw_config::{AccessGroup, Identity};

    use super::*;

    fn read(config: &Config, rules: ChannelPolicy, map: &ChannelPolicyMap) -> Policy {
        policy(rules, map, &Groups { config, channel: "chat" })
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
        let groups = Groups { config: &config, channel: "chat" };
        assert_eq!((groups.agent(" coder "), groups.agent("gone")), (Some("coder".to_owned()), None));
    }

    #[test]
    fn a_queue_is_as_written_or_as_usual() {
        let mut config = Config::default();
        assert_eq!(queue(&config, "chat"), QueueRules::default());
        config.messages.queue.mode = Some("collect".to_owned());
        config.messages.queue.by_channel = [("chat".to_owned(), "interrupt".to_owned())].into();
        config.messages.queue.debounce_ms_by_channel = [("chat".to_owned(), 1_000)].into();
        config.messages.queue.drop = Some("odd".to_owned());
        let found = queue(&config, "chat");
        assert_eq!((found.mode, found.quiet), (QueueMode::Interrupt, Duration::from_secs(1)));
        assert_eq!((queue(&config, "other").mode, found.drop), (QueueMode::Collect, QueueDrop::Summarize));
    }

    #[test]
    fn an_agent_is_named_by_its_own_patterns_or_its_identity() {
        let named = |config: &Config, text: &str| {
            mentions(config, "main", &MentionScope::default()).named_by(text, "r").is_some()
        };
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
}
