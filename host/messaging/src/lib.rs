//! Owns the way of a message through the host: admission, policy, pairing, routing, session lanes, outbox, delivery. No
//! vendor's word, no component runtime, no model: it owns the traits that it calls (`Sender`, `TurnRunner`) and `gateway`
//! wires them.

mod channel;
mod runner;
mod settings;

pub use channel::{Failure, Outbound, Outcome, Sender};
pub use openclaw_store::{
    AccountKey, Activity, ChatKind, Conversation, Counts, InboundId, Message, OutboxRow, Quote, Receipt, Route, SenderInfo,
    SenderKind, SessionWrite, Target,
};
pub use runner::{TurnReply, TurnRequest, TurnRunner};
pub use settings::{AccountSettings, DmPolicy, DmScope, GroupPolicy, GroupRule, Options, Policy, Words};
