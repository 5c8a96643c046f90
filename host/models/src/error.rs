//! Why a model gave no answer. Owns the texts, including those that compat §8.5 and §8.6 fix word by word.

use std::fmt;
use std::time::Duration;

use openclaw_egress::{EgressError, ErrorKind};
use openclaw_secrets::Scrubber;

use crate::catalog::Unresolved;
use crate::provider::Target;
use crate::types::{Failure, FailureReason};

/// What the long-context refusal says (compat §8.6).
const LONG_CONTEXT: &str = "Extra usage is required for long context requests";
/// What a backend says that takes no list of content parts (compat §8.4).
const STRING_ONLY: &str = "invalid type: sequence, expected a string";

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError {
    /// The provider's id.
    pub provider: String,
    /// The provider's own model id.
    pub model: String,
    /// HTTP status of the provider's answer, where there was one.
    pub status: Option<u16>,
    /// The classified failure, with the provider's own words.
    pub failure: Failure,
    /// Part of the answer was handed to the caller before it failed: nothing may try again in its place.
    pub delivered: bool,
}

impl ModelError {
    /// A failure of `target`, with its key taken out of the provider's words.
    pub(crate) fn new(target: &Target, status: Option<u16>, mut failure: Failure) -> Self {
        if let Some(key) = &target.provider.key {
            let scrubber = Scrubber::new([key]);
            failure.message = scrubber.scrub(&failure.message).into_owned();
            failure.code = scrubber.scrub(&failure.code).into_owned();
        }
        truncate(&mut failure.message, 4096);
        truncate(&mut failure.code, 64);
        Self {
            provider: target.provider.id.clone(),
            model: target.model.clone(),
            status,
            failure,
            delivered: false,
        }
    }

    /// A failure that the host found itself.
    pub(crate) fn own(
        target: &Target,
        reason: FailureReason,
        code: &str,
        message: impl Into<String>,
    ) -> Self {
        let failure =
            Failure { reason, code: code.to_owned(), message: message.into(), retry_after_ms: None };
        Self::new(target, None, failure)
    }

    /// An exchange that did not complete.
    pub(crate) fn egress(target: &Target, error: &EgressError) -> Self {
        let reason = match error.kind {
            ErrorKind::NotSent | ErrorKind::Interrupted | ErrorKind::Timeout => FailureReason::Timeout,
            ErrorKind::TooLarge => FailureReason::ServerError,
            ErrorKind::Denied => FailureReason::Unknown,
        };
        let id = &target.provider.id;
        let message = match error.kind {
            ErrorKind::NotSent => {
                format!("{} (is the server running? check models.providers.{id}.baseUrl)", error.detail)
            }
            ErrorKind::Denied => format!("{} (check models.providers.{id}.baseUrl)", error.detail),
            ErrorKind::Timeout => {
                format!("{} (models.providers.{id}.timeoutSeconds sets the limit)", error.detail)
            }
            ErrorKind::Interrupted | ErrorKind::TooLarge => error.detail.clone(),
        };
        Self::own(target, reason, error.kind.code(), message)
    }

    /// What the host can do about it.
    #[must_use]
    pub fn reason(&self) -> FailureReason {
        self.failure.reason
    }

    /// The provider's words with the status in front, for instance `401 Incorrect API key provided: sk-mock***`.
    #[must_use]
    pub fn words(&self) -> String {
        let message = self.failure.message.trim();
        match self.status {
            // A shim may have kept the status already.
            Some(status) if message.starts_with(&status.to_string()) => message.to_owned(),
            Some(status) if message.is_empty() => format!("{status} status code (no body)"),
            Some(status) => format!("{status} {message}"),
            None => message.to_owned(),
        }
    }

    /// The refusal of compat §8.6: no quota, so that waiting changes nothing.
    #[must_use]
    pub fn is_long_context(&self) -> bool {
        self.status == Some(429) && self.failure.message.contains(LONG_CONTEXT)
    }

    /// What a person can do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let Self { provider, model, .. } = self;
        if self.is_long_context() {
            return Some(format!(
                "Disable it with: openclaw config set 'agents.defaults.models[\"{provider}/{model}\"].params.context1m' \
                 false; or use an API key or credential that is eligible for long context; or configure fallbacks at \
                 agents.defaults.model.fallbacks"
            ));
        }
        match self.failure.reason {
            FailureReason::Format if self.failure.message.contains(STRING_ONLY) => Some(format!(
                "This backend takes plain text only: set compat.requiresStringContent to true for \"{model}\" in \
                 models.providers.{provider}.models"
            )),
            FailureReason::Auth => Some(format!("Check the key at models.providers.{provider}.apiKey")),
            FailureReason::Billing => {
                Some(format!("Check the billing page of \"{provider}\", or use another key"))
            }
            FailureReason::ModelNotFound => {
                Some(format!("See what \"{provider}\" offers: openclaw models list"))
            }
            _ => None,
        }
    }

    /// The wait that the provider asks for.
    pub(crate) fn asked_pause(&self) -> Option<Duration> {
        self.failure.retry_after_ms.map(Duration::from_millis)
    }

    /// Whether a second request may change the outcome.
    pub(crate) fn may_pass(&self) -> bool {
        use FailureReason::{Overloaded, RateLimit, ServerError, Timeout};
        matches!(self.failure.reason, RateLimit | Overloaded | ServerError | Timeout)
            && !self.is_long_context()
    }

    /// Whether another provider or model may do better. What is wrong with the request itself stays wrong.
    pub(crate) fn may_advance(&self) -> bool {
        !self.delivered
            && !matches!(self.failure.reason, FailureReason::Format | FailureReason::ContextOverflow)
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())?;
        match self.hint() {
            Some(hint) if self.is_long_context() => write!(f, ". {hint}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ModelError {}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelsError {
    /// No model to ask.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// The only model that was asked failed, or no other could have done better.
    #[error(transparent)]
    Failed(ModelError),
    /// Several failed, in this order; never empty.
    #[error("{}", all_failed(.0))]
    AllFailed(Vec<ModelError>),
}

impl ModelsError {
    /// The attempt that decides what the caller is told: the last one.
    #[must_use]
    pub fn last(&self) -> Option<&ModelError> {
        match self {
            Self::Unresolved(_) => None,
            Self::Failed(error) => Some(error),
            Self::AllFailed(errors) => errors.last(),
        }
    }

    /// A stable code: the word of the reason, or `no_model`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.last().map_or("no_model", |error| error.failure.reason.as_str())
    }
}

/// `All models failed (n): provider/model: <error> (<reason>) | …` (compat §8.5).
fn all_failed(errors: &[ModelError]) -> String {
    let each = errors.iter().map(|error| {
        format!("{}/{}: {error} ({})", error.provider, error.model, error.failure.reason.as_str())
    });
    format!("All models failed ({}): {}", errors.len(), each.collect::<Vec<_>>().join(" | "))
}

/// Cuts `text` to at most `limit` bytes, at a character.
fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
}
