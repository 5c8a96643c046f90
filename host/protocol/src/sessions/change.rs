//! The `sessions.*` methods that change something: what people decide about a session, and its upkeep.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    agent::ATTACHMENTS,
    call::Call,
    chat::ChatAck,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `sessions.create`: a new session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsCreateParams {
    /// Its key; a new one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Names the run of `message`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// A name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// A group for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What is said first, in the older spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// What is said first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Everything else that the published schema allows.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Call for SessionsCreateParams {
    const METHOD: &'static str = "sessions.create";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "makes a session";
    const PERMISSION: crate::method::Permission = crate::method::Permission::AtLeast(Scope::Write);
    const SHAPE: &'static [Field] = &[
        Field::optional("key", Kind::NonEmpty),
        Field::optional("idempotencyKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("label", Kind::Chars(1, 512)),
        Field::optional("displayName", Kind::Chars(1, 500)),
        Field::optional("category", Kind::Chars(1, 512)),
        Field::optional("model", Kind::NonEmpty),
        Field::optional("contextWindow", Kind::NonEmpty),
        Field::optional("thinkingLevel", Kind::NonEmpty),
        Field::optional("fastMode", Kind::BoolOr(&["auto"])),
        Field::optional("permissionMode", Kind::OneOf(&["read-only", "guarded", "workspace", "full"])),
        Field::optional("toolOverrides", Kind::Map),
        Field::optional("incognito", Kind::Bool),
        Field::optional("visibility", Kind::OneOf(&["shared", "read-only", "suggest", "draft"])),
        Field::optional("catalogId", Kind::NonEmpty),
        Field::optional("parentSessionKey", Kind::NonEmpty),
        Field::optional("spawnDepth", Kind::Int(1, i64::MAX)),
        Field::optional("fork", Kind::Bool),
        Field::optional("forkFrom", Kind::OneOf(&["last-completed"])),
        Field::optional("emitCommandHooks", Kind::Bool),
        Field::optional("succeedsParent", Kind::Bool),
        Field::optional("task", Kind::Text),
        Field::optional("message", Kind::Text),
        Field::optional("attachments", Kind::List(&Kind::Map, 0, ATTACHMENTS)),
        Field::optional("projectId", Kind::NonEmpty),
        Field::optional("projectGitUrl", Kind::Chars(1, 2048)),
        Field::optional("worktree", Kind::Bool),
        Field::optional("worktreeBaseRef", Kind::NonEmpty),
        Field::optional("worktreeName", Kind::Text),
        Field::optional("execNode", Kind::NonEmpty),
        Field::optional("cwd", Kind::NonEmpty),
    ];
    type Reply = SessionCreated;
}

/// The answer to `sessions.create`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionCreated {
    /// Always true.
    pub ok: bool,
    /// Its key.
    pub key: String,
    /// Its transcript.
    pub session_id: String,
    /// What is known of it.
    pub entry: SessionEntry,
    /// A turn has begun.
    pub run_started: bool,
    /// Which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
}

/// What is stored about a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionEntry {
    /// Its transcript.
    pub session_id: String,
    /// Unix milliseconds.
    pub updated_at: u64,
    /// A name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The provider that was chosen for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_override: Option<String>,
    /// The model that was chosen for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_override: Option<String>,
    /// How hard models think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_level: Option<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<u64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_at: Option<u64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked_unread_at: Option<u64>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// A colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// A group for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// Parameters of `sessions.send`: a message into a session that is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsSendParams {
    /// The session.
    pub key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// What the person says.
    pub message: String,
    /// How long the model may think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Value>>,
    /// How long the turn may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Becomes the run's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

impl Call for SessionsSendParams {
    const METHOD: &'static str = "sessions.send";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "says something in a session, by its key";
    const SHAPE: &'static [Field] = &[
        Field::required("key", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::required("message", Kind::Text),
        Field::optional("thinking", Kind::Text),
        Field::optional("attachments", Kind::List(&Kind::Map, 0, ATTACHMENTS)),
        Field::optional("timeoutMs", Kind::Int(0, i64::MAX)),
        Field::optional("idempotencyKey", Kind::NonEmpty),
    ];
    type Reply = ChatAck;
}

/// Parameters of `sessions.steer`: as `sessions.send`, in place of what runs in the session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionsSteerParams(pub SessionsSendParams);

impl Call for SessionsSteerParams {
    const METHOD: &'static str = "sessions.steer";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "says something in a session in place of what runs there";
    const ADVERTISED: bool = false;
    const SHAPE: &'static [Field] = SessionsSendParams::SHAPE;
    type Reply = ChatAck;
}

/// Parameters of `sessions.abort`: ends turns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsAbortParams {
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

impl Call for SessionsAbortParams {
    const METHOD: &'static str = "sessions.abort";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "stops what runs in a session, by its key";
    const SHAPE: &'static [Field] = &[
        Field::optional("key", Kind::NonEmpty),
        Field::optional("runId", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("clearQueued", Kind::Bool),
    ];
    type Reply = SessionAborted;
}

/// The answer to `sessions.abort`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAborted {
    /// Always true.
    pub ok: bool,
    /// The run that was ended; `null` when none ran.
    pub aborted_run_id: Option<String>,
    /// `aborted` or `no-active-run`.
    pub status: String,
}

/// Parameters of `sessions.patch`: decides something about a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsPatchParams {
    /// The session.
    pub key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The transcript that the client has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_session_id: Option<String>,
    /// What changes; `null` takes a decision back.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Call for SessionsPatchParams {
    const METHOD: &'static str = "sessions.patch";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "changes a session's settings";
    const PERMISSION: crate::method::Permission = crate::method::Permission::AtLeast(Scope::Write);
    const SHAPE: &'static [Field] = &[
        Field::required("key", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("expectedSessionId", Kind::NonEmpty),
        Field::optional("expectedLifecycleRevision", Kind::NonEmpty),
        Field::optional(
            "expectedPermissionMode",
            Kind::OrNull(&Kind::OneOf(&["read-only", "guarded", "workspace", "full"])),
        ),
        Field::optional("expectedToolOverrides", Kind::OrNull(&Kind::Map)),
        Field::optional("expectedMarkedUnreadAt", Kind::OrNull(&Kind::Number)),
        Field::optional("label", Kind::OrNull(&Kind::Chars(1, 512))),
        Field::optional("icon", Kind::OrNull(&Kind::Text)),
        Field::optional("color", Kind::OrNull(&Kind::Text)),
        Field::optional("category", Kind::OrNull(&Kind::Chars(1, 512))),
        Field::optional("boardFace", Kind::OneOf(&["chat", "dashboard"])),
        Field::optional("statusNote", Kind::OrNull(&Kind::Chars(0, 120))),
        Field::optional(
            "attention",
            Kind::OrNull(&Kind::OneOf(&["hand", "key", "alert", "flag", "lock", "hourglass"])),
        ),
        Field::optional("ttlMinutes", Kind::Int(1, 120)),
        Field::optional("archived", Kind::Bool),
        Field::optional("pinned", Kind::Bool),
        Field::optional("unread", Kind::Bool),
        Field::optional("contextWindow", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("thinkingLevel", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("fastMode", Kind::OrNull(&Kind::BoolOr(&["auto"]))),
        Field::optional("toolOverrides", Kind::OrNull(&Kind::Map)),
        Field::optional("verboseLevel", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("traceLevel", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("reasoningLevel", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("responseUsage", Kind::OrNull(&Kind::OneOf(&["off", "tokens", "full", "on"]))),
        Field::optional("elevatedLevel", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("execHost", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("execSecurity", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("execAsk", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("execNode", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional(
            "permissionMode",
            Kind::OrNull(&Kind::OneOf(&["read-only", "guarded", "workspace", "full"])),
        ),
        Field::optional("model", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("completionOwnerSessionKey", Kind::OrNull(&Kind::NonEmpty)),
        Field::optional("inheritedToolPolicyVersion", Kind::OrNull(&Kind::Int(1, 1))),
        Field::optional("inheritedToolAllow", Kind::OrNull(&Kind::List(&Kind::NonEmpty, 0, usize::MAX))),
        Field::optional("inheritedToolDeny", Kind::OrNull(&Kind::List(&Kind::NonEmpty, 0, usize::MAX))),
        Field::optional("sendPolicy", Kind::OrNull(&Kind::OneOf(&["allow", "deny"]))),
        Field::optional("groupActivation", Kind::OrNull(&Kind::OneOf(&["mention", "always"]))),
    ];
    type Reply = SessionChanged;
}

/// The answer to `sessions.patch`, and to `sessions.reset` without `path`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionChanged {
    /// Always true.
    pub ok: bool,
    /// The database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The session.
    pub key: String,
    /// What is known of it now.
    pub entry: SessionEntry,
}

/// Parameters of `sessions.reset`: starts a session anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsResetParams {
    /// The session.
    pub key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Told to those who listen; `reset` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Call for SessionsResetParams {
    const METHOD: &'static str = "sessions.reset";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "begins a session's transcript anew";
    const SHAPE: &'static [Field] = &[
        Field::required("key", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("reason", Kind::OneOf(&["new", "reset"])),
    ];
    type Reply = SessionChanged;
}

/// Parameters of `sessions.delete`: forgets a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsDeleteParams {
    /// The session.
    pub key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// What was said too; it is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_transcript: Option<bool>,
    /// The transcript that the client has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_session_id: Option<String>,
    /// Only when it is put away; needs no admin then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_only: Option<bool>,
    /// Everything else that the published schema allows.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Call for SessionsDeleteParams {
    const METHOD: &'static str = "sessions.delete";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "deletes a session";
    const PERMISSION: crate::method::Permission = crate::method::Permission::AtLeast(Scope::Write);
    const SHAPE: &'static [Field] = &[
        Field::required("key", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("deleteTranscript", Kind::Bool),
        Field::optional("expectedSessionId", Kind::NonEmpty),
        Field::optional("expectedLifecycleRevision", Kind::NonEmpty),
        Field::optional("expectedSessionUpdatedAt", Kind::Number),
        Field::optional("emitLifecycleHooks", Kind::Bool),
        Field::optional("archivedOnly", Kind::Bool),
    ];
    type Reply = SessionDeleted;
}

/// The answer to `sessions.delete`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionDeleted {
    /// Always true.
    pub ok: bool,
    /// The session.
    pub key: String,
    /// There was one.
    pub deleted: bool,
    /// Transcripts that were kept.
    pub archived: Vec<String>,
}

/// Parameters of `sessions.compact`: summarises the older part of a session, or cuts its transcript short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsCompactParams {
    /// The session.
    pub key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Keeps so many of the newest messages and deletes the others; a summary is written when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lines: Option<u64>,
}

impl Call for SessionsCompactParams {
    const METHOD: &'static str = "sessions.compact";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "summarises the older part of a session, or shortens its transcript";
    const SHAPE: &'static [Field] = &[
        Field::required("key", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("maxLines", Kind::Int(1, i64::MAX)),
    ];
    type Reply = SessionCompacted;
}

/// How large a session is to a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionSize {
    /// Before it was summarised, in tokens, about.
    pub tokens_before: usize,
    /// After.
    pub tokens_after: usize,
}

/// The answer to `sessions.compact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionCompacted {
    /// Always true.
    pub ok: bool,
    /// The session.
    pub key: String,
    /// Something was cut off.
    pub compacted: bool,
    /// How large it is to a model, where a summary was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<SessionSize>,
    /// How many messages there are now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
    /// Why nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
