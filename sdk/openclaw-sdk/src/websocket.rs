//! The prepared shell for a vendor that is spoken to over one websocket. Owns the socket and the queue of what is to be
//! handed over; the vendor's session with its heartbeats and resumes is the author's, as a state machine without I/O.
//!
//! Two halves run side by side. One reads what arrives and never waits for the gateway to store anything, so that
//! heartbeats are in time; the other hands over, in order and for as long as it takes. Between them stands a bounded
//! queue: when it is full the session is told to pause, and the vendor keeps what follows until it is resumed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::channel::Failure;
use crate::events::{Events, Occurrence};
use crate::host::Host;
use crate::inbound::Connection;
use crate::log::Level;
use crate::race::{First, race};
use crate::sockets::{Error, ErrorKind, Opening, Payload, Socket};

/// What may wait to be handed over: so many events of so many bytes.
pub const MOST_WAITING: usize = 256;
/// See [`MOST_WAITING`].
pub const MOST_BYTES: usize = 4 << 20;

/// The effects of a session.
pub type Effects<S> = Vec<Effect<<S as Session>::Address, <S as Session>::Event>>;

/// What a session wants done, in this order.
#[derive(Debug, PartialEq)]
pub enum Effect<A, E> {
    /// Open a socket there. At most one is open: close the other before.
    Open(A),
    /// Send this text.
    Send(String),
    /// Close the socket with this code; nothing more of it counts.
    Close(u16),
    /// Arm the timer of this name, in milliseconds.
    Arm(&'static str, u64),
    /// Disarm it.
    Disarm(&'static str),
    /// Hand this over.
    Event(E),
    /// Say what is known of the connection.
    State(Connection),
    /// Write a line to the log.
    Log(Level, String),
    /// The account has ended.
    End(Failure),
}

/// The session with a vendor: what happened goes in, what is to be done comes out. It does no I/O. `now_us` is
/// [`Host::monotonic_us`].
pub trait Session: Sized {
    /// What says where to connect; [`Duties::opening`] turns it into a place.
    type Address;
    /// What is handed over.
    type Event;

    /// The account begins.
    fn start(&mut self) -> Effects<Self>;

    /// The socket is open.
    fn opened(&mut self, now_us: u64) -> Effects<Self>;

    /// There is no socket; `why` is for people.
    fn not_opened(&mut self, why: &str, now_us: u64) -> Effects<Self>;

    /// A text message.
    fn frame(&mut self, text: &str, now_us: u64) -> Effects<Self>;

    /// The socket is closed, with the vendor's code or without one.
    fn closed(&mut self, code: Option<u16>, reason: &str, now_us: u64) -> Effects<Self>;

    /// A timer has fired; it may have been disarmed too late. `idle` says that everything was handed over.
    fn timer(&mut self, name: &str, idle: bool, now_us: u64) -> Effects<Self>;

    /// A message came while the queue is full. It is lost unless the session closes the socket now and has it repeated.
    fn pause(&mut self) -> Effects<Self>;

    /// The gateway wants the end. Only the closing of the socket still counts.
    fn stop(&mut self) -> Effects<Self>;

    /// How much of the queue an event takes, in bytes.
    fn size(event: &Self::Event) -> usize;
}

/// What has to be waited for, and is the vendor's own.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread: none of these futures is ever sent to another"
)]
pub trait Duties<S: Session> {
    /// Where to open a socket. May ask the vendor, and change the session by what it says; effects instead of a place take
    /// its stead.
    ///
    /// # Errors
    ///
    /// The effects.
    async fn opening<H: Host>(
        &self,
        host: &H,
        session: &mut S,
        at: S::Address,
    ) -> Result<Opening, Effects<S>>;

    /// Looks at an event as soon as it is there; whether it is to be handed over too.
    fn notice(&self, event: &S::Event) -> bool {
        let _ = event;
        true
    }

    /// Hands an event over, for instance by [`crate::inbound::admit`]. One at a time, in their order. Safe to drop.
    async fn hand_over<H: Host>(&self, host: &H, event: S::Event);
}

/// Receives until the account ends for good, or the gateway wants it to stop.
///
/// # Errors
///
/// What [`Effect::End`] says.
pub async fn run<H: Host, S: Session, D: Duties<S>>(host: &H, session: S, duties: &D) -> Result<(), Failure> {
    let queue = Queue::new();
    let mut reader = Reader {
        host,
        duties,
        queue: &queue,
        session,
        socket: None,
        events: Events::new(),
        early: VecDeque::new(),
    };
    // Dropping the half that hands over is safe: an event whose admission is under way is repeated, and known then.
    match race(reader.read(), hand_over(host, duties, &queue)).await {
        First::Left(ended) => ended,
        First::Right(never) => match never {},
    }
}

async fn hand_over<H: Host, S: Session, D: Duties<S>>(host: &H, duties: &D, queue: &Queue<S>) -> Infallible {
    loop {
        let event = queue.pop().await;
        duties.hand_over(host, event).await;
    }
}

/// Events that wait to be handed over.
struct Queue<S: Session> {
    waiting: RefCell<VecDeque<S::Event>>,
    bytes: Cell<usize>,
    /// An event has been taken out and is not done.
    busy: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl<S: Session> Queue<S> {
    fn new() -> Self {
        Self {
            waiting: RefCell::default(),
            bytes: Cell::new(0),
            busy: Cell::new(false),
            waker: RefCell::new(None),
        }
    }

    fn is_full(&self) -> bool {
        self.waiting.borrow().len() >= MOST_WAITING || self.bytes.get() >= MOST_BYTES
    }

    fn is_done(&self) -> bool {
        self.waiting.borrow().is_empty() && !self.busy.get()
    }

    fn push(&self, event: S::Event) {
        self.bytes.set(self.bytes.get() + S::size(&event));
        self.waiting.borrow_mut().push_back(event);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The next event, which is under way until `pop` is called again.
    async fn pop(&self) -> S::Event {
        self.busy.set(false);
        poll_fn(|context| match self.waiting.borrow_mut().pop_front() {
            Some(event) => {
                self.busy.set(true);
                self.bytes.set(self.bytes.get().saturating_sub(S::size(&event)));
                Poll::Ready(event)
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
struct Reader<'a, H, S: Session, D> {
    host: &'a H,
    duties: &'a D,
    queue: &'a Queue<S>,
    session: S,
    socket: Option<Socket>,
    events: Events,
    /// What arrived while a socket was being opened.
    early: VecDeque<Occurrence>,
}

impl<H: Host, S: Session, D: Duties<S>> Reader<'_, H, S, D> {
    async fn read(&mut self) -> Result<(), Failure> {
        let mut effects = self.session.start();
        loop {
            if let Some(ended) = self.apply(effects).await {
                return ended;
            }
            let occurrence = match self.early.pop_front() {
                Some(early) => early,
                None => self.events.next(self.host).await,
            };
            if occurrence == Occurrence::Shutdown {
                self.stop();
                return Ok(());
            }
            effects = self.happened(occurrence);
        }
    }

    fn happened(&mut self, occurrence: Occurrence) -> Effects<S> {
        let now = self.host.monotonic_us();
        let is_ours = |number| self.socket.is_some_and(|socket| socket.number() == number);
        match occurrence {
            Occurrence::Frame(frame) if is_ours(frame.socket) => match frame.payload {
                Payload::Text(_) if self.queue.is_full() => self.session.pause(),
                Payload::Text(text) => self.session.frame(&text, now),
                Payload::Binary(_) => {
                    self.host.log(Level::Warn, "skipping a binary frame");
                    Vec::new()
                }
            },
            Occurrence::Closed(closed) if is_ours(closed.socket) => {
                self.socket = None;
                self.session.closed(closed.code, &closed.reason, now)
            }
            Occurrence::Timer(name) => self.session.timer(&name, self.queue.is_done(), now),
            // Of a socket that was given up, or of a program, which this shell has none of.
            Occurrence::Frame(_) | Occurrence::Closed(_) | Occurrence::Line(_) | Occurrence::Exited(_) => {
                Vec::new()
            }
            Occurrence::Shutdown => self.session.stop(),
        }
    }

    fn stop(&mut self) {
        for effect in self.session.stop() {
            if let (Effect::Close(code), Some(socket)) = (effect, self.socket) {
                self.host.close(socket, code, "");
            }
        }
    }

    /// Does what the session wants; `Some` when the account has ended.
    async fn apply(&mut self, effects: Effects<S>) -> Option<Result<(), Failure>> {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Open(at) => {
                    let Self { host, duties, session, events, .. } = self;
                    let mut early = VecDeque::new();
                    // The socket is asked first: what arrives on it is not to be taken for something else.
                    let opened =
                        race(open(*host, *duties, session, at), until_shutdown(*host, events, &mut early));
                    let opened = opened.await;
                    self.early.append(&mut early);
                    match opened {
                        First::Left((socket, more)) => {
                            self.socket = socket;
                            effects.extend(more);
                        }
                        First::Right(()) => return Some(Ok(())),
                    }
                }
                Effect::Send(text) => {
                    let Some(socket) = self.socket else { continue };
                    match self.host.send(socket, Payload::Text(text)).await {
                        // The end of the socket comes as an event, behind what arrived before it and with the vendor's code.
                        Ok(()) | Err(Error { kind: ErrorKind::Closed | ErrorKind::Interrupted, .. }) => {}
                        Err(why) => {
                            self.socket = None;
                            self.host.close(socket, 1000, "");
                            effects.extend(self.session.closed(None, &why.detail, self.host.monotonic_us()));
                        }
                    }
                }
                Effect::Close(code) => {
                    if let Some(socket) = self.socket.take() {
                        self.host.close(socket, code, "");
                    }
                }
                Effect::Arm(timer, ms) => self.host.set_timer(timer, ms),
                Effect::Disarm(timer) => self.host.cancel_timer(timer),
                Effect::Event(event) => {
                    if self.duties.notice(&event) {
                        self.queue.push(event);
                    }
                }
                Effect::State(connection) => self.host.state(connection),
                Effect::Log(level, line) => self.host.log(level, &line),
                Effect::End(failure) => return Some(Err(failure)),
            }
        }
        None
    }
}

/// Opens a socket, and tells the session what came of it.
async fn open<H: Host, S: Session, D: Duties<S>>(
    host: &H,
    duties: &D,
    session: &mut S,
    at: S::Address,
) -> (Option<Socket>, Effects<S>) {
    let opening = match duties.opening(host, session, at).await {
        Ok(opening) => opening,
        Err(effects) => return (None, effects),
    };
    match host.open(opening).await {
        Ok(socket) => (Some(socket), session.opened(host.monotonic_us())),
        Err(why) => (None, session.not_opened(&why.detail, host.monotonic_us())),
    }
}

/// Waits for the end of the account, and keeps what else arrives.
async fn until_shutdown<H: Host>(host: &H, events: &mut Events, early: &mut VecDeque<Occurrence>) {
    loop {
        match events.next(host).await {
            Occurrence::Shutdown => return,
            occurrence => early.push_back(occurrence),
        }
    }
}
