//! A runtime, the guests and an inbox that remembers, for the proofs.
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openclaw_egress::Egress;
use openclaw_packages::{
    AccountSecrets, Component, Manifest, Package, ResolvedEndpoint, ResolvedGrant, ResolvedProcess,
    ResolvedWebhook, SecretLookup,
};
use openclaw_runtime::guest::{Message, Outbound, Outcome, Target};
use openclaw_runtime::{
    Admission, AdmitError, ChannelInstance, ChannelSetup, Inbox, Kv, KvAnswer, KvChange, KvEntry, KvError,
    Limits, Media, MediaAnswer, MediaDescription, MediaError, MediaFile, MediaReader, MediaWriter, Plugin,
    Runtime, RuntimeOptions, Unreadable,
};
use openclaw_secrets::Secret;
use serde_json::{Value, json};

pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) inbox: Arc<Memory>,
    pub(crate) files: Arc<Files>,
    pub(crate) manifest: Manifest,
    _cache: tempfile::TempDir,
}

/// An inbox that keeps the ids it was given, and what was set aside.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) ids: Mutex<HashSet<String>>,
    pub(crate) cursor: Mutex<Option<Vec<u8>>>,
    pub(crate) aside: Mutex<Vec<Unreadable>>,
}

impl Inbox for Memory {
    fn admit(
        &self,
        message: Message,
        cursor: Option<Vec<u8>>,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, AdmitError>> + Send + '_>> {
        Box::pin(async move {
            let new = self.ids.lock().unwrap().insert(message.id);
            *self.cursor.lock().unwrap() = cursor;
            Ok(if new { Admission::Accepted } else { Admission::Duplicate })
        })
    }

    fn set_aside(
        &self,
        what: Unreadable,
        cursor: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AdmitError>> + Send + '_>> {
        Box::pin(async move {
            self.aside.lock().unwrap().push(what);
            *self.cursor.lock().unwrap() = Some(cursor);
            Ok(())
        })
    }
}

/// What an account remembers, at most a hundred bytes of it.
#[derive(Default)]
pub(crate) struct Bytes(Mutex<BTreeMap<String, Vec<u8>>>);

impl Kv for Bytes {
    fn get(&self, key: String) -> KvAnswer<'_, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.0.lock().unwrap().get(&key).cloned()) })
    }

    fn scan(
        &self,
        prefix: String,
        after: Option<String>,
        limit: u32,
        _: usize,
    ) -> KvAnswer<'_, Vec<KvEntry>> {
        Box::pin(async move {
            let all = self.0.lock().unwrap();
            let entries =
                all.iter().filter(|(key, _)| key.starts_with(&prefix) && Some(*key) > after.as_ref());
            let entries = entries.map(|(key, value)| KvEntry { key: key.clone(), value: value.clone() });
            Ok(entries.take(limit as usize).collect())
        })
    }

    fn apply(&self, changes: Vec<KvChange>) -> KvAnswer<'_, ()> {
        Box::pin(async move {
            let mut all = self.0.lock().unwrap();
            let mut next = all.clone();
            for change in changes {
                match change {
                    KvChange::Put(entry) => drop(next.insert(entry.key, entry.value)),
                    KvChange::Delete(key) => drop(next.remove(&key)),
                }
            }
            if next.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > 100 {
                return Err(KvError::Full);
            }
            *all = next;
            Ok(())
        })
    }
}

/// The files of an account, at most 300,000 bytes of them.
#[derive(Default)]
pub(crate) struct Files(Kept);

/// Files by their handles.
type Kept = Arc<Mutex<BTreeMap<u64, (MediaFile, Vec<u8>)>>>;

impl Files {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Media for Files {
    fn begin(&self, description: MediaDescription) -> MediaAnswer<'_, Box<dyn MediaWriter>> {
        let all = Arc::clone(&self.0);
        Box::pin(async move {
            let writer: Box<dyn MediaWriter> = Box::new(Writing { all, description, bytes: Vec::new() });
            Ok(writer)
        })
    }

    fn open(&self, handle: u64) -> MediaAnswer<'_, (MediaFile, Box<dyn MediaReader>)> {
        Box::pin(async move {
            let all = self.0.lock().unwrap();
            let (file, bytes) = all.get(&handle).ok_or(MediaError::Gone)?;
            let reader: Box<dyn MediaReader> = Box::new(Reading(bytes.clone().into()));
            Ok((file.clone(), reader))
        })
    }

    fn forget(&self, handle: u64) -> MediaAnswer<'_, ()> {
        Box::pin(async move {
            self.0.lock().unwrap().remove(&handle);
            Ok(())
        })
    }
}

struct Writing {
    all: Kept,
    description: MediaDescription,
    bytes: Vec<u8>,
}

impl MediaWriter for Writing {
    fn write(&mut self, piece: bytes::Bytes) -> MediaAnswer<'_, ()> {
        self.bytes.extend_from_slice(&piece);
        let full = self.bytes.len() > 300_000;
        Box::pin(async move { if full { Err(MediaError::Full) } else { Ok(()) } })
    }

    fn finish(self: Box<Self>) -> MediaAnswer<'static, MediaFile> {
        let Self { all, description, bytes } = *self;
        Box::pin(async move {
            let mut all = all.lock().unwrap();
            let (handle, size) = (all.keys().last().map_or(1, |last| last + 1), bytes.len() as u64);
            let file = MediaFile { handle, mime: description.mime, name: description.name, size };
            all.insert(handle, (file.clone(), bytes));
            Ok(file)
        })
    }
}

struct Reading(bytes::Bytes);

impl MediaReader for Reading {
    fn next(&mut self) -> MediaAnswer<'_, Option<bytes::Bytes>> {
        let piece = self.0.split_to(self.0.len().min(64 << 10));
        Box::pin(async move { Ok((!piece.is_empty()).then_some(piece)) })
    }
}

/// Takes the section's own text as the secret.
struct Plain;

impl SecretLookup for Plain {
    fn config(&self, _: &str, value: &Value) -> Result<Option<Secret>, String> {
        Ok(value.as_str().map(|text| Secret::from(text.to_owned())))
    }

    fn env(&self, _: &str) -> Option<Secret> {
        None
    }
}

/// The package of a guest in `tests/guests`.
pub(crate) fn guest(name: &str) -> Package {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins").join(name);
    Package::from_folder(&folder).expect("the guests are not built: run `cargo xtask test`")
}

/// The echo guest's package with another component in it.
pub(crate) fn package(wasm: &[u8]) -> Package {
    Package { component: Some(Component::new(wasm)), ..guest("echo") }
}

/// A component that does nothing but import an empty interface of this name: in the binary form, since the engine is built
/// without the textual one. A type section with one empty instance type, and an import section with one instance of it.
pub(crate) fn importing(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    let mut bytes = b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\x00\x0a".to_vec();
    bytes.extend([length + 5, 1, 0, length]);
    bytes.extend(name.bytes());
    bytes.extend([5, 0]);
    bytes
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(false).await
    }

    pub(crate) async fn with(coredump_on_trap: bool) -> Self {
        Self::of(guest("echo"), coredump_on_trap).await
    }

    /// A bench for another guest than the echo.
    pub(crate) async fn of(package: Package, coredump_on_trap: bool) -> Self {
        let cache = tempfile::tempdir().unwrap();
        let options = RuntimeOptions {
            cache_dir: cache.path().join("artifacts"),
            guest_threads: 2,
            compiler: None,
            coredump_on_trap,
        };
        let runtime = Runtime::new(options).unwrap();
        let plugin = runtime.load(&package).await.unwrap();
        Self {
            runtime,
            plugin,
            inbox: Arc::default(),
            files: Arc::default(),
            manifest: package.manifest,
            _cache: cache,
        }
    }

    /// Starts an account of the echo guest.
    pub(crate) fn start(&self, account: &str, config: &Value) -> ChannelInstance {
        self.start_with(account, config, Limits::default(), Vec::new(), None)
    }

    pub(crate) fn start_with(
        &self,
        account: &str,
        config: &Value,
        limits: Limits,
        grants: Vec<ResolvedGrant>,
        cursor: Option<Vec<u8>>,
    ) -> ChannelInstance {
        let setup = ChannelSetup {
            label: format!("echo/{account}"),
            config: config.to_string(),
            cursor,
            crashes: 0,
            grants,
            endpoints: Vec::new(),
            processes: Vec::new(),
            webhooks: Vec::new(),
            kv: Arc::new(Bytes::default()),
            media: Arc::clone(&self.files) as Arc<dyn Media>,
            scrubber: AccountSecrets::default().scrubber(),
            inbox: Arc::clone(&self.inbox) as Arc<dyn Inbox>,
            egress: Egress::new(openclaw_egress::Options::default()),
            limits,
        };
        self.runtime.start_channel(&self.plugin, setup).unwrap()
    }

    /// Starts an account with all that its manifest grants, by a section of the configuration: `root` is where the vendor
    /// answers, `socket` where its gateway is, `token` the secret, `helper` the program.
    pub(crate) fn launch(&self, config: &Value, section: &Value, limits: Limits) -> ChannelInstance {
        let secrets = AccountSecrets::collect(&self.manifest, section, true, &Plain).unwrap();
        let manifest = &self.manifest;
        let http = manifest.http.iter().filter(|_| section.get("root").is_some());
        let processes = manifest.processes.iter().filter(|_| section.get("helper").is_some());
        let setup = ChannelSetup {
            label: "echo/launched".to_owned(),
            config: config.to_string(),
            cursor: None,
            crashes: 0,
            grants: http
                .map(|entry| ResolvedGrant::resolve(entry, section, None, &secrets).unwrap())
                .collect(),
            endpoints: manifest
                .websockets
                .iter()
                .map(|entry| ResolvedEndpoint::resolve(entry, section, &secrets).unwrap())
                .collect(),
            webhooks: manifest
                .webhooks
                .iter()
                .map(|entry| ResolvedWebhook::resolve(entry, section, &secrets).unwrap())
                .collect(),
            processes: processes.map(|entry| ResolvedProcess::resolve(entry, section).unwrap()).collect(),
            kv: Arc::new(Bytes::default()),
            media: Arc::clone(&self.files) as Arc<dyn Media>,
            scrubber: secrets.scrubber(),
            inbox: Arc::clone(&self.inbox) as Arc<dyn Inbox>,
            egress: Egress::new(openclaw_egress::Options::default()),
            limits,
        };
        self.runtime.start_channel(&self.plugin, setup).unwrap()
    }

    /// The grant of an account whose vendor is at `root`.
    pub(crate) fn grants(&self, root: &str, token: &str) -> Vec<ResolvedGrant> {
        let section = json!({ "root": root, "token": token });
        let secrets = AccountSecrets::collect(&self.manifest, &section, true, &Plain).unwrap();
        vec![ResolvedGrant::resolve(&self.manifest.http[0], &section, None, &secrets).unwrap()]
    }
}

pub(crate) fn outbound(text: &str) -> Outbound {
    Outbound {
        idempotency_key: "key".into(),
        target: Target { room: "room".into(), thread: None },
        text: text.into(),
        reply_to: None,
        reply_context: Vec::new(),
        silent: false,
    }
}

/// Makes the component call a capability, and returns what it says came of it.
pub(crate) async fn call(instance: &ChannelInstance, call: Value) -> String {
    say(instance, &format!("use:{call}")).await
}

/// What arrived at a component in the mode `listen`.
pub(crate) async fn events(instance: &ChannelInstance) -> Vec<String> {
    serde_json::from_str(&say(instance, "events").await).unwrap()
}

/// Sends and returns the id that the guest answered with.
pub(crate) async fn say(instance: &ChannelInstance, text: &str) -> String {
    match instance.send(outbound(text), Vec::new()).await {
        Ok(Outcome::Sent(receipt)) => receipt.message_ids.concat(),
        other => panic!("`{text}` was answered with {other:?}"),
    }
}

/// Waits until `what` holds; fails after ten seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
