//! One attempt: shim, request, answer. Owns the translation between a shim and the HTTP client; never picks another
//! target and never waits.

use std::time::Duration;

use openclaw_egress::http::{Method as Verb, StatusCode, header};
use openclaw_egress::{Egress, Limits, Request, Response};
use openclaw_failpoints::failpoint;

use crate::error::ModelError;
use crate::provider::Target;
use crate::shim::{Fault, Shim, ShimSource};
use crate::stream::{ChunkStream, Stop, crashed};
use crate::types::{
    ChatRequest, Chunk, Embeddings, EmbeddingsRequest, FailureReason, Method, ModelEntry, ShimRequest,
};

/// Bytes of one answer.
const MAX_ANSWER: u64 = 64 << 20;
/// Bytes of a refusal that a shim gets to see.
const MAX_REFUSAL: usize = 64 << 10;
/// Bytes of a list of models.
const MAX_LIST: u64 = 8 << 20;
/// Bytes of an answer with vectors.
const MAX_VECTORS: u64 = 16 << 20;

/// What one attempt needs.
#[derive(Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) egress: &'a Egress,
    pub(crate) shims: &'a dyn ShimSource,
    pub(crate) target: &'a Target,
    /// What is left of the caller's own deadline.
    pub(crate) remaining: Option<Duration>,
}

impl Exchange<'_> {
    /// Sends `request` and reads up to the first chunk for which `enough` holds. A shim that crashes before is
    /// replaced once.
    pub(crate) async fn open(
        self,
        request: &ChatRequest,
        enough: impl Fn(&Chunk) -> bool,
    ) -> Result<(ChunkStream, bool), ModelError> {
        match self.attempt(request, &enough).await {
            Err(Stop::Crashed(how)) => {
                tracing::warn!(api = %self.target.provider.api, how, "shim crashed, trying a new one");
                self.attempt(request, &enough).await.map_err(|stop| self.error(stop))
            }
            outcome => outcome.map_err(|stop| self.error(stop)),
        }
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        enough: &impl Fn(&Chunk) -> bool,
    ) -> Result<(ChunkStream, bool), Stop> {
        let mut shim = self.lease()?;
        let prepared = shim.prepare(request).map_err(|fault| self.fault(fault))?;
        let Response { status, headers, body } = self.send(prepared, MAX_ANSWER).await?;
        if !status.is_success() {
            return Err(self.refused(shim.as_mut(), Response { status, headers, body }).await);
        }
        let content_type =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let decoder = shim.decoder(request.stream, content_type).map_err(|fault| self.fault(fault))?;
        let mut stream = ChunkStream::new(self.target, body, decoder, shim);
        let found = stream.peek(enough).await?;
        Ok((stream, found))
    }

    /// Lists the models that the provider offers.
    pub(crate) async fn models(self) -> Result<Vec<ModelEntry>, ModelError> {
        let listed = async {
            let mut shim = self.lease()?;
            let prepared = shim.prepare_models().map_err(|fault| self.fault(fault))?;
            let response = self.send(prepared, MAX_LIST).await?;
            if !response.status.is_success() {
                return Err(self.refused(shim.as_mut(), response).await);
            }
            let body = response.body.collect().await.map_err(|error| self.broken(&error))?;
            shim.decode_models(&body).map_err(|fault| self.fault(fault))
        };
        listed.await.map_err(|stop| self.error(stop))
    }

    /// Turns texts into vectors. A shim that crashes is replaced once; the provider is then asked again, which costs
    /// tokens and changes nothing.
    pub(crate) async fn embeddings(self, request: &EmbeddingsRequest) -> Result<Embeddings, ModelError> {
        match self.embed(request).await {
            Err(Stop::Crashed(how)) => {
                tracing::warn!(api = %self.target.provider.api, how, "shim crashed, trying a new one");
                self.embed(request).await.map_err(|stop| self.error(stop))
            }
            outcome => outcome.map_err(|stop| self.error(stop)),
        }
    }

    async fn embed(&self, request: &EmbeddingsRequest) -> Result<Embeddings, Stop> {
        let mut shim = self.lease()?;
        let prepared = shim.prepare_embeddings(request).map_err(|fault| self.fault(fault))?;
        let response = self.send(prepared, MAX_VECTORS).await?;
        if !response.status.is_success() {
            return Err(self.refused(shim.as_mut(), response).await);
        }
        let body = response.body.collect().await.map_err(|error| self.broken(&error))?;
        let answer = shim.decode_embeddings(&body).map_err(|fault| self.fault(fault))?;
        // A caller matches texts and vectors by their order: an answer of another length would mix them up.
        let (asked, got) = (request.input.len(), answer.vectors.len());
        let whole = |vector: &Vec<f32>| !vector.is_empty() && vector.iter().all(|number| number.is_finite());
        if asked != got || !answer.vectors.iter().all(whole) {
            let text =
                format!("the provider answered {asked} texts with {got} vectors, or with one that is none");
            return Err(self.own(FailureReason::ServerError, "bad_answer", text));
        }
        Ok(answer)
    }

    fn lease(&self) -> Result<Box<dyn Shim>, Stop> {
        let shim = self.shims.shim(&self.target.provider);
        shim.map_err(|why| self.own(FailureReason::Unknown, "no_shim", why))
    }

    async fn send(&self, prepared: ShimRequest, max_response: u64) -> Result<Response, Stop> {
        let provider = &self.target.provider;
        let Some(url) = provider.base_url.join(&prepared.path) else {
            let text = format!("the plugin for \"{}\" asked for a path that leads elsewhere", provider.api);
            return Err(self.own(FailureReason::Unknown, "bad_path", text));
        };
        let Some(headers) = provider.headers_for(&prepared.headers) else {
            let text = format!(
                "the key or a header of \"{}\" holds a character that no header may hold",
                provider.id
            );
            return Err(self.own(FailureReason::Auth, "bad_header", text));
        };
        let total = self.remaining.map_or(provider.timeout, |remaining| remaining.min(provider.timeout));
        let request = Request {
            method: match prepared.method {
                Method::Get => Verb::GET,
                Method::Post => Verb::POST,
            },
            url,
            headers,
            body: prepared.body.into(),
            network: provider.network,
            limits: Limits { total, idle: provider.idle, max_response },
        };
        failpoint!("models.ask");
        let response = self.egress.send(request).await.map_err(|error| self.broken(&error))?;
        failpoint!("models.answered");
        tracing::debug!(
            provider = %provider.id,
            api = %provider.api,
            model = %self.target.model,
            status = response.status.as_u16(),
            "model response"
        );
        Ok(response)
    }

    /// Turns an answer that is not 2xx into a failure.
    async fn refused(&self, shim: &mut dyn Shim, response: Response) -> Stop {
        let Response { status, headers, body } = response;
        // Where the body breaks off at once, the status alone says enough to classify it.
        let body = body.collect_prefix(MAX_REFUSAL).await.unwrap_or_default();
        let headers: Vec<(String, String)> = headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        match shim.classify(status.as_u16(), &headers, &body) {
            Ok(failure) | Err(Fault::Failure(failure)) => {
                ModelError::new(self.target, Some(status.as_u16()), failure).into()
            }
            // The provider's verdict must not be lost with the shim.
            Err(Fault::Crashed(how)) => unclassified(self.target, status, &how).into(),
        }
    }

    fn own(&self, reason: FailureReason, code: &str, text: String) -> Stop {
        ModelError::own(self.target, reason, code, text).into()
    }

    fn broken(&self, error: &openclaw_egress::EgressError) -> Stop {
        ModelError::egress(self.target, error).into()
    }

    fn fault(&self, fault: Fault) -> Stop {
        match fault {
            Fault::Failure(failure) => ModelError::new(self.target, None, failure).into(),
            Fault::Crashed(how) => Stop::Crashed(how),
        }
    }

    fn error(&self, stop: Stop) -> ModelError {
        match stop {
            Stop::Failed(error) => *error,
            Stop::Crashed(how) => crashed(self.target, &how),
        }
    }
}

/// By the status alone (compat §8.5), for a refusal whose shim crashed over it.
fn unclassified(target: &Target, status: StatusCode, how: &str) -> ModelError {
    let reason = match status.as_u16() {
        401 | 403 => FailureReason::Auth,
        402 => FailureReason::Billing,
        429 => FailureReason::RateLimit,
        408 | 504 => FailureReason::Timeout,
        529 => FailureReason::Overloaded,
        500.. => FailureReason::ServerError,
        _ => FailureReason::Unknown,
    };
    let mut error =
        ModelError::own(target, reason, "shim_crashed", format!("the plugin crashed over it: {how}"));
    error.status = Some(status.as_u16());
    error
}
