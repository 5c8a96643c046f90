//! From the configuration and a channel's manifest to what messaging is told about one account. The
//! channel's own words and keys come from the manifest; nothing here knows a vendor.

mod admission;
mod routes;

use std::time::Duration;

use openclaw_config::{Account, Agent, Channel, Config, GroupChat, SessionScope};
use openclaw_messaging::{
    AccountKey, AccountSettings, Mentions, Policy, QueueDrop, QueueMode, QueueRules, TypingMode, TypingRules,
    Words, pattern_of_name, pattern_of_text,
};
use openclaw_packages::{BotLoop, Manifest, MentionScope, TextUnit};
use openclaw_text::Unit;
use tracing::warn;

use admission::{Groups, bot_loop, commands, context_visibility, policy};
use routes::{binding, dm_scope, group_scope, links};

/// Messages of a group that are told with the next one that names the agent, where nobody says how many; and the most.
const HISTORY: usize = 50;
const LONGEST_HISTORY: usize = 200;

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
    let direct_instructions = rules.direct_instructions.clone();
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
        direct_instructions,
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

#[cfg(test)]
mod tests {
    use openclaw_config::Identity;

    use super::*;

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
}
