//! Asks models: the configured one, then the next. Owns failover (compat §8.5) and its one hard rule: nothing is tried
//! again once a part of an answer was handed out.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use openclaw_egress::Egress;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::catalog::Catalog;
use crate::cooldown::{Admission, Cooldowns};
use crate::error::{ModelError, ModelsError};
use crate::exchange::Exchange;
use crate::provider::{Provider, Target};
use crate::shim::ShimSource;
use crate::stream::ChunkStream;
use crate::types::{ChatRequest, Chunk, FailureReason, ModelEntry};

/// Quick retries of the last candidate.
const RETRIES: usize = 2;
/// All waits of one request together. The original let people wait for minutes here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// The waits before the first and second retry, where the provider names none.
pub(crate) const PAUSES: [Duration; RETRIES] = [Duration::from_millis(250), Duration::from_millis(750)];
/// An attempt that took longer than this is not repeated: the person has waited enough.
pub(crate) const SLOW: Duration = Duration::from_secs(10);

/// All models. Cheap to clone.
#[derive(Clone)]
pub struct Models {
    inner: Arc<Inner>,
}

struct Inner {
    egress: Egress,
    shims: Arc<dyn ShimSource>,
    catalog: RwLock<Arc<Catalog>>,
    cooldowns: Cooldowns,
}

/// A stream that has begun to answer.
#[derive(Debug)]
pub struct Opened {
    /// The answer.
    pub stream: ChunkStream,
    /// The attempts that failed before.
    pub failed: Vec<ModelError>,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatReply {
    /// Who answered.
    pub provider: String,
    /// The provider's own id of the model that answered.
    pub model: String,
    /// What it said.
    pub answer: Answer,
    /// The attempts that failed before.
    pub failed: Vec<ModelError>,
}

impl Models {
    /// Asks through `egress`, with shims from `shims`.
    #[must_use]
    pub fn new(egress: Egress, shims: Arc<dyn ShimSource>, catalog: Catalog) -> Self {
        let (catalog, cooldowns) = (RwLock::new(Arc::new(catalog)), Cooldowns::default());
        Self { inner: Arc::new(Inner { egress, shims, catalog, cooldowns }) }
    }

    /// What there is to ask.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        let catalog = self.inner.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&catalog)
    }

    /// Replaces the catalog; requests under way keep the old one.
    pub fn set_catalog(&self, catalog: Catalog) {
        *self.inner.catalog.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(catalog);
    }

    /// The models that are left alone for a while.
    #[must_use]
    pub fn cooldowns(&self) -> &Cooldowns {
        &self.inner.cooldowns
    }

    /// Lists what `provider` offers, within `limit`.
    ///
    /// # Errors
    /// As the provider answers.
    pub async fn list(
        &self,
        provider: &Arc<Provider>,
        limit: Duration,
    ) -> Result<Vec<ModelEntry>, ModelError> {
        let target = Target::new(Arc::clone(provider), "");
        self.exchange(&target, Some(limit)).models().await
    }

    /// Sends one request to one model, with no retry and no regard for cooldowns, and waits for the first chunk: the
    /// raw route.
    ///
    /// # Errors
    /// The provider's refusal, in its own words.
    pub async fn open(&self, mut request: ChatRequest, target: &Target) -> Result<ChunkStream, ModelError> {
        target.complete(&mut request);
        match self.exchange(target, None).open(&request, |_| true).await {
            Ok((stream, _)) => {
                self.inner.cooldowns.succeeded(target);
                Ok(stream)
            }
            Err(error) => {
                log_long_context(target, &error);
                self.inner.cooldowns.failed(target, &error);
                Err(error)
            }
        }
    }

    /// Asks `targets` in turn and returns the first answer that has something to say.
    ///
    /// A candidate that is cooling down is passed over while there is another. The last one is asked up to twice more
    /// when it is overloaded or broken, within 2 s of waiting. Nothing is tried again for a wrong request or a
    /// conversation that is too long.
    ///
    /// # Errors
    /// What each candidate answered.
    pub async fn open_any(
        &self,
        request: ChatRequest,
        targets: &[Target],
        deadline: Option<Instant>,
    ) -> Result<Opened, ModelsError> {
        let mut round = Round { models: self, targets, deadline, failed: Vec::new() };
        match round.run(&request).await {
            Some(stream) => Ok(Opened { stream, failed: round.failed }),
            None => Err(round.into_error()),
        }
    }

    /// As [`Models::open_any`], and waits for the whole answer. `sink` sees each chunk as it arrives.
    ///
    /// # Errors
    /// As [`Models::open_any`]; with `delivered` set when the answer broke off after `sink` was called.
    pub async fn chat(
        &self,
        request: ChatRequest,
        targets: &[Target],
        deadline: Option<Instant>,
        sink: &mut (dyn FnMut(&Chunk) + Send),
    ) -> Result<ChatReply, ModelsError> {
        let Opened { mut stream, failed } = self.open_any(request, targets, deadline).await?;
        let mut answer = Answer::default();
        while let Some(chunks) = stream.next().await.map_err(ModelsError::Failed)? {
            for chunk in chunks {
                sink(&chunk);
                answer.absorb(chunk);
            }
        }
        let (provider, model) = (stream.provider().to_owned(), stream.model().to_owned());
        Ok(ChatReply { provider, model, answer, failed })
    }

    pub(crate) fn exchange<'a>(&'a self, target: &'a Target, remaining: Option<Duration>) -> Exchange<'a> {
        Exchange { egress: &self.inner.egress, shims: &*self.inner.shims, target, remaining }
    }
}

/// One request on its way through the candidates.
struct Round<'a> {
    models: &'a Models,
    targets: &'a [Target],
    deadline: Option<Instant>,
    failed: Vec<ModelError>,
}

impl Round<'_> {
    async fn run(&mut self, request: &ChatRequest) -> Option<ChunkStream> {
        let targets = self.targets;
        let mut patience = PATIENCE;
        let mut cooling: Vec<(usize, Duration, bool, ModelError)> = Vec::new();
        for (index, target) in targets.iter().enumerate() {
            let probe = match self.models.inner.cooldowns.admit(target) {
                Admission::Ready => false,
                Admission::Probe => true,
                Admission::Cooling { remaining, named, error } => {
                    self.log("skip_candidate", index, Some(&error));
                    cooling.push((index, remaining, named, error));
                    continue;
                }
            };
            let last = index + 1 == targets.len() && cooling.is_empty();
            // A probe of something that was broken a moment ago gets one chance.
            let retries = if last && !probe { RETRIES } else { 0 };
            match self.ask(request, index, retries, &mut patience).await {
                Some(stream) => return Some(stream),
                None if self.may_go_on() => {}
                None => return None,
            }
        }
        // Everybody else has failed. Whoever is cooling down by our own reckoning alone is asked after all, the one that
        // has waited longest first; a provider that named its time itself is not.
        cooling.sort_by_key(|(_, remaining, ..)| *remaining);
        for (index, remaining, named, error) in cooling {
            if named && remaining > patience {
                self.failed.push(error);
                continue;
            }
            match self.ask(request, index, 0, &mut patience).await {
                Some(stream) => return Some(stream),
                None if self.may_go_on() => {}
                None => return None,
            }
        }
        None
    }

    /// Asks one candidate, and again at most `retries` times.
    async fn ask(
        &mut self,
        request: &ChatRequest,
        index: usize,
        retries: usize,
        patience: &mut Duration,
    ) -> Option<ChunkStream> {
        let target = self.targets.get(index)?;
        let mut completed = request.clone();
        target.complete(&mut completed);
        let mut pauses = PAUSES.iter().take(retries);
        let mut retried_empty = false;
        loop {
            let begun = Instant::now();
            let error = match self.attempt(&completed, target).await {
                Ok(stream) => {
                    self.models.inner.cooldowns.succeeded(target);
                    if !self.failed.is_empty() {
                        self.log("candidate_succeeded", index, None);
                    }
                    return Some(stream);
                }
                Err(error) => error,
            };
            if error.reason() == FailureReason::EmptyResponse && !retried_empty {
                retried_empty = true;
                continue;
            }
            if error.may_pass() && begun.elapsed() < SLOW {
                let pause = pauses.next().map(|pause| error.asked_pause().unwrap_or(*pause));
                let pause = pause.filter(|pause| pause <= patience);
                if let Some(pause) = pause {
                    *patience -= pause;
                    self.log("retry_candidate", index, Some(&error));
                    tokio::time::sleep(pause).await;
                    continue;
                }
            }
            log_long_context(target, &error);
            self.models.inner.cooldowns.failed(target, &error);
            self.log("candidate_failed", index, Some(&error));
            self.failed.push(error);
            return None;
        }
    }

    async fn attempt(&self, request: &ChatRequest, target: &Target) -> Result<ChunkStream, ModelError> {
        let remaining = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let (stream, found) = self.models.exchange(target, remaining).open(request, says_something).await?;
        if found {
            return Ok(stream);
        }
        tracing::warn!(
            provider = %target.provider.id,
            model = %target.model,
            "incomplete turn detected: the answer holds no text and no call stopReason=stop payloads=0"
        );
        Err(ModelError::own(
            target,
            FailureReason::EmptyResponse,
            "empty_response",
            "the model answered with nothing",
        ))
    }

    fn may_go_on(&self) -> bool {
        let in_time = self.deadline.is_none_or(|deadline| Instant::now() < deadline);
        in_time && self.failed.last().is_none_or(ModelError::may_advance)
    }

    /// The decision record of compat §8.5.
    fn log(&self, decision: &str, index: usize, error: Option<&ModelError>) {
        let Some(candidate) = self.targets.get(index) else { return };
        let requested = self.targets.first().unwrap_or(candidate);
        let next = self.targets.get(index + 1);
        tracing::info!(
            target: "model-fallback",
            decision,
            requestedProvider = %requested.provider.id,
            requestedModel = %requested.model,
            candidateProvider = %candidate.provider.id,
            candidateModel = %candidate.model,
            attempt = index + 1,
            total = self.targets.len(),
            reason = error.map(|error| error.reason().as_str()),
            status = error.and_then(|error| error.status),
            nextCandidateProvider = next.map(|next| next.provider.id.as_str()),
            nextCandidateModel = next.map(|next| next.model.as_str()),
            "model_fallback_decision"
        );
    }

    fn into_error(mut self) -> ModelsError {
        match (self.targets.len(), self.failed.len()) {
            (_, 0) => ModelsError::Unresolved(crate::catalog::Unresolved::NothingChosen),
            (1, _) => ModelsError::Failed(self.failed.remove(0)),
            // A verdict on the request itself is the answer: the failures before it explain nothing.
            _ if !self.may_go_on() && self.failed.last().is_some_and(|last| !last.may_advance()) => {
                ModelsError::Failed(self.failed.remove(self.failed.len() - 1))
            }
            _ => ModelsError::AllFailed(self.failed),
        }
    }
}

fn says_something(chunk: &Chunk) -> bool {
    match chunk {
        Chunk::Text(text) | Chunk::Reasoning(text) | Chunk::Refusal(text) => !text.is_empty(),
        Chunk::ToolCall(_) => true,
        Chunk::Usage(_) | Chunk::Finish(_) => false,
    }
}

/// Keeps the exact signature of compat §8.6 searchable.
fn log_long_context(target: &Target, error: &ModelError) {
    if error.is_long_context() {
        tracing::warn!(
            provider = %target.provider.id,
            model = %target.model,
            profile = %target.provider.credential,
            "HTTP 429: rate_limit_error: Extra usage is required for long context requests"
        );
    }
}
