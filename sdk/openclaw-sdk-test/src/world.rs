//! What outlives an instance: the clock, the vendor, what the gateway stored, and the record of everything that was done.
//! What does not outlive it: its events, its timers and its sockets.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use openclaw_sdk::channel::{File, Message};
use openclaw_sdk::events::{Event, Occurrence};
use openclaw_sdk::inbound::{AdmitError, Connection, Unreadable};
use openclaw_sdk::kv;
use openclaw_sdk::log::Level;
use openclaw_sdk::media::Description;
use openclaw_sdk::process::{Exited, Line as ProcessLine};
use openclaw_sdk::sockets::{Closed, Frame, Opening, Payload};

use crate::vendor::{Act, Asked, Opened, Reply, Vendor};

/// A message that the gateway took over.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    /// The message.
    pub message: Message,
    /// What was stored with it.
    pub cursor: Option<Vec<u8>>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) began_us: Cell<u64>,
    pub(crate) now_us: Cell<u64>,
    /// How long every request takes at least.
    pub(crate) latency_ms: Cell<u64>,
    /// Something happened that somebody may wait for.
    pub(crate) changed: Cell<bool>,
    pub(crate) deadlines: RefCell<BTreeSet<(u64, u64)>>,
    pub(crate) next_id: Cell<u64>,
    pub(crate) vendor: RefCell<Option<Box<dyn Vendor>>>,
    pub(crate) replies: RefCell<VecDeque<Reply>>,
    pub(crate) openings: RefCell<VecDeque<Opened>>,
    /// What the next admissions are refused with.
    pub(crate) refusals: RefCell<VecDeque<AdmitError>>,
    pub(crate) ids: RefCell<BTreeSet<String>>,
    pub(crate) cursor: RefCell<Option<Vec<u8>>>,
    pub(crate) kv: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) kv_quota: Cell<usize>,
    pub(crate) kv_faults: RefCell<VecDeque<kv::Error>>,
    /// What is kept, by its handle.
    pub(crate) files: RefCell<BTreeMap<u64, (File, Vec<u8>)>>,
    pub(crate) media_quota: Cell<u64>,
    pub(crate) admitted: RefCell<Vec<Admitted>>,
    pub(crate) asides: RefCell<Vec<Unreadable>>,
    pub(crate) duplicates: Cell<usize>,
    pub(crate) calls: RefCell<Vec<(u64, Asked)>>,
    pub(crate) opened: RefCell<Vec<Opening>>,
    pub(crate) frames: RefCell<Vec<(u32, Payload)>>,
    pub(crate) closed: RefCell<Vec<(u32, u16)>>,
    pub(crate) slept: RefCell<Vec<u64>>,
    pub(crate) armed: RefCell<Vec<(String, u64)>>,
    pub(crate) states: RefCell<Vec<Connection>>,
    pub(crate) lines: RefCell<Vec<Line>>,
}

impl World {
    pub(crate) fn touch(&self) {
        self.changed.set(true);
    }

    pub(crate) fn id(&self) -> u64 {
        self.next_id.set(self.next_id.get() + 1);
        self.next_id.get()
    }

    /// Milliseconds since the test began.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        (self.now_us.get() - self.began_us.get()) / 1_000
    }

    /// Keeps a file.
    pub(crate) fn take(&self, description: Description, bytes: Vec<u8>) -> File {
        let (handle, size) = (self.id(), bytes.len() as u64);
        let file = File { handle, mime: description.mime, name: description.name, size };
        self.files.borrow_mut().insert(handle, (file.clone(), bytes));
        file
    }

    pub(crate) fn reply(&self, request: &Asked) -> Reply {
        match self.vendor.borrow_mut().as_mut() {
            Some(vendor) => vendor.http(request, self.elapsed_ms()),
            None => self.replies.borrow_mut().pop_front().unwrap_or(Reply::Over),
        }
    }

    pub(crate) fn open(&self, socket: u32, opening: &Opening) -> Opened {
        match self.vendor.borrow_mut().as_mut() {
            Some(vendor) => vendor.open(socket, opening, self.elapsed_ms()),
            None => self.openings.borrow_mut().pop_front().unwrap_or(Opened::Over),
        }
    }

    pub(crate) fn frame(&self, socket: u32, payload: &Payload) -> Vec<Act> {
        let mut vendor = self.vendor.borrow_mut();
        vendor.as_mut().map_or_else(Vec::new, |vendor| vendor.frame(socket, payload, self.elapsed_ms()))
    }
}

/// What belongs to one instance.
#[derive(Default)]
pub(crate) struct Instance {
    /// Due, and not handed over yet: the end first, timers before the rest.
    due: RefCell<VecDeque<Occurrence>>,
    /// Handed over, and not acknowledged.
    unacked: RefCell<VecDeque<Event>>,
    sequence: Cell<u64>,
    timers: RefCell<BTreeMap<String, (u64, u64)>>,
    /// What will happen on sockets and in programs: when, in which order, to whom.
    coming: RefCell<BTreeMap<(u64, u64), Occurrence>>,
    /// Open sockets and programs, and until when something is planned on each.
    open: RefCell<BTreeMap<u32, u64>>,
    numbers: Cell<u32>,
}

impl Instance {
    pub(crate) fn push(&self, occurrence: Occurrence) {
        let mut due = self.due.borrow_mut();
        match occurrence {
            Occurrence::Shutdown => due.push_front(occurrence),
            Occurrence::Timer(_) => {
                let before =
                    |other: &Occurrence| matches!(other, Occurrence::Shutdown | Occurrence::Timer(_));
                let at = due.iter().take_while(|other| before(other)).count();
                due.insert(at, occurrence);
            }
            Occurrence::Frame(_) | Occurrence::Closed(_) | Occurrence::Line(_) | Occurrence::Exited(_) => {
                due.push_back(occurrence);
            }
        }
    }

    /// The first event after `acked`, if there is one.
    pub(crate) fn next(&self, acked: u64) -> Option<Event> {
        let mut unacked = self.unacked.borrow_mut();
        unacked.retain(|event| event.sequence > acked);
        if let Some(event) = unacked.front() {
            return Some(event.clone());
        }
        let occurrence = self.due.borrow_mut().pop_front()?;
        self.sequence.set(self.sequence.get() + 1);
        let event = Event { sequence: self.sequence.get(), occurrence };
        unacked.push_back(event.clone());
        Some(event)
    }

    pub(crate) fn arm(&self, name: &str, due_us: u64, id: u64) {
        let mut timers = self.timers.borrow_mut();
        assert!(
            name.len() <= 64 && (timers.len() < 64 || timers.contains_key(name)),
            "the gateway would trap"
        );
        timers.insert(name.to_owned(), (due_us, id));
    }

    pub(crate) fn disarm(&self, name: &str) {
        self.timers.borrow_mut().remove(name);
    }

    /// A number for a socket or a program, which is open from now on.
    pub(crate) fn number(&self, now_us: u64) -> u32 {
        self.numbers.set(self.numbers.get() + 1);
        self.open.borrow_mut().insert(self.numbers.get(), now_us);
        self.numbers.get()
    }

    pub(crate) fn is_open(&self, number: u32) -> bool {
        self.open.borrow().contains_key(&number)
    }

    /// Plans what happens to `number`, after what is planned already.
    pub(crate) fn plan(&self, number: u32, acts: Vec<Act>, now_us: u64, mut id: impl FnMut() -> u64) {
        let mut at = self.open.borrow().get(&number).copied().unwrap_or(now_us).max(now_us);
        for act in acts {
            let occurrence = match act {
                Act::Wait(ms) => {
                    at += ms * 1_000;
                    continue;
                }
                Act::Text(text) => Occurrence::Frame(Frame { socket: number, payload: Payload::Text(text) }),
                Act::Binary(bytes) => {
                    Occurrence::Frame(Frame { socket: number, payload: Payload::Binary(bytes) })
                }
                Act::Close(code, reason) => Occurrence::Closed(Closed { socket: number, code, reason }),
                Act::Line(text) => Occurrence::Line(ProcessLine { process: number, text }),
                Act::Exit(code) => Occurrence::Exited(Exited { process: number, code }),
            };
            self.coming.borrow_mut().insert((at, id()), occurrence);
        }
        self.open.borrow_mut().entry(number).and_modify(|until| *until = at);
    }

    pub(crate) fn schedule(&self, due_us: u64, id: u64, occurrence: Occurrence) {
        self.coming.borrow_mut().insert((due_us, id), occurrence);
    }

    /// Nothing that is planned for `number` happens any more.
    pub(crate) fn forget(&self, number: u32) {
        self.coming.borrow_mut().retain(|_, occurrence| subject(occurrence) != Some(number));
    }

    /// When the next thing happens.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let timer = self.timers.borrow().values().map(|(due, _)| *due).min();
        let coming = self.coming.borrow().keys().next().map(|(due, _)| *due);
        [timer, coming].into_iter().flatten().min()
    }

    /// Lets happen what is due; whether anything was.
    pub(crate) fn fire(&self, now_us: u64) -> bool {
        let mut fired = false;
        loop {
            let timer = {
                let timers = self.timers.borrow();
                let due = timers.iter().filter(|(_, (due, _))| *due <= now_us);
                due.min_by_key(|(_, when)| **when).map(|(name, _)| name.clone())
            };
            let Some(name) = timer else { break };
            self.disarm(&name);
            self.push(Occurrence::Timer(name));
            fired = true;
        }
        while let Some(entry) = self.coming.borrow_mut().first_entry() {
            if entry.key().0 > now_us {
                break;
            }
            let occurrence = entry.remove();
            let ended = match &occurrence {
                Occurrence::Closed(closed) => Some(closed.socket),
                Occurrence::Exited(exited) => Some(exited.process),
                _ => None,
            };
            if let Some(number) = ended {
                self.open.borrow_mut().remove(&number);
            }
            self.push(occurrence);
            fired = true;
        }
        fired
    }
}

fn subject(occurrence: &Occurrence) -> Option<u32> {
    match occurrence {
        Occurrence::Frame(frame) => Some(frame.socket),
        Occurrence::Closed(closed) => Some(closed.socket),
        Occurrence::Line(line) => Some(line.process),
        Occurrence::Exited(exited) => Some(exited.process),
        Occurrence::Timer(_) | Occurrence::Shutdown => None,
    }
}
