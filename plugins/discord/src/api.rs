//! Discord's JSON, as far as this channel uses it. Every field that is not essential is optional, so that a new or odd
//! event is at worst skipped. Source: docs.discord.com, Gateway Events and Resources, version 10.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One frame of the gateway.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    pub(crate) op: u8,
    #[serde(default, borrow)]
    pub(crate) d: Option<&'a RawValue>,
    /// Only of a dispatch.
    #[serde(default)]
    pub(crate) s: Option<u64>,
    /// Only of a dispatch: the event's name.
    #[serde(default)]
    pub(crate) t: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    /// Milliseconds.
    pub(crate) heartbeat_interval: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) session_id: String,
    #[serde(default)]
    pub(crate) resume_gateway_url: String,
    pub(crate) user: User,
}

/// `GET /gateway/bot`.
#[derive(Debug, Deserialize)]
pub(crate) struct GatewayBot {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) session_start_limit: Option<SessionStartLimit>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct SessionStartLimit {
    pub(crate) remaining: u64,
    /// Milliseconds.
    #[serde(default)]
    pub(crate) reset_after: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) global_name: Option<String>,
    pub(crate) bot: bool,
}

impl User {
    /// What people see.
    pub(crate) fn name(&self) -> Option<String> {
        let names = [self.global_name.as_deref(), Some(self.username.as_str())];
        names.into_iter().flatten().find(|name| !name.trim().is_empty()).map(str::to_owned)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Member {
    pub(crate) nick: Option<String>,
    pub(crate) roles: Vec<String>,
}

/// A role of a server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Role {
    pub(crate) id: String,
    /// A number as text.
    pub(crate) permissions: String,
}

/// What a channel changes for a role or a member.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Overwrite {
    pub(crate) id: String,
    /// 0 for a role, 1 for a member.
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    /// Numbers as text.
    pub(crate) allow: String,
    pub(crate) deny: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attachment {
    pub(crate) content_type: Option<String>,
    pub(crate) filename: String,
    /// Only of a voice message.
    pub(crate) duration_secs: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sticker {
    pub(crate) name: String,
}

/// What a message answers, or what it was forwarded from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reference {
    /// 0 for an answer, 1 for a forward.
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    pub(crate) message_id: Option<String>,
}

/// A forwarded message as it was then.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Snapshot {
    pub(crate) message: Words,
}

/// What a message shows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Words {
    pub(crate) content: String,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) sticker_items: Vec<Sticker>,
    pub(crate) mentions: Vec<User>,
    pub(crate) embeds: Vec<serde::de::IgnoredAny>,
    pub(crate) components: Vec<serde::de::IgnoredAny>,
    pub(crate) poll: Option<serde::de::IgnoredAny>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) channel_id: String,
    /// Absent in private conversations.
    #[serde(default)]
    pub(crate) guild_id: Option<String>,
    /// Of the channel, where Discord says it.
    #[serde(default)]
    pub(crate) channel_type: Option<u8>,
    #[serde(default)]
    pub(crate) author: User,
    #[serde(default)]
    pub(crate) member: Option<Member>,
    /// Who wrote it, if it was a webhook.
    #[serde(default)]
    pub(crate) webhook_id: Option<String>,
    #[serde(flatten)]
    pub(crate) words: Words,
    #[serde(default)]
    pub(crate) edited_timestamp: Option<String>,
    #[serde(rename = "type", default)]
    pub(crate) kind: u8,
    #[serde(default)]
    pub(crate) message_reference: Option<Reference>,
    /// The roles that its text mentions; `@everyone` is none.
    #[serde(default)]
    pub(crate) mention_roles: Vec<String>,
    #[serde(default)]
    pub(crate) message_snapshots: Vec<Snapshot>,
    /// `null` when it was deleted.
    #[serde(default)]
    pub(crate) referenced_message: Option<Box<Message>>,
}

/// A channel or a thread.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: u8,
    #[serde(default)]
    pub(crate) parent_id: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) guild_id: Option<String>,
    #[serde(default)]
    pub(crate) permission_overwrites: Vec<Overwrite>,
}

/// The part of a server that `GUILD_CREATE` brings and this channel reads.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Guild {
    pub(crate) channels: Vec<Channel>,
    pub(crate) threads: Vec<Channel>,
}

/// `GET /applications/@me`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) flags: u64,
}

/// Anything that was made and has an id.
#[derive(Debug, Deserialize)]
pub(crate) struct Made {
    pub(crate) id: String,
}

/// A refusal of the REST API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApiError {
    pub(crate) code: u64,
    pub(crate) message: String,
    /// Seconds, only of a 429.
    pub(crate) retry_after: Option<f64>,
    /// Only of a 429.
    pub(crate) global: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct CreateMessage<'a> {
    pub(crate) content: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) flags: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_reference: Option<ReplyTo<'a>>,
    pub(crate) allowed_mentions: AllowedMentions,
    /// Together: a second message with this nonce within some minutes is the first one.
    pub(crate) nonce: &'a str,
    pub(crate) enforce_nonce: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct EditMessage<'a> {
    pub(crate) content: &'a str,
    /// Of all flags an edit can set this one alone.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) flags: u32,
    pub(crate) allowed_mentions: AllowedMentions,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ReplyTo<'a> {
    pub(crate) message_id: &'a str,
    /// A message that was deleted meanwhile is no reason not to answer.
    pub(crate) fail_if_not_exists: bool,
}

/// Whom a message may notify. What an agent writes names single people at most: never everybody, and no role.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct AllowedMentions {
    pub(crate) parse: [&'static str; 1],
    pub(crate) replied_user: bool,
}

impl AllowedMentions {
    pub(crate) const SAFE: Self = Self { parse: ["users"], replied_user: true };
}

#[derive(Debug, Serialize)]
pub(crate) struct CreateDm<'a> {
    pub(crate) recipient_id: &'a str,
}
