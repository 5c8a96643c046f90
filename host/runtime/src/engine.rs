//! The engines that all instances share, their epoch ticker, and the threads that guests run on.
//!
//! Two engines, because a shim is called thousands of times a second and needs none of what lets a channel wait: without
//! support for concurrent tasks a call costs half.
//!
//! Guests run on threads of their own so that a guest's computing never delays the host's I/O, and the host's I/O never
//! runs where a guest could starve it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::failpoint;
use openclaw_packages::Kind;
use tokio::runtime::Handle;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::LoadError;
use crate::artifact::ArtifactCache;
use crate::capability::http::Leases;
use crate::channel::memory::{INSTANCES, MEMORIES, TABLES};
use crate::compiler::Compiler;

/// How often the epoch advances: the longest time for which a computing guest keeps its thread.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Address space set aside for each linear memory. Small, because hosts with a limited address space would refuse more.
const MEMORY_RESERVATION: u64 = 64 << 20;

/// Most instances of one engine at once; beyond it an instance is refused, and its owner tries again later.
const POOL_INSTANCES: u32 = 256;

/// What the runtime needs from its surroundings.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Where compiled components are kept. Created with mode 0700.
    pub cache_dir: PathBuf,
    /// Threads for guests; 0 means one for each core.
    pub guest_threads: usize,
    /// Compiles components that are not part of the binary. Without it they are compiled in this process, which only tests may
    /// do.
    pub compiler: Option<Compiler>,
    /// Keep the guest's memory when it traps, for tests that search it. Costs time on each trap.
    pub coredump_on_trap: bool,
}

/// The engines and what all plugins share. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    /// For channels.
    pub(crate) engine: Engine,
    /// For provider shims.
    pub(crate) shims: Engine,
    pub(crate) cache: Arc<ArtifactCache>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) compiler: Option<Arc<OneAtATime>>,
    /// Where guests run.
    pub(crate) guests: Arc<GuestThreads>,
    /// Where the host's I/O runs.
    pub(crate) io: Handle,
}

impl Runtime {
    /// Sets up the engine. Must be called inside the tokio runtime that the host's I/O is to run on.
    pub fn new(options: RuntimeOptions) -> Result<Self, LoadError> {
        let engine = build(&channels(options.coredump_on_trap))?;
        let shims = build(&pure())?;
        start_ticker(&engine, &shims)?;
        let threads = match options.guest_threads {
            0 => std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            n => n,
        };
        let guests = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("guest")
            .enable_time()
            .build()
            .map_err(|error| LoadError::Engine(error.to_string()))?;
        Ok(Self {
            cache: Arc::new(ArtifactCache::new(options.cache_dir)),
            engine,
            shims,
            leases: Arc::default(),
            compiler: options.compiler.map(|compiler| Arc::new(OneAtATime::new(compiler))),
            guests: Arc::new(GuestThreads(Some(guests))),
            io: Handle::current(),
        })
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

/// The compiler, for one component at a time: each may take as much memory as the whole gateway.
pub(crate) struct OneAtATime {
    pub(crate) compiler: Compiler,
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl OneAtATime {
    fn new(compiler: Compiler) -> Self {
        Self { compiler, turn: tokio::sync::Mutex::default() }
    }
}

/// How much work is put into compiling a component. The engine runs the one as well as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Code that runs fast.
    Full,
    /// Code that is soon there, for an author who waits for it.
    Quick,
}

/// An engine that makes what the one for this kind runs. It reserves no address space for instances.
pub(crate) fn compiler(kind: Kind, effort: Effort) -> wasmtime::Result<Engine> {
    let mut config = match kind {
        Kind::Channel => channels(false),
        Kind::Provider => pure(),
    };
    if effort == Effort::Quick {
        config.cranelift_opt_level(OptLevel::None);
    }
    Engine::new(&config)
}

/// A tokio runtime that may be dropped inside another one: its threads are left to end by themselves.
pub(crate) struct GuestThreads(Option<tokio::runtime::Runtime>);

impl GuestThreads {
    /// Runs `task` on a guest thread.
    pub(crate) fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(runtime) = &self.0 {
            runtime.spawn(task);
        }
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Builds an engine with the pooling allocator, or without it where the system refuses the reservation.
fn build(config: &Config) -> Result<Engine, LoadError> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(POOL_INSTANCES)
        .total_core_instances(POOL_INSTANCES * 4)
        .total_memories(POOL_INSTANCES)
        .total_tables(POOL_INSTANCES * 4)
        .total_stacks(POOL_INSTANCES * 4)
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memory_size(MEMORY_RESERVATION as usize)
        .max_unused_warm_slots(8)
        .linear_memory_keep_resident(0)
        .table_keep_resident(0);
    Engine::new(config.clone().allocation_strategy(InstanceAllocationStrategy::Pooling(pool)))
        .or_else(|refused| {
            tracing::warn!(reason = %refused, "no pooling allocator here; instances are allocated one by one");
            Engine::new(config)
        })
        .map_err(|error| LoadError::Engine(error.to_string()))
}

/// What holds for every guest.
fn common() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .memory_reservation(MEMORY_RESERVATION)
        .memory_reservation_for_growth(0)
        .memory_guard_size(64 << 10);
    config
}

fn channels(coredump: bool) -> Config {
    let mut config = common();
    config.wasm_component_model_async(true).coredump_on_trap(coredump);
    config
}

fn pure() -> Config {
    let mut config = common();
    config.wasm_component_model_async(false).concurrency_support(false);
    config
}

/// One thread that advances the epochs for as long as the engines live.
fn start_ticker(channels: &Engine, shims: &Engine) -> Result<(), LoadError> {
    let (channels, shims) = (channels.weak(), shims.weak());
    std::thread::Builder::new()
        .name("epoch".into())
        .spawn(move || {
            while let (Some(channels), Some(shims)) = (channels.upgrade(), shims.upgrade()) {
                // Without this thread no guest that computes would ever be interrupted: it outlives a panic.
                let ticked = catch_unwind(AssertUnwindSafe(|| {
                    failpoint!("runtime.epoch");
                    channels.increment_epoch();
                    shims.increment_epoch();
                }));
                drop(ticked);
                drop((channels, shims));
                #[allow(
                    clippy::disallowed_methods,
                    reason = "a thread of its own, whose whole work is to wait"
                )]
                std::thread::sleep(TICK);
            }
        })
        .map(drop)
        .map_err(|error| LoadError::Engine(error.to_string()))
}
