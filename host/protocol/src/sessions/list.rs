//! `sessions.list`: which sessions there are, and what is said about one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::Call,
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
    const PURPOSE: &'static str = "the sessions, the one used last first";
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
