//! From what the configuration and an account's section say about replies to what messaging is told. Nothing here knows a
//! vendor.

use std::time::Duration;

use openclaw_config::{Agent, AgentDefaults, Config};
use openclaw_messaging::{AckScope, BlockRules, Break, Persona, PreviewRules, Reactions, Replies, ReplyTo};
use openclaw_packages::{ChannelBlocks, ChannelReplies};

/// The account's own words go before those for all. A word that is none of the known ones counts as the quietest: the report
/// of the configuration names it.
pub(super) fn replies(config: &Config, own: ChannelReplies) -> Replies {
    let messages = &config.messages;
    let scope = own.ack_scope.as_ref().or(messages.ack_reaction_scope.as_ref());
    let (preview, blocks) = shown(&config.agents.defaults, &own);
    Replies {
        prefix: own.prefix.or_else(|| messages.response_prefix.clone()),
        reply_to: match own.reply_to.as_deref() {
            Some("first") => ReplyTo::First,
            Some("all") => ReplyTo::All,
            Some("batched") => ReplyTo::Batched,
            Some(_) | None => ReplyTo::Off,
        },
        preview,
        blocks,
        reactions: Reactions {
            ack: own.ack_reaction.or_else(|| messages.ack_reaction.clone()),
            scope: match scope.map(String::as_str) {
                None | Some("group-mentions") => AckScope::GroupMentions,
                Some("group-all") => AckScope::GroupAll,
                Some("direct") => AckScope::Direct,
                Some("all") => AckScope::All,
                Some(_) => AckScope::Off,
            },
            remove: messages.remove_ack_after_reply,
            status: messages.status_reactions,
        },
        personas: config.agents.entries.iter().map(persona).collect(),
    }
}

/// What people see of an answer that is being written. Blocks that the account's own section asks for go before a preview; those
/// of the agents' defaults before one that nobody asked for, and in place of one that is not possible.
fn shown(defaults: &AgentDefaults, own: &ChannelReplies) -> (Option<PreviewRules>, Option<BlockRules>) {
    let preview = preview(own.streaming.as_deref(), own.preview_min_chars);
    let inherited = defaults.block_streaming_default.as_deref() == Some("on");
    match own.blocks.enabled {
        Some(true) => (None, Some(blocks(defaults, &own.blocks))),
        None if inherited => (preview.filter(|_| own.streaming_stated), Some(blocks(defaults, &own.blocks))),
        Some(false) | None => (preview, None),
    }
}

fn blocks(defaults: &AgentDefaults, own: &ChannelBlocks) -> BlockRules {
    let (chunk, gather) = (&defaults.block_streaming_chunk, &defaults.block_streaming_coalesce);
    let usual = BlockRules::default();
    let max_chars = chunk.max_chars.unwrap_or(usual.max_chars);
    let min_chars = chunk.min_chars.unwrap_or(usual.min_chars).min(max_chars);
    let gather_min = own.min_chars.or(gather.min_chars).or(own.usual_min_chars);
    BlockRules {
        at_end: defaults.block_streaming_break.as_deref() == Some("message_end"),
        min_chars,
        max_chars,
        prefer: match chunk.break_preference.as_deref() {
            Some("sentence") => Break::Sentence,
            Some("newline") => Break::Newline,
            Some(_) | None => Break::Paragraph,
        },
        gather_min: gather_min.unwrap_or(min_chars),
        gather_max: own.max_chars.or(gather.max_chars),
        idle: own.idle_ms.or(gather.idle_ms).map_or(usual.idle, Duration::from_millis),
    }
}

/// There are no tools whose progress could be shown: `progress` shows the text.
fn preview(mode: Option<&str>, min_chars: Option<usize>) -> Option<PreviewRules> {
    match mode {
        Some("partial" | "progress") => Some(PreviewRules::new(false, min_chars)),
        Some("block") => Some(PreviewRules::new(true, min_chars)),
        Some(_) | None => None,
    }
}

fn persona(agent: &Agent) -> (String, Persona) {
    let (name, emoji) = (agent.identity.name.clone(), agent.identity.emoji.clone());
    (agent.id.to_lowercase(), Persona { name, emoji })
}

#[cfg(test)]
mod tests {
    use openclaw_config::Identity;

    use super::*;

    fn word(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_accounts_own_words_go_before_those_for_all() {
        let mut config = Config::default();
        config.messages.response_prefix = word("all:");
        config.messages.ack_reaction = word("👍");
        config.messages.ack_reaction_scope = word("all");
        let shared = replies(&config, ChannelReplies::default());
        assert_eq!((shared.prefix.as_deref(), shared.reactions.ack.as_deref()), (Some("all:"), Some("👍")));
        assert_eq!(
            (shared.reactions.scope, shared.reply_to, shared.preview),
            (AckScope::All, ReplyTo::Off, None)
        );
        let own = ChannelReplies {
            prefix: word(""),
            reply_to: word("all"),
            ack_reaction: word(""),
            ack_scope: word("direct"),
            ..ChannelReplies::default()
        };
        let own = replies(&config, own);
        assert_eq!((own.prefix.as_deref(), own.reactions.ack.as_deref()), (Some(""), Some("")));
        assert_eq!((own.reactions.scope, own.reply_to), (AckScope::Direct, ReplyTo::All));
    }

    #[test]
    fn an_unknown_word_is_quiet() {
        let own = ChannelReplies {
            reply_to: word("frist"),
            streaming: word("ful"),
            ack_scope: word("everybody"),
            ..ChannelReplies::default()
        };
        let found = replies(&Config::default(), own);
        assert_eq!((found.reply_to, found.preview), (ReplyTo::Off, None));
        assert_eq!(found.reactions.scope, AckScope::Off);
    }

    #[test]
    fn blocks_are_sent_where_somebody_asks_for_them() {
        let mut defaults = AgentDefaults::default();
        let channel = |enabled, mode: Option<&str>| ChannelReplies {
            streaming: mode.or(Some("partial")).map(str::to_owned),
            streaming_stated: mode.is_some(),
            blocks: ChannelBlocks { enabled, ..ChannelBlocks::default() },
            ..ChannelReplies::default()
        };
        let found = |defaults: &AgentDefaults, enabled, mode| {
            let (preview, blocks) = shown(defaults, &channel(enabled, mode));
            (preview.is_some(), blocks.is_some())
        };
        assert_eq!(found(&defaults, None, None), (true, false), "off unless somebody asks for them");
        assert_eq!(found(&defaults, Some(true), Some("partial")), (false, true), "no preview beside them");
        defaults.block_streaming_default = word("on");
        assert_eq!(found(&defaults, None, None), (false, true), "before a preview that nobody asked for");
        assert_eq!(found(&defaults, None, Some("partial")), (true, true), "where there can be no preview");
        assert_eq!(found(&defaults, None, Some("off")), (false, true));
        assert_eq!(found(&defaults, Some(false), None), (true, false));
    }

    #[test]
    fn the_nearest_says_how_blocks_are_made() {
        let mut defaults = AgentDefaults::default();
        assert_eq!(blocks(&defaults, &ChannelBlocks::default()), BlockRules::default());
        let usual = ChannelBlocks { usual_min_chars: Some(1_500), ..ChannelBlocks::default() };
        assert_eq!(blocks(&defaults, &usual).gather_min, 1_500);
        defaults.block_streaming_chunk.max_chars = Some(100);
        defaults.block_streaming_chunk.break_preference = word("sentence");
        defaults.block_streaming_break = word("message_end");
        defaults.block_streaming_coalesce.min_chars = Some(50);
        defaults.block_streaming_coalesce.idle_ms = Some(7);
        let found = blocks(&defaults, &usual);
        assert_eq!((found.min_chars, found.max_chars, found.at_end), (100, 100, true), "no block is longer");
        assert_eq!((found.prefer, found.gather_min), (Break::Sentence, 50));
        let own = ChannelBlocks { min_chars: Some(9), idle_ms: Some(0), ..usual };
        let found = blocks(&defaults, &own);
        assert_eq!((found.gather_min, found.gather_max, found.idle), (9, None, Duration::ZERO));
    }

    #[test]
    fn previews_and_personas() {
        assert_eq!(preview(Some("progress"), Some(7)), Some(PreviewRules { blocks: false, min_chars: 7 }));
        assert!(preview(Some("block"), None).is_some_and(|rules| rules.blocks));
        assert_eq!(preview(Some("off"), Some(7)), None);
        let mut config = Config::default();
        let identity = Identity { name: word("Molty"), ..Identity::default() };
        config.agents.entries = vec![Agent { id: "Main".to_owned(), identity, ..Agent::default() }];
        let found = replies(&config, ChannelReplies::default());
        assert_eq!(found.personas["main"].name.as_deref(), Some("Molty"));
    }
}
