//! One raw completion without a running gateway, for `openclaw infer model run --local`: configuration, the shim, one
//! request, one answer. No session, no system prompt, no agent; touches no durable state but the artifact cache.

use std::collections::BTreeMap;

use openclaw_config::Paths;

/// What to ask and where the configuration is.
#[derive(Debug)]
pub struct InferRequest {
    /// Where everything lies.
    pub paths: Paths,
    /// A snapshot of the process environment.
    pub environment: BTreeMap<String, String>,
    /// `<provider>/<model>`; `None` means what an agent would use.
    pub model: Option<String>,
    /// The user message.
    pub prompt: String,
}

/// The answer of one model.
#[derive(Debug)]
pub struct InferAnswer {
    /// The id of the provider that answered.
    pub provider: String,
    /// The provider's own model id.
    pub model: String,
    /// The whole answer; never empty.
    pub text: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The request or the configuration has to change; the text says what.
    #[error("{0}")]
    Invalid(String),
    /// The provider refused or could not be reached; its own words are kept.
    #[error("{0}")]
    Provider(String),
}
