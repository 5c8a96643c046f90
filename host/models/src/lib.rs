//! Models: which there are, which to ask, and how to ask them. Owns providers, references, failover, cooldowns and the
//! translation of the `/v1` dialect; never holds a connection (that is `egress`) and never speaks a vendor's dialect
//! (that is a shim's, behind [`Shim`]).
//!
//! Invariants, each with a test:
//! - Nothing is tried again once a chunk of an answer was handed out.
//! - A provider's key goes to its `baseUrl` alone, where the manifest says, and never into an error.
//! - A wrong request and a conversation that is too long are never sent to another model.

mod answer;
mod catalog;
mod choose;
mod cooldown;
pub mod dialect;
mod embeddings;
mod error;
mod exchange;
mod models;
mod provider;
mod shim;
mod stream;
mod tally;
mod thinking;
mod types;

pub use answer::Answer;
pub use catalog::{Catalog, Dialect, Known, Local, Problem, Unresolved};
pub use choose::{Choice, DEMO_MODEL, DEMO_PROVIDER, choose};
pub use cooldown::Cooldowns;
pub use error::{ModelError, ModelsError};
pub use models::{ChatReply, Models, Opened};
pub use provider::{BaseUrl, Model, Origin, Placement, Provider, Target};
pub use shim::{Decoder, Fault, Shim, ShimSource};
pub use stream::ChunkStream;
pub use thinking::{Thinking, ThinkingWish, ThinkingWords, UnknownLevel};
pub use types::{
    ChatRequest, Chunk, Content, Embeddings, EmbeddingsRequest, Failure, FailureReason, FinishReason,
    Message, Method, ModelEntry, Part, Role, ShimRequest, Tool, ToolCall, ToolCallDelta, ToolChoice, Usage,
};
