//! Owns the handle that `gateway` holds, and the order of start and end. What it starts lives in `pipeline`, `turns` and
//! `outbox`.

use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::{failpoint, hurried};
use openclaw_store::{
    AccountKey, Activity, Approved, Counts, DeadId, Decided, InboundId, InboundRow, Message, PairingRequest,
    SetAside, Store, StoreError, Target,
};
use tokio::sync::{mpsc, oneshot};

use crate::accounts::Accounts;
use crate::activity::{ActivityBoard, LastSend};
use crate::album::Albums;
use crate::answer::Wiring;
use crate::bot_loop::BotLoops;
use crate::bounds;
use crate::channel::Sender;
use crate::clock::{self, millis, now_ms};
use crate::dead_letters::{self, DeadLetterError, Requeued};
use crate::delivery::{self, Delivered, SendError, SendRequest};
use crate::lanes::{LaneCounts, Lanes};
use crate::outbox::Outbox;
use crate::pairing::{self, PairingError};
use crate::pipeline::Pipeline;
use crate::reaction::Reactor;
use crate::runner::TurnRunner;
use crate::settings::{AccountSettings, Options};
use crate::tasks::Tasks;
use crate::turns::Turns;

/// Admitted messages that wait for a decision in memory; beyond it `admit` waits.
const ADMITTED: usize = 1024;
/// Rows of the ledger read at once after a start.
const PAGE: usize = 64;
/// How often the outbox is swept and the ledger pruned.
const UPKEEP: Duration = Duration::from_secs(60);
/// How often to look whether somebody has set the clock.
const CLOCK: Duration = Duration::from_secs(5);
/// Closed rows are kept so long: a vendor that redelivers later than that is not recognised.
const KEEP: Duration = Duration::from_secs(30 * 24 * 3600);
/// How much of what an account's component could not read is kept.
const SET_ASIDE: u32 = 100;
/// When a component may try again to have a message admitted.
const ADMIT_AGAIN_MS: u64 = 1_000;

/// What became of an admitted message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is the host's from now on.
    Accepted,
    /// A message with this id was admitted before.
    Duplicate,
}

/// Why a message was not admitted (`inbound.admit-error`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// A field breaks a bound; the text names it.
    #[error("the message breaks a bound (invalid): {0}")]
    Invalid(String),
    /// The host cannot store anything now; try again after so many milliseconds.
    #[error("nothing can be stored now (unavailable): try again in {0} ms")]
    Unavailable(u64),
}

/// How much waits where, for `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Queues {
    /// In the ledger.
    pub ledger: Counts,
    /// In memory.
    pub lanes: LaneCounts,
    /// Accounts whose messages wait until the account can send.
    pub parked: Vec<AccountKey>,
}

/// The way of a message, running. Cheap to clone.
#[derive(Clone)]
pub struct Messaging {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    accounts: Accounts,
    activity: ActivityBoard,
    lanes: Lanes,
    outbox: Outbox,
    turns: Turns,
    tasks: Tasks,
    options: Options,
    admitted: mpsc::Sender<InboundRow>,
}

impl Messaging {
    /// Starts with the given accounts and goes on from the ledger: messages without a decision, turns that were not
    /// finished, replies that were not sent. Start channels after it has returned.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn start(
        store: Store,
        sender: Arc<dyn Sender>,
        runner: Arc<dyn TurnRunner>,
        accounts: Vec<AccountSettings>,
        options: Options,
    ) -> Result<Self, StoreError> {
        let (tasks, activity, known) = (Tasks::new(), ActivityBoard::default(), Accounts::default());
        accounts.into_iter().for_each(|settings| known.set(settings));
        activity.load(store.activity().await?);
        let lanes = Lanes::new(options.lane_depth, options.lanes_total, options.running);
        let outbox =
            Outbox::new(store.clone(), Arc::clone(&sender), tasks.clone(), activity.clone(), &options);
        let turns = Turns::new(Wiring {
            store: store.clone(),
            runner,
            sender: Arc::clone(&sender),
            outbox: outbox.clone(),
            accounts: known.clone(),
            lanes: lanes.clone(),
            reactor: Reactor::new(Arc::clone(&sender), tasks.clone()),
            tasks: tasks.clone(),
            options: options.clone(),
        });
        let pipeline = Pipeline {
            store: store.clone(),
            accounts: known.clone(),
            outbox: outbox.clone(),
            turns: turns.clone(),
            tasks: tasks.clone(),
            options: options.clone(),
            loops: BotLoops::default(),
            albums: Albums::default(),
        };
        recover(&store, &pipeline, &turns).await?;
        failpoint!("messaging.recovered");
        outbox.sweep().await?;
        let (admitted, rows) = mpsc::channel(ADMITTED);
        tasks.spawn(pipeline.run(rows));
        tasks.spawn(upkeep(store.clone(), outbox.clone(), turns.clone(), tasks.clone()));
        tasks.spawn(mind_the_clock(store.clone(), tasks.clone()));
        let inner =
            Inner { store, accounts: known, activity, lanes, outbox, turns, tasks, options, admitted };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Adds an account or replaces its settings; holds for messages decided from now on.
    pub fn configure(&self, settings: AccountSettings) {
        self.inner.accounts.set(settings);
    }

    /// Forgets an account's settings: its messages are dropped from now on. Its ledger stays.
    pub fn forget(&self, account: &AccountKey) {
        self.inner.accounts.forget(account);
    }

    /// Stores a message and its cursor; durable when it returns `Ok`. Dropping the future loses nothing that was stored.
    ///
    /// # Errors
    /// [`AdmitError`]; then neither message nor cursor was stored.
    pub async fn admit(
        &self,
        account: &AccountKey,
        message: Message,
        cursor: Option<Vec<u8>>,
    ) -> Result<Admission, AdmitError> {
        bounds::check(&message, cursor.as_deref()).map_err(AdmitError::Invalid)?;
        let (inner, account) = (Arc::clone(&self.inner), account.clone());
        let (answer, answered) = oneshot::channel();
        // In a task of its own: a component that is dropped while it waits must not leave a stored message that nobody
        // decides before the next start.
        self.inner.tasks.spawn(async move {
            // The component is gone: the vendor redelivers, and the ledger knows the message.
            let _ = answer.send(inner.admit(account, message, cursor).await);
        });
        answered.await.unwrap_or(Err(AdmitError::Unavailable(ADMIT_AGAIN_MS)))
    }

    /// Stores something that the account's component could not read, together with the cursor behind it. The newest
    /// hundred of an account are kept.
    ///
    /// # Errors
    /// [`AdmitError`]; then nothing was stored.
    pub async fn set_aside(
        &self,
        account: &AccountKey,
        vendor_id: Option<String>,
        reason: String,
        raw: Vec<u8>,
        cursor: Vec<u8>,
    ) -> Result<(), AdmitError> {
        let what = SetAside { vendor_id, reason, raw, at: now_ms() };
        self.inner.store.set_aside(account, &what, cursor, SET_ASIDE).await.map_err(|error| {
            refused("what cannot be read is not set aside", account, &error);
            AdmitError::Unavailable(ADMIT_AGAIN_MS)
        })?;
        self.inner.activity.set_aside(account, SET_ASIDE);
        let id = what.vendor_id.as_deref().unwrap_or("without an id");
        tracing::warn!(
            subsystem = account.channel,
            "[{}] set aside unread: {id}: {}",
            account.account,
            what.reason
        );
        Ok(())
    }

    /// What the last `admit` of this account stored.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn cursor(&self, account: &AccountKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.store.cursor(account).await
    }

    /// The account can send (again): call it whenever it becomes ready.
    ///
    /// # Errors
    /// When the ledger cannot be read; the account is not parked any more, and the next sweep finds its messages.
    pub async fn wake(&self, account: &AccountKey) -> Result<(), StoreError> {
        self.inner.outbox.wake_account(account).await
    }

    /// Sends a message and waits for its receipt, at most `Options::send_wait`. The same idempotency key, however often
    /// and however concurrently, is one message.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, request: SendRequest) -> Result<Delivered, SendError> {
        let inner = &self.inner;
        delivery::send(&inner.store, &inner.accounts, &inner.outbox, &inner.options, request).await
    }

    /// Sends a dead letter again, and what is dead behind it of the same message. `twice`: what may have arrived is sent
    /// as well, and may appear twice.
    ///
    /// # Errors
    /// [`DeadLetterError`]; then nothing was changed.
    pub async fn retry_dead_letter(&self, id: DeadId, twice: bool) -> Result<Requeued, DeadLetterError> {
        let inner = &self.inner;
        dead_letters::retry(&inner.store, &inner.outbox, &inner.options, id, twice).await
    }

    /// Forgets a dead letter.
    ///
    /// # Errors
    /// [`DeadLetterError`]; then nothing was changed.
    pub async fn drop_dead_letter(&self, id: DeadId) -> Result<AccountKey, DeadLetterError> {
        dead_letters::drop_one(&self.inner.store, &self.inner.activity, id).await
    }

    /// The lanes that turns of HTTP and the command line share with messages.
    pub fn lanes(&self) -> &Lanes {
        &self.inner.lanes
    }

    /// Pending pairing requests of one channel or of all, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn pairing_requests(&self, channel: Option<&str>) -> Result<Vec<PairingRequest>, StoreError> {
        self.inner.store.pairing_requests(channel, pairing::RULES, now_ms()).await
    }

    /// Lets in whoever was given `code`; case and surrounding white space do not matter. The first approval ever makes
    /// the sender the owner, unless the configuration names owners.
    ///
    /// # Errors
    /// [`PairingError`].
    pub async fn approve_code(
        &self,
        channel: &str,
        account: Option<&str>,
        code: &str,
    ) -> Result<Approved, PairingError> {
        let code = pairing::normalise(code);
        let store = &self.inner.store;
        let bootstrap = !self.inner.accounts.owners_named();
        let approved = store.approve(channel, account, &code, bootstrap, pairing::RULES, now_ms()).await?;
        let approved =
            approved.ok_or_else(|| PairingError::NotFound { channel: channel.to_owned(), code })?;
        tracing::info!(account = %approved.account, sender = approved.sender, "pairing approved");
        Ok(approved)
    }

    /// Lets in the sender of a pending request. `bootstrap_owner`: the first approval ever makes the sender the owner, unless
    /// the configuration names owners.
    ///
    /// # Errors
    /// [`PairingError`].
    pub async fn approve_request(
        &self,
        request: &PairingRequest,
        bootstrap_owner: bool,
    ) -> Result<Approved, PairingError> {
        let bootstrap = bootstrap_owner && !self.inner.accounts.owners_named();
        let approved = self.inner.store.approve_request(request, bootstrap, now_ms()).await?;
        let approved = approved.ok_or(PairingError::Gone)?;
        tracing::info!(account = %approved.account, sender = approved.sender, "pairing approved");
        Ok(approved)
    }

    /// Drops a pending request. The sender is told nothing, and asks again with the next message.
    ///
    /// # Errors
    /// [`PairingError`].
    pub async fn dismiss_request(&self, request: &PairingRequest) -> Result<(), PairingError> {
        if !self.inner.store.dismiss_request(request).await? {
            return Err(PairingError::Gone);
        }
        tracing::info!(account = %request.account, sender = request.sender, "pairing dismissed");
        Ok(())
    }

    /// Tells a sender who was let in, and waits for the receipt as [`Messaging::send`] does.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn tell_approved(&self, approved: &Approved) -> Result<Delivered, SendError> {
        self.send(SendRequest {
            account: approved.account.clone(),
            target: Target { room: approved.room.clone(), thread: None },
            text: pairing::APPROVED.to_owned(),
            media: Vec::new(),
            reply_to: None,
            silent: false,
            // Each approval is told once.
            idempotency_key: uuid::Uuid::new_v4().to_string(),
        })
        .await
    }

    /// Whether the configuration or an approval has made an owner.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn has_owner(&self) -> Result<bool, StoreError> {
        Ok(self.inner.accounts.owners_named() || self.inner.store.owner().await?.is_some())
    }

    /// Everybody who may write to an account directly: its `allow_from` and, under `pairing`, the approved senders.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn allow_from(&self, account: &AccountKey) -> Result<Vec<String>, StoreError> {
        let Some(settings) = self.inner.accounts.get(account) else { return Ok(Vec::new()) };
        let mut all = settings.policy.allow_from.entries();
        if settings.policy.dm == crate::settings::DmPolicy::Pairing {
            let approved = self.inner.store.approved_senders(account).await?;
            let new: Vec<_> = approved.into_iter().filter(|sender| !all.contains(sender)).collect();
            all.extend(new);
        }
        Ok(all)
    }

    /// What became of messages, in the accounts that are configured: of those with this id of a vendor's, or of the newest
    /// `limit` of each account, newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn why(
        &self,
        vendor_id: Option<&str>,
        channel: Option<&str>,
        account: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Decided>, StoreError> {
        let asked = |key: &AccountKey| {
            channel.is_none_or(|channel| key.channel == channel)
                && account.is_none_or(|account| key.account == account)
        };
        let mut found = Vec::new();
        for key in self.inner.accounts.keys().iter().filter(|key| asked(key)) {
            match vendor_id {
                Some(id) => found.extend(self.inner.store.decided(key, id).await?),
                None => found.extend(self.inner.store.latest(key, limit).await?),
            }
        }
        found.sort_by_key(|decided| std::cmp::Reverse((decided.row.received_at, decided.row.id.0)));
        found.truncate(limit);
        Ok(found)
    }

    /// When the account last received and last sent.
    pub fn activity(&self, account: &AccountKey) -> Activity {
        self.inner.activity.of(account)
    }

    /// How the account's last send ended, if one did since the start.
    pub fn last_send(&self, account: &AccountKey) -> Option<LastSend> {
        self.inner.activity.last_send(account)
    }

    /// How much waits where.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn queues(&self) -> Result<Queues, StoreError> {
        let ledger = self.inner.store.counts().await?;
        let mut lanes = self.inner.lanes.counts();
        lanes.turns += self.inner.turns.waiting().await;
        Ok(Queues { ledger, lanes, parked: self.inner.outbox.parked() })
    }

    /// Ends: nothing new is begun, what runs has `grace` to end, and the ledger keeps the rest for the next start. The
    /// store stays open; close it afterwards.
    pub async fn shutdown(&self, grace: Duration) {
        self.inner.tasks.begin_closing();
        self.inner.lanes.close();
        self.inner.tasks.finish(grace).await;
    }
}

impl Inner {
    async fn admit(
        &self,
        account: AccountKey,
        message: Message,
        cursor: Option<Vec<u8>>,
    ) -> Result<Admission, AdmitError> {
        failpoint!("messaging.admit");
        let now = now_ms();
        let admitted = self.store.admit(&account, &message, cursor, now).await.map_err(|error| {
            refused("a message is not admitted", &account, &error);
            AdmitError::Unavailable(ADMIT_AGAIN_MS)
        })?;
        if admitted.duplicate {
            return Ok(Admission::Duplicate);
        }
        failpoint!("messaging.admitted");
        self.activity.received(&account, now);
        let row = InboundRow { id: admitted.id, account, message, received_at: now, route: None };
        // An error means that the end has begun: the next start decides it.
        let _ = self.admitted.send(row).await;
        Ok(Admission::Accepted)
    }
}

/// Says that the store did not take something. While it takes nothing the log has that once already.
fn refused(what: &str, account: &AccountKey, error: &StoreError) {
    let code = error.code();
    if error.is_transient() {
        tracing::debug!(code, %account, "{what}: {error}");
    } else {
        tracing::error!(code, %account, "{what}: {error}");
    }
}

/// Goes on from the ledger, older work first.
async fn recover(store: &Store, pipeline: &Pipeline, turns: &Turns) -> Result<(), StoreError> {
    let (mut unfinished, mut undecided) = (0, 0);
    let mut after = InboundId(0);
    turns.go_on(store.said_to().await?).await;
    loop {
        let rows = store.unfinished(after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        unfinished += rows.len();
        failpoint!("messaging.recover");
        turns.queue_all(rows).await;
    }
    // Each page starts behind the last: a message that cannot be decided must not keep us here.
    after = InboundId(0);
    loop {
        let rows = store.undecided(after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        undecided += rows.len();
        pipeline.decide_all(rows).await;
    }
    if unfinished + undecided > 0 {
        tracing::info!(unfinished, undecided, "going on with what the last run left");
    }
    Ok(())
}

/// Moves what waits along with a wall clock that was set.
async fn mind_the_clock(store: Store, tasks: Tasks) {
    while tasks.pause(CLOCK).await {
        tasks.survive("minding the clock", heed_the_clock(&store, &tasks)).await;
    }
}

async fn heed_the_clock(store: &Store, tasks: &Tasks) {
    let Some(by) = clock::jump() else { return };
    // Whoever looks in between finds what is not due yet, and nothing that has expired.
    if by < 0 {
        clock::follow();
    }
    for attempt in 1.. {
        match store.move_times(by).await {
            Ok(()) => break,
            Err(error) if error.is_transient() => {
                if !tasks.pause_for_store(store, attempt).await {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(code = error.code(), "what waits is not moved along with the clock: {error}");
                break;
            }
        }
    }
    if by > 0 {
        clock::follow();
    }
    tracing::warn!(
        seconds = by / 1_000,
        "the clock was set, or the machine slept: what waits was moved along, so that nothing expires by it"
    );
}

async fn upkeep(store: Store, outbox: Outbox, turns: Turns, tasks: Tasks) {
    let round = async || {
        failpoint!("messaging.upkeep");
        if store.refusal().is_some() {
            return;
        }
        if let Err(error) = outbox.sweep().await {
            tracing::warn!(code = error.code(), "the outbox is not swept: {error}");
        }
        turns.catch_up().await;
        let now = now_ms();
        if let Err(error) = store.prune(now - millis(KEEP), now).await {
            tracing::warn!(code = error.code(), "the ledger is not pruned: {error}");
        }
    };
    while tasks.pause(hurried(UPKEEP)).await {
        tasks.survive("the upkeep", round()).await;
    }
}

#[cfg(test)]
mod tests;
