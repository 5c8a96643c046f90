//! Owns the shapes that go into and come out of the store, apart from messages. All times are Unix milliseconds.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{AccountKey, MediaFile, Message, Receipt, Target};

/// The ledger's number of an inbound message. Rises with the order of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InboundId(pub i64);

/// What became of `Store::admit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The row, new or old.
    pub id: InboundId,
    /// A message with this vendor id was admitted before; only the cursor was written.
    pub duplicate: bool,
}

/// An inbound message as the ledger holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct InboundRow {
    /// Its number.
    pub id: InboundId,
    /// Whose it is.
    pub account: AccountKey,
    /// What was said.
    pub message: Message,
    /// When it was admitted.
    pub received_at: i64,
    /// Where its turn belongs, once it was decided that there is one.
    pub route: Option<Route>,
}

/// Something from the vendor that an account's component could not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The vendor's id of it, where it could be told.
    pub vendor_id: Option<String>,
    /// Why, for people.
    pub reason: String,
    /// As it came, or its beginning.
    pub raw: Vec<u8>,
    /// When.
    pub at: i64,
}

/// The session that a message's turn belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which agent answers.
    pub agent: String,
    /// The session key.
    pub session_key: String,
}

/// What becomes of an inbound message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It becomes a turn of this session.
    Queue(Route),
    /// It is not processed.
    Drop,
}

/// One check on the way to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was looked at, for instance `dmPolicy`.
    pub check: String,
    /// Whether the message went on from here.
    pub passed: bool,
    /// What was found there, for people.
    pub found: String,
}

/// A decision about an inbound message, stored with all that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of it.
    pub verdict: Verdict,
    /// Short and stable.
    pub reason: String,
    /// In the order in which they were made.
    pub steps: Vec<Step>,
    /// The conversation that may later be told of this message: it was said to a group, and heard there.
    pub heard_in: Option<Target>,
}

/// How far an inbound message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundState {
    /// No decision yet.
    New,
    /// A turn is owed.
    Queued,
    /// Its turn is over.
    Done,
    /// It is not processed.
    Dropped,
}

/// What the ledger knows of a message and of the decision about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The message.
    pub row: InboundRow,
    /// How far it has come.
    pub state: InboundState,
    /// Of the decision.
    pub reason: Option<String>,
    /// Empty for a message from before they were kept.
    pub steps: Vec<Step>,
    /// When its turn was over, or it was dropped.
    pub closed_at: Option<i64>,
    /// The vendor's id of the message whose turn it ended in; its own only where `ended` tells something of its turn.
    pub turn: Option<String>,
    /// What became of it in that turn.
    pub ended: Option<String>,
}

/// The messages that a turn closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRows {
    /// The message whose turn it is.
    pub own: InboundId,
    /// What became of its answer, where that is not that it was sent.
    pub ended: Option<String>,
    /// Those that end with it.
    pub others: Vec<OtherRow>,
}

impl TurnRows {
    /// All of them, its own message first.
    pub fn all(&self) -> impl Iterator<Item = InboundId> {
        std::iter::once(self.own).chain(self.others.iter().map(|other| other.id))
    }

    /// Whether the turn answers several messages.
    #[must_use]
    pub fn told_together(&self) -> bool {
        self.others.iter().any(|other| !other.dropped)
    }
}

impl From<InboundId> for TurnRows {
    fn from(own: InboundId) -> Self {
        Self { own, ended: None, others: Vec::new() }
    }
}

/// A message that ends in the turn of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherRow {
    /// The message.
    pub id: InboundId,
    /// Nobody answers it.
    pub dropped: bool,
    /// What became of it, for people.
    pub how: String,
}

/// A message for the vendor, already split into parts that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who sends it.
    pub account: AccountKey,
    /// Where it goes.
    pub target: Target,
    /// In order, none empty, but for the one of a draft that has files alone. Each becomes an outbox row with the idempotency key `<batch>-<index>`.
    pub parts: Vec<String>,
    /// Names the draft; unique, at most 56 bytes of `[A-Za-z0-9_-]`.
    pub batch: String,
    /// The caller's own idempotency key, if any: a second draft with the same is not stored.
    pub request_key: Option<String>,
    /// The vendor's id of the message to answer. The first part carries it.
    pub reply_to: Option<String>,
    /// The other parts carry it too.
    pub reply_all: bool,
    /// The `reply_context` of the message being answered.
    pub reply_context: Vec<u8>,
    /// Files of the account that go with the first part.
    pub media: Vec<MediaFile>,
    /// Deliver without a sound.
    pub silent: bool,
    /// After this moment no attempt is begun.
    pub expires_at: i64,
}

/// How far an outbox row has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// Waits for its (next) attempt.
    Pending,
    /// Handed to the channel; no outcome yet.
    Sending,
    /// The vendor has it.
    Sent,
    /// It may or may not have reached the vendor. Never resent automatically.
    Ambiguous,
    /// Given up; `error` says why.
    Failed,
    /// Ambiguous or failed, and a person has decided that it stays so.
    Dropped,
}

impl OutboxState {
    /// Whether nothing will change any more without a person.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::Ambiguous | Self::Failed | Self::Dropped)
    }
}

/// Why an attempt did not end in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendFault {
    /// The vendor's code or a stable word.
    pub code: String,
    /// For people.
    pub detail: String,
}

/// One part of an outbound message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxRow {
    /// Rises with the order of enqueuing; parts of one draft are consecutive.
    pub id: i64,
    /// The draft that it belongs to.
    pub batch: String,
    /// Index in the draft, from 0.
    pub part: i64,
    /// Who sends it.
    pub account: AccountKey,
    /// Where it goes.
    pub target: Target,
    /// Markdown that fits the channel.
    pub text: String,
    /// The vendor's id of the message to answer.
    pub reply_to: Option<String>,
    /// The vendor's id of the message that is to show this instead. An edit may be repeated: it shows the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<String>,
    /// Opaque to the host.
    #[serde(skip)]
    pub reply_context: Vec<u8>,
    /// Files of the account that go with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaFile>,
    /// Deliver without a sound.
    pub silent: bool,
    /// How far it has come.
    pub state: OutboxState,
    /// Attempts begun.
    pub attempts: i64,
    /// Not before this moment.
    pub next_attempt_at: i64,
    /// What the vendor made of it.
    pub receipt: Option<Receipt>,
    /// Why the last attempt failed.
    pub error: Option<SendFault>,
    /// When it was enqueued.
    pub created_at: i64,
    /// After this moment no attempt is begun.
    pub expires_at: i64,
    /// When its state changed last.
    pub updated_at: i64,
}

impl OutboxRow {
    /// What the channel sees: stays the same when the host tries again.
    pub fn idempotency_key(&self) -> String {
        format!("{}-{}", self.batch, self.part)
    }
}

/// What the next thing to send in a conversation is.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// This row is now marked as being sent, durably.
    Part(Box<OutboxRow>),
    /// The head of the conversation waits until this moment.
    NotBefore(i64),
    /// Nothing is pending.
    Empty,
}

/// How an attempt ended, for the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendEnd {
    /// The vendor has it.
    Sent(Receipt),
    /// Try again, not before the given moment.
    Retry(SendFault, i64),
    /// As `Retry`, but this attempt does not count: it never began.
    Parked(SendFault),
    /// The message that it was to take the place of cannot be edited: send it as one of its own. The attempt does not count.
    Anew(SendFault),
    /// Nobody knows.
    Ambiguous(SendFault),
    /// Given up.
    Failed(SendFault),
}

/// A conversation of one account: the unit of order in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationKey {
    /// Who sends.
    pub account: AccountKey,
    /// Where to.
    pub target: Target,
}

/// What became of `Store::enqueue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The draft that is stored under the request key: the given one, or the one that came first.
    pub batch: String,
    /// The given draft was stored now.
    pub fresh: bool,
}

/// Who asks for access.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingMeta {
    /// The handle, without `@`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The name for people to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A pending request of an unknown sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairingRequest {
    /// The account that was written to.
    pub account: AccountKey,
    /// The vendor's sender id.
    pub sender: String,
    /// The room that it wrote in.
    pub room: String,
    /// What the owner types; unique among pending requests of the channel.
    pub code: String,
    /// When it was made.
    pub created_at: i64,
    /// When the sender wrote last.
    pub last_seen_at: i64,
    /// Who it is, for people to read.
    pub meta: PairingMeta,
}

/// A request that is about to be made for the sender of an undecided message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPairing {
    /// The message.
    pub inbound: InboundId,
    /// The vendor's sender id.
    pub sender: String,
    /// Who it is, for people to read.
    pub meta: PairingMeta,
    /// What the owner will type.
    pub code: String,
    /// Tells the sender; its account and room are the request's.
    pub reply: Draft,
    /// What led here.
    pub steps: Vec<Step>,
}

/// Limits of pairing.
#[derive(Clone, Copy, Debug)]
pub struct PairingRules {
    /// A request older than this is gone.
    pub ttl_ms: i64,
    /// Pending requests an account.
    pub max_pending: i64,
}

/// What became of `Store::request_pairing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairingOutcome {
    /// A request was made and its reply enqueued.
    Created,
    /// There was one; only its `last_seen_at` moved.
    Refreshed,
    /// Too many are pending; nothing is said.
    Full,
    /// Another pending request has this code; nothing was written: try another.
    CodeTaken,
}

/// A sender that was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The account that it was let into.
    pub account: AccountKey,
    /// The vendor's sender id.
    pub sender: String,
    /// The room that it wrote in.
    pub room: String,
    /// `<channel>:<sender>`, when this approval made it the first owner.
    pub owner_configured: Option<String>,
}

/// Who wrote a transcript entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryRole {
    /// The person.
    User,
    /// The agent.
    Assistant,
}

/// Tokens that a turn used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// The part of `input_tokens` that the provider had cached.
    pub cached_tokens: u64,
}

/// One entry of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who wrote it.
    pub role: EntryRole,
    /// Plain text or Markdown.
    pub content: String,
    /// `<provider>/<model>`, for an answer.
    pub model: Option<String>,
    /// What it used, for an answer.
    pub usage: Option<Usage>,
    /// When.
    pub at: i64,
}

/// What a turn leaves in its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionWrite {
    /// The session key.
    pub key: String,
    /// The id of its transcript. Another id than the stored one starts the session anew.
    pub session_id: String,
    /// Which agent it belongs to.
    pub agent: String,
    /// Appended to the transcript; may be empty.
    pub entries: Vec<Entry>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The session key.
    pub key: String,
    /// The id of its transcript.
    pub session_id: String,
    /// Which agent it belongs to.
    pub agent: String,
    /// When this transcript was begun.
    pub created_at: i64,
    /// When it was last appended to.
    pub updated_at: i64,
    /// `<provider>/<model>` of its last answer.
    pub model: Option<String>,
    /// Of its last answer.
    pub usage: Usage,
}

/// How much waits where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Inbound messages without a decision.
    pub undecided: i64,
    /// Admitted messages whose turn is not finished.
    pub unfinished: i64,
    /// Outbox rows that wait for an attempt.
    pub pending: i64,
    /// Outbox rows in flight.
    pub sending: i64,
    /// Sends that nobody knows the end of.
    pub ambiguous: i64,
    /// Sends given up.
    pub failed: i64,
}

/// When an account last did something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// The last admitted message.
    pub last_inbound_at: Option<i64>,
    /// The last receipt.
    pub last_outbound_at: Option<i64>,
    /// How much from its vendor its component could not read and was set aside.
    pub set_aside: u32,
}

/// What a damaged disk took from the end of the ledger, as the last start found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailLoss {
    /// Pages of the log that had been acknowledged and are gone.
    pub pages: u32,
    /// When the last of them was acknowledged, in Unix milliseconds.
    pub last_acknowledged_at: i64,
    /// Where what is left of the log is kept.
    pub kept: PathBuf,
}

impl TailLoss {
    /// A stable code for searching.
    pub const CODE: &str = "tail_lost";
}

impl std::fmt::Display for TailLoss {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "the end of the state database's log was damaged: {} pages that had been acknowledged are gone ({}). Messages of \
             the last moments before the gateway ended may be missing; what was left of the log is kept at {}. Look at the \
             disk, and remove that file when it is of no more use",
            self.pages,
            Self::CODE,
            self.kept.display()
        )
    }
}
