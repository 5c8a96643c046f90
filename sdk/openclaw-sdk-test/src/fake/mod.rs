//! The fake gateway, in virtual time. Owns the executor, which polls one future and lets time pass
//! when it waits.

mod host;
mod record;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use openclaw_sdk::backoff::spread;
use openclaw_sdk::channel::File;
use openclaw_sdk::events::Occurrence;
use openclaw_sdk::http::ErrorKind;
use openclaw_sdk::inbound::AdmitError;
use openclaw_sdk::kv;
use openclaw_sdk::media::Description;

use crate::vendor::{Act, Opened, Reply, Vendor};
use crate::world::{Instance, World};

pub(crate) use record::method;

/// The wall clock at the begin of every test, in Unix milliseconds.
const BEGAN_MS: u64 = 1_700_000_000_000;
/// So often may everything be polled without any time passing.
const MOST_SPINS: u32 = 100_000;
/// So many steps of time may a test take that sets no end.
const MOST_STEPS: u32 = 1_000_000;

/// A gateway for tests. Clones are the same gateway and the same instance.
#[derive(Clone)]
pub struct FakeHost {
    pub(crate) world: Rc<World>,
    pub(crate) instance: Rc<Instance>,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

/// How it is set up.
impl FakeHost {
    /// Nothing is scripted: whoever asks something waits until the test is over.
    #[must_use]
    pub fn new() -> Self {
        let world = World::default();
        world.kv_quota.set(1 << 20);
        world.media_quota.set(256 << 20);
        Self { world: Rc::new(world), instance: Rc::default() }
    }

    /// With a vendor that the test plays; what is scripted does not count then.
    #[must_use]
    pub fn with_vendor(vendor: impl Vendor + 'static) -> Self {
        let host = Self::new();
        host.world.vendor.replace(Some(Box::new(vendor)));
        host
    }

    /// The monotonic clock begins elsewhere, and with it everything is different that an account draws by lot.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        let began = spread(seed, 1 << 40);
        self.world.began_us.set(began);
        self.world.now_us.set(began);
        self
    }

    /// Every request takes at least this long.
    #[must_use]
    pub fn latency(self, ms: u64) -> Self {
        self.world.latency_ms.set(ms);
        self
    }

    /// Scripts what comes of the next request.
    #[must_use]
    pub fn replies(self, reply: Reply) -> Self {
        self.world.replies.borrow_mut().push_back(reply);
        self
    }

    /// Scripts the next answer.
    #[must_use]
    pub fn answers(self, status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        self.replies(Reply::with_headers(status, headers, body))
    }

    /// Scripts that the next request fails.
    #[must_use]
    pub fn fails(self, kind: ErrorKind) -> Self {
        self.replies(Reply::Fail(kind))
    }

    /// Scripts what happens on the next socket.
    #[must_use]
    pub fn opens(self, opened: Opened) -> Self {
        self.world.openings.borrow_mut().push_back(opened);
        self
    }

    /// Scripts that the next admission is refused.
    #[must_use]
    pub fn refuses_admission(self, error: AdmitError) -> Self {
        self.world.refusals.borrow_mut().push_back(error);
        self
    }

    /// Sets what `kv` may hold, keys and values together.
    #[must_use]
    pub fn kv_quota(self, bytes: usize) -> Self {
        self.world.kv_quota.set(bytes);
        self
    }

    /// Scripts that the next call of `kv` fails.
    #[must_use]
    pub fn kv_fails(self, error: kv::Error) -> Self {
        self.world.kv_faults.borrow_mut().push_back(error);
        self
    }

    /// Sets what the files may have together.
    #[must_use]
    pub fn media_quota(self, bytes: u64) -> Self {
        self.world.media_quota.set(bytes);
        self
    }

    /// A file that the gateway keeps from the begin, as of a message to send.
    #[must_use]
    pub fn has_file(&self, mime: &str, name: &str, bytes: &[u8]) -> File {
        let description = Description { mime: mime.to_owned(), name: Some(name.to_owned()), size: None };
        self.world.take(description, bytes.to_vec())
    }

    /// The gateway after the instance has died: a new instance on what was stored, at the same vendor.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self { world: Rc::clone(&self.world), instance: Rc::default() }
    }

    /// Lets something happen now.
    pub fn happens(&self, occurrence: Occurrence) {
        self.instance.push(occurrence);
        self.world.touch();
    }

    /// Lets something happen in `ms` milliseconds.
    pub fn happens_after(&self, ms: u64, occurrence: Occurrence) {
        self.instance.schedule(self.world.now_us.get() + ms * 1_000, self.world.id(), occurrence);
    }

    /// Sets the monotonic clock, which has to be later than it is.
    pub fn set_clock_us(&self, us: u64) {
        assert!(us >= self.world.now_us.get(), "a monotonic clock never goes backwards");
        self.world.now_us.set(us);
    }
}

/// How it is run.
impl FakeHost {
    /// Runs a future to its end.
    ///
    /// # Panics
    ///
    /// The future waits for something that never comes.
    pub fn finish<F: Future>(&self, future: F) -> F::Output {
        self.until_idle(future).expect("the future waits for something that never comes: the script is over")
    }

    /// Runs a future until it ends, or until it waits for something that never comes.
    ///
    /// # Panics
    ///
    /// It never waits, or it goes on for a million steps.
    pub fn until_idle<F: Future>(&self, future: F) -> Option<F::Output> {
        self.drive(future, None, &|| false)
    }

    /// Runs a future until it ends, or until `ms` have passed. What it waited for is given up.
    pub fn run_for<F: Future>(&self, ms: u64, future: F) -> Option<F::Output> {
        let end = self.world.now_us.get() + ms * 1_000;
        self.drive(future, Some(end), &|| false)
    }

    /// Runs a future until it ends, until `reached`, or until `ms` have passed. Dropped then, as if the instance had died
    /// there.
    pub fn run_until<F: Future>(&self, ms: u64, reached: impl Fn() -> bool, future: F) -> Option<F::Output> {
        let end = self.world.now_us.get() + ms * 1_000;
        self.drive(future, Some(end), &reached)
    }

    fn drive<F: Future>(
        &self,
        future: F,
        end_us: Option<u64>,
        reached: &dyn Fn() -> bool,
    ) -> Option<F::Output> {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let (mut spins, mut steps) = (0, 0);
        loop {
            self.world.changed.set(false);
            woken.0.store(false, Ordering::Relaxed);
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            if reached() {
                return None;
            }
            let news = self.news();
            let fired = self.instance.fire(self.world.now_us.get());
            if news || fired || self.world.changed.get() || woken.0.load(Ordering::Relaxed) {
                spins += 1;
                assert!(spins < MOST_SPINS, "the account never waits: it would keep its thread for ever");
                continue;
            }
            let now = self.world.now_us.get();
            let deadline = self.world.deadlines.borrow().first().map(|(due, _)| *due);
            let next = [deadline, self.instance.next_due()].into_iter().flatten().min();
            match next {
                Some(next) if end_us.is_none_or(|end| next <= end) => {
                    (spins, steps) = (0, steps + 1);
                    assert!(
                        steps < MOST_STEPS,
                        "the account goes on for ever: say for how long with run_for"
                    );
                    self.world.now_us.set(next.max(now));
                }
                _ => {
                    if let Some(end) = end_us {
                        self.world.now_us.set(end.max(now));
                    }
                    return None;
                }
            }
        }
    }

    /// Plans what happens to a socket or a program.
    fn plan(&self, number: u32, acts: Vec<Act>) {
        self.instance.plan(number, acts, self.world.now_us.get(), || self.world.id());
    }

    /// Lets the vendor do what it does by itself; whether it did anything.
    fn news(&self) -> bool {
        let news = match self.world.vendor.borrow_mut().as_mut() {
            Some(vendor) => vendor.news(self.world.elapsed_ms()),
            None => return false,
        };
        let any = !news.is_empty();
        for (number, acts) in news.into_iter().filter(|(number, _)| self.instance.is_open(*number)) {
            self.plan(number, acts);
        }
        any
    }

    async fn pass(&self, ms: u64) {
        let due = self.world.now_us.get().saturating_add(ms.saturating_mul(1_000));
        let entry = Deadline { world: Rc::clone(&self.world), key: (due, self.world.id()) };
        self.world.deadlines.borrow_mut().insert(entry.key);
        poll_fn(|_| if self.world.now_us.get() >= due { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Lets everybody else have a turn, as every call of the contract does.
    async fn turn(&self) {
        let mut turned = false;
        poll_fn(|_| {
            if std::mem::replace(&mut turned, true) {
                return Poll::Ready(());
            }
            self.world.touch();
            Poll::Pending
        })
        .await;
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A moment that somebody waits for; forgotten with whoever waits.
struct Deadline {
    world: Rc<World>,
    key: (u64, u64),
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.world.deadlines.borrow_mut().remove(&self.key);
    }
}
