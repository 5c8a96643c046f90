//! The rules of an account's life, with a fake driver in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use openclaw_supervisor::{
    AccountHandle, Backoff, Driver, End, Health, Running, StartError, State, Supervisor,
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
}

#[derive(Default)]
struct Fake {
    scripts: Mutex<BTreeMap<String, VecDeque<Script>>>,
    starts: Mutex<Vec<(String, Instant)>>,
}

impl Fake {
    fn script(self: &Arc<Self>, account: &str, scripts: impl IntoIterator<Item = Script>) {
        self.scripts.lock().unwrap().entry(account.into()).or_default().extend(scripts);
    }

    fn starts_of(&self, account: &str) -> usize {
        self.starts.lock().unwrap().iter().filter(|(name, _)| name == account).count()
    }
}

struct Instance {
    health: watch::Sender<Health>,
    end: Option<(Instant, End)>,
    stopped: Notify,
}

#[async_trait]
impl Driver for Fake {
    async fn start(&self, account: &str) -> Result<Box<dyn Running>, StartError> {
        self.starts.lock().unwrap().push((account.into(), Instant::now()));
        let script = self.scripts.lock().unwrap().get_mut(account).and_then(VecDeque::pop_front);
        let end = match script {
            Some(Script::Refuse(why)) => return Err(why),
            Some(Script::Panic) => panic!("a bug in the driver"),
            Some(Script::EndAfter(after, end)) => Some((Instant::now() + after, end)),
            Some(Script::Stay) | None => None,
        };
        let (health, _) = watch::channel(Health::Ready);
        Ok(Box::new(Instance { health, end, stopped: Notify::new() }))
    }
}

#[async_trait]
impl Running for Instance {
    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    async fn ended(&self) -> End {
        match &self.end {
            Some((at, end)) => {
                tokio::time::sleep_until(*at).await;
                end.clone()
            }
            None => std::future::pending().await,
        }
    }

    async fn stop(&self, _: Duration) {
        self.stopped.notify_one();
    }
}

fn failed(why: &str) -> End {
    End::Failed(why.into())
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
async fn a_panic_in_a_start_is_a_failure_of_that_start() {
    let (fake, supervisor) = supervisor();
    fake.script("a/b", [Script::Panic]);
    let account = supervisor.ensure("a/b");
    reaches(&account, State::Backoff).await;
    reaches(&account, State::Ready).await;
    supervisor.stop_all().await;
    assert_eq!(account.status().state, State::Disabled);
}
