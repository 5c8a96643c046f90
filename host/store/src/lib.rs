//! Owns everything that must survive: one SQLite file, `state/gateway.sqlite`, and the files beside it, behind typed methods. The only crate that
//! knows SQL. Never decides anything: policy, pairing codes and retry times are its callers'.

mod error;
mod message;
mod records;

mod dead_letters;
mod devices;
mod health;
mod inbound;
mod kv;
mod mark;
mod media;
mod open;
mod outbox;
mod pairing;
mod previews;
mod queue;
mod reader;
mod room;
mod row;
mod said;
mod session_settings;
mod sessions;
mod store;
mod summaries;
mod transcripts;
mod upkeep;
mod wal;
mod writer;

pub use dead_letters::{
    Buried, DeadCounts, DeadDetail, DeadId, DeadKind, DeadLetter, DeadQuery, NoDeadId, Revived,
};
pub use devices::{DeviceRow, DeviceTable, DeviceWrite};
pub use error::StoreError;
pub use kv::{KvOutcome, KvWrite};
pub use media::{MediaContent, MediaFault, MediaIntake, NewMedia};
pub use message::{
    AccountKey, ChatKind, Conversation, MediaFile, Message, Quote, Receipt, SenderInfo, SenderKind, Target,
};
pub use previews::PreviewBegin;
pub use queue::{QueueChoice, QueueDrop, QueueMode};
pub use records::{
    Activity, Admitted, Approved, Claim, ConversationKey, Counts, Decided, Decision, Draft, Enqueued, Entry,
    EntryRole, InboundId, InboundRow, InboundState, NewPairing, OtherRow, OutboxRow, OutboxState,
    PairingMeta, PairingOutcome, PairingRequest, PairingRules, Route, SendEnd, SendFault, SessionRow,
    SessionWrite, SetAside, Step, TailLoss, TurnRows, Usage, Verdict,
};
pub use said::Said;
pub use session_settings::{
    Activation, Archived, Sending, SessionChange, SessionQuery, SessionRecord, SessionSettings,
};
pub use store::{Store, path_in};
pub use transcripts::{Found, NumberedEntry, Page, SessionUsage};
