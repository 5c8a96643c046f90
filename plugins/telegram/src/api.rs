//! The Bot API's JSON, as far as this channel uses it. Every field that is not essential is optional, so that a new or
//! odd update is at worst skipped. Sources: core.telegram.org/bots/api, and the observed transcripts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// `{"ok":true,"result":…}` or `{"ok":false,"error_code":…,"description":…,"parameters":{…}}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(default)]
    pub(crate) ok: bool,
    #[serde(default, borrow)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) error_code: Option<u16>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) parameters: Option<Parameters>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parameters {
    /// Seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) migrate_to_chat_id: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) is_bot: bool,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) username: Option<String>,
    // Only in the answer to `getMe`.
    pub(crate) can_join_groups: Option<bool>,
    pub(crate) can_read_all_group_messages: Option<bool>,
    pub(crate) supports_inline_queries: Option<bool>,
    pub(crate) has_topics_enabled: Option<bool>,
}

impl User {
    /// First and last name.
    pub(crate) fn name(&self) -> Option<String> {
        let names: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        Some(names.join(" ")).filter(|name| !name.trim().is_empty())
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Chat {
    pub(crate) id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) username: Option<String>,
    #[serde(default)]
    pub(crate) is_forum: bool,
}

/// Offsets and lengths count UTF-16 code units.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) offset: usize,
    #[serde(default)]
    pub(crate) length: usize,
    #[serde(default)]
    pub(crate) user: Option<User>,
}

/// A file, or one size of a photo.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attached {
    /// Good for this bot alone.
    pub(crate) file_id: String,
    pub(crate) file_name: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) file_size: Option<u64>,
}

/// Whether something is there, whatever it is.
type Present = Option<serde::de::IgnoredAny>;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) message_id: i64,
    pub(crate) chat: Chat,
    /// The same for all pieces of an album.
    #[serde(default)]
    pub(crate) media_group_id: Option<String>,
    #[serde(default)]
    pub(crate) message_thread_id: Option<i64>,
    #[serde(default)]
    pub(crate) is_topic_message: bool,
    #[serde(default)]
    pub(crate) from: Option<User>,
    #[serde(default)]
    pub(crate) sender_chat: Option<Chat>,
    /// Unix seconds.
    #[serde(default)]
    pub(crate) date: u64,
    #[serde(default)]
    pub(crate) edit_date: Option<u64>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) caption: Option<String>,
    #[serde(default)]
    pub(crate) entities: Vec<Entity>,
    #[serde(default)]
    pub(crate) caption_entities: Vec<Entity>,
    #[serde(default)]
    pub(crate) reply_to_message: Option<Box<Message>>,
    #[serde(default)]
    pub(crate) quote: Option<TextQuote>,
    #[serde(default)]
    pub(crate) forward_origin: Present,
    /// Servers before Bot API 7.0.
    #[serde(default)]
    pub(crate) forward_date: Present,
    /// The service message that begins a topic; every message of a topic "answers" it.
    #[serde(default)]
    pub(crate) forum_topic_created: Present,
    #[serde(default)]
    pub(crate) photo: Option<Vec<Attached>>,
    #[serde(default)]
    pub(crate) video: Option<Attached>,
    #[serde(default)]
    pub(crate) video_note: Option<Attached>,
    #[serde(default)]
    pub(crate) animation: Option<Attached>,
    #[serde(default)]
    pub(crate) audio: Option<Attached>,
    #[serde(default)]
    pub(crate) voice: Option<Attached>,
    #[serde(default)]
    pub(crate) document: Option<Attached>,
    #[serde(default)]
    pub(crate) sticker: Option<Sticker>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TextQuote {
    #[serde(default)]
    pub(crate) text: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sticker {
    pub(crate) emoji: Option<String>,
    pub(crate) is_animated: bool,
    pub(crate) is_video: bool,
    #[serde(flatten)]
    pub(crate) file: Attached,
}

/// Where a file can be had for an hour.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RemoteFile {
    pub(crate) file_size: Option<u64>,
    pub(crate) file_path: Option<String>,
}

/// The part of an update without which nothing can be done with it.
#[derive(Debug, Deserialize)]
pub(crate) struct UpdateId {
    pub(crate) update_id: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Update {
    pub(crate) update_id: i64,
    #[serde(default)]
    pub(crate) message: Option<Message>,
    #[serde(default)]
    pub(crate) edited_message: Option<Message>,
    #[serde(default)]
    pub(crate) channel_post: Option<Message>,
    #[serde(default)]
    pub(crate) edited_channel_post: Option<Message>,
}

/// The kinds of updates that this channel acts on.
pub(crate) const ALLOWED_UPDATES: [&str; 4] =
    ["message", "edited_message", "channel_post", "edited_channel_post"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebhookInfo {
    pub(crate) url: String,
    pub(crate) pending_update_count: Option<u64>,
    pub(crate) last_error_message: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SentMessage {
    pub(crate) message_id: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct GetUpdates {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<i64>,
    pub(crate) limit: u8,
    /// Seconds.
    pub(crate) timeout: u8,
    pub(crate) allowed_updates: [&'static str; 4],
}

#[derive(Debug, Serialize)]
pub(crate) struct GetFile<'a> {
    pub(crate) file_id: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeleteWebhook {
    pub(crate) drop_pending_updates: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct SendMessage<'a> {
    pub(crate) chat_id: &'a ChatId,
    pub(crate) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parse_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_thread_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_parameters: Option<ReplyParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link_preview_options: Option<LinkPreviewOptions>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) disable_notification: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct EditMessageText<'a> {
    pub(crate) chat_id: &'a ChatId,
    pub(crate) message_id: i64,
    pub(crate) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parse_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link_preview_options: Option<LinkPreviewOptions>,
}

/// A bot has one reaction to a message at most; an empty list takes it away.
#[derive(Debug, Serialize)]
pub(crate) struct SetMessageReaction<'a> {
    pub(crate) chat_id: &'a ChatId,
    pub(crate) message_id: i64,
    pub(crate) reaction: &'a [ReactionType<'a>],
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ReactionType<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) emoji: &'a str,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ReplyParameters {
    pub(crate) message_id: i64,
    pub(crate) allow_sending_without_reply: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct LinkPreviewOptions {
    pub(crate) is_disabled: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct SendChatAction<'a> {
    pub(crate) chat_id: &'a ChatId,
    pub(crate) action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_thread_id: Option<i64>,
}

/// A numeric id or a public `@name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum ChatId {
    Number(i64),
    Name(String),
}

impl std::fmt::Display for ChatId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}
