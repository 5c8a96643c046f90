//! Owns everything that must survive: one SQLite file, `state/gateway.sqlite`, behind typed methods. The only crate that
//! knows SQL. Never decides anything: policy, pairing codes and retry times are its callers'.

mod error;
mod message;
mod records;

mod devices;
mod inbound;
mod open;
mod outbox;
mod pairing;
mod reader;
mod row;
mod sessions;
mod store;
mod upkeep;
mod writer;

pub use devices::{DeviceRow, DeviceTable, DeviceWrite};
pub use error::StoreError;
pub use message::{
    AccountKey, ChatKind, Conversation, Message, Quote, Receipt, SenderInfo, SenderKind, Target,
};
pub use records::{
    Activity, Admitted, Approved, Claim, ConversationKey, Counts, Draft, Enqueued, Entry, EntryRole,
    InboundId, InboundRow, NewPairing, OutboxRow, OutboxState, PairingMeta, PairingOutcome, PairingRequest,
    PairingRules, Route, SendEnd, SendFault, SessionRow, SessionWrite, Usage, Verdict,
};
pub use store::{Store, path_in};
