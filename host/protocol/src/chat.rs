//! `chat.*`: a conversation as a program for people shows it: its history, a message that is answered by events, and the
//! end of an answer on request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    agent::ATTACHMENTS,
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// The name of the event that tells of an answer.
pub const CHAT_EVENT: &str = "chat";

/// Parameters of `chat.history`: the end of a transcript.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatHistoryParams {
    /// The session.
    pub session_key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Where a client left off. This gateway gives none out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Messages at most; 200 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Messages to leave out, from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The page that holds this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// An earlier transcript of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Characters of one message at most; the rest is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
}

impl Call for ChatHistoryParams {
    const METHOD: &'static str = "chat.history";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "a session's messages, by pages";
    const SHAPE: &'static [Field] = &[
        Field::required("sessionKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("cursor", Kind::Text),
        Field::optional("limit", Kind::Int(1, 1000)),
        Field::optional("offset", Kind::Int(0, i64::MAX)),
        Field::optional("pendingBefore", Kind::Int(1, i64::MAX)),
        Field::optional("inputRunIds", Kind::List(&Kind::NonEmpty, 1, 50)),
        Field::optional("messageId", Kind::NonEmpty),
        Field::optional("sessionId", Kind::NonEmpty),
        Field::optional("maxChars", Kind::Int(1, 500000)),
    ];
    type Reply = Value;
}

/// Parameters of `chat.startup`: as `chat.history`, with what `chat.metadata` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatStartupParams(pub ChatHistoryParams);

impl Call for ChatStartupParams {
    const METHOD: &'static str = "chat.startup";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "what a chat needs when it opens";
    const SHAPE: &'static [Field] = ChatHistoryParams::SHAPE;
    type Reply = Value;
}

/// Parameters of `chat.metadata`: which models and commands there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMetadataParams {}

impl Call for ChatMetadataParams {
    const METHOD: &'static str = "chat.metadata";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the models and commands that a chat offers";
    const SHAPE: &'static [Field] =
        &[Field::optional("agentId", Kind::NonEmpty), Field::optional("sessionKey", Kind::NonEmpty)];
    type Reply = Value;
}

/// Parameters of `chat.message.get`: one message, whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessageGetParams {
    /// The session.
    pub session_key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The message.
    pub message_id: String,
    /// Characters at most; the rest is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
}

impl Call for ChatMessageGetParams {
    const METHOD: &'static str = "chat.message.get";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "one message in full";
    const SHAPE: &'static [Field] = &[
        Field::required("sessionKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::required("messageId", Kind::NonEmpty),
        Field::optional("maxChars", Kind::Int(1, 2000000)),
    ];
    type Reply = ChatMessage;
}

/// The answer to `chat.message.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// There is one.
    pub ok: bool,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
    /// Why there is none: `not_found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_reason: Option<String>,
}

/// Parameters of `chat.send`: a message of a person, answered by events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatSendParams {
    /// The session.
    pub session_key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The transcript that the client has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// What the person says.
    pub message: String,
    /// How long the model may think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// What becomes of a turn that runs: `interrupt` ends it, otherwise the message waits for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_mode: Option<String>,
    /// Sends the answer to a channel too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver: Option<bool>,
    /// The channel that the answer is sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originating_channel: Option<String>,
    /// The conversation that the answer is sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originating_to: Option<String>,
    /// The account that sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originating_account_id: Option<String>,
    /// The thread or topic that it is sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originating_thread_id: Option<String>,
    /// The message that it answers there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_id: Option<String>,
    /// Files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Value>>,
    /// How long the turn may take; 0 and absent mean the configured limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Text that begins with `/` is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_command_interpretation: Option<bool>,
    /// Becomes the run's id; a repetition starts nothing.
    pub idempotency_key: String,
    /// Everything else that the published schema allows.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Call for ChatSendParams {
    const METHOD: &'static str = "chat.send";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "says something in a session; the reply comes as events";
    const SHAPE: &'static [Field] = &[
        Field::required("sessionKey", Kind::Chars(1, 512)),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("sessionId", Kind::NonEmpty),
        Field::required("message", Kind::Text),
        Field::optional("intent", Kind::Map),
        Field::optional("thinking", Kind::Text),
        Field::optional("fastMode", Kind::BoolOr(&["auto"])),
        Field::optional("fastAutoOnSeconds", Kind::Int(1, i64::MAX)),
        Field::optional("queueMode", Kind::OneOf(&["steer", "followup", "collect", "interrupt"])),
        Field::optional("deliver", Kind::Bool),
        Field::optional("originatingChannel", Kind::Text),
        Field::optional("originatingTo", Kind::Text),
        Field::optional("originatingAccountId", Kind::Text),
        Field::optional("originatingThreadId", Kind::Text),
        Field::optional("replyToId", Kind::NonEmpty),
        Field::optional("attachments", Kind::List(&Kind::Map, 0, ATTACHMENTS)),
        Field::optional("toolBindings", Kind::Map),
        Field::optional("timeoutMs", Kind::Int(0, i64::MAX)),
        Field::optional("systemInputProvenance", Kind::Map),
        Field::optional("systemProvenanceReceipt", Kind::Text),
        Field::optional("suppressCommandInterpretation", Kind::Bool),
        Field::optional("expectedLeafEntryId", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("expectedSessionRoutingContract", Kind::NonEmpty),
        Field::optional(
            "expectedPermissionMode",
            Kind::OrNull(&Kind::OneOf(&["read-only", "guarded", "workspace", "full"])),
        ),
        Field::optional("expectedToolOverrides", Kind::OrNull(&Kind::Map)),
        Field::required("idempotencyKey", Kind::NonEmpty),
    ];
    type Reply = ChatAnswer;
}

/// The answer to `chat.send`, before the turn; and to a message that only ends one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChatAnswer {
    /// A turn.
    Run(ChatAck),
    /// The message was a word that ends turns.
    Aborted(ChatAborted),
}

/// What becomes of a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatAck {
    /// The run.
    pub run_id: String,
    /// `started`; for a repetition `in_flight`, or `ok` when the answer was given.
    pub status: String,
    /// The turn that ran was ended for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted_active_run: Option<bool>,
}

/// The answer to `chat.abort`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatAborted {
    /// Always true.
    pub ok: bool,
    /// Something ran and was ended.
    pub aborted: bool,
    /// What was ended.
    pub run_ids: Vec<String>,
}

/// Parameters of `chat.abort`: ends turns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatAbortParams {
    /// The session.
    pub session_key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Only this run; all of the session when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
}

impl Call for ChatAbortParams {
    const METHOD: &'static str = "chat.abort";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "stops what runs in a session";
    const SHAPE: &'static [Field] = &[
        Field::required("sessionKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("runId", Kind::NonEmpty),
        Field::optional("preserveSideRuns", Kind::Bool),
    ];
    type Reply = ChatAborted;
}

/// Parameters of `chat.inject`: puts a message into a transcript.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatInjectParams {
    /// The session.
    pub session_key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// What is put into the transcript as the agent's words.
    pub message: String,
    /// Where it comes from, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Call for ChatInjectParams {
    const METHOD: &'static str = "chat.inject";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "puts a message into a transcript; no turn runs";
    const ADVERTISED: bool = false;
    const SHAPE: &'static [Field] = &[
        Field::required("sessionKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::required("message", Kind::NonEmpty),
        Field::optional("label", Kind::Chars(0, 100)),
    ];
    type Reply = ChatInjected;
}

/// The answer to `chat.inject`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatInjected {
    /// Always true.
    pub ok: bool,
    /// The message.
    pub message_id: String,
}
