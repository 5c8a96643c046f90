//! The running instances by account: where messaging's sends go, each past its account's breaker. Starts nothing, and
//! decides only what the end of a send says about the vendor's health.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use openclaw_messaging::{AccountKey, Failure, Outbound, Outcome, Reaction, Revision, Sender, Target};
use openclaw_runtime::{ChannelInstance, guest};
use openclaw_supervisor as supervisor;
use openclaw_supervisor::Breaker;
use tokio::time::timeout;
use tracing::debug;

use super::{driver, vendor};

/// How long an instance that lost a call may take to say how it ended. It is ending already.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// All running instances.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    running: RwLock<BTreeMap<AccountKey, Entry>>,
}

#[derive(Debug, Clone)]
struct Entry {
    instance: ChannelInstance,
    breaker: Breaker,
}

impl Instances {
    /// The instance of an account, if one runs.
    pub(crate) fn get(&self, account: &AccountKey) -> Option<ChannelInstance> {
        self.entry(account).map(|entry| entry.instance)
    }

    fn entry(&self, account: &AccountKey) -> Option<Entry> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }

    /// How many accounts of a channel run.
    pub(crate) fn count(&self, channel: &str) -> u64 {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.keys().filter(|key| key.channel == channel).count() as u64
    }

    pub(super) fn insert(&self, account: AccountKey, instance: ChannelInstance, breaker: Breaker) {
        let entry = Entry { instance, breaker };
        self.running.write().unwrap_or_else(PoisonError::into_inner).insert(account, entry);
    }

    pub(super) fn remove(&self, account: &AccountKey) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).remove(account);
    }
}

#[async_trait]
impl Sender for Instances {
    async fn send(&self, account: &AccountKey, outbound: Outbound) -> Outcome {
        let key = outbound.idempotency_key.clone();
        let (outbound, files) = vendor::outbound(outbound);
        self.visibly(account, &key, async move |instance: ChannelInstance| {
            instance.send(outbound, files).await
        })
        .await
    }

    async fn typing(&self, account: &AccountKey, target: &Target) {
        let Some(instance) = self.get(account) else { return };
        if let Err(failure) = instance.typing(vendor::target(target.clone())).await {
            debug!(%account, code = failure.code, "typing was not shown: {}", failure.detail);
        }
    }

    fn can_edit(&self, account: &AccountKey) -> bool {
        self.get(account).is_some_and(|instance| instance.can_edit())
    }

    async fn edit(&self, account: &AccountKey, revision: Revision) -> Outcome {
        // As one send however often it is tried.
        let key = format!("edit {} {}", revision.target.room, revision.message_id);
        let revision = vendor::revision(revision);
        self.visibly(account, &key, async move |instance: ChannelInstance| instance.edit(revision).await)
            .await
    }

    async fn react(&self, account: &AccountKey, reaction: Reaction) {
        let Some(instance) = self.get(account) else { return };
        if let Err(failure) = instance.react(vendor::reaction(reaction)).await {
            debug!(%account, code = failure.code, "a reaction was not shown: {}", failure.detail);
        }
    }
}

impl Instances {
    /// Has the account's instance do something that people see, past its breaker.
    async fn visibly<T>(
        &self,
        account: &AccountKey,
        key: &str,
        act: impl FnOnce(ChannelInstance) -> T,
    ) -> Outcome
    where
        T: Future<Output = Result<guest::Outcome, openclaw_runtime::NotRunning>>,
    {
        let not_running = |why: &str| Outcome::NotRunning(Failure::new("not_running", why));
        let Some(Entry { instance, breaker }) = self.entry(account) else {
            return not_running("the account is not running");
        };
        let pass = match breaker.pass(key) {
            Ok(pass) => pass,
            Err(why) => return Outcome::NotRunning(Failure::new("held_back", why)),
        };
        let outcome = match act(instance.clone()).await {
            Ok(outcome) => vendor::outcome(outcome),
            Err(openclaw_runtime::NotRunning) => not_running("the account is not running"),
        };
        let crash = match &outcome {
            Outcome::Ambiguous(failure) if failure.code == LOST || failure.code == LATE => {
                // Both are ends of the instance as well, and how it ended says more.
                timeout(LAST_WORDS, instance.exited()).await.ok().as_ref().and_then(driver::crash)
            }
            _ => None,
        };
        if let Some(why) = crash {
            pass.end(supervisor::Outcome::Lost);
            let detail = format!("{why}, while it was sending this");
            return Outcome::Ambiguous(Failure::new("component_crashed", detail));
        }
        pass.end(said(&outcome));
        outcome
    }
}

/// The runtime's words for a call whose instance ended, and for one that took too long.
const LOST: &str = "instance_ended";
const LATE: &str = "deadline";

/// What the end of a send says about the vendor's health.
fn said(outcome: &Outcome) -> supervisor::Outcome {
    match outcome {
        // A refusal is an answer, and a refused credential is the account's own trouble.
        Outcome::Sent(_) | Outcome::Permanent(_) | Outcome::Unauthorised(_) => supervisor::Outcome::Answered,
        Outcome::Ambiguous(failure) if failure.code == LOST => supervisor::Outcome::Lost,
        // Who says when to come back is busy, not dead.
        Outcome::Retryable(failure) if failure.retry_after_ms.is_some() => supervisor::Outcome::Silent,
        Outcome::NotRunning(_) => supervisor::Outcome::Silent,
        Outcome::Retryable(failure) | Outcome::Ambiguous(failure) => {
            supervisor::Outcome::Failed(format!("{} ({})", failure.detail, failure.code))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_an_answer_and_silence_of_the_vendor_is_a_failure() {
        let failure = |retry_after_ms| Failure { retry_after_ms, ..Failure::new("503", "no") };
        let check = |outcome: Outcome, expected: supervisor::Outcome| assert_eq!(said(&outcome), expected);
        check(Outcome::Permanent(failure(None)), supervisor::Outcome::Answered);
        check(Outcome::Unauthorised(failure(None)), supervisor::Outcome::Answered);
        check(Outcome::Retryable(failure(Some(1_000))), supervisor::Outcome::Silent);
        check(Outcome::Retryable(failure(None)), supervisor::Outcome::Failed("no (503)".to_owned()));
        check(Outcome::Ambiguous(failure(None)), supervisor::Outcome::Failed("no (503)".to_owned()));
        check(Outcome::NotRunning(failure(None)), supervisor::Outcome::Silent);
        check(Outcome::Ambiguous(Failure::new(LOST, "gone")), supervisor::Outcome::Lost);
    }
}
