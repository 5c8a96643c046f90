//! What a manifest's pointers find in an account's section about replies: plain data. It reads; `messaging` heeds it.

use serde_json::Value;

use crate::manifest::ChannelReplyMap;

/// What the operator says about the replies of one account, as far as the section states it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelReplies {
    /// Stands before every reply.
    pub prefix: Option<String>,
    /// `off`, `first`, `all` or `batched`.
    pub reply_to: Option<String>,
    /// `length` or `newline`.
    pub chunk_mode: Option<String>,
    /// `off`, `partial`, `block` or `progress`: the section's own, or the manifest's.
    pub streaming: Option<String>,
    /// The section itself states the mode.
    pub streaming_stated: bool,
    /// Whether and how an answer is sent in blocks.
    pub blocks: ChannelBlocks,
    /// Characters before an answer that is being written shows.
    pub preview_min_chars: Option<usize>,
    /// The reaction to a message that was accepted; empty for none.
    pub ack_reaction: Option<String>,
    /// Which messages get it.
    pub ack_scope: Option<String>,
}

/// What is said about sending the answers of one account in blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelBlocks {
    /// Whether they are.
    pub enabled: Option<bool>,
    /// `coalesce.minChars`.
    pub min_chars: Option<usize>,
    /// `coalesce.maxChars`.
    pub max_chars: Option<usize>,
    /// `coalesce.idleMs`.
    pub idle_ms: Option<u64>,
    /// The manifest's number, where neither the account nor the agents state one.
    pub usual_min_chars: Option<usize>,
}

impl ChannelReplyMap {
    /// Reads what an account's merged section says.
    #[must_use]
    pub fn extract(&self, section: &Value) -> ChannelReplies {
        let at = |pointer: &Option<String>| pointer.as_ref().and_then(|pointer| section.pointer(pointer));
        let text = |pointer| at(pointer).and_then(Value::as_str).map(str::to_owned);
        let streaming = at(&self.streaming);
        let within = |pointer: &str| streaming.and_then(|streaming| streaming.pointer(pointer));
        let mode = within("/mode").and_then(Value::as_str).map(str::to_owned);
        let chars = |value: Option<&Value>| {
            value.and_then(Value::as_u64).and_then(|chars| usize::try_from(chars).ok())
        };
        let min_chars = chars(within("/preview/chunk/minChars"));
        let blocks = at(&self.blocks);
        let of_blocks = |pointer: &str| blocks.and_then(|blocks| blocks.pointer(pointer));
        ChannelReplies {
            prefix: text(&self.prefix),
            reply_to: text(&self.reply_to),
            chunk_mode: text(&self.chunk_mode),
            streaming_stated: mode.is_some(),
            streaming: mode.or_else(|| self.streaming_default.clone()),
            blocks: ChannelBlocks {
                enabled: of_blocks("/enabled").and_then(Value::as_bool),
                min_chars: chars(of_blocks("/coalesce/minChars")),
                max_chars: chars(of_blocks("/coalesce/maxChars")),
                idle_ms: of_blocks("/coalesce/idleMs").and_then(Value::as_u64),
                usual_min_chars: self.blocks_gather,
            },
            preview_min_chars: min_chars,
            ack_reaction: text(&self.ack_reaction),
            ack_scope: text(&self.ack_scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_the_pointers_name() {
        let pointer = |text: &str| Some(text.to_owned());
        let map = ChannelReplyMap {
            prefix: pointer("/responsePrefix"),
            reply_to: pointer("/replyToMode"),
            chunk_mode: pointer("/streaming/chunkMode"),
            streaming: pointer("/streaming"),
            streaming_default: pointer("partial"),
            blocks: pointer("/streaming/block"),
            blocks_gather: Some(1_500),
            ack_reaction: pointer("/ackReaction"),
            ack_scope: None,
        };
        let found = map.extract(&json!({
            "responsePrefix": "auto", "replyToMode": "first", "ackReaction": "", "ackReactionScope": "all",
            "streaming": {
                "mode": "block", "chunkMode": "newline", "preview": {"chunk": {"minChars": 12}},
                "block": {"enabled": true, "coalesce": {"minChars": 7, "idleMs": 0}},
            },
        }));
        let expected = ChannelReplies {
            prefix: pointer("auto"),
            reply_to: pointer("first"),
            chunk_mode: pointer("newline"),
            streaming: pointer("block"),
            streaming_stated: true,
            blocks: ChannelBlocks {
                enabled: Some(true),
                min_chars: Some(7),
                max_chars: None,
                idle_ms: Some(0),
                usual_min_chars: Some(1_500),
            },
            preview_min_chars: Some(12),
            ack_reaction: pointer(""),
            ack_scope: None,
        };
        assert_eq!(found, expected);
        let blocks = ChannelBlocks { usual_min_chars: Some(1_500), ..ChannelBlocks::default() };
        let silent = ChannelReplies { streaming: pointer("partial"), blocks, ..ChannelReplies::default() };
        assert_eq!(map.extract(&json!({"streaming": {"preview": {}}})), silent);
        assert_eq!(
            ChannelReplyMap::default().extract(&json!({"streaming": {"mode": "partial"}})).streaming,
            None
        );
    }
}
