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
    /// Characters before an answer that is being written shows.
    pub preview_min_chars: Option<usize>,
    /// The reaction to a message that was accepted; empty for none.
    pub ack_reaction: Option<String>,
    /// Which messages get it.
    pub ack_scope: Option<String>,
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
        let min_chars = within("/preview/chunk/minChars").and_then(Value::as_u64);
        ChannelReplies {
            prefix: text(&self.prefix),
            reply_to: text(&self.reply_to),
            chunk_mode: text(&self.chunk_mode),
            streaming: mode.or_else(|| self.streaming_default.clone()),
            preview_min_chars: min_chars.and_then(|chars| usize::try_from(chars).ok()),
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
            ack_reaction: pointer("/ackReaction"),
            ack_scope: None,
        };
        let found = map.extract(&json!({
            "responsePrefix": "auto", "replyToMode": "first", "ackReaction": "", "ackReactionScope": "all",
            "streaming": {"mode": "block", "chunkMode": "newline", "preview": {"chunk": {"minChars": 12}}},
        }));
        let expected = ChannelReplies {
            prefix: pointer("auto"),
            reply_to: pointer("first"),
            chunk_mode: pointer("newline"),
            streaming: pointer("block"),
            preview_min_chars: Some(12),
            ack_reaction: pointer(""),
            ack_scope: None,
        };
        assert_eq!(found, expected);
        let silent = ChannelReplies { streaming: pointer("partial"), ..ChannelReplies::default() };
        assert_eq!(map.extract(&json!({"streaming": {"preview": {}}})), silent);
        assert_eq!(
            ChannelReplyMap::default().extract(&json!({"streaming": {"mode": "partial"}})).streaming,
            None
        );
    }
}
