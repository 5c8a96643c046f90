//! From the configuration and a channel's manifest to what messaging is told about one account. The
//! channel's own words and keys come from the manifest; nothing here knows a vendor.

mod admission;
mod naming;
mod routes;

use std::time::Duration;

use openclaw_config::{Account, Agent, Channel, Config, SessionScope};
use openclaw_messaging::{
    AccountKey, AccountSettings, Cut, Policy, QueueDrop, QueueMode, QueueRules, TypingMode, TypingRules,
    Words,
};
use openclaw_packages::{BotLoop, Manifest, TextUnit};
use openclaw_text::Unit;

use crate::settings::Current;

pub(crate) use naming::Naming;

use admission::{Groups, bot_loop, commands, context_visibility, policy};
use naming::group_chat;
use routes::{binding, dm_scope, group_scope, links};

/// Messages of a group that are told with the next one that names the agent, where nobody says how many; and the most.
const HISTORY: usize = 50;
const LONGEST_HISTORY: usize = 200;

/// The admission policy and the words of one account. `None` when the manifest is not a channel's.
pub(super) fn settings(
    current: &Current,
    manifest: &Manifest,
    channel: &Channel,
    account: &Account,
) -> Option<AccountSettings> {
    let config: &Config = &current.config;
    let naming: &Naming = &current.naming;
    let words = manifest.channel.as_ref()?;
    let rules = words.policy.extract(&account.section);
    let agent = config.agents.default_id();
    let history_limit = rules.history_limit.or(group_chat(config, agent, |own| own.history_limit));
    let (dm_history_limit, dm_history_limits) = (rules.dm_history_limit, rules.dm_history_limits.clone());
    let direct_instructions = rules.direct_instructions.clone();
    let scope = &rules.mention_patterns;
    let mentions = naming.mentions(config).iter().map(|(agent, mentions)| {
        (agent.clone(), mentions.clone().only_in(scope.allow_in.clone(), scope.deny_in.clone()))
    });
    let mentions = mentions.collect();
    let groups = Groups { config, naming, channel: &channel.id };
    let commands = commands(&groups, &words.policy);
    let replies = words.replies.extract(&account.section);
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
        policy: Policy { bot_loop: bot_loop(loops), ..policy(rules, &words.policy, &groups) },
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
        text_cut: match replies.chunk_mode.as_deref() {
            Some("newline") => Cut::Paragraph,
            Some(_) | None => Cut::Length,
        },
        agent: agent.to_lowercase(),
        bindings: config
            .bindings
            .iter()
            .filter_map(|entry| binding(&groups, channel, account, entry))
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
        replies: super::replies::replies(config, replies),
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

#[cfg(test)]
mod tests {
    use super::*;

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
