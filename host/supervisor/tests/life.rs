//! The rules of an account's life, with a fake driver in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use openclaw_supervisor::{
    AccountHandle, Attempt, Backoff, Breaker, Circuit, Driver, End, FAILURES, HOLD, Health, Outcome, Running,
    StartError, State, Supervisor,
};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// What the next start of an account does.
enum Script {
    Refuse(StartError),
    /// Becomes ready and ends like this after a while.
    EndAfter(Duration, End),
    /// Becomes ready and stays.
    Stay,
    Panic,
    /// Becomes ready, and asking after its end panics.
    PanicLater,
}

#[derive(Default)]
struct Fake {
    scripts: Mutex<BTreeMap<String, VecDeque<Script>>>,
    starts: Mutex<Vec<(String, Instant)>>,
    breakers: Mutex<BTreeMap<String, Breaker>>,
    healths: Mutex<BTreeMap<String, watch::Sender<Health>>>,
    resumed: Arc<Mutex<Vec<String>>>,
    /// Starts take so long to load.
    loading: Mutex<Duration>,
}

impl Fake {
    fn script(self: &Arc<Self>, account: &str, scripts: impl IntoIterator<Item = Script>) {
        self.scripts.lock().unwrap().entry(account.into()).or_default().extend(scripts);
    }

    fn starts_of(&self, account: &str) -> usize {
        self.starts.lock().unwrap().iter().filter(|(name, _)| name == account).count()
    }

    /// The waits between the starts of an account.
    fn waits_of(&self, account: &str) -> Vec<Duration> {
        let starts = self.starts.lock().unwrap();
        let times: Vec<Instant> =
            starts.iter().filter(|(name, _)| name == account).map(|(_, at)| *at).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    fn breaker_of(&self, account: &str) -> Breaker {
        self.breakers.lock().unwrap()[account].clone()
    }

    fn resumed(&self, account: &str) -> usize {
        self.resumed.lock().unwrap().iter().filter(|name| *name == account).count()
    }
}

struct Instance {
    account: String,
    resumed: Arc<Mutex<Vec<String>>>,
    health: watch::Sender<Health>,
    end: Option<(Instant, End)>,
    panics: bool,
    stopped: Notify,
}

#[async_trait]
impl Driver for Fake {
    async fn start(&self, account: &str, attempt: Attempt) -> Result<Box<dyn Running>, StartError> {
        self.starts.lock().unwrap().push((account.into(), Instant::now()));
        self.breakers.lock().unwrap().insert(account.into(), attempt.breaker().clone());
        let loading = *self.loading.lock().unwrap();
        tokio::time::sleep(loading).await;
        attempt.loaded();
        tokio::time::sleep(loading).await;
        let mut panics = false;
        let script = self.scripts.lock().unwrap().get_mut(account).and_then(VecDeque::pop_front);
        let end = match script {
            Some(Script::Refuse(why)) => return Err(why),
            Some(Script::Panic) => panic!("a bug in the driver"),
            Some(Script::EndAfter(after, end)) => Some((Instant::now() + after, end)),
            Some(Script::PanicLater) => {
                panics = true;
                None
            }
            Some(Script::Stay) | None => None,
        };
        let (health, _) = watch::channel(Health::Ready);
        self.healths.lock().unwrap().insert(account.into(), health.clone());
        let (account, resumed) = (account.to_owned(), Arc::clone(&self.resumed));
        Ok(Box::new(Instance { account, resumed, health, end, panics, stopped: Notify::new() }))
    }
}

#[async_trait]
impl Running for Instance {
    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    async fn ended(&self) -> End {
        assert!(!self.panics, "a bug while it runs");
        match &self.end {
            Some((at, end)) => {
                tokio::time::sleep_until(*at).await;
                end.clone()
            }
            None => std::future::pending().await,
        }
    }

    async fn resume(&self) {
        self.resumed.lock().unwrap().push(self.account.clone());
    }

    async fn stop(&self, _: Duration) {
        self.stopped.notify_one();
    }
}

fn failed(why: &str) -> End {
    End::Failed(why.into())
}

fn crashed(place: u64) -> End {
    End::Crashed { why: "trap".into(), place }
}

async fn reaches(account: &AccountHandle, state: State) {
    account.watch().wait_for(|status| status.state == state).await.unwrap();
}

fn supervisor() -> (Arc<Fake>, Supervisor) {
    let fake = Arc::new(Fake::default());
    (Arc::clone(&fake), Supervisor::new(fake, Backoff::default()))
}

#[tokio::test(start_paused = true)]
async fn a_failing_account_comes_back_and_others_do_not_notice() {
    let (fake, supervisor) = supervisor();
    fake.script("a/bad", (0..20).map(|_| Script::EndAfter(Duration::from_millis(10), failed("trap"))));
    let (bad, good) = (supervisor.ensure("a/bad"), supervisor.ensure("a/good"));
    reaches(&good, State::Ready).await;
    reaches(&bad, State::Backoff).await;
    let status = bad.status();
    assert_eq!((status.reason.as_deref(), status.failures), (Some("trap"), 1));
    assert!(status.next_attempt.is_some());
    bad.watch().wait_for(|status| status.failures == 20).await.unwrap();
    // It never gives up: the twenty-first start works.
    reaches(&bad, State::Ready).await;
    assert_eq!((fake.starts_of("a/bad"), fake.starts_of("a/good")), (21, 1));
}

#[tokio::test(start_paused = true)]
async fn a_long_healthy_stretch_clears_the_failures() {
    let (fake, supervisor) = supervisor();
    let short = || Script::EndAfter(Duration::from_secs(1), failed("x"));
    fake.script(
        "a/b",
        [short(), short(), Script::EndAfter(Duration::from_secs(301), failed("late")), Script::Stay],
    );
    let account = supervisor.ensure("a/b");
    account.watch().wait_for(|status| status.failures == 2).await.unwrap();
    account.watch().wait_for(|status| status.state == State::Ready && status.failures == 0).await.unwrap();
    account.watch().wait_for(|status| status.last_failure.as_deref() == Some("late")).await.unwrap();
    assert_eq!(account.status().failures, 1);
}

#[tokio::test(start_paused = true)]
async fn silence_is_not_failure() {
    let (fake, supervisor) = supervisor();
    let account = supervisor.ensure("a/quiet");
    reaches(&account, State::Ready).await;
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!((account.status().state, fake.starts_of("a/quiet")), (State::Ready, 1));
}

#[tokio::test(start_paused = true)]
async fn a_restart_works_in_every_state_and_a_stop_stays() {
    let (fake, supervisor) = supervisor();
    let account = supervisor.ensure("a/b");
    reaches(&account, State::Ready).await;
    assert!(account.restart().await.starts == 2);
    assert_eq!(account.stop().await.state, State::Disabled);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(fake.starts_of("a/b"), 2);
    account.restart().await;
    reaches(&account, State::Ready).await;
    fake.script("a/b", [Script::Refuse(StartError::Transient("no network".into()))]);
    assert_eq!(account.restart().await.state, State::Backoff);
    let before = Instant::now();
    account.restart().await;
    reaches(&account, State::Ready).await;
    assert!(before.elapsed() < Duration::from_millis(50), "a restart does not wait for the back-off");
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_mend_is_told_apart() {
    let (fake, supervisor) = supervisor();
    fake.script("a/auth", [Script::EndAfter(Duration::ZERO, End::AuthRequired("renew the token".into()))]);
    fake.script("a/off", [Script::Refuse(StartError::Disabled("enabled is false".into()))]);
    fake.script("a/bad", [Script::Refuse(StartError::Quarantined("digest mismatch".into()))]);
    let (auth, off, bad) =
        (supervisor.ensure("a/auth"), supervisor.ensure("a/off"), supervisor.ensure("a/bad"));
    reaches(&auth, State::AuthRequired).await;
    assert_eq!(auth.status().reason.as_deref(), Some("renew the token"));
    reaches(&off, State::Disabled).await;
    reaches(&bad, State::Quarantined).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!((fake.starts_of("a/off"), fake.starts_of("a/bad")), (1, 1));
    reaches(&auth, State::Ready).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_an_account_is_looked_after_is_counted_and_it_goes_on() {
    let (fake, supervisor) = supervisor();
    fake.script("chat/a", [Script::PanicLater, Script::Stay]);
    let (broken, other) = (supervisor.ensure("chat/a"), supervisor.ensure("chat/b"));
    reaches(&broken, State::Backoff).await;
    let status = broken.status();
    assert_eq!(status.crashes, 1);
    assert!(status.reason.as_ref().unwrap().contains("a fault of the host"), "{status:?}");
    assert!(status.reason.as_ref().unwrap().contains("a bug while it runs"), "{status:?}");
    reaches(&broken, State::Ready).await;
    assert_eq!((fake.starts_of("chat/a"), fake.starts_of("chat/b")), (2, 1));
    assert_eq!(other.status().crashes, 0);
    // It obeys as before.
    assert_eq!(broken.stop().await.state, State::Disabled);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_start_is_a_failure_of_that_start() {
    let (fake, supervisor) = supervisor();
    fake.script("a/b", [Script::Panic]);
    let account = supervisor.ensure("a/b");
    reaches(&account, State::Backoff).await;
    reaches(&account, State::Ready).await;
    supervisor.stop_all().await;
    assert_eq!(account.status().state, State::Disabled);
}

#[tokio::test(start_paused = true)]
async fn an_account_loads_before_it_starts() {
    let (fake, supervisor) = supervisor();
    *fake.loading.lock().unwrap() = Duration::from_secs(1);
    let account = supervisor.ensure("a/b");
    let mut seen = Vec::new();
    let mut watched = account.watch();
    while seen.last() != Some(&State::Ready) {
        let state = watched.borrow_and_update().state;
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        watched.changed().await.unwrap();
        seen.extend(Some(watched.borrow().state).filter(|now| seen.last() != Some(now)));
    }
    assert_eq!(seen, [State::Loading, State::Starting, State::Ready]);
}

#[tokio::test(start_paused = true)]
async fn every_wait_lies_between_a_tenth_of_its_ceiling_and_the_ceiling() {
    let (fake, supervisor) = supervisor();
    let refusals = (0..200).map(|_| Script::Refuse(StartError::Transient("no network".into())));
    fake.script("a/b", refusals);
    reaches(&supervisor.ensure("a/b"), State::Ready).await;
    let waits = fake.waits_of("a/b");
    assert_eq!(waits.len(), 200);
    for (failures, wait) in waits.iter().enumerate() {
        let ceiling = Duration::from_secs(2_u64.saturating_pow(failures.min(30) as u32).min(300));
        // The clock of the tests counts in whole milliseconds.
        let slack = Duration::from_millis(2);
        assert!(ceiling / 10 <= *wait + slack && *wait <= ceiling + slack, "{failures}: {wait:?}");
    }
    // Full jitter: the last ones share a ceiling and are spread below it.
    let late = &waits[20..];
    let (least, most) = (late.iter().min().unwrap(), late.iter().max().unwrap());
    assert!(*least < Duration::from_secs(100) && *most > Duration::from_secs(200), "{least:?} to {most:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_vendor_holds_back_one_accounts_messages_and_nobody_elses() {
    let (fake, supervisor) = supervisor();
    let (bad, good) = (supervisor.ensure("a/bad"), supervisor.ensure("a/good"));
    reaches(&bad, State::Ready).await;
    reaches(&good, State::Ready).await;
    let breaker = fake.breaker_of("a/bad");
    for message in 0..FAILURES {
        breaker.pass(&message.to_string()).unwrap().end(Outcome::Failed("503".into()));
    }
    assert!(breaker.pass("next").is_err());
    assert_eq!((bad.circuit().as_str(), good.circuit()), ("open", Circuit::Closed));
    fake.breaker_of("a/good").pass("m").unwrap().end(Outcome::Answered);
    // The instance lives on: holding messages back is no failure of it, and no restart would help.
    tokio::time::sleep(HOLD - Duration::from_millis(10)).await;
    assert_eq!((fake.starts_of("a/bad"), fake.resumed("a/bad"), bad.status().state), (1, 0, State::Ready));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!((bad.circuit().as_str(), fake.resumed("a/bad")), ("half-open", 1));
    breaker.pass("next").unwrap().end(Outcome::Answered);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((bad.circuit(), fake.resumed("a/bad"), fake.resumed("a/good")), (Circuit::Closed, 2, 0));
    // It outlives an instance, and a person closes it.
    for message in 0..FAILURES {
        breaker.pass(&message.to_string()).unwrap().end(Outcome::Failed("503".into()));
    }
    bad.restart().await;
    assert_eq!(bad.circuit(), Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_is_reached_again_is_tried_at_once() {
    let (fake, supervisor) = supervisor();
    let account = supervisor.ensure("a/b");
    reaches(&account, State::Ready).await;
    let health = fake.healths.lock().unwrap()["a/b"].clone();
    health.send(Health::Degraded("no network".into())).unwrap();
    reaches(&account, State::Degraded).await;
    let breaker = fake.breaker_of("a/b");
    for message in 0..FAILURES {
        breaker.pass(&message.to_string()).unwrap().end(Outcome::Failed("no network".into()));
    }
    assert_eq!(account.circuit().as_str(), "open");
    let began = Instant::now();
    health.send(Health::Ready).unwrap();
    reaches(&account, State::Ready).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((account.circuit().as_str(), fake.resumed("a/b")), ("half-open", 1));
    assert!(began.elapsed() < Duration::from_secs(1), "not at the end of the hold");
    breaker.pass("next").unwrap().end(Outcome::Answered);
    assert_eq!(account.circuit(), Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn crashes_are_counted_by_what_was_under_way() {
    let (fake, supervisor) = supervisor();
    let soon = Duration::from_secs(1);
    fake.script("a/b", [7, 7, 7, 8].map(|place| Script::EndAfter(soon, crashed(place))));
    let account = supervisor.ensure("a/b");
    let mut seen = Vec::new();
    for crashes in 1..=4 {
        let status = account.watch().wait_for(|status| status.crashes == crashes).await.unwrap().clone();
        let crash = status.last_crash.unwrap();
        seen.push((crash.at_same_input, crash.sending));
        let reason =
            account.watch().wait_for(|status| status.state == State::Backoff).await.unwrap().reason.clone();
        assert_eq!(reason.unwrap().contains("in a row"), [2, 3].contains(&crashes));
    }
    assert_eq!(seen, [(1, false), (2, false), (3, false), (1, false)]);
    // A message that was under way explains the crash, whatever was read last.
    reaches(&account, State::Ready).await;
    fake.script("a/b", [Script::EndAfter(soon, crashed(8))]);
    account.restart().await;
    reaches(&account, State::Ready).await;
    let pass = fake.breaker_of("a/b").pass("m").unwrap();
    account.watch().wait_for(|status| status.crashes == 5).await.unwrap();
    pass.end(Outcome::Lost);
    let crash = account.status().last_crash.unwrap();
    assert_eq!((crash.at_same_input, crash.sending, account.circuit().as_str()), (0, true, "half-open"));
}
