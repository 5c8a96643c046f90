//! One answer being received: bytes in, chunks out. Owns the order of decoder calls; never retries.

use std::collections::VecDeque;

use openclaw_egress::{Body, EgressError};
use openclaw_failpoints::failpoint;

use crate::error::ModelError;
use crate::provider::Target;
use crate::shim::{Decoder, Fault, Shim};
use crate::types::{Chunk, FailureReason};

/// The pieces of one answer, as the provider sends them. Dropping it ends the request.
pub struct ChunkStream {
    target: Target,
    body: Body,
    decoder: Box<dyn Decoder>,
    // The decoder lives in the shim's instance: the lease must outlast it.
    _shim: Box<dyn Shim>,
    waiting: VecDeque<Vec<Chunk>>,
    ended: bool,
    delivered: bool,
}

impl std::fmt::Debug for ChunkStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkStream").field("target", &self.target.to_string()).finish_non_exhaustive()
    }
}

/// Why reading stopped.
pub(crate) enum Stop {
    Failed(Box<ModelError>),
    Crashed(String),
}

impl From<ModelError> for Stop {
    fn from(error: ModelError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl ChunkStream {
    pub(crate) fn new(target: &Target, body: Body, decoder: Box<dyn Decoder>, shim: Box<dyn Shim>) -> Self {
        Self {
            target: target.clone(),
            body,
            decoder,
            _shim: shim,
            waiting: VecDeque::new(),
            ended: false,
            delivered: false,
        }
    }

    /// The id of the provider that answers.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.target.provider.id
    }

    /// The provider's own id of the model that answers.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.target.model
    }

    /// Waits for the next chunks: those that arrived together, never an empty list. `None` after the last.
    ///
    /// # Errors
    /// What the provider reported inside its answer, or that the answer broke off.
    pub async fn next(&mut self) -> Result<Option<Vec<Chunk>>, ModelError> {
        let next = match self.waiting.pop_front() {
            Some(chunks) => Some(chunks),
            None => match self.read().await {
                Ok(next) => next,
                Err(stop) => return Err(self.error(stop)),
            },
        };
        self.delivered |= next.is_some();
        Ok(next)
    }

    /// Reads ahead to the first chunks for which `enough` holds, and keeps everything for [`ChunkStream::next`].
    /// `false` when the answer ended before.
    pub(crate) async fn peek(&mut self, enough: impl Fn(&Chunk) -> bool) -> Result<bool, Stop> {
        if self.waiting.iter().flatten().any(&enough) {
            return Ok(true);
        }
        while let Some(chunks) = self.read().await? {
            let found = chunks.iter().any(&enough);
            self.waiting.push_back(chunks);
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read(&mut self) -> Result<Option<Vec<Chunk>>, Stop> {
        while !self.ended {
            failpoint!("models.stream");
            let decoded = match self.body.chunk().await {
                Ok(Some(bytes)) => self.decoder.push(&bytes),
                Ok(None) => {
                    self.ended = true;
                    self.decoder.finish()
                }
                Err(error) => return Err(self.broken(&error)),
            };
            match decoded {
                Ok(chunks) if chunks.is_empty() => {}
                Ok(chunks) => return Ok(Some(chunks)),
                Err(fault) => {
                    self.ended = true;
                    return Err(self.fault(fault));
                }
            }
        }
        Ok(None)
    }

    fn broken(&mut self, error: &EgressError) -> Stop {
        self.ended = true;
        ModelError::egress(&self.target, error).into()
    }

    fn fault(&self, fault: Fault) -> Stop {
        match fault {
            // A refusal inside a successful answer has no status of its own that would say anything.
            Fault::Failure(failure) => ModelError::new(&self.target, None, failure).into(),
            Fault::Crashed(how) => Stop::Crashed(how),
        }
    }

    fn error(&self, stop: Stop) -> ModelError {
        let mut error = match stop {
            Stop::Failed(error) => *error,
            Stop::Crashed(how) => crashed(&self.target, &how),
        };
        error.delivered = self.delivered;
        error
    }
}

/// The error for a shim that broke.
pub(crate) fn crashed(target: &Target, how: &str) -> ModelError {
    let text = format!("the plugin for \"{}\" crashed: {how}", target.provider.api);
    ModelError::own(target, FailureReason::ServerError, "shim_crashed", text)
}
