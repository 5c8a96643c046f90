//! A loaded plugin: compiled, checked against the contract, ready to be instantiated.

use std::sync::Arc;

use openclaw_packages::{Kind, Package};
use wasmtime::component::{Component, InstancePre, Linker};

use crate::bindings::{channel, embeddings, provider, typing};
use crate::capability::{self, Guest};
use crate::engine::Runtime;
use crate::{LoadError, wasi};

/// The contract that this runtime speaks.
const CONTRACT: &str = "openclaw:plugin@0.1.0";

/// The optional interfaces that a component exports. Read off the component, never declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// It can show that an answer is being written.
    pub typing: bool,
    /// It can turn texts into vectors.
    pub embeddings: bool,
}

/// A component that has passed every check which does not need an instance.
pub struct Plugin {
    id: String,
    /// It is part of the binary: whoever trusts the one trusts the other.
    pub(crate) bundled: bool,
    pub(crate) code: Code,
}

pub(crate) enum Code {
    Channel {
        pre: InstancePre<Guest>,
        channel: channel::ChannelPluginIndices,
        typing: Option<typing::WithTypingIndices>,
    },
    Provider(Shim),
}

/// A checked shim.
#[derive(Clone)]
pub(crate) struct Shim {
    pub(crate) pre: InstancePre<crate::shim::State>,
    pub(crate) provider: provider::ProviderPluginIndices,
    pub(crate) embeddings: Option<embeddings::WithEmbeddingsIndices>,
}

impl Plugin {
    /// The id of its manifest.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the component can do beyond the required interfaces.
    pub fn features(&self) -> Features {
        match &self.code {
            Code::Channel { typing, .. } => Features { typing: typing.is_some(), ..Features::default() },
            Code::Provider(shim) => Features { embeddings: shim.embeddings.is_some(), ..Features::default() },
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("id", &self.id)
            .field("features", &self.features())
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Compiles the package's component (or takes it from the artifact cache) and checks that it imports nothing beyond
    /// its kind's capabilities and exports what its kind requires.
    pub async fn load(&self, package: &Package) -> Result<Arc<Plugin>, LoadError> {
        let id = package.id().to_owned();
        let Some(packed) = &package.component else { return Err(LoadError::Absent(id)) };
        let (runtime, wasm, digest) = (self.clone(), packed.wasm.clone(), packed.digest.clone());
        let kind = package.manifest.plugin.kind;
        let compiled = tokio::task::spawn_blocking(move || {
            let engine = match kind {
                Kind::Channel => &runtime.engine,
                Kind::Provider => &runtime.shims,
            };
            runtime.cache.load(engine, &digest, &wasm)
        });
        let compiled = compiled.await;
        let component = match compiled {
            Ok(Ok(component)) => component,
            Ok(Err(error)) => return Err(LoadError::Invalid { plugin: id, reason: format!("{error:#}") }),
            Err(lost) => return Err(LoadError::Engine(lost.to_string())),
        };
        let code = match kind {
            Kind::Channel => self.channel(&component),
            Kind::Provider => self.provider(&component),
        };
        let code = code.map_err(|error| LoadError::Contract {
            plugin: id.clone(),
            contract: CONTRACT,
            reason: format!("{error:#}"),
        })?;
        Ok(Arc::new(Plugin { id, bundled: package.bundled, code }))
    }

    fn channel(&self, component: &Component) -> wasmtime::Result<Code> {
        let mut linker = Linker::new(&self.engine);
        wasi::link(&mut linker)?;
        capability::link(&mut linker)?;
        let pre = linker.instantiate_pre(component)?;
        let channel = channel::ChannelPluginIndices::new(&pre)?;
        let typing = typing::WithTypingIndices::new(&pre).ok();
        Ok(Code::Channel { pre, channel, typing })
    }

    fn provider(&self, component: &Component) -> wasmtime::Result<Code> {
        // An empty linker: a shim imports nothing, so that it is a pure function.
        let pre = Linker::new(&self.shims).instantiate_pre(component)?;
        let provider = provider::ProviderPluginIndices::new(&pre)?;
        let embeddings = embeddings::WithEmbeddingsIndices::new(&pre).ok();
        Ok(Code::Provider(Shim { pre, provider, embeddings }))
    }
}
