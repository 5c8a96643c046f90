//! Owns what `messaging` asks of a channel: the `Sender` trait and the host's plain shapes of `types.outbound` and
//! `types.outcome` (`wit/0.2.0/types.wit`). Never knows how a channel is run.

use async_trait::async_trait;
use openclaw_store::{AccountKey, MediaFile, Receipt, SendFault, Target};

/// One message for the vendor (`types.outbound`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Stays the same when the host tries again. At most 64 bytes of `[A-Za-z0-9_-]`.
    pub idempotency_key: String,
    /// Where it goes.
    pub target: Target,
    /// Markdown that fits the channel's limit.
    pub text: String,
    /// The vendor's id of the message to answer.
    pub reply_to: Option<String>,
    /// What the message being answered carried; empty when there is none.
    pub reply_context: Vec<u8>,
    /// Files of the account that go with the text, which is empty where they are all there is.
    pub media: Vec<MediaFile>,
    /// Deliver without a sound.
    pub silent: bool,
}

/// What a message of ours is to show instead (`types.revision`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Where the message is.
    pub target: Target,
    /// The vendor's id of it, as its receipt named it.
    pub message_id: String,
    /// Markdown that fits the channel's limit.
    pub text: String,
    /// What the message being answered carried; empty when there is none.
    pub reply_context: Vec<u8>,
}

/// A reaction of ours to somebody's message (`types.reaction`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Where the message is.
    pub target: Target,
    /// The vendor's id of it.
    pub message_id: String,
    /// The reaction; `None` for none.
    pub emoji: Option<String>,
    /// The one that is to go, so far as it is known.
    pub instead_of: Option<String>,
}

/// Why a send did not end in a receipt (`types.failure`; its kind is told by the `Outcome`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The vendor's own code, or a short stable word.
    pub code: String,
    /// For people; scrubbed of secrets.
    pub detail: String,
    /// How long the vendor asked to wait.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// A failure with a code and a text and no wish about when to come back.
    pub fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), retry_after_ms: None }
    }

    pub(crate) fn fault(self) -> SendFault {
        SendFault { code: self.code, detail: self.detail }
    }
}

/// How a send ended (`types.outcome`, and the host's own `NotRunning`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The vendor has it.
    Sent(Receipt),
    /// Nothing is visible and a second attempt is safe.
    Retryable(Failure),
    /// The request may have reached the vendor and no receipt came back.
    Ambiguous(Failure),
    /// It can never succeed as it is.
    Permanent(Failure),
    /// The credential was refused: the account's messages wait for `Messaging::wake`.
    Unauthorised(Failure),
    /// No instance of this account took the call: its messages wait for `Messaging::wake`.
    NotRunning(Failure),
}

/// Carries messages to channels. `gateway` implements it over the supervisor's running instances.
#[async_trait]
pub trait Sender: Send + Sync + 'static {
    /// Sends one message. Called once at a time for a conversation, at once for many. Not cancelled by the caller before
    /// the send deadline; past it the outcome counts as ambiguous.
    async fn send(&self, account: &AccountKey, outbound: Outbound) -> Outcome;

    /// Shows that an answer is being written, where the channel can. Its failure is nobody's business.
    async fn typing(&self, account: &AccountKey, target: &Target);

    /// Whether the channel can replace the text of a message, now.
    fn can_edit(&self, account: &AccountKey) -> bool;

    /// Replaces the text of a message. It shows the same when it is done twice. May come while a send to the same
    /// conversation is under way.
    async fn edit(&self, account: &AccountKey, revision: Revision) -> Outcome;

    /// Shows a reaction, where the channel can. Its failure is nobody's business.
    async fn react(&self, account: &AccountKey, reaction: Reaction);
}
