//! From what the configuration and an account's section say about replies to what messaging is told. Nothing here knows a
//! vendor.

use openclaw_config::{Agent, Config};
use openclaw_messaging::{AckScope, Persona, PreviewRules, Reactions, Replies, ReplyTo};
use openclaw_packages::ChannelReplies;

/// The account's own words go before those for all. A word that is none of the known ones counts as the quietest: the report
/// of the configuration names it.
pub(super) fn replies(config: &Config, own: ChannelReplies) -> Replies {
    let messages = &config.messages;
    let scope = own.ack_scope.as_ref().or(messages.ack_reaction_scope.as_ref());
    Replies {
        prefix: own.prefix.or_else(|| messages.response_prefix.clone()),
        reply_to: match own.reply_to.as_deref() {
            Some("first") => ReplyTo::First,
            Some("all") => ReplyTo::All,
            Some("batched") => ReplyTo::Batched,
            Some(_) | None => ReplyTo::Off,
        },
        preview: preview(own.streaming.as_deref(), own.preview_min_chars),
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
