//! Owns agents: what a turn remembers, what its model is told, and what the person is told when it fails. Never knows a
//! channel's protocol, never orders or stores a channel's turns.
//!
//! Invariants, each with a test:
//! - A turn that failed or was stopped leaves nothing in its session.
//! - A turn ends by its deadline, whatever its model does.
//! - The cache of histories is never ahead of the store.

mod agents;
mod backend;
mod command;
mod compact;
mod events;
mod history;
mod obey;
mod prompt;
mod reset;
mod runs;
mod sending;
mod sessions;
mod settings;
mod tally;
#[cfg(test)]
mod testing;
mod texts;
mod turn;

pub(crate) use agents::now_ms;
pub use agents::{Agents, may_be_silence};
pub use command::{COMMANDS, CommandInfo};
pub use events::{Pushed, SystemEvent, SystemEvents};
pub use openclaw_store::{SessionRow, SessionWrite, StoreError};
pub use prompt::PromptLimits;
pub use runs::{ActiveRun, Stop};
pub use settings::{AgentSettings, Identity, Settings};
pub use turn::{ChannelContext, Compacted, Turn, TurnError, TurnEvent, TurnRequest};
