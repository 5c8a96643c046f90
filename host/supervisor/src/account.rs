//! One task for each account, and the handles that command it.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use openclaw_failpoints::failpoint;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::breaker::{Breaker, Circuit};
use crate::driver::{Attempt, Driver, End, Health, Running, StartError};
use crate::state::{Crash, State, Status};

/// How long calls in flight may take to finish when an instance is stopped.
const GRACE: Duration = Duration::from_secs(5);
/// An instance that ran this long without failing has put its failures behind it.
const STABLE: Duration = Duration::from_secs(300);
/// Commands that may wait for one account.
const COMMANDS: usize = 16;

/// All accounts. Cheap to clone; the accounts stop when they are told to, not when this is dropped.
#[derive(Clone)]
pub struct Supervisor {
    driver: Arc<dyn Driver>,
    backoff: Backoff,
    accounts: Arc<Mutex<BTreeMap<String, AccountHandle>>>,
}

/// The way to one account's task.
#[derive(Debug, Clone)]
pub struct AccountHandle {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    breaker: Breaker,
}

/// What an account can be told. The answer comes when it has been carried out.
#[derive(Debug)]
enum Command {
    /// End the instance, if there is one, and start another, whatever state the account is in.
    Restart(oneshot::Sender<Status>),
    /// End the instance and stay ended.
    Stop(oneshot::Sender<Status>),
}

impl Supervisor {
    /// A supervisor without accounts.
    pub fn new(driver: Arc<dyn Driver>, backoff: Backoff) -> Self {
        Self { driver, backoff, accounts: Arc::default() }
    }

    /// Begins to look after `account`; does nothing if it is looked after already.
    pub fn ensure(&self, account: &str) -> AccountHandle {
        let mut accounts = self.lock();
        if let Some(handle) = accounts.get(account) {
            return handle.clone();
        }
        let (commands, received) = mpsc::channel(COMMANDS);
        let (status, seen) = watch::channel(Status::new(account));
        let breaker = Breaker::default();
        let task = Account {
            name: account.to_owned(),
            driver: Arc::clone(&self.driver),
            backoff: self.backoff,
            commands: received,
            status,
            breaker: breaker.clone(),
            place: None,
        };
        tokio::spawn(task.endure());
        let handle = AccountHandle { commands, status: seen, breaker };
        accounts.insert(account.to_owned(), handle.clone());
        handle
    }

    /// The account, if it is looked after.
    pub fn account(&self, account: &str) -> Option<AccountHandle> {
        self.lock().get(account).cloned()
    }

    /// Ends the account's instance and looks after it no more. Does nothing for one that is not looked after.
    pub async fn forget(&self, account: &str) {
        let handle = self.lock().remove(account);
        if let Some(handle) = handle {
            handle.stop().await;
        }
    }

    /// Every account, by name.
    pub fn accounts(&self) -> Vec<AccountHandle> {
        self.lock().values().cloned().collect()
    }

    /// Stops all accounts at the same time and waits until they have ended.
    pub async fn stop_all(&self) {
        let stops: Vec<_> = self
            .accounts()
            .into_iter()
            .map(|handle| tokio::spawn(async move { handle.stop().await }))
            .collect();
        for stop in stops {
            // An account whose task is gone has ended already.
            stop.await.ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, AccountHandle>> {
        // The map stays whole even if a panic unwound through its lock.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("accounts", &self.lock().keys().collect::<Vec<_>>()).finish()
    }
}

impl AccountHandle {
    /// Where the account is now.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Whether its messages pass.
    pub fn circuit(&self) -> Circuit {
        self.breaker.circuit()
    }

    /// Follows the account.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Where the account is once the start that is under way, if one is, has been tried.
    pub async fn settled(&self) -> Status {
        let mut status = self.status.clone();
        let on_its_way =
            |status: &Status| matches!(status.state, State::Loading | State::Starting | State::Draining);
        let settled = status.wait_for(|status| !on_its_way(status)).await.map(|status| status.clone());
        // Nobody looks after it any more: it stays as it was left.
        settled.unwrap_or_else(|_gone| self.status())
    }

    /// Ends the instance and starts another one; answers when the start has been tried.
    pub async fn restart(&self) -> Status {
        self.command(Command::Restart).await
    }

    /// As [`AccountHandle::restart`], unless a command has stopped the account: then it stays stopped.
    pub async fn renew(&self) -> Status {
        let status = self.status();
        if status.stopped { status } else { self.restart().await }
    }

    /// Ends the instance and leaves it ended; answers when it is gone.
    pub async fn stop(&self) -> Status {
        self.command(Command::Stop).await
    }

    async fn command(&self, command: impl FnOnce(oneshot::Sender<Status>) -> Command) -> Status {
        let (done, answer) = oneshot::channel();
        if self.commands.send(command(done)).await.is_ok()
            && let Ok(status) = answer.await
        {
            return status;
        }
        self.status()
    }
}

/// What the task of an account does next.
enum Next {
    Start,
    Wait(Duration),
    Rest,
}

struct Account {
    name: String,
    driver: Arc<dyn Driver>,
    backoff: Backoff,
    commands: mpsc::Receiver<Command>,
    status: watch::Sender<Status>,
    breaker: Breaker,
    /// Where in its input the last instance crashed without sending anything, unless that is long past.
    place: Option<u64>,
}

impl Account {
    /// Looks after the account for good. A fault of the host in there is this account's failure: it is shown, counted as a crash,
    /// and the account is started again.
    async fn endure(mut self) {
        let mut answer = None;
        // What the fault left half done is the account's status alone, which each start writes anew.
        while let Err(fault) = AssertUnwindSafe(self.live(answer.take())).catch_unwind().await {
            let why =
                format!("a fault of the host while it looked after the account: {}", words(fault.as_ref()));
            tracing::error!(account = %self.name, code = "panic", "{why}");
            self.status.send_modify(|status| status.crashes = status.crashes.saturating_add(1));
            if let Next::Wait(wait) = self.back_off(why)
                && !self.rest(Some(wait), &mut answer).await
            {
                return;
            }
        }
    }

    /// Ends only when every handle is gone. `answer` is who waits for the first start.
    async fn live(&mut self, mut answer: Option<oneshot::Sender<Status>>) {
        loop {
            let next = match self.start().await {
                Ok(running) => {
                    self.confirm(&mut answer);
                    match self.run(running.as_ref(), &mut answer).await {
                        Some(next) => next,
                        None => return,
                    }
                }
                Err(refused) => {
                    let next = self.refused(refused);
                    self.confirm(&mut answer);
                    next
                }
            };
            let wait = match next {
                Next::Start => continue,
                Next::Wait(wait) => Some(wait),
                Next::Rest => None,
            };
            if !self.rest(wait, &mut answer).await {
                return;
            }
        }
    }

    async fn start(&mut self) -> Result<Box<dyn Running>, StartError> {
        self.status.send_modify(|status| {
            status.enter(State::Loading, None);
            status.stopped = false;
            status.starts = status.starts.saturating_add(1);
            status.started_at = Some(SystemTime::now());
        });
        let (driver, name) = (Arc::clone(&self.driver), self.name.clone());
        // In a task of its own: a panic in there is this start's failure and nobody else's.
        // After a person has acted, or a long time without a fault, nothing is held against the input.
        let crash = self.status.borrow().last_crash.as_ref().map(|crash| crash.at_same_input);
        let crashes = crash.filter(|_| self.place.is_some()).unwrap_or_default();
        let attempt = Attempt { status: self.status.clone(), breaker: self.breaker.clone(), crashes };
        let starting = async move {
            failpoint!("supervisor.start");
            driver.start(&name, attempt).await
        };
        match tokio::spawn(starting).await {
            Ok(started) => started,
            Err(lost) => Err(StartError::Transient(format!("the start broke off inside the host: {lost}"))),
        }
    }

    /// Follows the instance until it ends or a command ends it. `None` when nobody is left to command.
    async fn run(
        &mut self,
        running: &dyn Running,
        answer: &mut Option<oneshot::Sender<Status>>,
    ) -> Option<Next> {
        let stable = Instant::now() + STABLE;
        let mut health = running.health();
        let mut breaker = self.breaker.watch();
        let ended = running.ended();
        tokio::pin!(ended);
        let (mut reports, mut ready) = (true, false);
        loop {
            failpoint!("supervisor.account");
            let now = health.borrow_and_update().clone();
            let was_ready = std::mem::replace(&mut ready, now == Health::Ready);
            if ready && !was_ready {
                self.breaker.reached();
            }
            self.status.send_modify(|status| status.follow(&now));
            // Nothing is lost by the branch that does not win: health and breaker keep what they have to tell, commands
            // stay queued.
            tokio::select! {
                end = &mut ended => return Some(self.failed(end)),
                command = self.commands.recv() => {
                    self.status.send_modify(|status| status.enter(State::Draining, None));
                    running.stop(GRACE).await;
                    return match command? {
                        Command::Restart(done) => {
                            *answer = Some(done);
                            self.begin_anew();
                            Some(Next::Start)
                        }
                        Command::Stop(done) => {
                            self.stopped(done);
                            Some(Next::Rest)
                        }
                    };
                }
                () = tokio::time::sleep_until(stable), if self.status.borrow().failures > 0 => {
                    self.status.send_modify(|status| status.failures = 0);
                    self.breaker.settle();
                    self.place = None;
                }
                () = self.breaker.half_opened() => {}
                changed = breaker.changed() => {
                    // The sender lives as long as this account.
                    if changed.is_ok() && !matches!(self.breaker.circuit(), Circuit::Open { .. }) {
                        running.resume().await;
                    }
                }
                // Whoever does not report any more may be on its way out. Until it is, commands go on.
                changed = health.changed(), if reports => reports = changed.is_ok(),
            }
        }
    }

    /// Waits for the next attempt or for a command. False when nobody is left to command.
    async fn rest(&mut self, wait: Option<Duration>, answer: &mut Option<oneshot::Sender<Status>>) -> bool {
        let mut until = wait.map(|wait| Instant::now() + wait);
        loop {
            let due = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => return true,
                command = self.commands.recv() => match command {
                    None => return false,
                    Some(Command::Restart(done)) => {
                        *answer = Some(done);
                        self.begin_anew();
                        return true;
                    }
                    Some(Command::Stop(done)) => {
                        self.stopped(done);
                        until = None;
                    }
                },
            }
        }
    }

    /// A person has acted: what went wrong before does not count.
    fn begin_anew(&mut self) {
        self.status.send_modify(|status| status.failures = 0);
        self.breaker.reset();
        self.place = None;
    }

    fn stopped(&self, done: oneshot::Sender<Status>) {
        self.status.send_modify(|status| {
            status.enter(State::Disabled, Some("stopped by command".to_owned()));
            status.stopped = true;
        });
        self.confirm(&mut Some(done));
    }

    fn confirm(&self, answer: &mut Option<oneshot::Sender<Status>>) {
        if let Some(done) = answer.take() {
            // Whoever gave the command may have gone; it was carried out all the same.
            done.send(self.status.borrow().clone()).ok();
        }
    }

    fn refused(&self, refused: StartError) -> Next {
        match refused {
            StartError::Transient(why) => self.back_off(why),
            StartError::AuthRequired(why) => self.auth_required(why),
            StartError::Disabled(why) => {
                self.status.send_modify(|status| status.enter(State::Disabled, Some(why)));
                Next::Rest
            }
            StartError::Quarantined(why) => {
                tracing::error!(account = %self.name, reason = %why, "account quarantined");
                self.status.send_modify(|status| status.enter(State::Quarantined, Some(why)));
                Next::Rest
            }
        }
    }

    fn failed(&mut self, end: End) -> Next {
        match end {
            End::Failed(why) => self.back_off(why),
            End::Crashed { why, place } => self.crashed(why, place),
            End::AuthRequired(why) => self.auth_required(why),
        }
    }

    fn crashed(&mut self, why: String, place: u64) -> Next {
        let sending = self.breaker.crashed(&why);
        let before = self.status.borrow().last_crash.as_ref().map_or(0, |crash| crash.at_same_input);
        let again = self.place == Some(place);
        // A message that was under way explains the crash; the input is not blamed for it.
        self.place = Some(place).filter(|_| !sending);
        let at_same_input = match (sending, again) {
            (true, _) => 0,
            (false, true) => before.saturating_add(1),
            (false, false) => 1,
        };
        self.status.send_modify(|status| {
            status.crashes = status.crashes.saturating_add(1);
            let (at, reason) = (SystemTime::now(), why.clone());
            status.last_crash = Some(Crash { at, reason, sending, at_same_input });
        });
        if at_same_input < 2 {
            return self.back_off(why);
        }
        self.back_off(format!("{why} (crash {at_same_input} in a row at the same place of its input)"))
    }

    fn back_off(&self, why: String) -> Next {
        let failures = self.status.borrow().failures.saturating_add(1);
        let wait = self.backoff.wait(failures, random());
        tracing::warn!(account = %self.name, failures, wait_ms = wait.as_millis() as u64, reason = %why, "account ended; it will be started again");
        self.park(State::Backoff, why, failures, wait);
        Next::Wait(wait)
    }

    fn auth_required(&self, why: String) -> Next {
        let wait = self.backoff.max;
        tracing::error!(account = %self.name, reason = %why, "account needs a person: its credential was refused");
        let failures = self.status.borrow().failures;
        self.park(State::AuthRequired, why, failures, wait);
        Next::Wait(wait)
    }

    fn park(&self, state: State, why: String, failures: u32, wait: Duration) {
        self.status.send_modify(|status| {
            status.enter(state, Some(why.clone()));
            status.last_failure = Some(why);
            status.failures = failures;
            status.next_attempt = SystemTime::now().checked_add(wait);
        });
    }
}

/// What a panic said.
fn words(fault: &(dyn Any + Send)) -> &str {
    let text = fault.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| fault.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// From 0 to 1, for jitter; a system without randomness gets the full wait.
fn random() -> f64 {
    getrandom::u32().map_or(1.0, |n| f64::from(n) / f64::from(u32::MAX))
}
