//! Lends the models provider shims: one pool of instances for each (provider, credential), made when it is first asked
//! for. Knows which plugin speaks which dialect; decides nothing about models.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use openclaw_models as models;
use openclaw_models::{Decoder, Fault, Provider, Shim, ShimSource};
use openclaw_runtime::{Plugin, Runtime, ShimDecoder, ShimError, ShimPool};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::dialect;
use crate::live::Live;

/// Pools that are kept. Beyond it all are made anew, which costs a millisecond each.
const POOLS: usize = 256;
/// Bytes of an answer that are read in about a millisecond.
const BRIEF: usize = 64 << 10;

/// The shims that are present.
#[derive(Debug)]
pub(crate) struct Shims {
    runtime: Runtime,
    /// By API kind.
    plugins: Live<BTreeMap<String, Arc<Plugin>>>,
    /// Few enough to be looked through: it is cheaper than making a key for each request.
    pools: Mutex<Vec<(PoolKey, ShimPool)>>,
}

#[derive(Debug)]
struct PoolKey {
    provider: String,
    credential: String,
    api: String,
}

impl PoolKey {
    fn of(provider: &Provider) -> Self {
        Self {
            provider: provider.id.clone(),
            credential: provider.credential.clone(),
            api: provider.api.clone(),
        }
    }

    fn is_of(&self, provider: &Provider) -> bool {
        self.provider == provider.id && self.credential == provider.credential && self.api == provider.api
    }
}

impl Shims {
    /// `plugins` by the API kinds that their manifests name.
    pub(crate) fn new(runtime: Runtime, plugins: BTreeMap<String, Arc<Plugin>>) -> Shims {
        Shims { runtime, plugins: Live::new(plugins), pools: Mutex::default() }
    }

    /// Other plugins from now on; streams under way keep their instances.
    pub(crate) fn set_plugins(&self, plugins: BTreeMap<String, Arc<Plugin>>) {
        self.plugins.set(plugins);
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn pool(&self, provider: &Provider) -> Result<ShimPool, String> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(key, _)| key.is_of(provider)) {
            return Ok(pool.clone());
        }
        let plugins = self.plugins.get();
        let plugin = plugins.get(&provider.api).ok_or_else(|| {
            let present: Vec<&str> = plugins.keys().map(String::as_str).collect();
            format!(
                "no plugin speaks \"{}\" (models.providers.{}.api; present: {}; see: openclaw plugins list)",
                provider.api,
                provider.id,
                if present.is_empty() { "none".to_owned() } else { present.join(", ") },
            )
        })?;
        let pool = ShimPool::new(&self.runtime, plugin).map_err(|error| error.to_string())?;
        if pools.len() >= POOLS {
            pools.clear();
        }
        pools.push((PoolKey::of(provider), pool.clone()));
        Ok(pool)
    }
}

impl ShimSource for Shims {
    fn shim(&self, provider: &Provider) -> Result<Box<dyn Shim>, String> {
        Ok(Box::new(Leased(self.pool(provider)?)))
    }

    fn serves(&self, api: &str) -> bool {
        self.plugins.get().contains_key(api)
    }
}

struct Leased(ShimPool);

impl Shim for Leased {
    fn prepare(&mut self, request: &models::ChatRequest) -> Result<models::ShimRequest, Fault> {
        let prepared = self.0.prepare(&dialect::request(request)).map_err(fault)?;
        prepared.map(dialect::http_request).map_err(|failure| dialect::failure(failure).into())
    }

    fn decoder(&mut self, stream: bool, content_type: &str) -> Result<Box<dyn Decoder>, Fault> {
        let decoder = self.0.decoder(stream, content_type).map_err(fault)?;
        Ok(Box::new(Reading(decoder)))
    }

    fn classify(
        &mut self,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<models::Failure, Fault> {
        self.0.classify(status, headers, body).map(dialect::failure).map_err(fault)
    }

    fn prepare_models(&mut self) -> Result<models::ShimRequest, Fault> {
        self.0.prepare_models().map(dialect::http_request).map_err(fault)
    }

    fn decode_models(&mut self, body: &[u8]) -> Result<Vec<models::ModelEntry>, Fault> {
        let decoded = self.0.decode_models(body).map_err(fault)?;
        let listed = decoded.map_err(|failure| Fault::from(dialect::failure(failure)))?;
        Ok(listed.into_iter().map(dialect::model).collect())
    }

    fn prepare_embeddings(
        &mut self,
        request: &models::EmbeddingsRequest,
    ) -> Result<models::ShimRequest, Fault> {
        let Some(prepared) = self.0.prepare_embeddings(&dialect::embeddings_request(request)) else {
            let text = "the plugin that speaks this provider's dialect makes no embeddings: use a model of another \
                        provider";
            return Err(own(models::FailureReason::Format, "no_embeddings", text.to_owned()));
        };
        let prepared = prepared.map_err(fault)?;
        prepared
            .map(dialect::embeddings_post)
            .map_err(|why| own(models::FailureReason::Format, "invalid_request", why))
    }

    fn decode_embeddings(&mut self, body: &[u8]) -> Result<models::Embeddings, Fault> {
        let decode = || self.0.decode_embeddings(body);
        // Megabytes of numbers take a while to read: other requests of this thread go elsewhere meanwhile.
        let multi =
            Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        let decoded =
            if multi && body.len() > BRIEF { tokio::task::block_in_place(decode) } else { decode() };
        let answer = decoded.map_err(fault)?;
        answer
            .map(dialect::embeddings)
            .map_err(|why| own(models::FailureReason::ServerError, "bad_answer", why))
    }
}

fn own(reason: models::FailureReason, code: &str, message: String) -> Fault {
    Fault::Failure(models::Failure { reason, code: code.to_owned(), message, retry_after_ms: None })
}

struct Reading(ShimDecoder);

impl Decoder for Reading {
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<models::Chunk>, Fault> {
        chunks(self.0.push(bytes))
    }

    fn finish(&mut self) -> Result<Vec<models::Chunk>, Fault> {
        chunks(self.0.finish())
    }
}

fn chunks(
    decoded: Result<
        Result<Vec<openclaw_runtime::dialect::Chunk>, openclaw_runtime::dialect::Failure>,
        ShimError,
    >,
) -> Result<Vec<models::Chunk>, Fault> {
    let chunks = decoded.map_err(fault)?.map_err(|failure| Fault::from(dialect::failure(failure)))?;
    Ok(chunks.into_iter().map(dialect::chunk).collect())
}

fn fault(error: ShimError) -> Fault {
    match error {
        ShimError::Crashed(how) => Fault::Crashed(how),
        ShimError::Busy => Fault::Failure(models::Failure {
            reason: models::FailureReason::Overloaded,
            code: "shim_busy".to_owned(),
            message: error.to_string(),
            retry_after_ms: Some(1_000),
        }),
    }
}
