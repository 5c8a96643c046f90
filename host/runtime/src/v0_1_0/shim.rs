//! Provider shims that were built against 0.1.0. The shapes of `provider` and `embeddings` are the same in 0.2.0; only the
//! names of the interfaces differ. The engine compares types by their shape, so that there is nothing to convert: the exports
//! are called by their old names with the current types.

use wasmtime::Store;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Func, Instance, InstancePre, Lift, Lower, ResourceAny,
};

use crate::bindings::embeddings::exports::openclaw::plugin::embeddings as vectors;
use crate::bindings::provider::exports::openclaw::plugin::provider as wit;

const PROVIDER: &str = "openclaw:plugin/provider@0.1.0";
const EMBEDDINGS: &str = "openclaw:plugin/embeddings@0.1.0";
const REQUIRED: [&str; 7] = [
    "prepare",
    "[constructor]decoder",
    "[method]decoder.push",
    "[method]decoder.finish",
    "classify",
    "prepare-models",
    "decode-models",
];
const OPTIONAL: [&str; 2] = ["prepare-embeddings", "decode-embeddings"];

/// Where the exports are.
#[derive(Clone)]
pub(crate) struct Indices {
    required: [ComponentExportIndex; 7],
    optional: Option<[ComponentExportIndex; 2]>,
}

/// The exports of one instance.
pub(crate) struct Exports {
    required: [Func; 7],
    optional: Option<[Func; 2]>,
}

impl Indices {
    pub(crate) fn new<T>(pre: &InstancePre<T>) -> wasmtime::Result<Self> {
        Ok(Self { required: find(pre, PROVIDER, REQUIRED)?, optional: find(pre, EMBEDDINGS, OPTIONAL).ok() })
    }

    pub(crate) fn has_embeddings(&self) -> bool {
        self.optional.is_some()
    }

    pub(crate) fn load<T>(&self, store: &mut Store<T>, instance: &Instance) -> wasmtime::Result<Exports> {
        let mut found = |index: &ComponentExportIndex| {
            let found = instance.get_func(&mut *store, index);
            found.ok_or_else(|| wasmtime::format_err!("an export of {PROVIDER} is not a function"))
        };
        let [prepare, decoder, push, finish, classify, models, decode] = &self.required;
        let required = [
            found(prepare)?,
            found(decoder)?,
            found(push)?,
            found(finish)?,
            found(classify)?,
            found(models)?,
            found(decode)?,
        ];
        let optional = match &self.optional {
            Some([prepare, decode]) => Some([found(prepare)?, found(decode)?]),
            None => None,
        };
        let exports = Exports { required, optional };
        exports.check(store)?;
        Ok(exports)
    }
}

fn find<T, const N: usize>(
    pre: &InstancePre<T>,
    interface: &str,
    names: [&str; N],
) -> wasmtime::Result<[ComponentExportIndex; N]> {
    let component = pre.component();
    let missing = |name: &str| wasmtime::format_err!("no export `{name}`");
    let of = component.get_export_index(None, interface).ok_or_else(|| missing(interface))?;
    let mut found = Vec::with_capacity(N);
    for name in names {
        found.push(component.get_export_index(Some(&of), name).ok_or_else(|| missing(name))?);
    }
    found.try_into().map_err(|_| missing(interface))
}

/// Calls one export; the engine checks its type on each call, which current shims do not pay for.
fn call<T, P, R>(store: &mut Store<T>, func: Func, parameters: P) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower,
    (R,): ComponentNamedList + Lift,
{
    let (answer,) = func.typed::<P, (R,)>(&*store)?.call(store, parameters)?;
    Ok(answer)
}

impl Exports {
    /// Refuses a component whose functions have other shapes at its load instead of at its first call.
    fn check<T>(&self, store: &Store<T>) -> wasmtime::Result<()> {
        let [prepare, decoder, push, finish, classify, models, decode] = self.required;
        prepare.typed::<(&wit::ChatRequest,), (Result<wit::HttpRequest, wit::Failure>,)>(store)?;
        decoder.typed::<(bool, &str), (ResourceAny,)>(store)?;
        push.typed::<(ResourceAny, &[u8]), (Result<Vec<wit::Chunk>, wit::Failure>,)>(store)?;
        finish.typed::<(ResourceAny,), (Result<Vec<wit::Chunk>, wit::Failure>,)>(store)?;
        classify.typed::<(u16, &[(String, String)], &[u8]), (wit::Failure,)>(store)?;
        models.typed::<(), (wit::HttpRequest,)>(store)?;
        decode.typed::<(&[u8],), (Result<Vec<wit::Model>, wit::Failure>,)>(store)?;
        if let Some([prepare, decode]) = self.optional {
            prepare
                .typed::<(&vectors::EmbeddingsRequest,), (Result<vectors::EmbeddingsPost, String>,)>(store)?;
            decode.typed::<(&[u8],), (Result<vectors::EmbeddingsAnswer, String>,)>(store)?;
        }
        Ok(())
    }

    pub(crate) fn prepare<T>(
        &self,
        store: &mut Store<T>,
        request: &wit::ChatRequest,
    ) -> wasmtime::Result<Result<wit::HttpRequest, wit::Failure>> {
        call(store, self.required[0], (request,))
    }

    pub(crate) fn decoder<T>(
        &self,
        store: &mut Store<T>,
        stream: bool,
        content_type: &str,
    ) -> wasmtime::Result<ResourceAny> {
        call(store, self.required[1], (stream, content_type))
    }

    pub(crate) fn push<T>(
        &self,
        store: &mut Store<T>,
        decoder: ResourceAny,
        bytes: &[u8],
    ) -> wasmtime::Result<Result<Vec<wit::Chunk>, wit::Failure>> {
        call(store, self.required[2], (decoder, bytes))
    }

    pub(crate) fn finish<T>(
        &self,
        store: &mut Store<T>,
        decoder: ResourceAny,
    ) -> wasmtime::Result<Result<Vec<wit::Chunk>, wit::Failure>> {
        call(store, self.required[3], (decoder,))
    }

    pub(crate) fn classify<T>(
        &self,
        store: &mut Store<T>,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> wasmtime::Result<wit::Failure> {
        call(store, self.required[4], (status, headers, body))
    }

    pub(crate) fn prepare_models<T>(&self, store: &mut Store<T>) -> wasmtime::Result<wit::HttpRequest> {
        call(store, self.required[5], ())
    }

    pub(crate) fn decode_models<T>(
        &self,
        store: &mut Store<T>,
        body: &[u8],
    ) -> wasmtime::Result<Result<Vec<wit::Model>, wit::Failure>> {
        call(store, self.required[6], (body,))
    }

    pub(crate) fn prepare_embeddings<T>(
        &self,
        store: &mut Store<T>,
        request: &vectors::EmbeddingsRequest,
    ) -> wasmtime::Result<Result<vectors::EmbeddingsPost, String>> {
        call(store, self.embeddings()?[0], (request,))
    }

    pub(crate) fn decode_embeddings<T>(
        &self,
        store: &mut Store<T>,
        body: &[u8],
    ) -> wasmtime::Result<Result<vectors::EmbeddingsAnswer, String>> {
        call(store, self.embeddings()?[1], (body,))
    }

    fn embeddings(&self) -> wasmtime::Result<&[Func; 2]> {
        self.optional
            .as_ref()
            .ok_or_else(|| wasmtime::format_err!("the component does not export embeddings"))
    }
}
