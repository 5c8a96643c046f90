//! Owns sending: one worker for each conversation with something to send, one send in flight in each, many conversations at
//! once. Rows and their order are the store's; this module calls the channel and records how it ended.
//!
//! A worker holds no rows: it claims the head of its conversation, which marks it durably as being sent, and only then
//! calls the channel. A send whose end is unknown is flagged and never repeated here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openclaw_failpoints::failpoint;
use openclaw_store::{AccountKey, Claim, ConversationKey, OutboxRow, SendEnd, Store, StoreError};
use tokio::sync::{Semaphore, broadcast};

use crate::activity::ActivityBoard;
use crate::backoff::Backoff;
use crate::channel::{Failure, Outbound, Outcome, Revision, Sender};
use crate::clock::{millis, now_ms};
use crate::settings::Options;
use crate::tasks::Tasks;

/// Before a worker that panicked begins anew.
const PANIC_PAUSE: Duration = Duration::from_secs(1);
/// After so long a worker looks again when its row is due.
const LONGEST_NAP: Duration = Duration::from_secs(60);
/// Conversations looked up at once when an account comes back; the sweep finds those beyond.
const WAKE_LIMIT: usize = 10_000;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    sender: Arc<dyn Sender>,
    tasks: Tasks,
    activity: ActivityBoard,
    backoff: Backoff,
    attempts: i64,
    deadline: Duration,
    permits: Semaphore,
    work: Mutex<Work>,
    /// Names of drafts with a part that ended.
    ended: broadcast::Sender<Arc<str>>,
}

#[derive(Default)]
struct Work {
    /// Conversations with a worker. True: something came meanwhile, look once more.
    active: HashMap<ConversationKey, bool>,
    /// Accounts that take nothing until they are woken, and why.
    parked: HashMap<AccountKey, Parked>,
    /// How often an account was woken: tells a worker that its account came back while it was being refused.
    woken: HashMap<AccountKey, u64>,
}

/// Why an account takes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parked {
    NotRunning,
    /// Only a person can help: asking again would anger the vendor.
    Unauthorised,
}

impl Outbox {
    pub(crate) fn new(
        store: Store,
        sender: Arc<dyn Sender>,
        tasks: Tasks,
        activity: ActivityBoard,
        options: &Options,
    ) -> Self {
        let shared = Shared {
            store,
            sender,
            tasks,
            activity,
            backoff: Backoff { min: options.retry_min, max: options.retry_max },
            attempts: options.send_attempts,
            deadline: options.send_deadline,
            permits: Semaphore::new(options.sends.max(1)),
            work: Mutex::default(),
            ended: broadcast::Sender::new(1024),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Something was enqueued in this conversation.
    pub(crate) fn wake(&self, conversation: &ConversationKey) {
        let mut work = self.shared.lock();
        if work.parked.contains_key(&conversation.account) || self.shared.tasks.is_closing() {
            return;
        }
        if let Some(again) = work.active.get_mut(conversation) {
            *again = true;
            return;
        }
        work.active.insert(conversation.clone(), false);
        let (shared, conversation) = (Arc::clone(&self.shared), conversation.clone());
        self.shared.tasks.spawn(async move {
            // The conversation counts as served until its worker leaves it: one that breaks off begins anew.
            while shared.tasks.survive("serving a conversation", shared.drain(&conversation)).await.is_none()
                && shared.tasks.pause(PANIC_PAUSE).await
            {}
        });
    }

    /// The account can send (again).
    pub(crate) async fn wake_account(&self, account: &AccountKey) -> Result<(), StoreError> {
        {
            let mut work = self.shared.lock();
            work.parked.remove(account);
            *work.woken.entry(account.clone()).or_insert(0) += 1;
        }
        for conversation in self.shared.store.pending_conversations(Some(account), WAKE_LIMIT).await? {
            self.wake(&conversation);
        }
        Ok(())
    }

    /// Looks for conversations that nobody works on: after a start, and now and then. Gives accounts that were not running
    /// another chance.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        self.shared.lock().parked.retain(|_, why| *why == Parked::Unauthorised);
        for conversation in self.shared.store.pending_conversations(None, WAKE_LIMIT).await? {
            self.wake(&conversation);
        }
        Ok(())
    }

    /// Hears of every part that ends, by the name of its draft. A listener that falls behind looks in the store.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<str>> {
        self.shared.ended.subscribe()
    }

    /// Whether the account takes nothing until it is woken.
    pub(crate) fn is_parked(&self, account: &AccountKey) -> bool {
        self.shared.lock().parked.contains_key(account)
    }

    /// Accounts that take nothing until they are woken.
    pub(crate) fn parked(&self) -> Vec<AccountKey> {
        let mut parked: Vec<_> = self.shared.lock().parked.keys().cloned().collect();
        parked.sort();
        parked
    }
}

impl Shared {
    async fn drain(&self, conversation: &ConversationKey) {
        let mut failures = 0;
        loop {
            // Taken before the claim: what is marked as being sent goes out at once.
            let Ok(permit) = self.permits.acquire().await else { break };
            if self.tasks.is_closing() {
                break;
            }
            failpoint!("messaging.outbox");
            let woken = self.woken(&conversation.account);
            let wait = match self.store.claim(conversation, now_ms()).await {
                Ok(Claim::Part(row)) => {
                    failpoint!("messaging.claimed");
                    failures = 0;
                    let (id, batch, edit) = (row.id, row.batch.clone(), row.edits.is_some());
                    let sent = self.tasks.survive("a send", self.send(*row, woken)).await;
                    let goes_on = match sent {
                        Some(goes_on) => goes_on,
                        None => {
                            let lost = Failure::new(
                                "panic",
                                "the gateway does not know how the send ended".to_owned(),
                            );
                            let end = match edit {
                                true => SendEnd::Retry(lost.fault(), now_ms() + millis(PANIC_PAUSE)),
                                false => SendEnd::Ambiguous(lost.fault()),
                            };
                            self.record(id, batch, &end).await;
                            true
                        }
                    };
                    if !goes_on && self.leave(conversation) {
                        return;
                    }
                    None
                }
                Ok(Claim::NotBefore(at)) => {
                    let wait = Duration::from_millis(u64::try_from(at - now_ms()).unwrap_or(0));
                    // The row may have been moved along with the clock meanwhile.
                    Some(wait.min(LONGEST_NAP))
                }
                Ok(Claim::Empty) => {
                    if self.leave(conversation) {
                        return;
                    }
                    None
                }
                Err(error) if error.is_transient() => {
                    failures += 1;
                    drop(permit);
                    if !self.tasks.pause_for_store(&self.store, failures).await {
                        break;
                    }
                    continue;
                }
                Err(error) => {
                    tracing::error!(code = error.code(), "the outbox cannot go on here: {error}");
                    break;
                }
            };
            drop(permit);
            if let Some(wait) = wait
                && !self.tasks.pause(wait).await
            {
                break;
            }
        }
        self.lock().active.remove(conversation);
    }

    /// Ends the worker, unless something came meanwhile.
    fn leave(&self, conversation: &ConversationKey) -> bool {
        let mut work = self.lock();
        match work.active.get_mut(conversation) {
            Some(again) if *again => {
                *again = false;
                false
            }
            Some(_) | None => {
                work.active.remove(conversation);
                true
            }
        }
    }

    /// Sends one part and records the end. Returns whether the conversation goes on.
    async fn send(&self, mut row: OutboxRow, woken: u64) -> bool {
        let (edits, idempotency_key) = (row.edits.take(), row.idempotency_key());
        let outcome = match edits.clone() {
            Some(message_id) => {
                let revision = Revision {
                    target: row.target,
                    message_id,
                    text: row.text,
                    reply_context: row.reply_context,
                };
                let edit = async |sender: Arc<dyn Sender>, account| sender.edit(&account, revision).await;
                match self.call(row.account.clone(), edit).await {
                    // It shows the same when it is done twice.
                    Outcome::Ambiguous(failure) => Outcome::Retryable(failure),
                    outcome => outcome,
                }
            }
            None => {
                let outbound = Outbound {
                    idempotency_key,
                    target: row.target,
                    text: row.text,
                    reply_to: row.reply_to,
                    reply_context: row.reply_context,
                    media: row.media,
                    silent: row.silent,
                };
                let send = async |sender: Arc<dyn Sender>, account| sender.send(&account, outbound).await;
                self.call(row.account.clone(), send).await
            }
        };
        failpoint!("messaging.record");
        let now = now_ms();
        match &outcome {
            Outcome::Sent(_) | Outcome::Permanent(_) => self.activity.ended(&row.account, now, None),
            Outcome::Retryable(failure) | Outcome::Ambiguous(failure) | Outcome::Unauthorised(failure) => {
                self.activity.ended(&row.account, now, Some(failure.detail.clone()));
            }
            // It never left.
            Outcome::NotRunning(_) => {}
        }
        let (end, goes_on) = match outcome {
            Outcome::Sent(receipt) => {
                self.activity.sent(&row.account, now);
                (SendEnd::Sent(receipt), true)
            }
            Outcome::Retryable(failure) if row.attempts >= self.attempts => {
                tracing::warn!(account = %row.account, code = failure.code, "gave up sending: {}", failure.detail);
                (SendEnd::Failed(failure.fault()), true)
            }
            Outcome::Retryable(failure) => {
                let asked = failure.retry_after_ms.map(Duration::from_millis);
                let wait = self.backoff.after(row.attempts, asked);
                tracing::info!(
                    account = %row.account, code = failure.code, attempt = row.attempts, wait_ms = millis(wait),
                    "send is tried again: {}", failure.detail
                );
                // At its expiry the row is given up: a vendor that asks for a longer wait must not keep the worker, and
                // with it all that stands behind this row.
                let at = now.saturating_add(millis(wait)).min(row.expires_at);
                (SendEnd::Retry(failure.fault(), at), true)
            }
            Outcome::Ambiguous(failure) => {
                tracing::warn!(
                    account = %row.account, code = failure.code, outbox = row.id,
                    "a send may or may not have arrived; it is not repeated: {}", failure.detail
                );
                (SendEnd::Ambiguous(failure.fault()), true)
            }
            Outcome::Permanent(failure) if edits.is_some() => {
                tracing::info!(
                    account = %row.account, code = failure.code, outbox = row.id,
                    "a message cannot be edited; the answer is sent as a new one: {}", failure.detail
                );
                (SendEnd::Anew(failure.fault()), true)
            }
            Outcome::Permanent(failure) => {
                tracing::warn!(account = %row.account, code = failure.code, "send refused: {}", failure.detail);
                (SendEnd::Failed(failure.fault()), true)
            }
            Outcome::Unauthorised(failure) => {
                tracing::warn!(account = %row.account, code = failure.code, "credential refused: {}", failure.detail);
                let parked = self.park(&row.account, Parked::Unauthorised, woken);
                (SendEnd::Parked(failure.fault()), !parked)
            }
            Outcome::NotRunning(failure) => {
                let parked = self.park(&row.account, Parked::NotRunning, woken);
                (SendEnd::Parked(failure.fault()), !parked)
            }
        };
        let recorded = self.record(row.id, row.batch, &end).await;
        // Whoever woke the account before the row was back in the queue has not seen it there.
        recorded && (goes_on || self.woken(&row.account) != woken)
    }

    /// Calls the channel in a task of its own, so that its panic or its silence is an outcome too.
    async fn call<T>(
        &self,
        account: AccountKey,
        what: impl FnOnce(Arc<dyn Sender>, AccountKey) -> T + Send + 'static,
    ) -> Outcome
    where
        T: Future<Output = Outcome> + Send,
    {
        let sender = Arc::clone(&self.sender);
        let mut call = tokio::spawn(async move {
            failpoint!("messaging.send");
            what(sender, account).await
        });
        match tokio::time::timeout(self.deadline, &mut call).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Ambiguous(Failure::new("panic", error.to_string())),
            Err(_) => {
                call.abort();
                let detail = format!("no outcome within {} s", self.deadline.as_secs());
                Outcome::Ambiguous(Failure::new("timeout", detail))
            }
        }
    }

    /// Stores the end and tells whoever waits for the draft.
    async fn record(&self, id: i64, batch: String, end: &SendEnd) -> bool {
        let recorded = self.store_end(id, end).await;
        failpoint!("messaging.recorded");
        if !matches!(end, SendEnd::Retry(..) | SendEnd::Anew(_)) {
            // Nobody listens: nobody waits for this draft.
            drop(self.ended.send(Arc::from(batch)));
        }
        recorded
    }

    /// Stores the end, however long the disk refuses. Only shutting down gives up, and then the row is found as being
    /// sent, and flagged, at the next start.
    async fn store_end(&self, id: i64, end: &SendEnd) -> bool {
        for attempt in 1.. {
            match self.store.end_send(id, end, now_ms()).await {
                Ok(()) => return true,
                Err(error) if error.is_transient() => {
                    if !self.tasks.pause_for_store(&self.store, attempt).await {
                        return false;
                    }
                }
                Err(error) => {
                    tracing::error!(
                        code = error.code(),
                        outbox = id,
                        "the end of a send is not stored: {error}"
                    );
                    return false;
                }
            }
        }
        false
    }

    fn woken(&self, account: &AccountKey) -> u64 {
        self.lock().woken.get(account).copied().unwrap_or(0)
    }

    /// Parks the account, unless it was woken since `woken` was read.
    fn park(&self, account: &AccountKey, why: Parked, woken: u64) -> bool {
        let mut work = self.lock();
        let fresh = work.woken.get(account).copied().unwrap_or(0) != woken;
        if !fresh {
            let parked = work.parked.entry(account.clone()).or_insert(why);
            // A refused credential is not forgotten because the instance has stopped meanwhile.
            if why == Parked::Unauthorised {
                *parked = why;
            }
        }
        !fresh
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
