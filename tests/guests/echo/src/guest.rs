//! The shell around the modes: the only part that calls the host.

use std::cell::{Cell, RefCell};

use openclaw_sdk::bounds::clip;
use openclaw_sdk::channel::{
    Channel, ChatKind, Conversation, Failure, File, Identity, Message, Outbound, Outcome, Receipt, SendMedia,
    Sender, SenderKind, Start, Webhook, WebhookRequest, WebhookResponse,
};
use openclaw_sdk::events::{Events, Occurrence};
use openclaw_sdk::gateway::Gateway;
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Method, Request};
use openclaw_sdk::inbound::{self, Admission, AdmitError, Connection};
use openclaw_sdk::media::{Description, Downloaded};
// By number, as a component that holds no handle would: a stranger's number must lead nowhere.
use openclaw_sdk::bindings::channel::openclaw::plugin::{media as files, process, websocket};
use openclaw_sdk::bindings::channel::wit_stream;
use openclaw_sdk::race::{First, race};
use openclaw_sdk::sockets::{Frame, Opening, Payload};
use openclaw_sdk::{info, kv};

use crate::{Command, Config, Mode, Report, Use};

struct Echo;

openclaw_sdk::export_channel!(Echo);
openclaw_sdk::export_send_media!(Echo);
openclaw_sdk::export_webhook!(Echo);

thread_local! {
    static CONFIG: RefCell<Config> = RefCell::new(Config::default());
    static REPORT: Cell<Report> = const { Cell::new(EMPTY) };
    static MORE: Cell<u64> = const { Cell::new(0) };
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

const EMPTY: Report = Report {
    timers: 0,
    dropped: 0,
    gaps: 0,
    sequence: 0,
    accepted: 0,
    duplicates: 0,
    polls: 0,
    finished: false,
};

fn count(change: impl FnOnce(&mut Report)) {
    let mut report = REPORT.get();
    change(&mut report);
    REPORT.set(report);
}

impl Channel for Echo {
    async fn run(start: Start) -> Result<(), Failure> {
        let config: Config = serde_json::from_str(&start.config).map_err(|error| {
            Failure::permanent("config", &format!("the echo guest's configuration: {error}"))
        })?;
        CONFIG.set(config.clone());
        let read = start.cursor.is_some();
        info!(&Gateway, "started", "mode" => format!("{:?}", config.mode), "cursor" => start.cursor.map_or(0, |c| c.len()));
        Gateway.state(Connection::Ready);
        let mut events = Events::new();
        match config.mode {
            Mode::Echo => idle(&mut events, config.tick_ms).await,
            Mode::Poll => poll(&mut events).await,
            Mode::Race => drop_pending(&mut events, &config).await,
            Mode::Admit => {
                admit(config.messages).await;
                idle(&mut events, config.tick_ms).await;
            }
            Mode::Poison => {
                match (read, start.crashes) {
                    (true, _) => {}
                    (false, 0 | 1) => std::process::abort(),
                    (false, _) => inbound::set_aside(&Gateway, Some("1".into()), b"poison", b"1").await,
                }
                idle(&mut events, config.tick_ms).await;
            }
            Mode::Listen => {
                MORE.set(config.count);
                listen(&mut events).await;
            }
        }
        Ok(())
    }

    async fn send(outbound: Outbound) -> Outcome {
        let delay = CONFIG.with_borrow(|config| config.send_delay_ms);
        if delay > 0 {
            Gateway.sleep(delay).await;
        }
        let id = match Command::parse(&outbound.text) {
            Command::Spin(ms) => format!("{}", spin(ms)),
            Command::Trap => std::process::abort(),
            Command::Grow(mib) => format!("{}", grow(mib)),
            Command::Block(ms) => block(ms),
            Command::Sleep(ms) => {
                Gateway.sleep(ms).await;
                format!("{ms}")
            }
            Command::Use(call) => carry_out(*call).await,
            Command::Listen(more) => {
                MORE.set(MORE.get() + more);
                String::new()
            }
            Command::Events => HEARD.with_borrow(|heard| serde_json::to_string(heard).unwrap_or_default()),
            Command::Report => serde_json::to_string(&REPORT.get()).unwrap_or_default(),
            Command::Echo => format!("{}", outbound.text.len()),
        };
        Outcome::Sent(Receipt { message_ids: vec![id] })
    }

    async fn probe() -> Result<Identity, Failure> {
        Ok(Identity {
            id: "echo".into(),
            username: Some("echo".into()),
            display_name: None,
            facts: Vec::new(),
        })
    }
}

impl SendMedia for Echo {
    /// The ids are what there is to send.
    async fn send(outbound: Outbound, media: Vec<File>) -> Outcome {
        let text = (!outbound.text.is_empty()).then_some(outbound.text);
        Outcome::Sent(Receipt { message_ids: text.into_iter().chain(media.iter().map(named)).collect() })
    }
}

impl Webhook for Echo {
    async fn handle(request: WebhookRequest) -> WebhookResponse {
        let WebhookRequest { route, method, query, headers, body } = request;
        match body.as_slice() {
            b"trap" => std::process::abort(),
            b"sleep" => Gateway.sleep(60_000).await,
            _ => {}
        }
        let body = format!("{route} {method:?} {query:?} {headers:?} {}", String::from_utf8_lossy(&body));
        let headers =
            vec![("content-type".into(), "text/x-echo".into()), ("set-cookie".into(), "never=sent".into())];
        WebhookResponse { status: 202, headers, body: body.into_bytes() }
    }
}

/// Idles on a timer until the host wants the end.
async fn idle(events: &mut Events, tick_ms: u64) {
    Gateway.set_timer("tick", tick_ms);
    while let Occurrence::Timer(name) = events.next(&Gateway).await {
        count(|report| report.timers += 1);
        Gateway.set_timer(&name, tick_ms);
    }
}

/// Keeps what arrives, as long as it may take events.
async fn listen(events: &mut Events) {
    loop {
        while MORE.get() == 0 {
            Gateway.sleep(1).await;
        }
        let heard = match events.next(&Gateway).await {
            Occurrence::Timer(name) => format!("timer {name}"),
            Occurrence::Shutdown => return,
            Occurrence::Frame(Frame { socket, payload: Payload::Text(text) }) => {
                format!("{socket} text {text}")
            }
            Occurrence::Frame(Frame { socket, payload: Payload::Binary(bytes) }) => {
                format!("{socket} binary {}", bytes.len())
            }
            Occurrence::Closed(closed) => {
                format!("{} closed {:?} {}", closed.socket, closed.code, closed.reason)
            }
            Occurrence::Line(line) => format!("{} line {}", line.process, line.text),
            Occurrence::Exited(exited) => format!("{} exited {:?}", exited.process, exited.code),
        };
        MORE.set(MORE.get() - 1);
        // Long ones are kept by their beginning: the guest's memory is bounded.
        HEARD.with_borrow_mut(|all| all.push(clip(&heard, 200).to_owned()));
    }
}

/// Makes a call and says what came of it.
async fn carry_out(call: Use) -> String {
    match call {
        Use::Open(endpoint, host) => {
            let opening = Opening::new(&endpoint).query("v", "1 2");
            let opening = match host {
                Some(host) => opening.host(&host),
                None => opening,
            };
            match Gateway.open(opening).await {
                Ok(socket) => socket.number().to_string(),
                Err(why) => format!("{:?} {:?}: {}", why.kind, why.status, why.detail),
            }
        }
        Use::Text(socket, text) => told(websocket::send(socket, Payload::Text(text)).await),
        Use::Binary(socket, bytes) => told(websocket::send(socket, Payload::Binary(vec![0; bytes])).await),
        Use::Close(socket, code, reason) => {
            websocket::close(socket, code, &reason);
            String::new()
        }
        Use::Get(path, host) => {
            let request = Request::new("api", Method::Get, &path, 5_000);
            let request = match host {
                Some(host) => request.at(&host),
                None => request,
            };
            match Gateway.http(request).await {
                Ok(answer) => answer.status.to_string(),
                Err(why) => format!("{:?}: {}", why.kind, why.detail),
            }
        }
        Use::Read(key) => match Gateway.get(&key).await {
            Ok(Some(value)) => String::from_utf8_lossy(&value).into_owned(),
            Ok(None) => "none".into(),
            Err(why) => format!("{why:?}"),
        },
        Use::Put(key, value) => told(kv::put(&Gateway, &key, value.into_bytes()).await),
        Use::Fill(key, bytes) => told(kv::put(&Gateway, &key, vec![0; bytes]).await),
        Use::Delete(key) => told(kv::delete(&Gateway, &key).await),
        Use::Keys(prefix) => match kv::all(&Gateway, &prefix).await {
            Ok(entries) => entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>().join(" "),
            Err(why) => format!("{why:?}"),
        },
        Use::Keep(name, mime, text) => {
            let description = Description { mime, name: Some(name), size: None };
            match Gateway.keep(description, text.into_bytes()).await {
                Ok(file) => named(&file),
                Err(why) => format!("{why:?}"),
            }
        }
        Use::Download(path, mime) => {
            let request = Request::new("api", Method::Get, &path, 5_000);
            match Gateway.download(request, Description { mime, name: None, size: None }).await {
                Ok(Downloaded::File(file)) => named(&file),
                Ok(Downloaded::Refused(answer)) => format!("refused {}", answer.status),
                Err(why) => format!("{why:?}"),
            }
        }
        Use::Half(bytes) => half(bytes).await,
        Use::Show(handle) => match Gateway.read(handle, 1 << 20).await {
            Ok(bytes) if bytes.len() > 100 => format!("{} bytes", bytes.len()),
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(why) => format!("{why:?}"),
        },
        Use::Forget(handle) => told(Gateway.forget(handle).await),
        Use::Post(path, handle) => {
            let request = Request::new("api", Method::Post, &path, 5_000);
            match Gateway.http(request.bytes("begin ").file(handle).bytes(" end")).await {
                Ok(answer) => answer.status.to_string(),
                Err(why) => format!("{:?}: {}", why.kind, why.detail),
            }
        }
        Use::Bring(id, handle) => {
            let message = Message { id, media: vec![handle], ..message(1) };
            format!("{:?}", Gateway.admit(message, None).await)
        }
        Use::Start(name) => match Gateway.start(&name).await {
            Ok(process) => process.number().to_string(),
            Err(why) => format!("{why:?}"),
        },
        Use::Line(number, line) => told(process::write_line(number, line).await),
        Use::Stop(number) => {
            process::stop(number);
            String::new()
        }
    }
}

/// Begins a file and drops the call once the host has taken its bytes.
async fn half(bytes: usize) -> String {
    let (mut writer, reader) = wit_stream::new::<u8>();
    let description = Description { mime: "text/plain".into(), name: None, size: None };
    let storing = files::store(description, reader);
    let writing = async {
        writer.write_all(vec![0; bytes]).await;
        // The stream stays open: this is not the end of the file.
        Gateway.sleep(20).await;
    };
    match race(storing, writing).await {
        First::Left(stored) => format!("{stored:?}"),
        First::Right(()) => "dropped".into(),
    }
}

/// A file as the tests read it.
fn named(file: &File) -> String {
    format!("{} {} {:?} {}", file.handle, file.mime, file.name, file.size)
}

fn told<E: std::fmt::Debug>(result: Result<(), E>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(why) => format!("{why:?}"),
    }
}

/// Polls until the host wants the end.
async fn poll(events: &mut Events) {
    loop {
        let request = Request::new("api", Method::Get, "/poll", 60_000);
        match race(events.shutdown(&Gateway), Gateway.http(request)).await {
            First::Left(()) => return,
            First::Right(answer) => {
                count(|report| report.polls += 1);
                if answer.is_ok() {
                    Gateway.state(Connection::Ready);
                } else {
                    Gateway.sleep(100).await;
                }
            }
        }
    }
}

/// The timing under which a `next` that forgets loses events: it is dropped after a few microseconds, mostly while
/// the host is about to answer.
async fn drop_pending(events: &mut Events, config: &Config) {
    for timer in 0..config.timers.min(64) {
        Gateway.set_timer(&format!("t{timer}"), 0);
    }
    let mut timers = 0;
    while timers < config.count {
        let before = events.acked();
        match race(events.next(&Gateway), deadline(config.deadline_us)).await {
            First::Left(Occurrence::Timer(name)) => {
                timers += 1;
                let sequence = events.acked();
                // Without timers of its own it is fed by the host, which numbers the names from 1.
                let named = config.timers > 0 || name.parse() == Ok(timers);
                count(|report| {
                    report.timers = timers;
                    report.sequence = sequence;
                    report.gaps += u64::from(sequence != before + 1 || !named);
                });
                if config.timers > 0 {
                    Gateway.set_timer(&name, 0);
                }
            }
            First::Left(_) => return,
            First::Right(()) => count(|report| report.dropped += 1),
        }
    }
    count(|report| report.finished = true);
    events.shutdown(&Gateway).await;
}

/// Over after so many microseconds, without the host's timers.
async fn deadline(us: u64) {
    let end = Gateway.monotonic_us().saturating_add(us);
    while Gateway.monotonic_us() < end {
        openclaw_sdk::wit_bindgen::yield_async().await;
    }
}

async fn admit(messages: u64) {
    for number in 1..=messages {
        let message = message(number);
        loop {
            match Gateway.admit(message.clone(), Some(number.to_string().into_bytes())).await {
                Ok(Admission::Accepted) => count(|report| report.accepted += 1),
                Ok(Admission::Duplicate) => count(|report| report.duplicates += 1),
                Err(AdmitError::Invalid(_)) => {}
                Err(AdmitError::Unavailable(ms)) => {
                    Gateway.sleep(ms).await;
                    continue;
                }
            }
            break;
        }
    }
    count(|report| report.finished = true);
}

fn spin(ms: u64) -> u64 {
    let end = Gateway.monotonic_us().saturating_add(ms.saturating_mul(1_000));
    let mut value = 1_u64;
    while Gateway.monotonic_us() < end {
        // Long stretches of pure computation: host calls would give the host a chance to step in.
        for _ in 0..1_000_000 {
            value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
    value
}

fn grow(mib: usize) -> usize {
    // Ones, because fresh zeroed pages need not be touched.
    let memory = vec![1_u8; mib.saturating_mul(1 << 20)];
    let size = memory.len();
    KEPT.with_borrow_mut(|kept| kept.push(memory));
    size
}

#[expect(clippy::disallowed_methods, reason = "proves that the host traps a blocking call")]
fn block(ms: u64) -> String {
    std::thread::sleep(std::time::Duration::from_millis(ms));
    "the host let a blocking call through".into()
}

fn message(number: u64) -> Message {
    Message {
        id: format!("echo-{number}"),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: "room".into(),
            thread: None,
            title: None,
        },
        sender: Sender {
            kind: SenderKind::Person,
            id: "sender".into(),
            username: None,
            display_name: Some("Sender".into()),
            roles: Vec::new(),
        },
        text: format!("message {number}"),
        sent_at_ms: Gateway.now_ms(),
        mentions_self: false,
        reply_to_self: false,
        addresses_others: false,
        edited: false,
        forwarded: false,
        quote: None,
        media: Vec::new(),
        album: None,
        reply_context: Vec::new(),
    }
}
