//! A loaded plugin: compiled, checked against the contract, ready to be instantiated.

use std::sync::Arc;

use openclaw_packages::{Kind, Package};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::capability::{self, Guest};
use crate::compiler::NotCompiled;
use crate::contract::{self, Granted, SPOKEN, Version};
use crate::engine::{Effort, Runtime};
use crate::exports::ExportIndices;
use crate::shim_exports::ShimIndices;
use crate::{LoadError, v0_1_0, wasi};

/// The optional interfaces that a component exports. Read off the component, never declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// It can change what a message shows.
    pub edit: bool,
    /// It can react to messages.
    pub react: bool,
    /// It can send files.
    pub send_media: bool,
    /// It can show that an answer is being written.
    pub typing: bool,
    /// It takes what the vendor sends to the gateway's port.
    pub webhook: bool,
    /// It can turn texts into vectors.
    pub embeddings: bool,
}

/// A component that has passed every check which does not need an instance.
pub struct Plugin {
    id: String,
    /// It is part of the binary: whoever trusts the one trusts the other.
    pub(crate) bundled: bool,
    imports: Vec<String>,
    pub(crate) code: Code,
}

pub(crate) enum Code {
    Channel { pre: InstancePre<Guest>, exports: ExportIndices },
    Provider(Shim),
}

/// A checked shim.
#[derive(Clone)]
pub(crate) struct Shim {
    pub(crate) pre: InstancePre<crate::shim::State>,
    pub(crate) exports: ShimIndices,
}

impl Plugin {
    /// The id of its manifest.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The names of all that the component imports, with their versions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What the component can do beyond the required interfaces.
    pub fn features(&self) -> Features {
        match &self.code {
            Code::Channel { exports, .. } => exports.features(),
            Code::Provider(shim) => {
                Features { embeddings: shim.exports.has_embeddings(), ..Features::default() }
            }
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
        let (runtime, wasm) = (self.clone(), packed.wasm.clone());
        // What was made in haste is never taken for what was made with care.
        let (effort, digest) = match package.linked {
            true => (Effort::Quick, format!("{}-quick", packed.digest)),
            false => (Effort::Full, packed.digest.clone()),
        };
        let kind = package.manifest.plugin.kind;
        if let Some(compiler) = self.compiler.as_ref().filter(|_| !package.bundled) {
            let engine = self.engine_of(kind);
            let _turn = compiler.turn.lock().await;
            if self.cache.find(engine, &digest).is_none() {
                let made = compiler.compiler.compile(kind, effort, self.cache.dir(), &digest, &wasm).await;
                made.map_err(|why| match why {
                    NotCompiled::Invalid(reason) => LoadError::Invalid { plugin: id.clone(), reason },
                    NotCompiled::Failed(reason) => LoadError::Compile { plugin: id.clone(), reason },
                })?;
                // It was compiled without this engine's limits.
                if let Some(reason) = self.cache.misfit(engine, &digest) {
                    return Err(LoadError::Compile { plugin: id, reason });
                }
            }
        }
        let compiled =
            tokio::task::spawn_blocking(move || runtime.cache.load(runtime.engine_of(kind), &digest, &wasm));
        let compiled = compiled.await;
        let component = match compiled {
            Ok(Ok(component)) => component,
            Ok(Err(error)) => return Err(LoadError::Invalid { plugin: id, reason: format!("{error:#}") }),
            Err(lost) => return Err(LoadError::Engine(lost.to_string())),
        };
        let shape = component.component_type();
        let imports: Vec<&str> = shape.imports(component.engine()).map(|(name, _)| name).collect();
        let exports = shape.exports(component.engine()).map(|(name, _)| name);
        let version = contract::version(&id, imports.iter().copied().chain(exports))?;
        let granted = Granted::of(&package.manifest);
        let code = match kind {
            Kind::Channel => {
                contract::check_imports(&id, granted, imports.iter().copied())?;
                self.channel(&component, version, granted)
            }
            Kind::Provider => self.provider(&component, version),
        };
        let code = code.map_err(|error| LoadError::Contract {
            plugin: id.clone(),
            contract: SPOKEN,
            reason: format!("{error:#}"),
        })?;
        let imports = imports.into_iter().map(str::to_owned).collect();
        Ok(Arc::new(Plugin { id, bundled: package.bundled, imports, code }))
    }

    fn engine_of(&self, kind: Kind) -> &Engine {
        match kind {
            Kind::Channel => &self.engine,
            Kind::Provider => &self.shims,
        }
    }

    fn channel(&self, component: &Component, version: Version, granted: Granted) -> wasmtime::Result<Code> {
        let mut linker = Linker::new(&self.engine);
        wasi::link(&mut linker)?;
        match version {
            Version::Current => capability::link(&mut linker, granted)?,
            Version::V0_1_0 => v0_1_0::link(&mut linker, granted.http)?,
        }
        let pre = linker.instantiate_pre(component)?;
        let exports = ExportIndices::new(version, &pre)?;
        Ok(Code::Channel { pre, exports })
    }

    fn provider(&self, component: &Component, version: Version) -> wasmtime::Result<Code> {
        // An empty linker: a shim imports nothing, so that it is a pure function.
        let pre = Linker::new(&self.shims).instantiate_pre(component)?;
        let exports = ShimIndices::new(version, &pre)?;
        Ok(Code::Provider(Shim { pre, exports }))
    }
}
