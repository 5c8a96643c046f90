//! Texts as vectors. Owns which model makes them and how often it is asked.
//!
//! Another model never answers in its place: vectors of two models cannot be compared, and whoever stores them would not
//! notice until nothing is found any more.

use tokio::time::Instant;

use crate::catalog::{Catalog, Unresolved};
use crate::error::ModelError;
use crate::models::{Models, PATIENCE, PAUSES, SLOW};
use crate::provider::Target;
use crate::types::{Embeddings, EmbeddingsRequest};

impl Catalog {
    /// The model that makes vectors: `model` as `<provider>/<model>`, or `provider` and the provider's own id.
    ///
    /// # Errors
    /// As [`Catalog::resolve`].
    pub fn embedding_target(&self, provider: Option<&str>, model: &str) -> Result<Target, Unresolved> {
        match provider {
            Some(provider) if !self.names_provider(model) => self.resolve(&format!("{provider}/{model}")),
            _ => self.resolve(model),
        }
    }

    /// Whether a reference begins with a provider. Ids of models may hold slashes too.
    fn names_provider(&self, reference: &str) -> bool {
        reference.split_once('/').is_some_and(|(id, _)| self.provider(&id.to_ascii_lowercase()).is_some())
    }
}

impl Models {
    /// Turns the texts of `request` into vectors. `target` is asked up to twice more when it is overloaded or broken,
    /// within 2 s of waiting.
    ///
    /// # Errors
    /// The provider's refusal, in its own words.
    pub async fn embed(
        &self,
        mut request: EmbeddingsRequest,
        target: &Target,
    ) -> Result<Embeddings, ModelError> {
        request.model.clone_from(&target.model);
        let extra = target.params.get("extra_body").and_then(serde_json::Value::as_object);
        for (name, value) in extra.into_iter().flatten() {
            if !request.extra.iter().any(|(set, _)| set == name) {
                request.extra.push((name.clone(), value.to_string()));
            }
        }
        let mut patience = PATIENCE;
        let mut pauses = PAUSES.iter();
        loop {
            let begun = Instant::now();
            let error = match self.exchange(target, None).embeddings(&request).await {
                Ok(answer) => {
                    self.cooldowns().succeeded(target);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let pause = pauses.next().map(|pause| error.asked_pause().unwrap_or(*pause));
            match pause.filter(|pause| *pause <= patience && error.may_pass() && begun.elapsed() < SLOW) {
                Some(pause) => {
                    patience -= pause;
                    tokio::time::sleep(pause).await;
                }
                None => {
                    self.cooldowns().failed(target, &error);
                    return Err(error);
                }
            }
        }
    }
}
