//! What needs no gateway: provider shims, calls with deadlines of their own, and the bars of T2, T3 and T4, on one runtime with a
//! healthy instance beside.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use openclaw_egress::Egress;
use openclaw_packages::{AccountSecrets, Component, Package};
use openclaw_runtime::guest::{Message, Outbound, Outcome, Target};
use openclaw_runtime::{
    Admission, AdmitError, ChannelInstance, ChannelSetup, Exit, Inbox, Kv, KvAnswer, KvChange, KvEntry,
    Limits, Media, MediaAnswer, MediaDescription, MediaError, MediaFile, MediaReader, MediaWriter, Plugin,
    Runtime, RuntimeOptions, ShimPool, Unreadable,
};
use serde_json::{Value, json};

use crate::components;
use crate::gateway::{PLAYS, guest};
use crate::neighbour::{Neighbour, Unwell};
use crate::report::{Contained, Report, Verdict};

/// One case: what it does and what must contain it stand beside what plays it.
pub(crate) struct Own {
    pub(crate) name: &'static str,
    pub(crate) does: &'static str,
    pub(crate) must: &'static str,
    pub(crate) deadline: Duration,
    pub(crate) play: for<'a> fn(&'a Bench) -> Playing<'a>,
}

pub(crate) type Playing<'a> = Pin<Box<dyn Future<Output = Verdict> + 'a>>;

pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) plugin: Arc<Plugin>,
    package: Package,
    neighbour: Neighbour,
    _cache: tempfile::TempDir,
}

/// Accepts everything and keeps nothing.
struct Nowhere;

impl Inbox for Nowhere {
    fn admit(
        &self,
        _: Message,
        _: Option<Vec<u8>>,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, AdmitError>> + Send + '_>> {
        Box::pin(async { Ok(Admission::Accepted) })
    }

    fn set_aside(
        &self,
        _: Unreadable,
        _: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AdmitError>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

/// An account's bytes.
#[derive(Default)]
struct Bytes(Mutex<BTreeMap<String, Vec<u8>>>);

impl Kv for Bytes {
    fn get(&self, key: String) -> KvAnswer<'_, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.0.lock().unwrap().get(&key).cloned()) })
    }

    fn scan(&self, _: String, _: Option<String>, _: u32, _: usize) -> KvAnswer<'_, Vec<KvEntry>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn apply(&self, changes: Vec<KvChange>) -> KvAnswer<'_, ()> {
        Box::pin(async move {
            for change in changes {
                if let KvChange::Put(entry) = change {
                    self.0.lock().unwrap().insert(entry.key, entry.value);
                }
            }
            Ok(())
        })
    }
}

/// Keeps no files.
struct NoFiles;

impl Media for NoFiles {
    fn begin(&self, _: MediaDescription) -> MediaAnswer<'_, Box<dyn MediaWriter>> {
        Box::pin(async { Err(MediaError::Full) })
    }

    fn open(&self, _: u64) -> MediaAnswer<'_, (MediaFile, Box<dyn MediaReader>)> {
        Box::pin(async { Err(MediaError::Gone) })
    }

    fn forget(&self, _: u64) -> MediaAnswer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Bench {
    async fn new() -> Self {
        let cache = tempfile::tempdir().unwrap();
        let options = RuntimeOptions {
            cache_dir: cache.path().join("artifacts"),
            guest_threads: 2,
            compiler: None,
            coredump_on_trap: false,
        };
        let runtime = Runtime::new(options).unwrap();
        let package = Package::from_folder(&guest("hostile")).expect("run `cargo xtask test hostile`");
        let plugin = runtime.load(&package).await.unwrap();
        let healthy = start(&runtime, &plugin, &json!({}), Limits::default());
        let neighbour = Neighbour::start(Duration::from_millis(5), move |number| {
            let healthy = healthy.clone();
            async move {
                match healthy.send(outbound(&number.to_string()), Vec::new()).await {
                    Ok(Outcome::Sent(receipt)) => {
                        let id = receipt.message_ids.concat();
                        id.split(':').next().and_then(|heard| heard.parse().ok()).ok_or(id)
                    }
                    other => Err(format!("{other:?}")),
                }
            }
        });
        Self { runtime, plugin, package, neighbour, _cache: cache }
    }

    pub(crate) fn start(&self, config: &Value, limits: Limits) -> ChannelInstance {
        start(&self.runtime, &self.plugin, config, limits)
    }

    /// Loads a channel with the guest's manifest.
    pub(crate) async fn channel(&self, wasm: &[u8]) -> Arc<Plugin> {
        let package = Package { component: Some(Component::new(wasm)), ..self.package.clone() };
        self.runtime.load(&package).await.unwrap()
    }

    /// A pool of a shim whose own parts stand in this text.
    pub(crate) async fn shim(&self, text: &str) -> ShimPool {
        let mut package =
            Package { component: Some(Component::new(components::provider(text))), ..self.package.clone() };
        package.manifest.plugin.kind = openclaw_packages::Kind::Provider;
        let plugin = self.runtime.load(&package).await.unwrap();
        ShimPool::new(&self.runtime, &plugin).unwrap()
    }
}

pub(crate) fn start(runtime: &Runtime, plugin: &Plugin, config: &Value, limits: Limits) -> ChannelInstance {
    let setup = ChannelSetup {
        label: "hostile/bench".into(),
        config: config.to_string(),
        cursor: None,
        crashes: 0,
        grants: Vec::new(),
        endpoints: Vec::new(),
        processes: Vec::new(),
        webhooks: Vec::new(),
        kv: Arc::new(Bytes::default()),
        media: Arc::new(NoFiles),
        scrubber: AccountSecrets::default().scrubber(),
        inbox: Arc::new(Nowhere),
        egress: Egress::new(openclaw_egress::Options::default()),
        limits,
    };
    runtime.start_channel(plugin, setup).unwrap()
}

pub(crate) fn outbound(text: &str) -> Outbound {
    Outbound {
        idempotency_key: "key".into(),
        target: target(),
        text: text.into(),
        reply_to: None,
        reply_context: Vec::new(),
        silent: false,
    }
}

pub(crate) fn target() -> Target {
    Target { room: "room".into(), thread: None }
}

/// How an instance ended, in the words that the gateway has for it.
pub(crate) fn ended(exit: &Exit) -> String {
    match exit {
        Exit::Trapped { reason, .. } => reason.lines().next().unwrap_or_default().to_owned(),
        Exit::Runaway => "computed for too long without a pause".into(),
        Exit::Unresponsive(call) => format!("did not answer `{call}` in time"),
        other => format!("{other:?}"),
    }
}

/// Contained, if the words are what was wanted.
pub(crate) fn judge(words: &str, wanted: &str, took: Duration) -> Verdict {
    match words.contains(wanted) {
        true => Ok(Contained { by: words.chars().take(60).collect(), took }),
        false => Err(format!("`{words}` instead of `{wanted}`")),
    }
}

/// Bytes that this process has in memory.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

pub(crate) fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The time of something.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

pub(crate) async fn run(report: &mut Report) {
    let wanted: Vec<_> = crate::bars::OWN.iter().filter(|own| report.wants(own.name)).collect();
    if wanted.is_empty() {
        return;
    }
    let bench = Bench::new().await;
    // What the healthy one did while the first instance was compiled counts for nobody.
    let _ = bench.neighbour.verdict().await;
    for own in wanted {
        for play in 1..=PLAYS {
            let verdict = (own.play)(&bench).await;
            let neighbour = bench.neighbour.verdict().await;
            if verdict.is_err() || !matches!(neighbour, Err(Unwell::Slow(_))) || play == PLAYS {
                report.case(own.name, own.deadline, verdict, neighbour);
                break;
            }
        }
    }
}
