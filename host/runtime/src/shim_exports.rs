//! What a provider shim exports, whichever version of the contract it was built against: one set of calls for
//! [`crate::shim`], which knows no versions.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre, ResourceAny};

use crate::bindings::embeddings::exports::openclaw::plugin::embeddings as vectors;
use crate::bindings::embeddings::{WithEmbeddings, WithEmbeddingsIndices};
use crate::bindings::provider::exports::openclaw::plugin::provider as wit;
use crate::bindings::provider::{ProviderPlugin, ProviderPluginIndices};
use crate::contract::Version;
use crate::v0_1_0::shim as older;

/// Where the exports are, found once for each component.
#[derive(Clone)]
pub(crate) enum ShimIndices {
    Current { provider: ProviderPluginIndices, embeddings: Option<WithEmbeddingsIndices> },
    Older(older::Indices),
}

/// The exports of one instance.
pub(crate) enum ShimExports {
    Current { provider: ProviderPlugin, embeddings: Option<WithEmbeddings> },
    Older(older::Exports),
}

impl ShimIndices {
    pub(crate) fn new<T>(version: Version, pre: &InstancePre<T>) -> wasmtime::Result<Self> {
        match version {
            Version::Current => Ok(Self::Current {
                provider: ProviderPluginIndices::new(pre)?,
                embeddings: WithEmbeddingsIndices::new(pre).ok(),
            }),
            Version::V0_1_0 => older::Indices::new(pre).map(Self::Older),
        }
    }

    pub(crate) fn has_embeddings(&self) -> bool {
        match self {
            Self::Current { embeddings, .. } => embeddings.is_some(),
            Self::Older(indices) => indices.has_embeddings(),
        }
    }

    pub(crate) fn load<T>(&self, store: &mut Store<T>, instance: &Instance) -> wasmtime::Result<ShimExports> {
        match self {
            Self::Current { provider, embeddings } => {
                let provider = provider.load(&mut *store, instance)?;
                let embeddings = embeddings.as_ref();
                let embeddings = embeddings.map(|indices| indices.load(&mut *store, instance)).transpose()?;
                Ok(ShimExports::Current { provider, embeddings })
            }
            Self::Older(indices) => indices.load(store, instance).map(ShimExports::Older),
        }
    }
}

impl ShimExports {
    pub(crate) fn prepare<T>(
        &self,
        store: &mut Store<T>,
        request: &wit::ChatRequest,
    ) -> wasmtime::Result<Result<wit::HttpRequest, wit::Failure>> {
        match self {
            Self::Current { provider, .. } => {
                provider.openclaw_plugin_provider().call_prepare(store, request)
            }
            Self::Older(exports) => exports.prepare(store, request),
        }
    }

    pub(crate) fn decoder<T>(
        &self,
        store: &mut Store<T>,
        stream: bool,
        content_type: &str,
    ) -> wasmtime::Result<ResourceAny> {
        match self {
            Self::Current { provider, .. } => {
                provider.openclaw_plugin_provider().decoder().call_constructor(store, stream, content_type)
            }
            Self::Older(exports) => exports.decoder(store, stream, content_type),
        }
    }

    pub(crate) fn push<T>(
        &self,
        store: &mut Store<T>,
        decoder: ResourceAny,
        bytes: &[u8],
    ) -> wasmtime::Result<Result<Vec<wit::Chunk>, wit::Failure>> {
        match self {
            Self::Current { provider, .. } => {
                provider.openclaw_plugin_provider().decoder().call_push(store, decoder, bytes)
            }
            Self::Older(exports) => exports.push(store, decoder, bytes),
        }
    }

    pub(crate) fn finish<T>(
        &self,
        store: &mut Store<T>,
        decoder: ResourceAny,
    ) -> wasmtime::Result<Result<Vec<wit::Chunk>, wit::Failure>> {
        match self {
            Self::Current { provider, .. } => {
                provider.openclaw_plugin_provider().decoder().call_finish(store, decoder)
            }
            Self::Older(exports) => exports.finish(store, decoder),
        }
    }

    pub(crate) fn classify<T>(
        &self,
        store: &mut Store<T>,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> wasmtime::Result<wit::Failure> {
        match self {
            Self::Current { provider, .. } => {
                provider.openclaw_plugin_provider().call_classify(store, status, headers, body)
            }
            Self::Older(exports) => exports.classify(store, status, headers, body),
        }
    }

    pub(crate) fn prepare_models<T>(&self, store: &mut Store<T>) -> wasmtime::Result<wit::HttpRequest> {
        match self {
            Self::Current { provider, .. } => provider.openclaw_plugin_provider().call_prepare_models(store),
            Self::Older(exports) => exports.prepare_models(store),
        }
    }

    pub(crate) fn decode_models<T>(
        &self,
        store: &mut Store<T>,
        body: &[u8],
    ) -> wasmtime::Result<Result<Vec<wit::Model>, wit::Failure>> {
        match self {
            Self::Current { provider, .. } => {
                provider.openclaw_plugin_provider().call_decode_models(store, body)
            }
            Self::Older(exports) => exports.decode_models(store, body),
        }
    }

    pub(crate) fn prepare_embeddings<T>(
        &self,
        store: &mut Store<T>,
        request: &vectors::EmbeddingsRequest,
    ) -> wasmtime::Result<Result<vectors::EmbeddingsPost, String>> {
        match self {
            Self::Current { embeddings, .. } => {
                exported(embeddings)?.openclaw_plugin_embeddings().call_prepare_embeddings(store, request)
            }
            Self::Older(exports) => exports.prepare_embeddings(store, request),
        }
    }

    pub(crate) fn decode_embeddings<T>(
        &self,
        store: &mut Store<T>,
        body: &[u8],
    ) -> wasmtime::Result<Result<vectors::EmbeddingsAnswer, String>> {
        match self {
            Self::Current { embeddings, .. } => {
                exported(embeddings)?.openclaw_plugin_embeddings().call_decode_embeddings(store, body)
            }
            Self::Older(exports) => exports.decode_embeddings(store, body),
        }
    }
}

/// What a caller asks for only after it was found among the exports.
fn exported(embeddings: &Option<WithEmbeddings>) -> wasmtime::Result<&WithEmbeddings> {
    embeddings.as_ref().ok_or_else(|| wasmtime::format_err!("the component does not export embeddings"))
}
