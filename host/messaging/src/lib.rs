//! Owns the way of a message through the host: admission, policy, pairing, routing, session lanes, outbox, delivery. No
//! vendor's word, no component runtime, no model: it owns the traits that it calls (`Sender`, `TurnRunner`) and `gateway`
//! wires them.
//!
//! Invariants, each with a test:
//! - A message is the host's when `admit` has returned, and has one decision and at most one turn that counts; several may
//!   share one.
//! - A turn is done exactly when its reply is in the outbox.
//! - A session runs one turn at a time; no session can starve another.
//! - A send is marked before it begins. One whose end is unknown is flagged and never repeated.
//! - An answer appears once, whatever was shown of it before; one that is sent in blocks goes on behind what was sent.

mod accounts;
mod activity;
mod album;
mod allow;
mod answer;
mod authority;
mod backoff;
mod batch;
mod blocks;
mod bot_loop;
mod bounds;
mod channel;
mod clock;
mod dead_letters;
mod debounce;
mod delivery;
mod heard;
mod lanes;
mod mention;
mod messaging;
mod outbox;
mod pairing;
mod pipeline;
mod policy;
mod queue;
mod reaction;
mod replies;
mod routing;
mod runner;
mod settings;
mod sofar;
mod stream;
mod tags;
mod tasks;
#[cfg(test)]
mod testing;
mod turns;
mod typing;

pub use activity::LastSend;
pub use allow::{ACCESS_GROUP, AllowList, Allowed};
pub use authority::{Authority, CommandRules};
pub use blocks::BlockRules;
pub use bot_loop::BotLoopRules;
pub use channel::{Failure, Outbound, Outcome, Reaction, Revision, Sender};
pub use dead_letters::{DeadLetterError, Requeued};
pub use delivery::{Delivered, SendError, SendRequest};
pub use lanes::{Lane, LaneCounts, LaneError, Lanes, Ticket};
pub use mention::{Mentions, pattern_of_name, pattern_of_text};
pub use messaging::{Admission, AdmitError, Messaging, Queues};
pub use openclaw_store::{
    AccountKey, Activity, Approved, ChatKind, Conversation, Counts, Decided, InboundId, InboundState,
    MediaFile, Message, OutboxRow, PairingRequest, QueueChoice, QueueDrop, QueueMode, Quote, Receipt, Route,
    SenderInfo, SenderKind, SessionWrite, Step, StoreError, Target,
};
pub use openclaw_text::Break;
pub use pairing::{PairingError, RULES as PAIRING_RULES};
pub use queue::QueueRules;
pub use reaction::{AckScope, Reactions};
pub use replies::{Author, Persona, Replies, ReplyTo};
pub use runner::{Heard, TurnReply, TurnRequest, TurnRunner};
pub use settings::{
    AccountSettings, Binding, Bots, ContextVisibility, Cut, DmPolicy, DmScope, GroupPolicy, GroupRule,
    GroupScope, Options, Peer, Policy, Words,
};
pub use stream::{PreviewRules, Writing};
pub use typing::{TypingMode, TypingRules};
