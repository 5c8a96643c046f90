//! One account of one channel: a handle that calls go through, and the instance behind it.
//!
//! The handle bounds everything in time and number. What the component cannot do (cancel one call, survive a trap) is
//! answered here: a call past its deadline gets an honest outcome at once, and the instance is retired.

pub(crate) mod driver;
pub(crate) mod facts;
pub(crate) mod memory;
mod watchdog;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt;
use openclaw_egress::Egress;
use openclaw_packages::{ResolvedEndpoint, ResolvedGrant, ResolvedProcess, ResolvedWebhook};
use openclaw_secrets::Scrubber;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::artifact::give_back_memory;
use crate::bindings::channel_types::{
    Failure, FailureKind, File, Identity, Outbound, Outcome, Reaction, Revision, Start, Target,
    WebhookRequest, WebhookResponse,
};
use crate::capability::events::{EventQueue, Occurrence};
use crate::capability::inbound::Inbox;
use crate::capability::kv::Kv;
use crate::capability::media::{self, Media};
use crate::capability::process::Processes;
use crate::capability::quota::{Budget, Budgets};
use crate::capability::under_way::UnderWay;
use crate::capability::websocket::Sockets;
use crate::capability::{Guest, http, inbound, process};
use crate::plugin::{Code, Features, Plugin};
use crate::{LoadError, Runtime, wasi};
use driver::{Call, Work};
use facts::Facts;
use memory::MemoryLimit;

/// Most calls in flight on one instance. Further callers wait for their turn.
const CALLS: usize = 64;
/// Writes to the host's one store that an instance may have under way: further ones wait behind its own, not before those of
/// others.
const WRITES: usize = 2;
/// How long a component may take to end by itself once it was told to.
const FAREWELL: Duration = Duration::from_millis(50);
/// Bytes of a reaction, by `types.reaction` of the contract.
const EMOJI: usize = 64;
/// Calls that may wait in the queue between the callers and the instance.
const QUEUE: usize = 64;

/// What one instance may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of all its linear memories together.
    pub memory: usize,
    /// HTTP requests in any minute.
    pub requests: u32,
    /// Messages handed to the inbox in any minute.
    pub emits: u32,
    /// Websockets at once, over all endpoints.
    pub sockets: u32,
    /// Lines of its log in any minute.
    pub log_lines: u32,
    /// How long a `send` or an `edit` may take before its outcome counts as ambiguous.
    pub send: Duration,
    /// How long a `probe`, a typing notice or a reaction may take.
    pub probe: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(openclaw_packages::Limits::default())
    }
}

impl From<openclaw_packages::Limits> for Limits {
    fn from(manifest: openclaw_packages::Limits) -> Self {
        Self {
            memory: usize::try_from(manifest.memory).unwrap_or(usize::MAX),
            requests: manifest.requests_per_minute,
            emits: manifest.emits_per_minute,
            sockets: manifest.sockets,
            log_lines: manifest.log_lines_per_minute,
            send: Duration::from_secs(60),
            probe: Duration::from_secs(10),
        }
    }
}

/// What an instance is given at its start.
pub struct ChannelSetup {
    /// `<channel>/<account>`: for logs only, the guest never sees it.
    pub label: String,
    /// The account's configuration without secrets, as JSON.
    pub config: String,
    /// Where the last instance of this account stopped reading.
    pub cursor: Option<Vec<u8>>,
    /// How many instances in a row crashed there without taking anything in.
    pub crashes: u32,
    /// What it may ask over HTTP.
    pub grants: Vec<ResolvedGrant>,
    /// Where it may open websockets.
    pub endpoints: Vec<ResolvedEndpoint>,
    /// Which programs it may start.
    pub processes: Vec<ResolvedProcess>,
    /// Where the vendor may call.
    pub webhooks: Vec<ResolvedWebhook>,
    /// Its own bytes, with their quota.
    pub kv: Arc<dyn Kv>,
    /// Its files, with their quota.
    pub media: Arc<dyn Media>,
    /// Knows the secrets that this instance is entitled to.
    pub scrubber: Scrubber,
    /// Where its messages go.
    pub inbox: Arc<dyn Inbox>,
    /// The host's HTTP client.
    pub egress: Egress,
    /// What it may use.
    pub limits: Limits,
}

/// How an instance ended.
#[derive(Debug, Clone)]
pub enum Exit {
    /// It was asked to.
    Stopped,
    /// `run` returned without a failure: the vendor ended it.
    Returned,
    /// `run` returned a failure.
    Failed(Failure),
    /// It trapped, was refused memory at its start, or broke a rule of an import.
    Trapped {
        /// The trap and where in the component it happened.
        reason: String,
        /// The guest's memories, when [`crate::RuntimeOptions::coredump_on_trap`] is set.
        memories: Arc<[Vec<u8>]>,
    },
    /// It computed for over two seconds without giving its thread back.
    Runaway,
    /// A call did not answer in time; the text names the call.
    Unresponsive(&'static str),
}

/// The instance has ended, or it ended before it began this call: nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account is not running")]
pub struct NotRunning;

/// A running instance. Clones share it; it stops when the last one is dropped.
#[derive(Clone)]
pub struct ChannelInstance {
    shared: Arc<Shared>,
}

struct Shared {
    work: mpsc::Sender<Work>,
    slots: Semaphore,
    events: Arc<EventQueue>,
    facts: watch::Sender<Facts>,
    retire: watch::Sender<Option<Exit>>,
    exit: watch::Receiver<Option<Exit>>,
    features: Features,
    webhooks: Vec<ResolvedWebhook>,
    scrubber: Arc<Scrubber>,
    limits: Limits,
}

/// Whether memory was not given back a moment ago: instances may end thousands of times a minute.
fn is_due() -> bool {
    const PAUSE: Duration = Duration::from_secs(1);
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let due = last.is_none_or(|last| last.elapsed() >= PAUSE);
    if due {
        *last = Some(Instant::now());
    }
    due
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.retire.send_replace(Some(Exit::Stopped));
    }
}

impl Runtime {
    /// Starts an instance of a channel component. It runs until it ends by itself, breaks a rule or is stopped.
    pub fn start_channel(&self, plugin: &Plugin, setup: ChannelSetup) -> Result<ChannelInstance, LoadError> {
        let Code::Channel { pre, exports } = &plugin.code else {
            return Err(LoadError::Contract {
                plugin: plugin.id().to_owned(),
                contract: "openclaw:plugin/channel",
                reason: "it is a provider, not a channel".to_owned(),
            });
        };
        let (work, received) = mpsc::channel(QUEUE);
        let (facts, _) = watch::channel(Facts::new(SystemTime::now()));
        let (retire, retired) = watch::channel(None);
        let (ended, exit) = watch::channel(None);
        let events = Arc::new(EventQueue::default());
        let scrubber = Arc::new(setup.scrubber);
        let words = Arc::clone(&scrubber);
        let guest = Guest {
            wasi: wasi::context(&setup.label, &scrubber, setup.limits.log_lines),
            label: setup.label.into(),
            table: wasi::table(),
            memory: MemoryLimit::new(setup.limits.memory),
            started: Instant::now(),
            events: Arc::clone(&events),
            inbox: setup.inbox,
            facts: facts.clone(),
            grants: setup.grants.into(),
            egress: setup.egress,
            leases: Arc::clone(&self.leases),
            exchanges: Arc::new(Semaphore::new(http::EXCHANGES)),
            writes: Arc::new(Semaphore::new(WRITES)),
            scrubber,
            sockets: Sockets::new(setup.endpoints, setup.limits.sockets),
            processes: Processes::new(setup.processes),
            kv: setup.kv,
            media: setup.media,
            transfers: Arc::new(Semaphore::new(media::TRANSFERS)),
            budgets: Budgets {
                requests: Budget::new(setup.limits.requests),
                emits: Budget::new(setup.limits.emits),
                emitted: Budget::new(inbound::bytes_a_minute(setup.limits.emits)),
                starts: Budget::new(process::STARTS),
            },
            log: Budget::new(setup.limits.log_lines),
            under_way: UnderWay::default(),
            io: self.io.clone(),
        };
        let instance = driver::Instance {
            engine: self.engine.clone(),
            pre: pre.clone(),
            exports: exports.clone(),
            guest,
            start: Start { config: setup.config, cursor: setup.cursor, crashes: setup.crashes },
            work: received,
            ended: work.downgrade(),
        };
        let driven = driver::endure(driver::drive(instance, retired));
        self.guests.spawn(driven.map(move |how| {
            ended.send_replace(Some(how));
            // Nobody waits for it: whoever restarts an account does not.
            if is_due() {
                drop(tokio::task::spawn_blocking(give_back_memory));
            }
        }));
        Ok(ChannelInstance {
            shared: Arc::new(Shared {
                work,
                slots: Semaphore::new(CALLS),
                events,
                facts,
                retire,
                exit,
                features: plugin.features(),
                webhooks: setup.webhooks,
                scrubber: words,
                limits: setup.limits,
            }),
        })
    }
}

impl ChannelInstance {
    /// Sends one message, with the files that belong to it. `Err` means that nothing was sent; every other end is an
    /// [`Outcome`].
    pub async fn send(&self, outbound: Outbound, files: Vec<File>) -> Result<Outcome, NotRunning> {
        if !files.is_empty() && !self.shared.features.send_media {
            let detail = "this channel's plugin sends no files".to_owned();
            let (kind, code, retry_after_ms) = (FailureKind::Permanent, "no_media".to_owned(), None);
            return Ok(Outcome::Permanent(Failure { kind, code, detail, retry_after_ms }));
        }
        self.visible("send", |reply| Call::Send(outbound, files, reply)).await
    }

    /// Whether the component can change what a message shows.
    pub fn can_edit(&self) -> bool {
        self.shared.features.edit
    }

    /// Changes what a message shows. `Err` means that nothing was changed; every other end is an [`Outcome`].
    pub async fn edit(&self, revision: Revision) -> Result<Outcome, NotRunning> {
        if !self.can_edit() {
            let detail = "this channel's plugin edits no messages".to_owned();
            let (kind, code, retry_after_ms) = (FailureKind::Permanent, "no_edit".to_owned(), None);
            return Ok(Outcome::Permanent(Failure { kind, code, detail, retry_after_ms }));
        }
        self.visible("edit", |reply| Call::Edit(revision, reply)).await
    }

    /// Makes a call whose effect people see.
    async fn visible(
        &self,
        name: &'static str,
        call: impl FnOnce(oneshot::Sender<Outcome>) -> Call,
    ) -> Result<Outcome, NotRunning> {
        match self.call(name, self.shared.limits.send, call).await {
            Ok(outcome) => {
                if matches!(outcome, Outcome::Sent(_)) {
                    self.shared.facts.send_modify(|facts| facts.delivered(SystemTime::now()));
                }
                Ok(outcome)
            }
            Err(Unanswered::NotBegun) => Err(NotRunning),
            Err(Unanswered::Late) => {
                Ok(Outcome::Ambiguous(unavailable("deadline", "the component did not answer in time")))
            }
            Err(Unanswered::Lost) => Ok(Outcome::Ambiguous(unavailable(
                "instance_ended",
                "the component ended while it was sending",
            ))),
        }
    }

    /// Asks the vendor whether the credential works.
    pub async fn probe(&self) -> Result<Identity, Failure> {
        let answer = self.call("probe", self.shared.limits.probe, Call::Probe).await;
        answer.unwrap_or_else(|unanswered| Err(unanswered.into()))
    }

    /// Shows that an answer is being written; a component that cannot does nothing.
    pub async fn typing(&self, target: Target) -> Result<(), Failure> {
        if !self.shared.features.typing {
            return Ok(());
        }
        let answer = self.call("typing", self.shared.limits.probe, |reply| Call::Typing(target, reply)).await;
        answer.unwrap_or_else(|unanswered| Err(unanswered.into()))
    }

    /// Sets the account's reaction to a message; a component that cannot does nothing.
    pub async fn react(&self, reaction: Reaction) -> Result<(), Failure> {
        let fits = reaction.emoji.as_ref().is_none_or(|emoji| emoji.len() <= EMOJI);
        if !self.shared.features.react || !fits {
            return Ok(());
        }
        let answer = self.call("react", self.shared.limits.probe, |reply| Call::React(reaction, reply)).await;
        answer.unwrap_or_else(|unanswered| Err(unanswered.into()))
    }

    /// The route of a path below the account's own place on the gateway, if the component takes webhooks at all.
    pub fn webhook_route(&self, path: &str) -> Option<&ResolvedWebhook> {
        let routes = self.shared.webhooks.iter().filter(|_| self.shared.features.webhook);
        routes.into_iter().find(|route| route.path == path)
    }

    /// Hands over a request that the vendor sent to the gateway's port and that was verified. `None` when the component
    /// takes none.
    ///
    /// # Errors
    /// When there is no answer; the vendor will send the request again.
    pub async fn webhook(&self, mut request: WebhookRequest) -> Result<Option<WebhookResponse>, Failure> {
        if !self.shared.features.webhook {
            return Ok(None);
        }
        // A route's token comes with each request; the component is not to have it.
        for (_, value) in request.query.iter_mut().chain(&mut request.headers) {
            *value = self.shared.scrubber.scrub(value).into_owned();
        }
        let limit = self.shared.limits.probe;
        let answer = self.call("webhook", limit, |reply| Call::Webhook(request, reply)).await;
        answer.map(Some).map_err(Failure::from)
    }

    /// Adds an event for the component's `events.next`, behind those that wait; waits while 256 do.
    pub async fn deliver(&self, occurrence: Occurrence) {
        self.shared.events.push(occurrence).await;
    }

    /// What is known of this instance, now and whenever it changes.
    pub fn facts(&self) -> watch::Receiver<Facts> {
        self.shared.facts.subscribe()
    }

    /// How the instance ended, once it has.
    pub async fn exited(&self) -> Exit {
        let mut exit = self.shared.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        // The sender is dropped without a value only when the guest threads are shut down with the process.
        ended.ok().and_then(|exit| exit.clone()).unwrap_or(Exit::Stopped)
    }

    /// Takes no new calls, lets those in flight finish for at most `grace`, tells the component and ends the instance.
    pub async fn stop(&self, grace: Duration) {
        let shared = &self.shared;
        // All permits together: every call in flight has ended.
        let drained = tokio::time::timeout(grace, shared.slots.acquire_many(CALLS as u32)).await;
        if drained.is_err() {
            tracing::debug!("calls were still in flight when the grace ended");
        }
        shared.slots.close();
        let farewell = async {
            shared.events.shut_down();
            self.exited().await
        };
        // A component that does not listen is not waited for: what it has not admitted, the vendor still has.
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            self.retire(Exit::Stopped);
            self.exited().await;
        }
    }

    fn retire(&self, exit: Exit) {
        self.shared.retire.send_if_modified(|retired| {
            let first = retired.is_none();
            if first {
                *retired = Some(exit);
            }
            first
        });
    }

    async fn call<R>(
        &self,
        name: &'static str,
        deadline: Duration,
        call: impl FnOnce(oneshot::Sender<R>) -> Call,
    ) -> Result<R, Unanswered> {
        let _slot = self.shared.slots.acquire().await.map_err(|_closed| Unanswered::NotBegun)?;
        let (reply, answer) = oneshot::channel();
        let begun = Arc::new(AtomicBool::new(false));
        let work = Work::Call { call: Box::new(call(reply)), begun: Arc::clone(&begun) };
        let exchange = async {
            self.shared.work.send(work).await.map_err(|_ended| Unanswered::NotBegun)?;
            answer.await.map_err(|_dropped| match begun.load(Ordering::Acquire) {
                true => Unanswered::Lost,
                false => Unanswered::NotBegun,
            })
        };
        match tokio::time::timeout(deadline, exchange).await {
            Ok(answer) => answer,
            Err(_elapsed) => {
                // One call cannot be cancelled; the whole instance can.
                self.retire(Exit::Unresponsive(name));
                Err(Unanswered::Late)
            }
        }
    }
}

impl std::fmt::Debug for ChannelInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelInstance").field("facts", &*self.shared.facts.borrow()).finish_non_exhaustive()
    }
}

/// Why a call has no answer of the component's.
enum Unanswered {
    /// The component never saw it.
    NotBegun,
    /// Its deadline passed.
    Late,
    /// The instance ended meanwhile.
    Lost,
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotBegun => unavailable("not_running", "the account is not running"),
            Unanswered::Late => unavailable("deadline", "the component did not answer in time"),
            Unanswered::Lost => unavailable("instance_ended", "the component ended before it answered"),
        }
    }
}

fn unavailable(code: &str, detail: &str) -> Failure {
    Failure {
        kind: FailureKind::Unavailable,
        code: code.to_owned(),
        detail: detail.to_owned(),
        retry_after_ms: None,
    }
}
