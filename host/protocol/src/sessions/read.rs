//! The `sessions.*` methods that show what there is: previews, one session, a search, what was used, and subscriptions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::Call,
    scope::Scope,
    sessions::SessionRow,
    shape::{Field, Kind},
};

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
    const PURPOSE: &'static str = "the last words of some sessions";
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
    const PURPOSE: &'static str = "one session";
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
    const PURPOSE: &'static str = "one session's messages";
    const ADVERTISED: bool = false;
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
    const PURPOSE: &'static str = "the key that an id, a label or a short key means";
    const ADVERTISED: bool = false;
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
    const PURPOSE: &'static str = "finds words in transcripts";
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
    const PURPOSE: &'static str = "tokens that sessions have used";
    const ADVERTISED: bool = false;
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

/// Parameters of `sessions.usage.timeseries` and `sessions.usage.logs`, of which no shape is published: what they need is said
/// in words.
macro_rules! usage_of_one {
    ($(#[$doc:meta])* $params:ident, $method:literal, $purpose:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $params {
            /// The session.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub key: Option<String>,
            /// The agent; the one in the key, or the default one, when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub agent_id: Option<String>,
            /// Messages at most.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub limit: Option<f64>,
        }

        impl Call for $params {
            const METHOD: &'static str = $method;
            const SCOPE: Option<Scope> = Some(Scope::Read);
            const PURPOSE: &'static str = $purpose;
            const ADVERTISED: bool = false;
            const SHAPE: &'static [Field] = &[
                Field::optional("key", Kind::Text),
                Field::optional("agentId", Kind::Text),
                Field::optional("limit", Kind::Number),
            ];
            type Reply = Value;
        }
    };
}

usage_of_one!(
    /// Parameters of `sessions.usage.timeseries`.
    SessionsUsageTimeseriesParams,
    "sessions.usage.timeseries",
    "tokens of one session, answer by answer"
);
usage_of_one!(
    /// Parameters of `sessions.usage.logs`.
    SessionsUsageLogsParams,
    "sessions.usage.logs",
    "messages of one session with the tokens that they used"
);

/// Parameters of `sessions.subscribe`: none. The connection gets `sessions.changed` and `session.message` of all sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsSubscribeParams {}

impl Call for SessionsSubscribeParams {
    const METHOD: &'static str = "sessions.subscribe";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "from now on tells this connection of changed sessions";
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
    const PURPOSE: &'static str = "from now on tells this connection of a session's messages";
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
    const PURPOSE: &'static str = "stops telling this connection of a session's messages";
    const SHAPE: &'static [Field] =
        &[Field::required("key", Kind::NonEmpty), Field::optional("agentId", Kind::NonEmpty)];
    type Reply = Subscribed;
}
