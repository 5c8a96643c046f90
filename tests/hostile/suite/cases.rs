//! The table of what is played in the real gateway: one row, one component that means harm.

use std::time::Duration;

use crate::compile;
use crate::components::{self, bare, guest};

/// What one component does, and what must become of it.
pub(crate) struct Case {
    /// Unique.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) does: &'static str,
    pub(crate) deed: Deed,
    /// What must be shown.
    pub(crate) must: Must,
    /// Within what.
    pub(crate) deadline: Duration,
}

/// The export that misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Export {
    Run,
    Send,
    Probe,
    Webhook,
}

impl Export {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Send => "send",
            Self::Probe => "probe",
            Self::Webhook => "webhook",
        }
    }
}

/// A manifest, and the component that comes with it.
pub(crate) type Plugin = (String, Vec<u8>);

pub(crate) enum Deed {
    /// The guest does these in an export.
    Act(Export, &'static [&'static str]),
    /// An account of this component is started; the manifest's id becomes the case's name.
    Start(fn() -> Plugin),
}

/// What must be shown.
#[derive(Clone, Copy)]
pub(crate) enum Must {
    /// The instance ends, and its account's status says so in these words.
    End(&'static str),
    /// `run` is over, and its account's status says so in these words.
    Fail(&'static str),
    /// The call is answered with these words, and the instance goes on.
    Say(&'static str),
    /// It is not loaded, and its account's status says so in these words.
    Refuse(&'static str),
}

impl Must {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::End(words) | Self::Fail(words) | Self::Say(words) | Self::Refuse(words) => words,
        }
    }

    /// The beginning of the sentence that ends with the words.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::End(_) => "its instance ends",
            Self::Fail(_) => "its `run` is over",
            Self::Say(_) => "it is told",
            Self::Refuse(_) => "it does not load",
        }
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// For what ends at once.
const SOON: Duration = ms(500);
/// A computing instance is ended after two seconds.
const RUNAWAY: Duration = ms(2_100);
/// For what takes the host some work.
const WORK: Duration = ms(3_000);

const fn act(
    name: &'static str,
    does: &'static str,
    export: Export,
    acts: &'static [&'static str],
    must: Must,
    deadline: Duration,
) -> Case {
    Case { name, does, deed: Deed::Act(export, acts), must, deadline }
}

const fn start(
    name: &'static str,
    does: &'static str,
    component: fn() -> Plugin,
    must: Must,
    deadline: Duration,
) -> Case {
    Case { name, does, deed: Deed::Start(component), must, deadline }
}

use Export::{Probe, Run, Send, Webhook};
use Must::{End, Fail, Refuse, Say};

const LOOPED: Must = End("computed for too long");
const TRAPPED: Must = End("`unreachable` instruction executed");

#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    // Ends.
    act("trap-in-run", "aborts in `run`", Run, &["trap"], TRAPPED, SOON),
    act("trap-in-send", "aborts in `send`", Send, &["trap"], TRAPPED, SOON),
    act("trap-in-probe", "aborts in `probe`", Probe, &["trap"], TRAPPED, SOON),
    act("trap-in-webhook", "aborts in `webhook`", Webhook, &["trap"], TRAPPED, SOON),
    act("panic-in-send", "panics in `send`", Send, &["panic"], TRAPPED, SOON),
    act("failure-in-run", "fails in `run`, and wants to wait for ever", Run, &["return:the end"], Fail("the end (returned)"), SOON),
    act("huge-failure", "fails with 8 MB of words", Run, &["fail-huge:8000000"], Fail("xxxx"), WORK),
    start("trap-at-start", "traps in its start function", || guest(components::channel_file("trap-at-start.wat")), TRAPPED, SOON),
    start("trap-in-realloc", "traps when it is given its configuration", || guest(components::channel_file("trap-in-realloc.wat")), TRAPPED, SOON),
    start("bad-realloc", "wants its configuration beyond its memory", || guest(components::channel_file("bad-realloc.wat")), End("beyond end of memory"), SOON),
    start("bad-result", "answers with a result beyond its memory", || guest(components::channel_file("bad-result.wat")), End("out of bounds"), SOON),
    start("bad-variant", "answers with a case that there is not", || guest(components::channel_file("bad-variant.wat")), End("discriminant"), SOON),
    start("bad-text", "answers with text that is no UTF-8", || guest(components::channel_file("bad-text.wat")), End("utf-8"), SOON),
    // Loops.
    act("loop-in-run", "computes for ever in `run`", Run, &["spin"], LOOPED, RUNAWAY),
    act("loop-in-send", "computes for ever in `send`", Send, &["spin"], LOOPED, RUNAWAY),
    act("loop-in-probe", "computes for ever in `probe`", Probe, &["spin"], LOOPED, RUNAWAY),
    act("loop-in-webhook", "computes for ever in `webhook`", Webhook, &["spin"], LOOPED, RUNAWAY),
    act("loop-of-calls", "asks for the time for ever", Run, &["spin-calling"], LOOPED, RUNAWAY),
    start("loop-at-start", "computes for ever in its start function", || guest(components::channel_file("loop-at-start.wat")), LOOPED, RUNAWAY),
    start("loop-in-realloc", "computes for ever when it is given its configuration", || guest(components::channel_file("loop-in-realloc.wat")), LOOPED, RUNAWAY),
    start("loop-in-post-return", "computes for ever after `run` has returned", || guest(components::channel_file("loop-in-post-return.wat")), LOOPED, RUNAWAY),
    act("never-probe", "never answers `probe`", Probe, &["sleep:forever"], End("did not answer `probe` in time"), ms(10_000)),
    // Memory.
    act("memory-bomb", "takes memory until there is none", Send, &["grow:4096"], Say("refused after"), SOON),
    start("memory-grow", "grows its memory by 4 GiB at once", || guest(components::channel_file("memory-grow.wat")), TRAPPED, SOON),
    start("memory-initial", "has a memory of 4 GiB to begin with", || guest(components::channel_file("memory-initial.wat")), Refuse("memory"), WORK),
    start("memories", "has two hundred memories", || guest(components::many_memories(200)), Refuse("memories"), WORK),
    start("tables", "has five hundred tables", || guest(components::many_tables(500)), Refuse("tables"), WORK),
    start("instances", "has nine hundred core instances", || guest(components::many_instances(900)), Refuse("instances"), WORK),
    start("table-grow", "grows its table to four billion elements", || guest(components::channel_file("table-grow.wat")), TRAPPED, SOON),
    act("stack-overflow", "calls itself until its own stack is full", Send, &["recurse:1"], End("out of bounds memory access"), SOON),
    start("call-stack", "calls itself until the engine's stack is full", || guest(components::channel_file("call-stack.wat")), End("call stack exhausted"), SOON),
    start("values-of-nothing", "logs a million fields that are all the same MiB", || guest(components::channel_file("values-of-nothing.wat")), End("fuel"), SOON),
    start("streams", "makes streams for ever", || guest(components::channel_file("streams.wat")), End("no free keys"), SOON),
    act("huge-receipt", "answers `send` with an id of 8 MB", Send, &["huge:8000000"], Say("xxxx"), WORK),
    act("many-ids", "answers `send` with a million ids", Send, &["many:1000000"], End("too much data"), WORK),
    act("huge-identity", "answers `probe` with names of 3 MB", Probe, &["huge:3000000"], Say("xxxx"), WORK),
    act("huge-answer", "answers a webhook with 8 MB", Webhook, &["huge:8000000"], Say("500 "), WORK),
    act("huge-state", "says that it is degraded in 8 MB", Send, &["state-huge:8000000"], Say("done"), WORK),
    // Floods.
    act("log-flood", "writes 100,000 lines of 8 KiB", Send, &["log-flood:100000"], Say("done"), WORK),
    act("log-fields", "writes lines of 64 fields of 16 KiB", Send, &["log-fields:1000"], Say("done"), WORK),
    act("print-flood", "prints 20,000 lines", Send, &["print-flood:20000"], Say("done"), WORK),
    act("state-flood", "changes its state 100,000 times", Send, &["state-flood:100000"], Say("done"), WORK),
    act("timer-flood", "arms one timer 100,000 times", Send, &["timer-flood:100000"], Say("done"), WORK),
    act("timer-names", "arms very many timers", Send, &["timer-names"], End("at most 64 timers"), SOON),
    act("timer-name", "names a timer with a MiB", Send, &["timer-name"], End("a timer's name has at most 64 bytes"), SOON),
    act("sleep-flood", "begins to sleep for ever, very often", Send, &["sleep-flood"], End("calls at once"), WORK),
    act("next-flood", "waits for its next event very often", Send, &["next-flood"], End("calls at once"), WORK),
    act("emit-flood", "admits messages without a pause", Send, &["emit-flood"], Say("refused after"), ms(20_000)),
    act("emit-begun", "begins to admit messages of 200 KiB, and does not wait", Send, &["emit-begun:300"], Say("calls under way"), WORK),
    act("kv-flood", "fills its store", Send, &["kv-flood"], Say("Full"), WORK),
    act("kv-begun", "begins to write to its store, very often", Send, &["kv-begun:300"], Say("calls under way"), WORK),
    act("kv-busy", "writes to its store without a pause", Send, &["kv-busy:300"], Say("done"), ms(10_000)),
    act("file-flood", "keeps files until there is no more room", Send, &["file-flood:1000"], Say("Full after 128"), WORK),
    act("file-endless", "keeps a file that has no end", Send, &["file-endless"], Say("Full"), WORK),
    act("file-begun", "begins files and brings nothing", Send, &["file-begun:300"], Say("8 files under way, 292 refused"), SOON),
    act("file-dropped", "begins files and lets go of them", Send, &["file-dropped:200"], Say("8 bytes as passwd"), WORK),
    act("file-read-dropped", "opens a file again and again, and does not read it", Send, &["file-read-dropped:200"], Say("opened 200 times"), ms(25_000)),
    act("file-announced", "announces a file longer than its room", Send, &["file-announced:9000000"], Say("Full"), SOON),
    act("file-short", "announces a file longer than it is", Send, &["file-announced:100"], Say("not those that were announced"), SOON),
    act("file-carried", "hands over a message with seventeen files", Send, &["file-carried:17"], Say("at most 16 files"), SOON),
    act("body-of-files", "sends a body of a hundred files", Send, &["file-pieces:100"], Say("at most 64 pieces"), SOON),
    act("body-of-file", "sends a file longer than its grant allows", Send, &["file-pieces:20"], Say("the body is longer than"), SOON),
    act("http-flood", "asks without a pause", Send, &["http-flood"], Say("the requests of this minute are used up"), ms(20_000)),
    act("http-begun", "begins to send bodies of 4 MB to a vendor that does not read", Send, &["http-begun:12"], Say("calls under way"), WORK),
    act("open-flood", "opens sockets without an end", Send, &["open-flood"], Say("as many as"), WORK),
    act("open-close", "opens and closes sockets without a pause", Send, &["open-close"], Say("the requests of this minute are used up"), ms(20_000)),
    act("say-begun", "sends to a socket that the vendor does not read", Send, &["open:gateway", "say:silence", "say-begun:2000"], End("calls at once"), WORK),
    act("re-entrancy", "calls its own webhook through the gateway, again and again", Webhook, &[r#"http:{"grant":"own","method":"POST","path":"/webhooks/hostile/@account/hook","ms":2000}"#], Say("200 "), ms(9_000)),
    act("process-flood", "starts programs without a pause", Send, &["process-flood"], Say("minute"), WORK),
    act("process-other", "starts a program that nobody named", Send, &["start:sh"], Say("no program for `sh`"), SOON),
    // What the vendor does.
    act("body-too-long", "is answered with more than its grant allows", Send, &["body:1000000"], Say("TooLarge"), SOON),
    act("body-drips", "is answered a byte at a time", Send, &["drip:50"], Say("Timeout"), ms(1_100)),
    act("body-endless", "is answered without an end", Send, &[r#"read:{"path":"/endless"}"#], Say("TooLarge"), WORK),
    act("head-drips", "is answered a header at a time", Send, &[r#"http:{"path":"/drip-head/50","ms":1000}"#], Say("Timeout"), ms(1_100)),
    act("head-endless", "is answered with headers without an end", Send, &[r#"http:{"path":"/endless-head"}"#], Say("Interrupted"), WORK),
    act("frames-flood", "is sent 20,000 frames and takes none", Run, &["open:gateway", "say:flood:20000", "fail:flooded"], Fail("flooded"), WORK),
    act("frame-huge", "is sent a frame beyond its endpoint's bound", Send, &["open:gateway", "say:huge", "sleep:300", "say:x"], Say("Closed"), WORK),
    act("process-flooded", "starts a program that prints without an end", Send, &["start:helper", "sleep:300", "start:helper"], Say("running already"), WORK),
    // Ways out.
    act("egress-ungranted", "names a grant that its manifest has not", Send, &[r#"http:{"grant":"metadata"}"#], Say("no [[http]] entry named"), SOON),
    act("egress-host", "names a host that its manifest does not allow", Send, &[r#"http:{"grant":"public","host":"evil.example"}"#], Say("does not allow the host"), SOON),
    act("egress-suffix", "names a host that only ends like an allowed one", Send, &[r#"http:{"grant":"public","host":"evilhostile.example"}"#], Say("does not allow the host"), SOON),
    act("egress-userinfo", "hides another host behind a user name", Send, &[r#"http:{"grant":"public","host":"a.hostile.example@evil.example"}"#], Say("does not allow the host"), SOON),
    act("egress-decimal", "names loopback as one number", Send, &[r#"http:{"grant":"public","host":"2130706433"}"#], Say("does not allow the host"), SOON),
    act("egress-octal", "names loopback in octal", Send, &[r#"http:{"grant":"public","host":"0177.0.0.1"}"#], Say("does not allow the host"), SOON),
    act("egress-mapped", "names loopback inside IPv6", Send, &[r#"http:{"grant":"public","host":"[::ffff:127.0.0.1]"}"#], Say("does not allow the host"), SOON),
    act("egress-nat64", "names metadata inside NAT64", Send, &[r#"http:{"grant":"public","host":"[64:ff9b::a9fe:a9fe]"}"#], Say("does not allow the host"), SOON),
    act("egress-redirect", "is sent to the metadata service", Send, &[r#"http:{"path":"/redirect"}"#], Say("302"), SOON),
    act("egress-path", "climbs out of its prefix", Send, &[r#"http:{"path":"/../../etc"}"#], Say("Denied: the path"), SOON),
    act("egress-path-encoded", "climbs out of its prefix in %2e", Send, &[r#"http:{"path":"/a/%2e%2E/b"}"#], Say("Denied: the path"), SOON),
    act("egress-absolute", "writes a whole URL as its path", Send, &[r#"http:{"path":"http://evil.example/"}"#], Say("Denied: the path"), SOON),
    act("egress-double-slash", "begins its path with a host, which stays a path", Send, &[r#"http:{"path":"//evil.example/a"}"#], Say("200 "), SOON),
    act("egress-query-path", "puts a query into its path", Send, &[r#"http:{"path":"/a?b=c"}"#], Say("Denied: the path"), SOON),
    act("egress-crlf-path", "breaks the line in its path", Send, &[r#"http:{"path":"/a\r\nhost: evil"}"#], Say("Denied: the path"), SOON),
    act("egress-crlf-header", "breaks the line in a header", Send, &[r#"http:{"headers":[["x-a","b\r\nhost: evil"]]}"#], Say("Denied: the header"), SOON),
    act("egress-host-header", "names another host in a header", Send, &[r#"http:{"headers":[["Host","evil.example"]]}"#], Say("Denied: the header"), SOON),
    act("egress-smuggle", "says how long its body is itself", Send, &[r#"http:{"headers":[["Transfer-Encoding","chunked"]]}"#], Say("Denied: the header"), SOON),
    act("egress-authorization", "brings its own credential", Send, &[r#"http:{"headers":[["authorization","Bearer x"]]}"#], Say("Denied: the header"), SOON),
    act("egress-method", "uses a method that its grant does not allow", Send, &[r#"http:{"method":"DELETE"}"#], Say("does not allow DELETE"), SOON),
    act("egress-not-below", "asks for a path beside those of its grant", Send, &[r#"http:{"grant":"headed","path":"/other"}"#], Say("does not allow this path"), SOON),
    act("egress-socket-host", "opens a socket elsewhere", Send, &["open-at:evil.example"], Say("Denied"), SOON),
    act("egress-socket-name", "opens an endpoint that its manifest has not", Send, &["open:other"], Say("no [[websocket]] entry"), SOON),
    // Secrets.
    act("leak-by-log", "logs the secret that its vendor told it", Send, &["find:api", "leak:log"], Say(""), WORK),
    act("leak-by-failure", "fails with the secret", Run, &["find:headed", "leak:failure"], Fail("***"), WORK),
    act("leak-by-state", "is degraded by the secret", Send, &["find:headed", "leak:state"], Say(""), WORK),
    act("leak-by-probe", "has the secret as its name", Probe, &["find:headed", "leak:said"], Say("*** | ***"), WORK),
    act("leak-by-receipt", "has the secret as the id of a message", Send, &["find:headed", "leak:said"], Say("*** | ***"), WORK),
    act("leak-by-text", "admits the secret as a message", Send, &["find:headed", "leak:text"], Say("Accepted"), WORK),
    act("leak-by-fields", "admits the secret as id, name, context and cursor", Send, &["find:headed", "leak:fields"], Say("secret"), WORK),
    act("leak-by-kv", "keeps the secret", Send, &["find:headed", "leak:kv"], Say("secret"), WORK),
    act("leak-by-file", "keeps the secret as a file", Send, &["find:headed", "leak:file"], Say("secret"), WORK),
    act("leak-by-http", "sends the secret to another host", Send, &["find:headed", "leak:http"], Say("body ErrorKind::Denied"), WORK),
    act("leak-by-socket", "sends the secret over a socket", Send, &["find:headed", "open:gateway", "leak:socket"], Say("Denied"), WORK),
    act("leak-by-webhook", "answers a webhook with the secret", Webhook, &["find:headed", "leak:said"], Say("500 "), WORK),
    act("placeholder", "writes placeholders wherever it can", Send, &[r#"http:{"grant":"elsewhere","path":"/{{secret:token}}","query":[["q","{{secret:token}}"]],"headers":[["x-h","{{secret:token}}"]],"body":"{{secret:token}}","method":"POST"}"#], Say("200"), SOON),
    act("placeholder-socket", "writes placeholders into a socket", Send, &["open:gateway", r#"say:{"op":1,"d":{"token":"{{secret:token}} {token}"}}"#], Say("ok"), SOON),
    // Who it is.
    act("forged-empty", "admits a message without an id", Send, &["admit:=text"], Say("invalid: id"), SOON),
    act("files-of-others", "looks for files that other accounts keep", Send, &["file-foreign:200"], Say("0 found"), WORK),
    act("file-of-another", "sends what another account keeps", Send, &["file-foreign:9"], Say("0 found"), WORK),
    act("kv-of-another", "looks for what another account keeps", Send, &["get:private"], Say("none"), SOON),
    act("kv-all", "lists all keys that there are", Send, &["keys:"], Say(""), SOON),
    act("environment", "reads environment and arguments", Send, &["surroundings"], Say("env 0 args 0"), SOON),
    act("stdin", "reads the standard input", Send, &["stdin"], Say("read 0"), SOON),
    act("blocking", "sleeps with its thread", Send, &["block"], End("a blocking WASI call"), SOON),
    act("clock", "arms timers for the end of time", Send, &["timer"], Say(""), SOON),
    act("lost-next", "drops its pending event again and again", Run, &["next-drop:5000", "fail-last:"], Fail("5000 seen, 0 lost, many dropped"), ms(10_000)),
    // What does not load.
    start("core-module", "is a core module", || guest(components::whole("core-module.wat")), Refuse("not a valid component"), WORK),
    start("empty-component", "is a component of nothing", || guest(components::whole("empty.wat")), Refuse("no import and no export of the contract"), WORK),
    start("text", "is text", || guest(b"(component)".to_vec()), Refuse("not a valid component"), WORK),
    start("truncated", "ends in the middle", || guest(components::truncated()), Refuse("not a valid component"), WORK),
    start("bits-flipped", "has bits turned over", || guest(components::flipped()), Refuse("not a valid component"), WORK),
    start("wrong-world", "is a provider that says it is a channel", || guest(components::provider("")), Refuse("does not fit this gateway's contract"), WORK),
    start("export-missing", "exports a channel without its functions", || guest(components::whole("export-missing.wat")), Refuse("does not fit this gateway's contract"), WORK),
    start("export-of-other-type", "exports functions of other types", || guest(components::whole("export-of-other-type.wat")), End("failed to convert function to given type"), WORK),
    start("import-http", "imports http, which it was not granted", || bare(components::importing("openclaw:plugin/http@0.2.0")), Refuse("Add an [[http]] entry"), WORK),
    start("import-websocket", "imports websocket, which it was not granted", || bare(components::importing("openclaw:plugin/websocket@0.2.0")), Refuse("Add a [[websocket]] entry"), WORK),
    start("import-process", "imports process, which it was not granted", || bare(components::importing("openclaw:plugin/process@0.2.0")), Refuse("Add a [[process]] entry"), WORK),
    start("import-wasi-sockets", "imports wasi:sockets", || guest(components::beside("wasi:sockets/tcp@0.2.0")), Refuse("wasi:sockets/tcp"), WORK),
    start("import-wasi-files", "imports wasi:filesystem", || guest(components::beside("wasi:filesystem/preopens@0.2.0")), Refuse("wasi:filesystem/preopens"), WORK),
    start("import-wasi-http", "imports wasi:http", || guest(components::beside("wasi:http/outgoing-handler@0.2.0")), Refuse("wasi:http/outgoing-handler"), WORK),
    start("import-unknown", "imports what nobody has heard of", || guest(components::beside("evil:host/everything@1.0.0")), Refuse("evil:host/everything"), WORK),
    start("unknown-version", "speaks a version that does not exist", || guest(components::importing("openclaw:plugin/events@0.9.0")), Refuse("built against openclaw:plugin@0.9.0"), WORK),
    start("mixed-versions", "speaks two versions at once", || guest(components::whole("mixed-versions.wat")), Refuse("mixes versions"), WORK),
    start("bomb-chain", "is a function of a million dependent steps", || guest(compile::chain(1_000_000)), Refuse("cannot be compiled"), ms(40_000)),
    start("bomb-table", "is a branch to a million places", || guest(compile::branches(1_000_000)), Refuse("cannot be compiled"), ms(40_000)),
    start("bomb-functions", "has twenty thousand functions, which are compiled aside", || guest(compile::functions(20_000)), Refuse("no import and no export of the contract"), ms(30_000)),
    start("bomb-locals", "has functions of forty-nine thousand locals", || guest(compile::locals(49_000)), Refuse("cannot be compiled"), ms(40_000)),
];
