//! Provider shims: pure functions, called inline, on instances from a pool.
//!
//! A shim imports nothing, so a call can neither wait nor reach anything; all that it can do wrong is to compute for too
//! long (a trap after 20 to 40 ms of the processor's time, more for large inputs), to want too much memory, or to trap. Each of these costs its instance and the
//! streams on it, and nothing else. One pool serves one (provider, credential).
//!
//! Only bundled shims share instances. Any other gets a fresh one for each call and each stream, so that what it keeps of
//! one request cannot show up in the next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use wasmtime::component::ResourceAny;
use wasmtime::{Engine, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::bindings::embeddings::exports::openclaw::plugin::embeddings as vectors;
use crate::bindings::provider::exports::openclaw::plugin::provider as wit;
use crate::channel::memory::MemoryLimit;
use crate::engine::TICK;
use crate::error::told;
use crate::plugin::{Code, Plugin, Shim};
use crate::shim_exports::ShimExports;
use crate::{LoadError, Runtime};

/// Epoch ticks of 5 ms that one call may take, and one more for each so many bytes that it is given.
const TICKS: u64 = 4;
const BYTES_A_TICK: usize = 64 << 10;
/// Streams that share an instance.
const STREAMS: usize = 32;
/// Most instances of one pool: with [`STREAMS`] each, the most streams at once.
const INSTANCES: usize = 64;
/// Calls after which an idle instance is replaced, so that a slow leak in a shim never matters.
const CALLS: u32 = 10_000;
/// Bytes of memory of one instance.
const MEMORY: usize = 64 << 20;

/// The data of a shim's store: it can use nothing but memory.
pub(crate) struct State {
    memory: MemoryLimit,
    /// What the running call may compute, and since when that is measured. A thread that waits for a processor computes nothing:
    /// what the clock says is looked at first, because that costs nothing, and only then what the processor says.
    ticks: u64,
    measured_since: Option<Duration>,
}

/// Why a call has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ShimError {
    /// The shim trapped, or its instance was lost to a trap in another call. A new instance may succeed.
    #[error("the provider shim failed: {0}")]
    Crashed(String),
    /// All instances serve as many streams as they may.
    #[error("the provider shim already serves {} streams", INSTANCES * STREAMS)]
    Busy,
}

/// Instances of one shim for one provider and credential. Cheap to clone.
#[derive(Clone)]
pub struct ShimPool {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    /// Instances are never used twice.
    fresh: bool,
    code: Shim,
    slots: Mutex<Vec<Arc<Slot>>>,
}

/// One instance and how much hangs on it.
struct Slot {
    /// Gone after a trap.
    instance: Mutex<Option<Instance>>,
    streams: AtomicUsize,
}

impl Slot {
    /// Whether its instance was lost to a trap. One that is being called on still has it.
    fn is_dead(&self) -> bool {
        match self.instance.try_lock() {
            Ok(place) => place.is_none(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().is_none(),
            Err(TryLockError::WouldBlock) => false,
        }
    }
}

struct Instance {
    store: Store<State>,
    exports: ShimExports,
    calls: u32,
}

/// One answer being decoded. Lives on one instance; fails with it.
pub struct ShimDecoder {
    slot: Arc<Slot>,
    decoder: ResourceAny,
}

impl ShimPool {
    /// A pool without instances: the first call makes the first one.
    pub fn new(runtime: &Runtime, plugin: &Plugin) -> Result<Self, LoadError> {
        match &plugin.code {
            Code::Provider(code) => Ok(Self {
                shared: Arc::new(Shared {
                    engine: runtime.shims.clone(),
                    fresh: !plugin.bundled,
                    code: code.clone(),
                    slots: Mutex::default(),
                }),
            }),
            Code::Channel { .. } => Err(LoadError::Contract {
                plugin: plugin.id().to_owned(),
                contract: "openclaw:plugin/provider",
                reason: "it is a channel, not a provider".to_owned(),
            }),
        }
    }

    /// Builds the HTTP request for `request`.
    pub fn prepare(
        &self,
        request: &wit::ChatRequest,
    ) -> Result<Result<wit::HttpRequest, wit::Failure>, ShimError> {
        self.shared.any(|instance| {
            instance.allow(size(request));
            instance.exports.prepare(&mut instance.store, request)
        })
    }

    /// Starts decoding one answer.
    pub fn decoder(&self, stream: bool, content_type: &str) -> Result<ShimDecoder, ShimError> {
        let slot = self.shared.slot_for_stream()?;
        let decoder = self
            .shared
            .on(&slot, |instance| instance.exports.decoder(&mut instance.store, stream, content_type));
        match decoder {
            Ok(decoder) => Ok(ShimDecoder { slot, decoder }),
            Err(error) => {
                slot.streams.fetch_sub(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }

    /// Classifies an answer whose status is not 2xx.
    pub fn classify(
        &self,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<wit::Failure, ShimError> {
        self.shared.any(|instance| instance.exports.classify(&mut instance.store, status, headers, body))
    }

    /// Builds the request that lists the provider's models.
    pub fn prepare_models(&self) -> Result<wit::HttpRequest, ShimError> {
        self.shared.any(|instance| instance.exports.prepare_models(&mut instance.store))
    }

    /// Reads the answer to [`Self::prepare_models`].
    pub fn decode_models(&self, body: &[u8]) -> Result<Result<Vec<wit::Model>, wit::Failure>, ShimError> {
        self.shared.any(|instance| instance.exports.decode_models(&mut instance.store, body))
    }

    /// Builds the request for vectors. `None` when the component does not export `embeddings`; the inner error says what
    /// its dialect cannot express.
    pub fn prepare_embeddings(
        &self,
        request: &vectors::EmbeddingsRequest,
    ) -> Option<Result<Result<vectors::EmbeddingsPost, String>, ShimError>> {
        self.shared.code.exports.has_embeddings().then_some(())?;
        Some(self.shared.any(|instance| {
            instance.allow(request.input.iter().map(String::len).sum());
            instance.exports.prepare_embeddings(&mut instance.store, request)
        }))
    }

    /// Reads the answer to [`Self::prepare_embeddings`]. May compute for as long as a large body deserves.
    pub fn decode_embeddings(
        &self,
        body: &[u8],
    ) -> Result<Result<vectors::EmbeddingsAnswer, String>, ShimError> {
        self.shared.any(|instance| {
            instance.allow(body.len());
            instance.exports.decode_embeddings(&mut instance.store, body)
        })
    }
}

impl Shared {
    /// Calls on whichever instance is free.
    fn any<R>(&self, call: impl FnOnce(&mut Instance) -> wasmtime::Result<R>) -> Result<R, ShimError> {
        let slot = self.free_slot()?;
        self.on(&slot, call)
    }

    /// Calls on the instance of `slot`; a trap costs the slot its place.
    fn on<R>(
        &self,
        slot: &Arc<Slot>,
        call: impl FnOnce(&mut Instance) -> wasmtime::Result<R>,
    ) -> Result<R, ShimError> {
        let mut place = lock(&slot.instance);
        let answer = enter(&mut place, call);
        let worn = place
            .as_ref()
            .is_none_or(|instance| instance.calls >= CALLS && slot.streams.load(Ordering::Acquire) == 0);
        drop(place);
        if worn {
            lock(&self.slots).retain(|other| !Arc::ptr_eq(other, slot));
        }
        answer
    }

    /// A slot that nobody is calling on at this moment, or a new one.
    fn free_slot(&self) -> Result<Arc<Slot>, ShimError> {
        if self.fresh {
            return self.slot();
        }
        let mut slots = self.living();
        let free =
            slots.iter().find(|slot| !matches!(slot.instance.try_lock(), Err(TryLockError::WouldBlock)));
        if let Some(slot) = free.or_else(|| slots.first().filter(|_| slots.len() >= INSTANCES)) {
            return Ok(Arc::clone(slot));
        }
        self.grow(&mut slots)
    }

    /// A slot with room for one more stream, already counted.
    fn slot_for_stream(&self) -> Result<Arc<Slot>, ShimError> {
        if self.fresh {
            let slot = self.slot()?;
            slot.streams.fetch_add(1, Ordering::AcqRel);
            return Ok(slot);
        }
        let mut slots = self.living();
        let room = slots.iter().min_by_key(|slot| slot.streams.load(Ordering::Acquire));
        let slot = match room.filter(|slot| slot.streams.load(Ordering::Acquire) < STREAMS) {
            Some(slot) => Arc::clone(slot),
            None if slots.len() >= INSTANCES => return Err(ShimError::Busy),
            None => self.grow(&mut slots)?,
        };
        slot.streams.fetch_add(1, Ordering::AcqRel);
        Ok(slot)
    }

    /// The slots, without those that a stream's trap has emptied: the next call must not pay for it.
    fn living(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        let mut slots = lock(&self.slots);
        slots.retain(|slot| !slot.is_dead());
        slots
    }

    fn grow(&self, slots: &mut Vec<Arc<Slot>>) -> Result<Arc<Slot>, ShimError> {
        let slot = self.slot()?;
        slots.push(Arc::clone(&slot));
        Ok(slot)
    }

    /// A new instance that nobody else knows.
    fn slot(&self) -> Result<Arc<Slot>, ShimError> {
        let instance = self.instantiate().map_err(|error| ShimError::Crashed(told(&error)))?;
        Ok(Arc::new(Slot { instance: Mutex::new(Some(instance)), streams: AtomicUsize::new(0) }))
    }

    fn instantiate(&self) -> wasmtime::Result<Instance> {
        let state = State { memory: MemoryLimit::new(MEMORY), ticks: TICKS, measured_since: None };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(judge);
        store.set_hostcall_fuel(MEMORY);
        store.set_max_component_handles(STREAMS * 2);
        store.set_epoch_deadline(TICKS);
        let instance = self.code.pre.instantiate(&mut store)?;
        let exports = self.code.exports.load(&mut store, &instance)?;
        Ok(Instance { store, exports, calls: 0 })
    }
}

impl Instance {
    /// Gives the call that is about to begin the time that so many bytes deserve.
    fn allow(&mut self, bytes: usize) {
        let ticks = TICKS + (bytes / BYTES_A_TICK) as u64;
        self.store.set_epoch_deadline(ticks);
        let state = self.store.data_mut();
        (state.ticks, state.measured_since) = (ticks, None);
    }
}

/// The time of a call is up by the clock. It goes on until it is up by the processor, too.
fn judge(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data_mut();
    match over(state.ticks, &mut state.measured_since, processor_time()) {
        true => Err(Trap::Interrupt.into()),
        false => Ok(UpdateDeadline::Continue(1)),
    }
}

/// Whether a call has computed for so many ticks since it was looked at first.
fn over(ticks: u64, since: &mut Option<Duration>, now: Duration) -> bool {
    let allowed = TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
    now.saturating_sub(*since.get_or_insert(now)) >= allowed
}

/// For how long this thread has computed. A call stays on its thread.
#[cfg(unix)]
fn processor_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}

/// The clock, where there is nothing better.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    static BEGAN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGAN.elapsed()
}

/// About how many bytes a request has.
fn size(request: &wit::ChatRequest) -> usize {
    let content = |content: &wit::Content| match content {
        wit::Content::Text(text) => text.len(),
        wit::Content::Parts(parts) => {
            parts.iter().map(|(wit::Part::Text(text) | wit::Part::Image(text))| text.len()).sum()
        }
    };
    let messages = request.messages.iter().filter_map(|message| message.content.as_ref()).map(content);
    let tools = request.tools.iter().filter_map(|tool| tool.parameters.as_ref()).map(String::len);
    messages.chain(tools).sum()
}

impl ShimDecoder {
    /// Feeds the next bytes of the answer.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Result<Vec<wit::Chunk>, wit::Failure>, ShimError> {
        let decoder = self.decoder;
        self.call(|instance| {
            instance.allow(bytes.len());
            instance.exports.push(&mut instance.store, decoder, bytes)
        })
    }

    /// Says that the answer is complete.
    pub fn finish(&mut self) -> Result<Result<Vec<wit::Chunk>, wit::Failure>, ShimError> {
        let decoder = self.decoder;
        self.call(|instance| instance.exports.finish(&mut instance.store, decoder))
    }

    fn call<R>(&self, call: impl FnOnce(&mut Instance) -> wasmtime::Result<R>) -> Result<R, ShimError> {
        enter(&mut lock(&self.slot.instance), call)
    }
}

impl Drop for ShimDecoder {
    fn drop(&mut self) {
        let decoder = self.decoder;
        // An instance that is already gone has dropped the resource with it.
        self.call(|instance| decoder.resource_drop(&mut instance.store)).ok();
        self.slot.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Calls on the instance in `place`, and empties the place when the call traps.
fn enter<R>(
    place: &mut Option<Instance>,
    call: impl FnOnce(&mut Instance) -> wasmtime::Result<R>,
) -> Result<R, ShimError> {
    let instance = place.as_mut().ok_or_else(|| ShimError::Crashed("its instance is gone".to_owned()))?;
    instance.calls = instance.calls.saturating_add(1);
    instance.allow(0);
    call(instance).map_err(|trap| {
        *place = None;
        ShimError::Crashed(told(&trap))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks stays whole even if a panic unwound through them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for ShimPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShimPool").field("instances", &lock(&self.shared.slots).len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ShimDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShimDecoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_whose_thread_waits_is_not_over() {
        let (mut since, begun) = (None, Duration::from_secs(7));
        assert!(!over(TICKS, &mut since, begun), "what was computed before is another call's");
        assert!(!over(TICKS, &mut since, begun), "it has not computed since, whatever the clock says");
        assert!(!over(TICKS, &mut since, begun + TICK * 3));
        assert!(over(TICKS, &mut since, begun + TICK * 4));
        assert!(!over(TICKS + 1, &mut since, begun + TICK * 4), "a large input has longer");
    }

    #[test]
    fn a_thread_that_waits_computes_nothing() {
        let before = processor_time();
        let (_sender, never) = std::sync::mpsc::channel::<()>();
        never.recv_timeout(Duration::from_millis(100)).unwrap_err();
        assert!(processor_time() - before < Duration::from_millis(50));
        while processor_time() - before < Duration::from_millis(1) {}
    }
}
