//! What the bundled components may do: proven on the real `.wasm` files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use openclaw_e2e::TOKEN;
use openclaw_egress::Egress;
use openclaw_fakes::{FakeTelegram, Talker};
use openclaw_packages::{AccountSecrets, Package, ResolvedGrant, SecretLookup};
use openclaw_runtime::guest::{Message, Outbound, Target};
use openclaw_runtime::{
    Admission, AdmitError, ChannelInstance, ChannelSetup, Exit, Inbox, Kv, KvAnswer, KvChange, KvEntry,
    KvError, Limits, Media, MediaAnswer, MediaDescription, MediaError, MediaFile, MediaReader, MediaWriter,
    Runtime, RuntimeOptions, ShimPool, Unreadable,
};
use openclaw_secrets::Secret;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Hands every admitted message to the test.
struct Heard(mpsc::UnboundedSender<Message>);

impl Inbox for Heard {
    fn admit(
        &self,
        message: Message,
        _: Option<Vec<u8>>,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, AdmitError>> + Send + '_>> {
        self.0.send(message).unwrap();
        Box::pin(async { Ok(Admission::Accepted) })
    }

    fn set_aside(
        &self,
        what: Unreadable,
        _: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AdmitError>> + Send + '_>> {
        panic!("nothing here is unreadable: {what:?}");
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

/// Remembers nothing.
struct Nothing;

impl Kv for Nothing {
    fn get(&self, _: String) -> KvAnswer<'_, Option<Vec<u8>>> {
        Box::pin(async { Ok(None) })
    }

    fn scan(&self, _: String, _: Option<String>, _: u32, _: usize) -> KvAnswer<'_, Vec<KvEntry>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn apply(&self, _: Vec<KvChange>) -> KvAnswer<'_, ()> {
        Box::pin(async { Err(KvError::Full) })
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

fn package(id: &str) -> Package {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins").join(id);
    Package::from_folder(&folder).expect("the plugins are not built: run `cargo xtask test`")
}

fn runtime(cache: &Path) -> Runtime {
    let options = RuntimeOptions {
        cache_dir: cache.join("artifacts"),
        guest_threads: 2,
        compiler: None,
        coredump_on_trap: true,
    };
    Runtime::new(options).unwrap()
}

async fn start(
    runtime: &Runtime,
    telegram: &FakeTelegram,
    limits: Limits,
) -> (ChannelInstance, mpsc::UnboundedReceiver<Message>) {
    let package = package("telegram");
    let plugin = runtime.load(&package).await.unwrap();
    assert!(plugin.features().typing);
    let configured = json!({ "apiRoot": telegram.api_root(), "botToken": TOKEN });
    let secrets = AccountSecrets::collect(&package.manifest, &configured, true, &Plain).unwrap();
    let section: Value = json!({ "apiRoot": telegram.api_root() });
    let grants = package.manifest.http.iter();
    let grants =
        grants.map(|entry| ResolvedGrant::resolve(entry, &section, None, &secrets).unwrap()).collect();
    let (heard, messages) = mpsc::unbounded_channel();
    let setup = ChannelSetup {
        label: "telegram/default".into(),
        config: section.to_string(),
        cursor: None,
        crashes: 0,
        grants,
        endpoints: Vec::new(),
        processes: Vec::new(),
        webhooks: Vec::new(),
        kv: Arc::new(Nothing),
        media: Arc::new(NoFiles),
        scrubber: secrets.scrubber(),
        inbox: Arc::new(Heard(heard)),
        egress: Egress::new(openclaw_egress::Options::default()),
        limits,
    };
    (runtime.start_channel(&plugin, setup).unwrap(), messages)
}

fn contains(memory: &[u8], needle: &str) -> bool {
    memory.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bot_token_is_not_in_the_guests_memory() {
    let telegram = FakeTelegram::start().await.unwrap();
    telegram.add_bot(TOKEN, "mock_claw_bot");
    let cache = tempfile::tempdir().unwrap();
    let runtime = runtime(cache.path());
    let limits = Limits { memory: 24 << 20, ..Limits::default() };
    let (instance, mut messages) = start(&runtime, &telegram, limits).await;
    // It has used its token: it received, it sent, and it knows who it is.
    // What is freed may be written over, so that one text alone may be gone by the end.
    for _ in 0..16 {
        telegram.say(TOKEN, &Talker::private(1, "somebody"), "a text to be found in memory");
    }
    for _ in 0..16 {
        let heard = tokio::time::timeout(Duration::from_secs(10), messages.recv()).await.unwrap().unwrap();
        assert_eq!(heard.text, "a text to be found in memory");
    }
    assert_eq!(instance.probe().await.unwrap().username.as_deref(), Some("mock_claw_bot"));
    let outbound = |text: String| Outbound {
        idempotency_key: "k".into(),
        target: Target { room: "1".into(), thread: None },
        text,
        reply_to: None,
        reply_context: Vec::new(),
        silent: false,
    };
    instance.send(outbound("an answer".into()), Vec::new()).await.unwrap();
    // More text than its memory holds: it traps, and the engine keeps what was in there.
    instance.send(outbound("x".repeat(32 << 20)), Vec::new()).await.unwrap();
    let Exit::Trapped { memories, reason } = instance.exited().await else { panic!("it did not trap") };
    assert!(!memories.is_empty(), "no memory was kept: {reason}");
    let memory = memories.concat();
    assert!(contains(&memory, "a text to be found in memory"), "the search would find nothing at all");
    let (id, secret) = TOKEN.split_once(':').unwrap();
    assert!(contains(&memory, id), "the bot's own id is no secret and is there");
    assert!(!contains(&memory, secret), "the bot token is in the guest's memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_shim_imports_nothing_and_is_a_pure_function() {
    use openclaw_runtime::dialect::{ChatRequest, Content, Message, Role};
    let cache = tempfile::tempdir().unwrap();
    let runtime = runtime(cache.path());
    let request = ChatRequest {
        model: "m".into(),
        messages: vec![Message {
            role: Role::User,
            content: Some(Content::Text("{{secret:apiKey}}".into())),
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
        }],
        tools: Vec::new(),
        tool_choice: None,
        stream: true,
        max_tokens: None,
        temperature: None,
        top_p: None,
        stop: Vec::new(),
        extra: Vec::new(),
        compat: String::new(),
    };
    // Bundled shims share instances; any other gets a fresh one each time. The answers are the same.
    for bundled in [true, false] {
        let package = Package { bundled, ..package("openai") };
        // Loading links against an empty linker: a shim with any import would be refused here.
        let plugin = runtime.load(&package).await.unwrap();
        let pool = ShimPool::new(&runtime, &plugin).unwrap();
        let first = pool.prepare(&request).unwrap().unwrap();
        for _ in 0..100 {
            let again = pool.prepare(&request).unwrap().unwrap();
            assert_eq!((&again.path, &again.body), (&first.path, &first.body));
        }
        assert!(String::from_utf8(first.body).unwrap().contains("{{secret:apiKey}}"));
        // Streams share instances without mixing.
        let piece =
            |text: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
        let mut decoders: Vec<_> =
            (0..100).map(|_| pool.decoder(true, "text/event-stream").unwrap()).collect();
        for (number, decoder) in decoders.iter_mut().enumerate() {
            let chunks = decoder.push(piece(&format!("t{number}")).as_bytes()).unwrap().unwrap();
            assert!(format!("{chunks:?}").contains(&format!("\"t{number}\"")), "{chunks:?}");
        }
        // More than its memory holds: the first stream traps, and neither a next call nor a next stream notices.
        decoders[0].push(&vec![b' '; 80 << 20]).unwrap_err();
        pool.prepare(&request).unwrap().unwrap();
        pool.decoder(true, "text/event-stream").unwrap().push(piece("next").as_bytes()).unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_are_an_export_that_a_shim_may_have() {
    use openclaw_runtime::dialect::EmbeddingsRequest;
    let cache = tempfile::tempdir().unwrap();
    let runtime = runtime(cache.path());
    let plugin = runtime.load(&package("openai")).await.unwrap();
    assert!(plugin.features().embeddings);
    assert!(!runtime.load(&package("telegram")).await.unwrap().features().embeddings);
    let pool = ShimPool::new(&runtime, &plugin).unwrap();
    let request =
        EmbeddingsRequest { model: "m".into(), input: vec!["x".into()], dimensions: None, extra: Vec::new() };
    let post = pool.prepare_embeddings(&request).unwrap().unwrap().unwrap();
    assert_eq!(
        (post.path.as_str(), post.body.as_slice()),
        ("/embeddings", br#"{"model":"m","input":["x"]}"#.as_slice())
    );
    // As many long vectors as one request may ask for: their size buys the time to read them.
    let vector = vec!["-0.012345678901234"; 3072].join(",");
    let entries = vec![format!(r#"{{"embedding":[{vector}]}}"#); 128].join(",");
    let answer = format!(r#"{{"data":[{entries}],"usage":{{"prompt_tokens":5}}}}"#);
    let answer = pool.decode_embeddings(answer.as_bytes()).unwrap().unwrap();
    assert_eq!((answer.vectors.len(), answer.vectors[127].len(), answer.input_tokens), (128, 3072, 5));
    pool.decode_embeddings(b"<html>").unwrap().unwrap_err();
}
