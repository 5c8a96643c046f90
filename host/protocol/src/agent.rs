//! `agent` and `agent.wait`: one turn of an agent, and the events that tell of it.
//!
//! `agent` is answered **twice on the same id**: at once with [`AgentAccepted`], and with [`AgentFinal`] when the turn
//! is over. In between the connection gets `agent` events (frame `13-agent-and-wait`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    call::Call,
    method::Permission,
    scope::Scope,
    shape::{Field, Kind},
};

/// The name of the event that tells of a running turn.
pub const AGENT_EVENT: &str = "agent";

/// Attachments of one message: more than anybody sends.
pub(crate) const ATTACHMENTS: usize = 64;

/// Parameters of `agent`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentParams {
    /// What the person says. Never empty.
    pub message: String,
    /// Becomes the run's id; a repetition gets the first one's answer.
    pub idempotency_key: String,
    /// The agent; the default one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The session; the agent's main session when there is no other selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// The session by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// A recipient from which the session follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Another provider for this turn; needs admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Another model for this turn; needs admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Seconds that the turn may take; the configured limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Sends the answer to a channel too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver: Option<bool>,
    /// The channel that the answer is sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The account that sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// One raw completion instead of a turn: no session, no history, only this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_run: Option<bool>,
    /// Added after the agent's own system prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_system_prompt: Option<String>,
    /// How long the model may think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// The id that the session has to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_existing_session_id: Option<String>,
    /// Another recipient of the answer than `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Another channel for the answer than `channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_channel: Option<String>,
    /// Another account for the answer than `accountId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_account_id: Option<String>,
    /// The thread or topic that the answer is sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// Everything else that the published schema allows.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Call for AgentParams {
    const METHOD: &'static str = "agent";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PERMISSION: Permission = Permission::AtLeast(Scope::Write);
    const PURPOSE: &'static str = "runs an agent; answers twice";
    const SHAPE: &'static [Field] = &[
        Field::required("message", Kind::NonEmpty),
        Field::required("idempotencyKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("provider", Kind::Text),
        Field::optional("model", Kind::Text),
        Field::optional("to", Kind::Text),
        Field::optional("replyTo", Kind::Text),
        Field::optional("sessionId", Kind::Text),
        Field::optional("sessionKey", Kind::Text),
        Field::optional("expectedExistingSessionId", Kind::NonEmpty),
        Field::optional("thinking", Kind::Text),
        Field::optional("deliver", Kind::Bool),
        Field::optional("attachments", Kind::List(&Kind::Any, 0, ATTACHMENTS)),
        Field::optional("channel", Kind::Text),
        Field::optional("replyChannel", Kind::Text),
        Field::optional("accountId", Kind::Text),
        Field::optional("replyAccountId", Kind::Text),
        Field::optional("threadId", Kind::Text),
        Field::optional("groupId", Kind::Text),
        Field::optional("groupChannel", Kind::Text),
        Field::optional("groupSpace", Kind::Text),
        Field::optional("timeout", Kind::Int(0, i64::MAX)),
        Field::optional("bestEffortDeliver", Kind::Bool),
        Field::optional("lane", Kind::Text),
        Field::optional("cwd", Kind::NonEmpty),
        Field::optional("cleanupBundleMcpOnRunEnd", Kind::Bool),
        Field::optional("modelRun", Kind::Bool),
        Field::optional("promptMode", Kind::OneOf(&["full", "minimal", "none"])),
        Field::optional("extraSystemPrompt", Kind::Text),
        Field::optional("bootstrapContextMode", Kind::OneOf(&["full", "lightweight"])),
        Field::optional("bootstrapContextRunKind", Kind::OneOf(&["default", "heartbeat", "cron"])),
        Field::optional("acpTurnSource", Kind::OneOf(&["manual_spawn"])),
        Field::optional("internalRuntimeHandoffId", Kind::NonEmpty),
        Field::optional("internalExecutionIdentityRetry", Kind::Bool),
        Field::optional("internalExecutionIdentityRecoveryAttempt", Kind::Int(1, i64::MAX)),
        Field::optional("execApprovalFollowupExpectedSessionId", Kind::NonEmpty),
        Field::optional("internalEvents", Kind::List(&Kind::Map, 0, ATTACHMENTS)),
        Field::optional("inputProvenance", Kind::Map),
        Field::optional("suppressPromptPersistence", Kind::Bool),
        Field::optional("sessionEffects", Kind::OneOf(&["visible", "internal"])),
        Field::optional("sourceReplyDeliveryMode", Kind::OneOf(&["automatic", "message_tool_only"])),
        Field::optional("disableMessageTool", Kind::Bool),
        Field::optional("swarmCollector", Kind::Bool),
        Field::optional("swarmOutputSchema", Kind::Map),
        Field::optional("forceRestartSafeTools", Kind::Bool),
        Field::optional("forceCodeModeTools", Kind::Bool),
        Field::optional("voiceWakeTrigger", Kind::Text),
        Field::optional("label", Kind::Chars(1, 512)),
    ];
    type Reply = AgentFinal;
}

/// The first answer to `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentAccepted {
    /// The run.
    pub run_id: String,
    /// The session that the turn belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Always `accepted`; `in_flight` for a repetition.
    pub status: String,
    /// Unix milliseconds.
    pub accepted_at: u64,
}

/// The last answer to `agent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentFinal {
    /// The run.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// `completed`, `aborted`, or what went wrong.
    pub summary: String,
    /// What the agent said; absent when there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<AgentResult>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// With an answer.
    Ok,
    /// With an error.
    Error,
    /// It took too long.
    Timeout,
    /// It still runs; only in the answer to `agent.wait`.
    Pending,
}

/// What the agent said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentResult {
    /// In order.
    pub payloads: Vec<ReplyPayload>,
    /// About the run.
    pub meta: RunMeta,
}

/// One part of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplyPayload {
    /// The text.
    #[serde(default)]
    pub text: Option<String>,
    /// The address of a medium; `null` when there is none.
    #[serde(default)]
    pub media_url: Option<String>,
}

/// About a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunMeta {
    /// From the turn's start to its end.
    pub duration_ms: u64,
    /// Which model answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_meta: Option<AgentMeta>,
    /// Why the model stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Which model answered, and what it cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentMeta {
    /// The session's id; empty for a raw completion.
    #[serde(default)]
    pub session_id: String,
    /// The provider.
    pub provider: String,
    /// The provider's own model id.
    pub model: String,
    /// Tokens, as the provider counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// Tokens, as the provider counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Read by the model.
    pub input: u64,
    /// Written by the model.
    pub output: u64,
    /// The part of `input` that came from the provider's cache.
    pub cache_read: u64,
    /// Both together.
    pub total: u64,
}

/// Parameters of `agent.wait`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentWaitParams {
    /// The run.
    pub run_id: String,
    /// 30,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

impl Call for AgentWaitParams {
    const METHOD: &'static str = "agent.wait";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "waits for the end of a run";
    const SHAPE: &'static [Field] =
        &[Field::required("runId", Kind::NonEmpty), Field::optional("timeoutMs", Kind::Int(0, i64::MAX))];
    type Reply = AgentWait;
}

/// The answer to `agent.wait`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentWait {
    /// The run.
    pub run_id: String,
    /// How it ended, or `pending`; `timeout` when the wait ran out.
    pub status: RunStatus,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<u64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<u64>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why the model stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
}

/// The payload of an `agent` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentEvent {
    /// The run.
    pub run_id: String,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// `lifecycle`, `assistant`, `tool`, `thinking`, `usage` …
    pub stream: String,
    /// Depends on `stream`; for `assistant` an [`AssistantDelta`].
    pub data: Value,
    /// Rises by one within the run, from 1.
    pub seq: u64,
    /// Unix milliseconds.
    pub ts: u64,
}

/// The data of an `agent` event of the stream `assistant`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssistantDelta {
    /// The whole text so far.
    pub text: String,
    /// What is new in it.
    pub delta: String,
}
