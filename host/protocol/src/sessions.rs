//! `sessions.*`: the list of conversations, what people decide about them, and their upkeep.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    agent::ATTACHMENTS,
    call::Call,
    chat::ChatAck,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `sessions.list`: which sessions there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsListParams {
    /// So many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// After so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Used within so many minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_minutes: Option<u64>,
    /// The session `global` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_global: Option<bool>,
    /// The session `unknown` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_unknown: Option<bool>,
    /// Only of agents that the configuration has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured_agents_only: Option<bool>,
    /// With a title made of what was said first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_derived_titles: Option<bool>,
    /// With what was said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_last_message: Option<bool>,
    /// With exactly this label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Made by this person: this gateway knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_id: Option<String>,
    /// Of this person: this gateway knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// With this person: this gateway knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub involving_profile_id: Option<String>,
    /// Begun by this session: this gateway has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawned_by: Option<String>,
    /// Of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// With this text in the key, the id or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// `true`: only those that are put away; `"all"`: with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<Value>,
}

impl Call for SessionsListParams {
    const METHOD: &'static str = "sessions.list";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[
        Field::optional("limit", Kind::Int(1, i64::MAX)),
        Field::optional("offset", Kind::Int(0, i64::MAX)),
        Field::optional("activeMinutes", Kind::Int(1, i64::MAX)),
        Field::optional("requireLastInteraction", Kind::Bool),
        Field::optional("sortBy", Kind::OneOf(&["updatedAt", "lastInteractionAt"])),
        Field::optional("includeGlobal", Kind::Bool),
        Field::optional("includeUnknown", Kind::Bool),
        Field::optional("configuredAgentsOnly", Kind::Bool),
        Field::optional("includeDerivedTitles", Kind::Bool),
        Field::optional("includeLastMessage", Kind::Bool),
        Field::optional("label", Kind::Chars(1, 512)),
        Field::optional("boardFace", Kind::OneOf(&["chat", "dashboard"])),
        Field::optional("creatorId", Kind::NonEmpty),
        Field::optional("ownerId", Kind::NonEmpty),
        Field::optional("ownerFirst", Kind::Bool),
        Field::optional("involvingMe", Kind::Bool),
        Field::optional("involvingProfileId", Kind::NonEmpty),
        Field::optional("includePeople", Kind::Bool),
        Field::optional("spawnedBy", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("search", Kind::Text),
        Field::optional("archived", Kind::BoolOr(&["all"])),
    ];
    type Reply = SessionsList;
}

/// The answer to `sessions.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsList {
    /// Unix milliseconds.
    pub ts: u64,
    /// The database.
    pub path: String,
    /// How many are in this answer.
    pub count: usize,
    /// How many there are.
    pub total_count: u64,
    /// The limit that was in force; `null` when there was none.
    pub limit_applied: Option<u64>,
    /// Where the next part begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// There are more.
    pub has_more: bool,
    /// What counts where nothing was decided.
    pub defaults: SessionDefaults,
    /// The one used last first.
    pub sessions: Vec<SessionRow>,
}

/// What counts for a session where nothing was decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDefaults {
    /// The provider; `null` when no model is configured.
    pub model_provider: Option<String>,
    /// The provider's own model id.
    pub model: Option<String>,
    /// In tokens.
    pub context_tokens: Option<u64>,
}

/// One session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRow {
    /// Its key.
    pub key: String,
    /// Its transcript.
    pub session_id: String,
    /// `direct`, `group`, `global` or `unknown`.
    pub kind: String,
    /// `direct`, `group` or `channel`, where the key says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_type: Option<String>,
    /// The channel, where the key names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Its agent.
    pub agent_id: String,
    /// It is the agent's main session.
    pub is_main: bool,
    /// Unix milliseconds.
    pub created_at: u64,
    /// Unix milliseconds.
    pub updated_at: u64,
    /// The name that people gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The title that people gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// A title made of what was said first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived_title: Option<String>,
    /// What was said last, cut short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_preview: Option<String>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// A colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// A group for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// It is put away.
    pub archived: bool,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<u64>,
    /// It stands first.
    pub pinned: bool,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_at: Option<u64>,
    /// Somebody marked it as unread.
    pub unread: bool,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked_unread_at: Option<u64>,
    /// `running`, while a turn runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// A turn runs or waits.
    pub has_active_run: bool,
    /// Which.
    pub active_run_ids: Vec<String>,
    /// The provider that answers, or answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_provider: Option<String>,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `user` when somebody chose the model for this session.
    pub model_override_source: Option<String>,
    /// Of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Of the last answer, both together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// `totalTokens` is a count and no guess.
    pub total_tokens_fresh: bool,
    /// What the model can take, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
}

/// Parameters of `sessions.preview`: the last messages of some sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsPreviewParams {
    /// The sessions; more than 64 are left out.
    pub keys: Vec<String>,
    /// Messages of each; 12 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Characters of each message; 240 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
}

impl Call for SessionsPreviewParams {
    const METHOD: &'static str = "sessions.preview";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[
        Field::required("keys", Kind::List(&Kind::NonEmpty, 1, usize::MAX)),
        Field::optional("limit", Kind::Int(1, i64::MAX)),
        Field::optional("maxChars", Kind::Int(20, i64::MAX)),
    ];
    type Reply = SessionsPreview;
}

/// The answer to `sessions.preview`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionsPreview {
    /// Unix milliseconds.
    pub ts: u64,
    /// In the order of the question.
    pub previews: Vec<Preview>,
}

/// The last messages of one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The session, as it was asked for.
    pub key: String,
    /// `ok`, `empty` or `missing`.
    pub status: String,
    /// The oldest first.
    pub items: Vec<PreviewItem>,
}

/// One message, cut short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreviewItem {
    /// `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub text: String,
}

/// Parameters of `sessions.describe`: one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsDescribeParams {
    /// The session.
    pub key: String,
    /// With a title made of what was said first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_derived_titles: Option<bool>,
    /// With what was said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_last_message: Option<bool>,
}

impl Call for SessionsDescribeParams {
    const METHOD: &'static str = "sessions.describe";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[
        Field::required("key", Kind::NonEmpty),
        Field::optional("includeDerivedTitles", Kind::Bool),
        Field::optional("includeLastMessage", Kind::Bool),
    ];
    type Reply = SessionDescription;
}

/// The answer to `sessions.describe`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionDescription {
    /// `null` when there is none.
    pub session: Option<SessionRow>,
}

/// Parameters of `sessions.get`: the end of a transcript, alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsGetParams {
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The session, in the older spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Messages at most; 200 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl Call for SessionsGetParams {
    const METHOD: &'static str = "sessions.get";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[
        Field::optional("key", Kind::NonEmpty),
        Field::optional("sessionKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("limit", Kind::Int(1, i64::MAX)),
    ];
    type Reply = SessionMessages;
}

/// The answer to `sessions.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionMessages {
    /// The oldest first; as in `chat.history`.
    pub messages: Vec<Value>,
}

/// Parameters of `sessions.resolve`: the key of one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsResolveParams {
    /// A key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The id of a transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// A label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Nothing found is an answer, not an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_missing: Option<bool>,
}

impl Call for SessionsResolveParams {
    const METHOD: &'static str = "sessions.resolve";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[
        Field::optional("key", Kind::NonEmpty),
        Field::optional("sessionId", Kind::NonEmpty),
        Field::optional("label", Kind::Chars(1, 512)),
        Field::optional("shortId", Kind::NonEmpty),
        Field::optional("slugHint", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("spawnedBy", Kind::NonEmpty),
        Field::optional("includeGlobal", Kind::Bool),
        Field::optional("includeUnknown", Kind::Bool),
        Field::optional("allowMissing", Kind::Bool),
    ];
    type Reply = SessionResolved;
}

/// The answer to `sessions.resolve`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionResolved {
    /// There is one.
    pub ok: bool,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

/// Parameters of `sessions.search`: where something was said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsSearchParams {
    /// Of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Only in these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_keys: Option<Vec<String>>,
    /// What was said, in any case.
    pub query: String,
    /// Hits at most; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl Call for SessionsSearchParams {
    const METHOD: &'static str = "sessions.search";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("sessionKeys", Kind::List(&Kind::NonEmpty, 1, 200)),
        Field::required("query", Kind::Chars(1, 4096)),
        Field::optional("limit", Kind::Int(1, 25)),
    ];
    type Reply = SessionsFound;
}

/// The answer to `sessions.search`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionsFound {
    /// The newest first.
    pub results: Vec<SessionHit>,
    /// There may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

/// A message that was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionHit {
    /// Where.
    pub session_key: String,
    /// Its transcript.
    pub session_id: String,
    /// The message.
    pub message_id: String,
    /// `user` or `assistant`.
    pub role: String,
    /// Unix milliseconds.
    pub timestamp: u64,
    /// Around the first place of the text.
    pub snippet: String,
    /// How well it fits: how often the text is in it.
    pub score: u64,
}

/// Parameters of `sessions.usage`: what sessions used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsUsageParams {
    /// Only this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Of all agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_scope: Option<String>,
    /// The first day: `2026-01-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
    /// So many days until today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// Sessions at most; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl Call for SessionsUsageParams {
    const METHOD: &'static str = "sessions.usage";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[
        Field::optional("key", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("agentScope", Kind::OneOf(&["all"])),
        Field::optional("startDate", Kind::Text),
        Field::optional("endDate", Kind::Text),
        Field::optional("mode", Kind::OneOf(&["utc", "gateway", "specific"])),
        Field::optional("range", Kind::OneOf(&["7d", "30d", "90d", "1y", "all"])),
        Field::optional("groupBy", Kind::OneOf(&["instance", "family"])),
        Field::optional("includeHistorical", Kind::Bool),
        Field::optional("utcOffset", Kind::Text),
        Field::optional("timeZone", Kind::NonEmpty),
        Field::optional("limit", Kind::Int(1, i64::MAX)),
        Field::optional("includeContextWeight", Kind::Bool),
    ];
    type Reply = Value;
}

/// Parameters of `sessions.subscribe`: none. The connection gets `sessions.changed` and `session.message` of all sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsSubscribeParams {}

impl Call for SessionsSubscribeParams {
    const METHOD: &'static str = "sessions.subscribe";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[];
    type Reply = Subscribed;
}

/// The answer to a subscription.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Subscribed {
    /// The connection gets the events.
    pub subscribed: bool,
    /// Of this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Parameters of `sessions.messages.subscribe`: the connection gets `session.message` of one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsMessagesSubscribeParams {
    /// The session.
    pub key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

impl Call for SessionsMessagesSubscribeParams {
    const METHOD: &'static str = "sessions.messages.subscribe";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] = &[
        Field::required("key", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("includeApprovals", Kind::Bool),
    ];
    type Reply = Subscribed;
}

/// Parameters of `sessions.messages.unsubscribe`: ends it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsMessagesUnsubscribeParams {
    /// The session.
    pub key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

impl Call for SessionsMessagesUnsubscribeParams {
    const METHOD: &'static str = "sessions.messages.unsubscribe";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const SHAPE: &'static [Field] =
        &[Field::required("key", Kind::NonEmpty), Field::optional("agentId", Kind::NonEmpty)];
    type Reply = Subscribed;
}

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

/// Parameters of `sessions.compact`: cuts a transcript short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsCompactParams {
    /// The session.
    pub key: String,
    /// The agent; the one in the key, or the default one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Keeps so many of the newest messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lines: Option<u64>,
}

impl Call for SessionsCompactParams {
    const METHOD: &'static str = "sessions.compact";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const SHAPE: &'static [Field] = &[
        Field::required("key", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("maxLines", Kind::Int(1, i64::MAX)),
    ];
    type Reply = SessionCompacted;
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
    /// How many messages there are now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
    /// Why nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
