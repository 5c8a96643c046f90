//! `send`: one message out, without an agent.

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `send`.
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
    /// A repetition gets the first one's answer.
    pub idempotency_key: String,
}

impl Call for SendParams {
    const METHOD: &'static str = "send";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "sends a message through a channel";
    const SHAPE: &'static [Field] = &[
        Field::required("to", Kind::NonEmpty),
        Field::optional("message", Kind::Text),
        Field::optional("channel", Kind::NonEmpty),
        Field::optional("accountId", Kind::NonEmpty),
        Field::optional("replyToId", Kind::NonEmpty),
        Field::optional("threadId", Kind::NonEmpty),
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
