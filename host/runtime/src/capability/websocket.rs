//! Websockets for guests: `openclaw:plugin/websocket`.
//!
//! A guest names an endpoint. Where a connection goes and what secret it and its messages carry is decided by
//! [`openclaw_packages::ResolvedEndpoint`] alone; this module is the only caller. What arrives goes into the instance's event
//! queue and nowhere else: while the queue is full nothing is read, so that it is the vendor who waits.
//!
//! One task for each socket, on the host's threads: it ends with its socket, and with its instance.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use openclaw_egress::{
    EgressError, ErrorKind, Incoming, Network, PING_EVERY, SocketError, SocketReader, SocketRequest,
    SocketWriter,
};
use openclaw_failpoints::failpoint;
use openclaw_packages::ResolvedEndpoint;
use openclaw_secrets::Scrubber;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use wasmtime::component::{Accessor, HasSelf};

use super::Guest;
use super::events::{EventQueue, Occurrence};
use super::http::SECRET;
use super::under_way::Full;
use crate::bindings::channel::openclaw::plugin::types::{Closed, Frame, Payload};
use crate::bindings::channel::openclaw::plugin::websocket;
use crate::channel::facts::Over;
use crate::error::{cut, shown};

/// Messages of a guest that wait for one socket.
const OUTGOING: usize = 16;
/// How long the vendor may take to answer our close.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes of `closed.reason` and of an error's `detail`.
const REASON: usize = 256;
const DETAIL: usize = 1 << 10;
/// RFC 6455 §7.4.1.
const NORMAL: u16 = 1000;
const TOO_BIG: u16 = 1009;

/// The sockets of one instance. Dropping it closes them all.
pub(crate) struct Sockets {
    endpoints: Vec<Arc<ResolvedEndpoint>>,
    /// Most at once, over all endpoints.
    most: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    /// The number of the newest socket.
    last: u32,
    by_number: BTreeMap<u32, Socket>,
}

struct Socket {
    endpoint: Arc<ResolvedEndpoint>,
    /// `None` while the connection is being made.
    outgoing: Option<mpsc::Sender<Outgoing>>,
    task: Option<AbortHandle>,
    /// The guest has closed it, and the vendor has not answered yet.
    closing: bool,
}

/// What a guest wants of a socket.
enum Outgoing {
    Send(Message, oneshot::Sender<Result<(), EgressError>>),
    Close(u16, String),
}

enum Message {
    Text(String),
    Binary(Bytes),
}

impl Sockets {
    pub(crate) fn new(endpoints: Vec<ResolvedEndpoint>, most: u32) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Arc::new).collect(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            open: Arc::default(),
        }
    }

    /// The longest messages of the endpoints, in bytes.
    pub(crate) fn max_frames(&self) -> impl Iterator<Item = u64> {
        self.endpoints.iter().map(|endpoint| endpoint.max_frame)
    }

    /// Takes a place for one more socket of `endpoint`.
    fn place(&self, endpoint: &Arc<ResolvedEndpoint>) -> Result<Place, String> {
        let mut open = lock(&self.open);
        // A vendor that has gone never answers a close: what waits for that keeps nobody from opening another one.
        let left = || open.by_number.values().filter(|socket| !socket.closing);
        if left().count() >= self.most || open.by_number.len() >= self.most.saturating_mul(2) {
            return Err(format!("{} sockets of this instance are open, as many as its limit", self.most));
        }
        let same = left().filter(|socket| socket.endpoint.name == endpoint.name).count();
        if same >= usize::try_from(endpoint.max_connections).unwrap_or(usize::MAX) {
            return Err(format!(
                "{same} sockets of the endpoint `{}` are open, as many as it allows",
                endpoint.name
            ));
        }
        open.last = open.last.wrapping_add(1);
        let number = open.last;
        let endpoint = Arc::clone(endpoint);
        open.by_number.insert(number, Socket { endpoint, outgoing: None, task: None, closing: false });
        drop(open);
        Ok(Place { number, open: Arc::clone(&self.open) })
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for socket in lock(&self.open).by_number.values() {
            if let Some(task) = &socket.task {
                task.abort();
            }
        }
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    // No code panics while it holds the lock; if one ever did, the map would still be consistent.
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket's place among those of its instance; free again when dropped.
struct Place {
    number: u32,
    open: Arc<Mutex<Open>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.open).by_number.remove(&self.number);
    }
}

fn error(kind: websocket::ErrorKind, detail: impl AsRef<str>) -> websocket::Error {
    websocket::Error { kind, status: None, detail: cut(detail.as_ref(), DETAIL).to_owned() }
}

fn denied(detail: impl AsRef<str>) -> websocket::Error {
    error(websocket::ErrorKind::Denied, detail)
}

fn unreachable(why: &SocketError, scrubber: &Scrubber) -> websocket::Error {
    match why {
        SocketError::Refused(status) => websocket::Error {
            status: Some(*status),
            ..error(websocket::ErrorKind::Refused, why.to_string())
        },
        SocketError::Unreachable(why) => {
            let kind = match why.kind {
                ErrorKind::Denied => websocket::ErrorKind::Denied,
                ErrorKind::NotSent | ErrorKind::Interrupted | ErrorKind::Timeout | ErrorKind::TooLarge => {
                    websocket::ErrorKind::NotConnected
                }
            };
            error(kind, scrubber.scrub(&why.detail))
        }
    }
}

/// What is needed to open one socket.
struct Opening {
    request: SocketRequest,
    place: Place,
}

impl Guest {
    fn prepare_socket(
        &mut self,
        name: &str,
        at: &websocket::Destination,
    ) -> Result<Opening, websocket::Error> {
        let endpoint = self.sockets.endpoints.iter().find(|endpoint| endpoint.name == name);
        let endpoint = endpoint
            .ok_or_else(|| denied(format!("the manifest has no [[websocket]] entry named `{name}`")))?;
        let endpoint = &Arc::clone(endpoint);
        let (_, composed) = endpoint
            .open(at.host.as_deref(), at.path.as_deref(), &at.query)
            .map_err(|why| denied(why.to_string()))?;
        let request = SocketRequest {
            url: composed.url.parse().map_err(|_bad| denied("the path does not make a URL"))?,
            headers: composed.header_map().map_err(|why| denied(why.to_string()))?,
            network: if endpoint.operator_named { Network::OperatorNamed } else { Network::Public },
            max_message: usize::try_from(endpoint.max_frame).unwrap_or(usize::MAX),
        };
        let words = at.path.iter().chain(at.query.iter().flat_map(|(name, value)| [name, value]));
        if words.into_iter().any(|word| self.scrubber.finds(word.as_bytes())) {
            return Err(denied(SECRET));
        }
        // A handshake is a request as well: else closing and opening again would be free.
        self.take_request().map_err(denied)?;
        let place = self.sockets.place(endpoint).map_err(|why| {
            self.over(Over::Sockets);
            denied(why)
        })?;
        Ok(Opening { request, place })
    }

    /// A message as it may leave: within the bound, with the secrets that the manifest puts into it.
    fn prepare_message(
        &self,
        number: u32,
        payload: Payload,
    ) -> Result<(mpsc::Sender<Outgoing>, Message), websocket::Error> {
        let closed = || error(websocket::ErrorKind::Closed, "the socket is closed");
        let (endpoint, outgoing) = {
            let open = lock(&self.sockets.open);
            let socket = open.by_number.get(&number).ok_or_else(closed)?;
            (Arc::clone(&socket.endpoint), socket.outgoing.clone().ok_or_else(closed)?)
        };
        if length(&payload) as u64 > endpoint.max_frame {
            return Err(denied(format!(
                "the message is longer than the {} bytes of the endpoint",
                endpoint.max_frame
            )));
        }
        let words = match &payload {
            Payload::Text(text) => text.as_bytes(),
            Payload::Binary(bytes) => bytes,
        };
        if self.scrubber.finds(words) {
            return Err(denied(SECRET));
        }
        let message = match payload {
            Payload::Text(text) => {
                let sent = endpoint.outbound(&text).map_err(|why| denied(why.to_string()))?;
                Message::Text(sent.into_text().into_owned())
            }
            Payload::Binary(bytes) => Message::Binary(bytes.into()),
        };
        Ok((outgoing, message))
    }
}

fn length(payload: &Payload) -> usize {
    match payload {
        Payload::Text(text) => text.len(),
        Payload::Binary(bytes) => bytes.len(),
    }
}

impl websocket::Host for Guest {
    fn close(&mut self, socket: u32, code: u16, reason: String) -> wasmtime::Result<()> {
        let code = if matches!(code, NORMAL | 3000..=4999) { code } else { NORMAL };
        let mut open = lock(&self.sockets.open);
        // Taken away, so that nothing is sent after it, and so that closing twice is closing once.
        let closed = open.by_number.get_mut(&socket).and_then(|socket| {
            let outgoing = socket.outgoing.take()?;
            socket.closing = true;
            Some(outgoing)
        });
        if let Some(outgoing) = closed {
            let task = async move { outgoing.send(Outgoing::Close(code, reason)).await.ok() };
            drop(open);
            self.io.spawn(task);
        }
        Ok(())
    }
}

impl websocket::HostWithStore<Guest> for HasSelf<Guest> {
    async fn open(
        accessor: &Accessor<Guest, Self>,
        endpoint: String,
        at: websocket::Destination,
    ) -> wasmtime::Result<Result<u32, websocket::Error>> {
        let prepared = accessor.with(|mut access| {
            let guest = access.get();
            let held = guest.begin_small()?;
            let opening = guest.prepare_socket(&endpoint, &at);
            let parts = (guest.egress.clone(), Arc::clone(&guest.events), Arc::clone(&guest.scrubber));
            let io = guest.io.clone();
            Ok::<_, wasmtime::Error>(opening.map(|opening| (opening, parts, io, held)))
        })?;
        let (Opening { request, place }, (egress, events, scrubber), io, _held) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        let number = place.number;
        let registry = Arc::clone(&place.open);
        let (answer, opened) = oneshot::channel();
        let words = Arc::clone(&scrubber);
        let task = io.spawn(async move {
            match egress.websocket(request).await {
                Err(why) => {
                    // The place is free before the guest hears of it; nobody hears when the guest dropped the call.
                    drop(place);
                    answer.send(Err(why)).ok();
                }
                Ok((reader, writer)) => {
                    let (outgoing, wishes) = mpsc::channel(OUTGOING);
                    if let Some(socket) = lock(&place.open).by_number.get_mut(&number) {
                        socket.outgoing = Some(outgoing);
                    }
                    if answer.send(Ok(())).is_ok() {
                        let life = live(number, reader, writer, wishes, &events);
                        // The guest hears of this end, too: it would wait for ever.
                        let closed = AssertUnwindSafe(life).catch_unwind().await.unwrap_or_else(|_panic| {
                            let reason = "the connection was lost inside the host".to_owned();
                            Closed { socket: number, code: None, reason }
                        });
                        drop(place);
                        let reason = shown(&closed.reason, REASON, &scrubber);
                        events.push(Occurrence::Closed(Closed { reason, ..closed })).await;
                    }
                }
            }
        });
        // From here on the task ends with the instance. It may have ended already: then there is nothing to end.
        if let Some(socket) = lock(&registry).by_number.get_mut(&number) {
            socket.task = Some(task.abort_handle());
        }
        let abort = AbortOnDrop(Some(task.abort_handle()));
        let opened = opened.await;
        abort.keep();
        match opened {
            Ok(Ok(())) => {
                accessor.with(|mut access| access.get().within(Over::Sockets));
                Ok(Ok(number))
            }
            Ok(Err(why)) => Ok(Err(unreachable(&why, &words))),
            Err(_lost) => {
                Ok(Err(error(websocket::ErrorKind::NotConnected, "the connection was lost inside the host")))
            }
        }
    }

    async fn send(
        accessor: &Accessor<Guest, Self>,
        socket: u32,
        payload: Payload,
    ) -> wasmtime::Result<Result<(), websocket::Error>> {
        let bytes = length(&payload);
        let prepared = accessor.with(|mut access| {
            let guest = access.get();
            let held = guest.begin(bytes)?;
            Ok::<_, wasmtime::Error>(match held {
                Ok(held) => guest.prepare_message(socket, payload).map(|message| (message, held)),
                Err(Full) => Err(denied(Full::WORDS)),
            })
        })?;
        let ((outgoing, message), _held) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        let (sent, ended) = oneshot::channel();
        if outgoing.send(Outgoing::Send(message, sent)).await.is_err() {
            return Ok(Err(error(websocket::ErrorKind::Closed, "the socket is closed")));
        }
        Ok(match ended.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(error(websocket::ErrorKind::Interrupted, why.detail)),
            // The socket ended before it came to this message.
            Err(_dropped) => Err(error(websocket::ErrorKind::Closed, "the socket is closed")),
        })
    }
}

/// Ends a connection in the making whose guest has dropped the call.
struct AbortOnDrop(Option<AbortHandle>);

impl AbortOnDrop {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// The life of an open socket; returns how it closed.
async fn live(
    number: u32,
    mut reader: SocketReader,
    mut writer: SocketWriter,
    mut wishes: mpsc::Receiver<Outgoing>,
    events: &EventQueue,
) -> Closed {
    failpoint!("runtime.websocket");
    let mut reading = pin!(read(number, &mut reader, events));
    // Both halves wait for different things. Whichever ends, the socket does; the reading goes on until the vendor has
    // answered our close, so that a message which waits for room in the queue is not lost.
    let ended = tokio::select! {
        read = &mut reading => Ended::Read(read),
        written = write(&mut writer, &mut wishes) => Ended::Written(written),
    };
    let ours = |code, reason: &str| Closed { socket: number, code: Some(code), reason: reason.to_owned() };
    match ended {
        Ended::Read(Incoming::Closed { code, reason }) => Closed { socket: number, code, reason },
        Ended::Read(Incoming::Text(_) | Incoming::Binary(_) | Incoming::TooLong) => {
            let reason = "a message was longer than the endpoint allows";
            // Whether the vendor still hears it does not change anything here.
            writer.close(TOO_BIG, reason).await.ok();
            ours(TOO_BIG, reason)
        }
        Ended::Written(Err(why)) => Closed { socket: number, code: None, reason: why.detail },
        Ended::Written(Ok((code, reason))) => {
            if writer.close(code, &reason).await.is_ok() {
                // What the vendor says until it answers is still delivered; then the connection is over either way.
                timeout(FAREWELL, reading).await.ok();
            }
            ours(code, &reason)
        }
    }
}

enum Ended {
    Read(Incoming),
    /// The guest's close, or what broke.
    Written(Result<(u16, String), EgressError>),
}

/// Moves messages into the queue; returns what ends the reading. Waits while the queue is full.
async fn read(number: u32, reader: &mut SocketReader, events: &EventQueue) -> Incoming {
    loop {
        let payload = match reader.next().await {
            Incoming::Text(text) => Payload::Text(text),
            Incoming::Binary(bytes) => Payload::Binary(bytes.into()),
            ended @ (Incoming::TooLong | Incoming::Closed { .. }) => return ended,
        };
        events.push(Occurrence::Frame(Frame { socket: number, payload })).await;
    }
}

/// Sends what the guest wants and a ping now and then, until the guest closes or the connection breaks.
async fn write(
    writer: &mut SocketWriter,
    wishes: &mut mpsc::Receiver<Outgoing>,
) -> Result<(u16, String), EgressError> {
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // A wish that was taken is carried out before the next look: neither branch is dropped half done.
        let wish = tokio::select! {
            wish = wishes.recv() => wish,
            _ = pings.tick() => {
                writer.ping().await?;
                continue;
            }
        };
        match wish {
            Some(Outgoing::Send(message, sent)) => {
                let result = match message {
                    Message::Text(text) => writer.text(text).await,
                    Message::Binary(bytes) => writer.binary(bytes).await,
                };
                let broken = result.clone().err();
                // Nobody waits when the guest has dropped the call.
                sent.send(result).ok();
                if let Some(broken) = broken {
                    return Err(broken);
                }
            }
            Some(Outgoing::Close(code, reason)) => return Ok((code, reason)),
            // The registry let go of the sender without a wish: the instance is ending.
            None => return Ok((NORMAL, String::new())),
        }
    }
}
