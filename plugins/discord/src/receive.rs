//! The receiving loop: drives the session, and hands its messages over.
//!
//! Two halves run side by side. One reads what arrives and never waits for the host to store anything, so that heartbeats
//! are in time; the other hands over, in order and for as long as it takes. Between them stands a bounded queue: when it
//! is full the connection is closed, and Discord keeps what follows until the session is resumed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use openclaw_sdk::backoff::Backoff;
use openclaw_sdk::channel::Failure;
use openclaw_sdk::http::Method;
use openclaw_sdk::inbound::{AdmitError, Connection};
use openclaw_sdk::log::Level;
use openclaw_sdk::race::{First, race};

use crate::api::{Channel, GatewayBot, Message};
use crate::config::Config;
use crate::gateway::{Cursor, Dispatch, Effect, Session, Timer};
use crate::host::{Host, Incoming, Source};
use crate::inbound::{Mapped, map};
use crate::intents::{NO_CONTENT, NO_CONTENT_FIX};
use crate::outcome::Refusal;
use crate::rest::{Rest, Route};
use crate::rooms::{Room, Rooms};

/// What may wait to be handed over.
const MOST_WAITING: usize = 256;
const MOST_BYTES: usize = 4 << 20;
const GATEWAY_TIMEOUT_MS: u64 = 10_000;
const CHANNEL_TIMEOUT_MS: u64 = 5_000;
/// How often to ask for a channel that is not known.
const CHANNEL_ATTEMPTS: u32 = 3;
/// Bounds of the wait that the host asks for when it cannot store anything.
const ADMIT_WAIT_MS: (u64, u64) = (50, 30_000);

/// Receives until the account ends for good, or the host wants it to stop.
pub(crate) async fn run<H: Host, S: Source>(
    host: &H,
    source: &mut S,
    rest: &Rest,
    config: &Config,
    cursor: Option<&[u8]>,
) -> Result<(), Failure> {
    let (queue, rooms) = (Queue::default(), RefCell::new(Rooms::default()));
    let session = Session::new(config.intents.bits(), cursor.and_then(Cursor::parse));
    let mut reader =
        Reader { host, rest, queue: &queue, rooms: &rooms, session, socket: None, early: VecDeque::new() };
    let told_hidden = Cell::new(!config.intents.message_content());
    let admitter = Admitter { host, rest, queue: &queue, rooms: &rooms, told_hidden };
    // Dropping the half that hands over is safe: an event whose admission is under way is replayed, and known then.
    match race(reader.read(source), admitter.admit_all()).await {
        First::Left(ended) => ended,
        First::Right(never) => match never {},
    }
}

/// Messages that wait to be handed over.
#[derive(Debug, Default)]
struct Queue {
    waiting: RefCell<VecDeque<Dispatch>>,
    bytes: Cell<usize>,
    /// An event has been taken out and is not done.
    busy: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.waiting.borrow().len() >= MOST_WAITING || self.bytes.get() >= MOST_BYTES
    }

    fn is_done(&self) -> bool {
        self.waiting.borrow().is_empty() && !self.busy.get()
    }

    fn push(&self, dispatch: Dispatch) {
        self.bytes.set(self.bytes.get() + dispatch.data.len());
        self.waiting.borrow_mut().push_back(dispatch);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The next event, which is under way until `pop` is called again.
    async fn pop(&self) -> Dispatch {
        self.busy.set(false);
        poll_fn(|context| match self.waiting.borrow_mut().pop_front() {
            Some(dispatch) => {
                self.busy.set(true);
                self.bytes.set(self.bytes.get().saturating_sub(dispatch.data.len()));
                Poll::Ready(dispatch)
            }
            None => {
                self.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

/// The half that reads.
struct Reader<'a, H> {
    host: &'a H,
    rest: &'a Rest,
    queue: &'a Queue,
    rooms: &'a RefCell<Rooms>,
    session: Session,
    socket: Option<u32>,
    /// What arrived while a socket was being opened.
    early: VecDeque<Incoming>,
}

impl<H: Host> Reader<'_, H> {
    async fn read<S: Source>(&mut self, source: &mut S) -> Result<(), Failure> {
        let mut effects = self.session.start();
        loop {
            if let Some(ended) = self.apply(effects, source).await {
                return ended;
            }
            let incoming = match self.early.pop_front() {
                Some(early) => early,
                None => source.next().await,
            };
            let now = self.host.monotonic_us();
            effects = match incoming {
                Incoming::Frame { socket, text } if self.socket == Some(socket) => {
                    if self.queue.is_full() {
                        self.session.pause()
                    } else {
                        self.session.frame(&text, now)
                    }
                }
                Incoming::Closed { socket, code, reason } if self.socket == Some(socket) => {
                    self.socket = None;
                    self.session.closed(code, &reason, now)
                }
                // Of a socket that was given up.
                Incoming::Frame { .. } | Incoming::Closed { .. } => Vec::new(),
                Incoming::Timer(name) => match Timer::named(&name) {
                    Some(Timer::Connect) => {
                        let mut effects = self.session.look_again(self.queue.is_done());
                        effects.extend(self.session.timer(Timer::Connect, now));
                        effects
                    }
                    Some(timer) => self.session.timer(timer, now),
                    None => Vec::new(),
                },
                Incoming::Shutdown => {
                    self.stop();
                    return Ok(());
                }
            };
        }
    }

    fn stop(&mut self) {
        for effect in self.session.stop() {
            if let (Effect::Close(code), Some(socket)) = (effect, self.socket) {
                self.host.close(socket, code);
            }
        }
    }

    /// Does what the session wants; `Some` when the account has ended.
    async fn apply<S: Source>(
        &mut self,
        effects: Vec<Effect>,
        source: &mut S,
    ) -> Option<Result<(), Failure>> {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Open { resume_at } => {
                    let mut early = VecDeque::new();
                    // The socket is asked first: what arrives on it is not to be taken for something else.
                    let opened = race(self.open(resume_at), until_shutdown(source, &mut early)).await;
                    self.early.append(&mut early);
                    match opened {
                        First::Left(more) => effects.extend(more),
                        First::Right(()) => return Some(Ok(())),
                    }
                }
                Effect::Send(text) => {
                    let Some(socket) = self.socket else { continue };
                    if let Err(why) = self.host.send(socket, text).await {
                        self.socket = None;
                        effects.extend(self.session.closed(None, &why, self.host.monotonic_us()));
                    }
                }
                Effect::Close(code) => {
                    if let Some(socket) = self.socket.take() {
                        self.host.close(socket, code);
                    }
                }
                Effect::Arm(timer, ms) => self.host.arm(timer.name(), ms),
                Effect::Disarm(timer) => self.host.disarm(timer.name()),
                Effect::Dispatch(dispatch) => match dispatch.event.as_str() {
                    "MESSAGE_CREATE" | "MESSAGE_UPDATE" => self.queue.push(dispatch),
                    event => self.rooms.borrow_mut().event(event, &dispatch.data),
                },
                Effect::State(connection) => self.host.state(connection),
                Effect::Log(level, line) => self.host.log(level, &line),
                Effect::End(failure) => return Some(Err(failure)),
            }
        }
        None
    }

    /// Opens a socket, and tells the session what came of it.
    async fn open(&mut self, resume_at: Option<String>) -> Vec<Effect> {
        let url = match resume_at {
            Some(url) => url,
            None => match self.where_to_begin().await {
                Ok(url) => url,
                Err(effects) => return effects,
            },
        };
        match self.host.open(discords_host(&url)).await {
            Ok(socket) => {
                self.socket = Some(socket);
                self.session.opened()
            }
            Err(why) => self.session.not_opened(&why, self.host.monotonic_us()),
        }
    }

    async fn where_to_begin(&mut self) -> Result<String, Vec<Effect>> {
        let route = Route::fixed(Method::Get, "/gateway/bot");
        match self.rest.get::<_, GatewayBot>(self.host, &route, GATEWAY_TIMEOUT_MS).await {
            Ok(GatewayBot { url, session_start_limit }) => {
                self.session.may_begin(session_start_limit)?;
                Ok(url)
            }
            Err(refusal @ Refusal::Unauthorised { .. }) => {
                Err(self.session.refused(refusal.failure("asking for the gateway")))
            }
            // The address is nearly always the same: it is not worth failing for.
            Err(refusal) => {
                let failure = refusal.failure("asking for the gateway");
                self.host.log(Level::Warn, &format!("{}; using the usual address", failure.detail));
                Ok(String::new())
            }
        }
    }
}

/// Waits for the end of the account, and keeps what else arrives.
async fn until_shutdown<S: Source>(source: &mut S, early: &mut VecDeque<Incoming>) {
    loop {
        match source.next().await {
            Incoming::Shutdown => return,
            incoming => early.push_back(incoming),
        }
    }
}

/// The host of an address that is Discord's own; what is not is reached where the manifest says.
fn discords_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("wss://")?;
    let host = rest.split(['/', '?', ':']).next()?;
    host.ends_with(".discord.gg").then_some(host)
}

/// The half that hands over.
struct Admitter<'a, H> {
    host: &'a H,
    rest: &'a Rest,
    queue: &'a Queue,
    rooms: &'a RefCell<Rooms>,
    /// The operator knows that Discord hides what people write, or wants it so.
    told_hidden: Cell<bool>,
}

impl<H: Host> Admitter<'_, H> {
    async fn admit_all(&self) -> Infallible {
        loop {
            let dispatch = self.queue.pop().await;
            self.take(&dispatch).await;
        }
    }

    async fn take(&self, dispatch: &Dispatch) {
        let message: Message = match serde_json::from_str(&dispatch.data) {
            Ok(message) => message,
            // The error names a place in the JSON, never its content.
            Err(error) => {
                let line =
                    format!("skipping event {}, which is not understood: {error}", dispatch.cursor.sequence);
                return self.host.log(Level::Warn, &line);
            }
        };
        let edited = dispatch.event == "MESSAGE_UPDATE";
        // Mapped first without the room: most of what is skipped needs no request.
        match map(&message, edited, None, &dispatch.cursor) {
            Mapped::Message(_) => {}
            Mapped::Nothing(why) => {
                return self.host.log(Level::Debug, &format!("skipping message {}: {why}", message.id));
            }
            Mapped::Hidden => return self.tell_hidden(),
        }
        let room = self.room(&message).await;
        if let Mapped::Message(inbound) = map(&message, edited, room.as_ref(), &dispatch.cursor) {
            self.admit(*inbound, &dispatch.cursor).await;
        }
    }

    fn tell_hidden(&self) {
        if !self.told_hidden.replace(true) {
            self.host.log(Level::Warn, &format!("{NO_CONTENT} {NO_CONTENT_FIX}"));
            self.host.state(Connection::Degraded(NO_CONTENT.to_owned()));
        }
    }

    /// What is known of a message's channel; asked for where that decides what the message is part of.
    async fn room(&self, message: &Message) -> Option<Room> {
        if let Some(room) = self.rooms.borrow().get(&message.channel_id) {
            return Some(room.clone());
        }
        if message.channel_type.is_some_and(|kind| !Room::is_thread(kind)) {
            return None;
        }
        let mut backoff = Backoff::new(500, 5_000);
        for _ in 0..CHANNEL_ATTEMPTS {
            let route = Route::on(Method::Get, "/channels/{}", &message.channel_id);
            match self.rest.get::<_, Channel>(self.host, &route, CHANNEL_TIMEOUT_MS).await {
                Ok(channel) => {
                    let room = Room::from(channel.clone());
                    self.rooms.borrow_mut().learn(channel);
                    return Some(room);
                }
                Err(Refusal::Limited { retry_after_ms, .. }) => {
                    self.host.sleep(retry_after_ms.unwrap_or_default().clamp(500, 30_000)).await;
                }
                Err(Refusal::NotSent { .. } | Refusal::Broken { .. }) => {
                    self.host.sleep(backoff.jittered(self.host.monotonic_us())).await;
                }
                Err(_) => break,
            }
        }
        self.host.log(
            Level::Warn,
            &format!("channel {} is not known; taking it for no thread", message.channel_id),
        );
        None
    }

    /// Hands a message over, for as long as it takes.
    async fn admit(&self, message: openclaw_sdk::channel::Message, cursor: &Cursor) {
        let mut waited = false;
        loop {
            match self.host.admit(message.clone(), cursor.to_bytes()).await {
                Ok(_) => return,
                Err(AdmitError::Invalid(why)) => {
                    return self.host.log(Level::Warn, &format!("skipping message {}: {why}", message.id));
                }
                Err(AdmitError::Unavailable(ms)) => {
                    if !waited {
                        self.host.log(Level::Warn, "the gateway cannot take messages now; waiting");
                        self.host.state(Connection::Degraded("the gateway cannot take messages now".into()));
                    }
                    waited = true;
                    self.host.sleep(ms.clamp(ADMIT_WAIT_MS.0, ADMIT_WAIT_MS.1)).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
