//! `send`: one message out, without an agent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `send`: one message out, without an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendParams {
    /// The vendor's id of the conversation.
    pub to: String,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The channel; may be left out when only one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The account; the channel's default account when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_id: Option<String>,
    /// The thread or topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// Delivers without a sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<bool>,
    /// A file that goes with the text: its bytes in base64, with or without `data:<type>;base64,` in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer: Option<String>,
    /// What to call the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The file's media type, as in `image/png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// A repetition gets the first one's answer.
    pub idempotency_key: String,
    /// Everything else that the published schema allows.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Call for SendParams {
    const METHOD: &'static str = "send";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "sends a message through a channel";
    const SHAPE: &'static [Field] = &[
        Field::required("to", Kind::NonEmpty),
        Field::optional("message", Kind::Text),
        Field::optional("mediaUrl", Kind::Text),
        Field::optional("mediaUrls", Kind::Texts),
        Field::optional("buffer", Kind::Text),
        Field::optional("filename", Kind::Text),
        Field::optional("contentType", Kind::Text),
        Field::optional("asVoice", Kind::Bool),
        Field::optional("gifPlayback", Kind::Bool),
        Field::optional("channel", Kind::Text),
        Field::optional("accountId", Kind::Text),
        Field::optional("agentId", Kind::Text),
        Field::optional("replyToId", Kind::Text),
        Field::optional("threadId", Kind::Text),
        Field::optional("forceDocument", Kind::Bool),
        Field::optional("silent", Kind::Bool),
        Field::optional("parseMode", Kind::OneOf(&["HTML"])),
        Field::optional("sessionKey", Kind::Text),
        Field::required("idempotencyKey", Kind::NonEmpty),
    ];
    type Reply = SendResult;
}

/// The answer to `send`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendResult {
    /// The idempotency key.
    pub run_id: String,
    /// The vendor's id of the message.
    pub message_id: String,
    /// The channel.
    pub channel: String,
    /// The vendor's id of the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<String>,
}

/// Parameters of `message.action`: something that a channel can do, by its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageActionParams {
    /// The channel.
    pub channel: String,
    /// For instance `send`.
    pub action: String,
    /// What the action needs: for `send` a `to` (or `target`) and a `message`.
    pub params: Map<String, Value>,
    /// The account; the channel's default account when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Which message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<MessageReply>,
    /// A repetition gets the first one's answer.
    pub idempotency_key: String,
}

/// Which message an action answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageReply {
    /// The vendor's id of that message.
    pub reply_to_id: String,
}

impl Call for MessageActionParams {
    const METHOD: &'static str = "message.action";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "does what a channel can do, by its name: send";
    const SHAPE: &'static [Field] = &[
        Field::required("channel", Kind::NonEmpty),
        Field::required("action", Kind::NonEmpty),
        Field::required("params", Kind::Map),
        Field::optional("reply", Kind::Map),
        Field::optional("accountId", Kind::Text),
        Field::optional("requesterAccountId", Kind::Text),
        Field::optional("requesterSenderId", Kind::Text),
        Field::optional("senderIsOwner", Kind::Bool),
        Field::optional("sessionKey", Kind::Text),
        Field::optional("sessionId", Kind::Text),
        Field::optional("inboundTurnKind", Kind::OneOf(&["user_request", "room_event"])),
        Field::optional("agentId", Kind::Text),
        Field::optional("toolContext", Kind::Map),
        Field::optional("conversationReadOrigin", Kind::OneOf(&["direct-operator"])),
        Field::required("idempotencyKey", Kind::NonEmpty),
    ];
    type Reply = SendResult;
}

/// Parameters of `poll`: a question with answers to choose from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PollParams {
    /// The channel; may be left out when only one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

impl Call for PollParams {
    const METHOD: &'static str = "poll";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "sends a poll through a channel";
    const ADVERTISED: bool = false;
    const SHAPE: &'static [Field] = &[
        Field::required("to", Kind::NonEmpty),
        Field::required("question", Kind::NonEmpty),
        Field::required("options", Kind::List(&Kind::NonEmpty, 2, 12)),
        Field::optional("maxSelections", Kind::Int(1, 12)),
        Field::optional("durationSeconds", Kind::Int(1, 604800)),
        Field::optional("durationHours", Kind::Int(1, i64::MAX)),
        Field::optional("silent", Kind::Bool),
        Field::optional("isAnonymous", Kind::Bool),
        Field::optional("threadId", Kind::Text),
        Field::optional("channel", Kind::Text),
        Field::optional("accountId", Kind::Text),
        Field::required("idempotencyKey", Kind::NonEmpty),
    ];
    type Reply = SendResult;
}
