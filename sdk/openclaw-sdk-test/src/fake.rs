//! The fake gateway: what a [`Host`] does, in virtual time. Owns the executor, which polls one future and lets time pass
//! when it waits.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use openclaw_sdk::backoff::spread;
use openclaw_sdk::channel::Message;
use openclaw_sdk::events::{Event, Occurrence};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{self, Answer, ErrorKind, Record, Request, too_large};
use openclaw_sdk::inbound::{Admission, AdmitError, Connection};
use openclaw_sdk::kv;
use openclaw_sdk::log::Level;
use openclaw_sdk::process::{self, Process};
use openclaw_sdk::sockets::{self, Opening, Payload, Socket};

use crate::vendor::{Act, Opened, Reply, Vendor};
use crate::world::{Admitted, Instance, Line, World};

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

/// What was done.
impl FakeHost {
    /// The requests, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<Record> {
        self.world.calls.borrow().iter().map(|(_, record)| record.clone()).collect()
    }

    /// When each request was sent, in milliseconds since the begin.
    #[must_use]
    pub fn call_times(&self) -> Vec<u64> {
        let began = self.world.began_us.get();
        self.world.calls.borrow().iter().map(|(us, _)| (us - began) / 1_000).collect()
    }

    /// Method and path of each request, as in `POST /messages`.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.calls().iter().map(|call| format!("{} {}", method(call), call.path)).collect()
    }

    /// The messages that the gateway took over.
    #[must_use]
    pub fn admitted(&self) -> Vec<Admitted> {
        self.world.admitted.borrow().clone()
    }

    /// How many messages came that the gateway had already.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        self.world.duplicates.get()
    }

    /// What a start would get as its cursor.
    #[must_use]
    pub fn cursor(&self) -> Option<Vec<u8>> {
        self.world.cursor.borrow().clone()
    }

    /// The sockets that were opened.
    #[must_use]
    pub fn opened(&self) -> Vec<Opening> {
        self.world.opened.borrow().clone()
    }

    /// The messages that were sent on sockets.
    #[must_use]
    pub fn frames(&self) -> Vec<(u32, Payload)> {
        self.world.frames.borrow().clone()
    }

    /// The sockets that the account closed, and with which code.
    #[must_use]
    pub fn closed(&self) -> Vec<(u32, u16)> {
        self.world.closed.borrow().clone()
    }

    /// How long each sleep was to be.
    #[must_use]
    pub fn slept(&self) -> Vec<u64> {
        self.world.slept.borrow().clone()
    }

    /// The timers that were armed, and after how long each was to fire.
    #[must_use]
    pub fn armed(&self) -> Vec<(String, u64)> {
        self.world.armed.borrow().clone()
    }

    /// What the account said of its connection.
    #[must_use]
    pub fn states(&self) -> Vec<Connection> {
        self.world.states.borrow().clone()
    }

    /// The log.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.world.lines.borrow().clone()
    }

    /// The texts of the log.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.message).collect()
    }

    /// Milliseconds since the begin.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        self.world.elapsed_ms()
    }
}

/// The name of a request's method.
pub(crate) fn method(request: &Record) -> &'static str {
    match request.method {
        http::Method::Get => "GET",
        http::Method::Head => "HEAD",
        http::Method::Post => "POST",
        http::Method::Put => "PUT",
        http::Method::Patch => "PATCH",
        http::Method::Delete => "DELETE",
    }
}

/// What the gateway would refuse before it leaves.
fn forbidden(request: &Record) -> Option<&'static str> {
    let path = &request.path;
    let refused = ["host", "authorization", "cookie", "connection", "content-length", "transfer-encoding"];
    if !path.starts_with('/') || path.contains(['?', '#', '\\']) || path.chars().any(char::is_control) {
        return Some(
            "the path is not absolute below the grant, or has a character that does not belong there",
        );
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Some("the path has a segment `.` or `..`");
    }
    if request.timeout_ms == 0 || request.timeout_ms > 120_000 {
        return Some("the timeout is not between 1 and 120,000 ms");
    }
    request
        .headers
        .iter()
        .any(|(name, _)| refused.contains(&name.to_ascii_lowercase().as_str()))
        .then_some("a header is the gateway's own")
}

impl Host for FakeHost {
    fn now_ms(&self) -> u64 {
        BEGAN_MS + self.world.elapsed_ms()
    }

    fn monotonic_us(&self) -> u64 {
        self.world.now_us.get()
    }

    async fn sleep(&self, ms: u64) {
        self.world.slept.borrow_mut().push(ms);
        self.pass(ms).await;
    }

    async fn next_event(&self, acked: u64) -> Event {
        poll_fn(|_| {
            self.instance.fire(self.world.now_us.get());
            self.instance.next(acked).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn set_timer(&self, name: &str, after_ms: u64) {
        self.world.armed.borrow_mut().push((name.to_owned(), after_ms));
        let due = self.world.now_us.get().saturating_add(after_ms.saturating_mul(1_000));
        self.instance.arm(name, due, self.world.id());
    }

    fn cancel_timer(&self, name: &str) {
        self.instance.disarm(name);
    }

    async fn http(&self, request: Request) -> Result<Answer, http::Error> {
        let record = request.record();
        if let Some(why) = forbidden(record) {
            return Err(http::Error { kind: ErrorKind::Denied, detail: why.to_owned() });
        }
        self.world.calls.borrow_mut().push((self.world.now_us.get(), record.clone()));
        self.turn().await;
        let mut reply = self.world.reply(record);
        let mut left = record.timeout_ms;
        let fail = |kind, detail: &str| Err(http::Error { kind, detail: detail.to_owned() });
        let timed_out = || fail(ErrorKind::Timeout, "no answer in time");
        let mut wait = self.world.latency_ms.get();
        loop {
            if wait > left {
                self.pass(left).await;
                return timed_out();
            }
            if wait > 0 {
                self.pass(wait).await;
                left -= wait;
            }
            match reply {
                Reply::After(ms, then) => {
                    wait = ms;
                    reply = *then;
                }
                Reply::Answer(answer) if answer.body.len() > request.most() => {
                    return Err(too_large(request.most()));
                }
                Reply::Answer(answer) => return Ok(answer),
                Reply::Fail(kind) => return fail(kind, "the test wants it so"),
                Reply::Never => {
                    self.pass(left).await;
                    return timed_out();
                }
                Reply::Over => pending().await,
            }
        }
    }

    async fn open(&self, opening: Opening) -> Result<Socket, sockets::Error> {
        self.world.opened.borrow_mut().push(opening.clone());
        self.turn().await;
        let number = self.instance.number(self.world.now_us.get());
        match self.world.open(number, &opening) {
            Opened::Socket(acts) => {
                self.plan(number, acts);
                Ok(Socket::numbered(number))
            }
            Opened::Fail(error) => Err(error),
            Opened::Over => pending().await,
        }
    }

    async fn send(&self, socket: Socket, payload: Payload) -> Result<(), sockets::Error> {
        self.turn().await;
        if !self.instance.is_open(socket.number()) {
            let detail = "the socket is closed".to_owned();
            return Err(sockets::Error { kind: sockets::ErrorKind::Closed, status: None, detail });
        }
        self.world.frames.borrow_mut().push((socket.number(), payload.clone()));
        let acts = self.world.frame(socket.number(), &payload);
        self.plan(socket.number(), acts);
        Ok(())
    }

    fn close(&self, socket: Socket, code: u16, reason: &str) {
        if !self.instance.is_open(socket.number()) {
            return;
        }
        self.world.closed.borrow_mut().push((socket.number(), code));
        self.instance.forget(socket.number());
        if let Some(vendor) = self.world.vendor.borrow_mut().as_mut() {
            vendor.closed(socket.number(), code);
        }
        self.plan(socket.number(), vec![Act::Close(Some(code), reason.to_owned())]);
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, kv::Error> {
        self.kv_turn().await?;
        Ok(self.world.kv.borrow().get(key).cloned())
    }

    async fn scan(&self, prefix: &str, after: Option<&str>) -> Result<Vec<kv::Entry>, kv::Error> {
        self.kv_turn().await?;
        let kv = self.world.kv.borrow();
        let found = kv
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(found.take(256).map(|(key, value)| kv::Entry { key: key.clone(), value: value.clone() }).collect())
    }

    async fn apply(&self, changes: Vec<kv::Change>) -> Result<(), kv::Error> {
        self.kv_turn().await?;
        let mut after = self.world.kv.borrow().clone();
        for change in changes {
            match change {
                kv::Change::Put(kv::Entry { key, value }) => {
                    if key.is_empty() || key.len() > 256 || value.len() > 64 << 10 {
                        return Err(kv::Error::Invalid("a key or a value breaks its bound".to_owned()));
                    }
                    after.insert(key, value);
                }
                kv::Change::Delete(key) => {
                    after.remove(&key);
                }
            }
        }
        let bytes: usize = after.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > self.world.kv_quota.get() {
            return Err(kv::Error::Full);
        }
        self.world.kv.replace(after);
        Ok(())
    }

    async fn start(&self, name: &str) -> Result<Process, process::Error> {
        self.turn().await;
        let started = self.world.vendor.borrow_mut().as_mut().map(|vendor| vendor.start(name));
        let acts =
            started.unwrap_or_else(|| Err(process::Error::NotStarted("no program is scripted".into())))?;
        let number = self.instance.number(self.world.now_us.get());
        self.plan(number, acts);
        Ok(Process::numbered(number))
    }

    async fn write_line(&self, process: Process, line: String) -> Result<(), process::Error> {
        self.turn().await;
        if !self.instance.is_open(process.number()) {
            return Err(process::Error::Ended);
        }
        if line.contains('\n') {
            return Err(process::Error::Denied("a line has a line break in it".into()));
        }
        let acts = self.world.vendor.borrow_mut().as_mut().map(|vendor| vendor.line(process.number(), &line));
        self.plan(process.number(), acts.unwrap_or_default());
        Ok(())
    }

    fn stop(&self, process: Process) {
        if self.instance.is_open(process.number()) {
            self.instance.forget(process.number());
            self.plan(process.number(), vec![Act::Exit(Some(0))]);
        }
    }

    async fn admit(&self, message: Message, cursor: Option<Vec<u8>>) -> Result<Admission, AdmitError> {
        let refusal = self.world.refusals.borrow_mut().pop_front();
        let refusal = refusal.or_else(|| broken_bound(&message, cursor.as_deref()).map(AdmitError::Invalid));
        if let Some(refusal) = refusal {
            self.turn().await;
            return Err(refusal);
        }
        let is_new = self.world.ids.borrow_mut().insert(message.id.clone());
        if cursor.is_some() {
            self.world.cursor.replace(cursor.clone());
        }
        if is_new {
            self.world.admitted.borrow_mut().push(Admitted { message, cursor });
        } else {
            self.world.duplicates.set(self.world.duplicates.get() + 1);
        }
        // Durable already: an instance that dies here has not heard of it.
        self.turn().await;
        Ok(if is_new { Admission::Accepted } else { Admission::Duplicate })
    }

    fn state(&self, connection: Connection) {
        self.world.states.borrow_mut().push(connection);
    }

    fn write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let line = Line { level, message: message.to_owned(), fields: fields.to_vec() };
        self.world.lines.borrow_mut().push(line);
    }
}

impl FakeHost {
    fn plan(&self, number: u32, acts: Vec<Act>) {
        self.instance.plan(number, acts, self.world.now_us.get(), || self.world.id());
    }

    async fn kv_turn(&self) -> Result<(), kv::Error> {
        self.turn().await;
        self.world.kv_faults.borrow_mut().pop_front().map_or(Ok(()), Err)
    }
}

/// The bound of `types.message` that a message breaks, if it does.
fn broken_bound(message: &Message, cursor: Option<&[u8]>) -> Option<String> {
    let conversation = &message.conversation;
    let too_long = |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.len() > most);
    let ids = [&message.id, &conversation.room, &message.sender.id];
    if ids.iter().any(|id| id.is_empty() || id.len() > 256) {
        return Some("an id is empty or longer than 256 bytes".to_owned());
    }
    if too_long(&conversation.space, 256) || too_long(&conversation.thread, 256) {
        return Some("the space or the thread is longer than 256 bytes".to_owned());
    }
    let names = [&conversation.title, &message.sender.username, &message.sender.display_name];
    if names.into_iter().any(|name| too_long(name, 1 << 10)) {
        return Some("a name is longer than 1 KiB".to_owned());
    }
    if message.text.len() > 256 << 10 || message.reply_context.len() > 4 << 10 {
        return Some("the text or the reply context is too long".to_owned());
    }
    cursor.is_some_and(|cursor| cursor.len() > 4 << 10).then(|| "the cursor is longer than 4 KiB".to_owned())
}
