//! `channels.why`: what became of a message, and every check on the way. A method of our own. All times are Unix milliseconds.

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::scope::Scope;
use crate::shape::{Field, Kind};

/// Messages in one answer at most.
pub const MOST_DECISIONS: i64 = 200;
/// Messages in one answer when nobody says otherwise.
pub const USUAL_DECISIONS: usize = 20;

/// Parameters of `channels.why`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelsWhyParams {
    /// The vendor's id of the message. Absent: the newest messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Only of this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Only of accounts of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// So many at most; 20 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

impl Call for ChannelsWhyParams {
    const METHOD: &'static str = "channels.why";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const ADVERTISED: bool = false;
    const PURPOSE: &'static str = "what became of a message, and every check on the way";
    const SHAPE: &'static [Field] = &[
        Field::optional("messageId", Kind::NonEmpty),
        Field::optional("channel", Kind::NonEmpty),
        Field::optional("accountId", Kind::NonEmpty),
        Field::optional("limit", Kind::Int(1, MOST_DECISIONS)),
    ];
    type Reply = MessageDecisions;
}

/// The answer to `channels.why`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageDecisions {
    /// Now.
    pub ts: u64,
    /// The newest first. Empty when no account had the message, or it is longer ago than the ledger keeps (30 days).
    pub messages: Vec<MessageDecision>,
}

/// What became of one message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageDecision {
    /// The vendor's id of it.
    pub message_id: String,
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// `direct`, `group` or `channel`.
    pub chat_type: String,
    /// Where it was said.
    pub room: String,
    /// The thread there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// Who said it.
    pub sender_id: String,
    /// When it was admitted to the ledger.
    pub at: u64,
    /// `undecided`, `queued` (a turn is owed), `answered` or `dropped`.
    pub outcome: String,
    /// Why, in a word or two; nothing before the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The session that it belongs to, if it became a turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// The checks, in their order; the last one decided. Empty for a message from before they were kept.
    pub steps: Vec<DecisionStep>,
}

/// One check on the way to a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionStep {
    /// What was looked at.
    pub check: String,
    /// Whether the message went on from here.
    pub passed: bool,
    /// What was found there.
    pub found: String,
}
