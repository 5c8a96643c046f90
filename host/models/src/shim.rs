//! What this crate asks of whoever runs shims. Owns the traits; knows nothing of components.

use crate::provider::Provider;
use crate::types::{ChatRequest, Chunk, Embeddings, EmbeddingsRequest, Failure, ModelEntry, ShimRequest};

/// How a call of a shim can fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The shim's own verdict.
    Failure(Failure),
    /// The shim itself broke (a trap, a deadline); the text says how. The instance is not used again: a request that
    /// has delivered nothing is tried once more on a new one.
    Crashed(String),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// One lease of a shim, for one request. Every call is short and runs inline on the calling task.
pub trait Shim: Send {
    /// Builds the request that asks for `request`.
    ///
    /// # Errors
    /// A failure of reason `format` when the dialect cannot express it.
    fn prepare(&mut self, request: &ChatRequest) -> Result<ShimRequest, Fault>;

    /// Starts to read the body of a successful answer. `stream` is what the request asked for; `content_type` is the
    /// answer's header, empty if there was none.
    ///
    /// # Errors
    /// Only [`Fault::Crashed`].
    fn decoder(&mut self, stream: bool, content_type: &str) -> Result<Box<dyn Decoder>, Fault>;

    /// Classifies an answer whose status is not 2xx. `body` is cut at 64 KiB.
    ///
    /// # Errors
    /// Only [`Fault::Crashed`].
    fn classify(&mut self, status: u16, headers: &[(String, String)], body: &[u8]) -> Result<Failure, Fault>;

    /// Builds the request that lists the provider's models.
    ///
    /// # Errors
    /// Only [`Fault::Crashed`].
    fn prepare_models(&mut self) -> Result<ShimRequest, Fault>;

    /// Reads the whole body of a successful answer to [`Shim::prepare_models`].
    ///
    /// # Errors
    /// The shim's verdict on a body that it cannot read.
    fn decode_models(&mut self, body: &[u8]) -> Result<Vec<ModelEntry>, Fault>;

    /// Builds the request for vectors.
    ///
    /// # Errors
    /// A failure of reason `format` when the dialect cannot express it, or has no vectors at all.
    fn prepare_embeddings(&mut self, request: &EmbeddingsRequest) -> Result<ShimRequest, Fault>;

    /// Reads the whole body of a successful answer to [`Shim::prepare_embeddings`].
    ///
    /// # Errors
    /// The shim's verdict on a body that it cannot read.
    fn decode_embeddings(&mut self, body: &[u8]) -> Result<Embeddings, Fault>;
}

/// Reads one answer.
pub trait Decoder: Send {
    /// Feeds the next bytes, cut anywhere, and returns what they complete.
    ///
    /// # Errors
    /// What the provider reported inside the answer, or that it cannot be read.
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Chunk>, Fault>;

    /// Called once after the last byte.
    ///
    /// # Errors
    /// The answer ended too early.
    fn finish(&mut self) -> Result<Vec<Chunk>, Fault>;
}

/// Where shims come from.
pub trait ShimSource: Send + Sync {
    /// Leases a shim that speaks `provider.api`. An instance serves one (provider, credential) only.
    ///
    /// # Errors
    /// For people: why no shim can serve this provider, and what to do about it.
    fn shim(&self, provider: &Provider) -> Result<Box<dyn Shim>, String>;

    /// Whether a shim for this API kind is present, without starting one.
    fn serves(&self, api: &str) -> bool;
}
