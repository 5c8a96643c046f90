//! The prepared shell for a vendor that is asked again and again what is new. Owns the order: a message is acknowledged,
//! which is what the next question's cursor does, only after the gateway has made it durable.

use std::cell::{Cell, RefCell};

use crate::account::Account;
use crate::backoff::Backoff;
use crate::channel::{Failure, Identity, Message, Outbound, Outcome};
use crate::events::Events;
use crate::host::Host;
use crate::http::{Answer, Request};
use crate::inbound::{self, Connection};
use crate::log::Level;
use crate::outage::Outage;
use crate::protocol::{self, Protocol};
use crate::race::{First, race};

/// An answer that was empty and took less than this was not held open.
const SHORT_US: u64 = 1_000_000;
/// The first and the longest wait after such an answer, in milliseconds.
const IDLE: Backoff = Backoff::new(50, 1_000);

/// What an author writes for it.
pub trait LongPoll: Protocol {
    /// The question what is new. `cursor` is that of the last [`Item`], or what the gateway kept; none at the first start.
    /// The request's timeout has to be longer than the vendor holds the question open.
    fn poll(&self, cursor: Option<&[u8]>) -> Request;

    /// Reads the answer to [`LongPoll::poll`], oldest first. What cannot be read of it is an [`Item`] without a message, so
    /// that it does not come back for ever.
    ///
    /// # Errors
    ///
    /// The answer as a whole is not the vendor's.
    fn items(&mut self, answer: &Answer) -> Result<Vec<Item>, Failure>;

    /// The question for one new thing alone: asked after reading what is new has crashed. Where the vendor cannot be asked
    /// so, it is [`LongPoll::poll`].
    fn poll_one(&self, cursor: Option<&[u8]>) -> Request {
        self.poll(cursor)
    }

    /// The first new thing of an answer, told without reading what it says: it crashed twice, and is set aside. `None` where
    /// there is none; an author who leaves it so has an account that crashes at the same place again.
    fn first(&self, answer: &Answer) -> Option<Unread> {
        let _ = answer;
        None
    }
}

/// Something new that was not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Unread {
    /// The vendor's id, where it can be told.
    pub id: Option<String>,
    /// How far the account has got with it: at most 4 KiB.
    pub cursor: Vec<u8>,
}

/// Something new.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The message; none for what is not for the gateway.
    pub message: Option<Message>,
    /// How far the account has got with this item: at most 4 KiB.
    pub cursor: Vec<u8>,
}

/// The shell: an [`Account`] made of a protocol.
#[derive(Debug)]
pub struct LongPolling<P> {
    protocol: RefCell<P>,
    /// How many instances in a row crashed where this one begins.
    crashes: Cell<u32>,
}

impl<P: LongPoll> Account for LongPolling<P> {
    fn configure(config: &str) -> Result<Self, Failure> {
        P::configure(config).map(|protocol| Self { protocol: RefCell::new(protocol), crashes: Cell::new(0) })
    }

    fn crashed(&self, times: u32) {
        self.crashes.set(times);
    }

    async fn run<H: Host>(&self, host: &H, cursor: Option<&[u8]>) -> Result<(), Failure> {
        let mut events = Events::new();
        // Dropping the loop is safe anywhere: a message whose admission is under way comes again and is known then.
        match race(events.shutdown(host), self.receive(host, cursor)).await {
            First::Left(()) => Ok(()),
            First::Right(ended) => ended,
        }
    }

    async fn send<H: Host>(&self, host: &H, outbound: &Outbound) -> Outcome {
        protocol::send(&self.protocol, host, outbound).await
    }

    async fn probe<H: Host>(&self, host: &H) -> Result<Identity, Failure> {
        protocol::identify(&self.protocol, host).await
    }
}

impl<P: LongPoll> LongPolling<P> {
    async fn receive<H: Host>(&self, host: &H, cursor: Option<&[u8]>) -> Result<(), Failure> {
        protocol::begin(&self.protocol, host).await?;
        let mut cursor = cursor.map(<[u8]>::to_vec);
        let (mut backoff, mut idle, mut outage) = (protocol::BACKOFF, IDLE, Outage::new());
        loop {
            let begun = host.monotonic_us();
            let request = match self.crashes.get() {
                0 => self.protocol.borrow().poll(cursor.as_deref()),
                _ => self.protocol.borrow().poll_one(cursor.as_deref()),
            };
            let items = match protocol::ask(&self.protocol, host, request).await {
                Ok(answer) => {
                    if let Some(behind) = self.pass(host, &answer).await {
                        cursor = Some(behind);
                        continue;
                    }
                    self.protocol.borrow_mut().items(&answer)
                }
                Err(miss) => Err(miss.failure),
            };
            let items = match items {
                Ok(items) => items,
                Err(failure) => {
                    protocol::recover(host, failure, &mut backoff, &mut outage).await?;
                    continue;
                }
            };
            backoff.reset();
            if let Some((failures, s)) = outage.over(host.monotonic_us()) {
                host.log(Level::Info, &format!("reachable again after {failures} failures in {s} s"));
            }
            host.state(Connection::Ready);
            let mut moved = false;
            for Item { message, cursor: next } in items {
                match message {
                    Some(message) => inbound::admit(host, &message, Some(&next)).await,
                    None => host.log(Level::Debug, "skipping what is no message for the gateway"),
                }
                moved |= cursor.as_ref() != Some(&next);
                cursor = Some(next);
            }
            // A vendor that does not hold questions open, or repeats itself, is not asked without pause.
            if moved {
                self.crashes.set(0);
                idle.reset();
            } else if host.monotonic_us().saturating_sub(begun) < SHORT_US {
                host.sleep(idle.exact()).await;
            }
        }
    }

    /// Passes what is likely why instances crash here, unread.
    async fn pass<H: Host>(&self, host: &H, answer: &Answer) -> Option<Vec<u8>> {
        let first = self.protocol.borrow().first(answer).filter(|_| self.crashes.get() >= inbound::BLAMED)?;
        self.crashes.set(0);
        inbound::set_aside(host, first.id, &answer.body, &first.cursor).await;
        Some(first.cursor)
    }
}
