//! Which models are left alone for a while after they failed. Owns the waiting times; one entry for each
//! (provider, credential, model), so that one model's trouble never suppresses another.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::ModelError;
use crate::provider::Target;
use crate::tally::Tally;
use crate::types::FailureReason;

/// Waits after the first, second and each further failure in a row (compat §8.2).
const LADDER: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(60), Duration::from_secs(300)];
/// Money does not come back within seconds.
const BILLING: Duration = Duration::from_secs(600);
/// The longest wait that a provider may ask for.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long one probe keeps others away when nobody reports its outcome.
const PROBE: Duration = Duration::from_secs(30);
/// Entries kept. Beyond it those that expire first are forgotten.
const CAPACITY: usize = 1024;

/// The failures that are still waited for.
#[derive(Debug, Default)]
pub struct Cooldowns {
    entries: Mutex<HashMap<Key, Entry>>,
    tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    provider: String,
    credential: String,
    model: String,
}

#[derive(Debug)]
struct Entry {
    failures: usize,
    until: Instant,
    /// The provider said itself when to come back.
    named: bool,
    error: ModelError,
}

/// Whether a model may be asked now.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It may.
    Ready,
    /// Its wait is over: this request finds out whether it works again, others still stay away.
    Probe,
    /// Not yet.
    Cooling {
        /// How much longer.
        remaining: Duration,
        /// The provider named the time itself.
        named: bool,
        /// What went wrong last.
        error: ModelError,
    },
}

impl Cooldowns {
    pub(crate) fn admit(&self, target: &Target) -> Admission {
        let mut entries = self.lock();
        // The usual case costs no allocation: nothing has failed.
        if entries.is_empty() {
            return Admission::Ready;
        }
        let Some(entry) = entries.get_mut(&key(target)) else { return Admission::Ready };
        let now = Instant::now();
        if entry.until <= now {
            entry.until = now + PROBE;
            entry.named = false;
            return Admission::Probe;
        }
        Admission::Cooling { remaining: entry.until - now, named: entry.named, error: entry.error.clone() }
    }

    pub(crate) fn succeeded(&self, target: &Target) {
        self.tally.count(&target.provider.id, None);
        let mut entries = self.lock();
        if !entries.is_empty() {
            entries.remove(&key(target));
        }
    }

    pub(crate) fn failed(&self, target: &Target, error: &ModelError) {
        self.tally.count(&target.provider.id, Some(error.reason()));
        if !cools(error) {
            return;
        }
        let mut entries = self.lock();
        let key = key(target);
        let failures = entries.get(&key).map_or(0, |entry| entry.failures);
        let asked = error.failure.retry_after_ms.map(|ms| Duration::from_millis(ms).min(LONGEST));
        let wait = match error.failure.reason {
            FailureReason::Billing => BILLING,
            _ => LADDER.get(failures).or(LADDER.last()).copied().unwrap_or(BILLING),
        };
        let now = Instant::now();
        if entries.len() >= CAPACITY && !entries.contains_key(&key) {
            let first = entries.iter().min_by_key(|(_, entry)| entry.until).map(|(key, _)| key.clone());
            first.map(|first| entries.remove(&first));
        }
        let until = now + asked.unwrap_or(wait);
        let entry = Entry { failures: failures + 1, until, named: asked.is_some(), error: error.clone() };
        entries.insert(key, entry);
    }

    /// The models that are waited for: provider, model, reason and the time that is left.
    #[must_use]
    pub fn list(&self) -> Vec<(String, String, FailureReason, Duration)> {
        let now = Instant::now();
        let entries = self.lock();
        let waiting = entries.iter().filter(|(_, entry)| entry.until > now);
        waiting
            .map(|(key, entry)| {
                (key.provider.clone(), key.model.clone(), entry.error.reason(), entry.until - now)
            })
            .collect()
    }

    /// How requests ended since the start: provider, `ok` or the reason of the failure, count.
    #[must_use]
    pub fn outcomes(&self) -> Vec<(String, &'static str, u64)> {
        self.tally.list()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Entry>> {
        // The map is whole after each statement: a panic elsewhere leaves nothing half done.
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn key(target: &Target) -> Key {
    Key {
        provider: target.provider.id.clone(),
        credential: target.provider.credential.clone(),
        model: target.model.clone(),
    }
}

/// Whether the failure says something about the next request, too.
fn cools(error: &ModelError) -> bool {
    use FailureReason::{Auth, Billing, Overloaded, RateLimit, ServerError, Timeout};
    let lasting = matches!(error.reason(), Auth | Billing | RateLimit | Overloaded | ServerError | Timeout);
    lasting && !error.delivered && !error.is_long_context()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use openclaw_egress::Network;

    use super::*;
    use crate::provider::{BaseUrl, Origin, Provider};
    use crate::types::Failure;

    fn target(model: &str) -> Target {
        let base_url = BaseUrl::parse("http://a").unwrap();
        Target::new(Arc::new(Provider::new("p", "x", base_url, Network::Public, Origin::Config)), model)
    }

    fn fail(cooldowns: &Cooldowns, target: &Target, reason: FailureReason, retry_after_ms: Option<u64>) {
        let failure = Failure { reason, code: String::new(), message: String::new(), retry_after_ms };
        cooldowns.failed(target, &ModelError::new(target, Some(500), failure));
    }

    fn remaining(cooldowns: &Cooldowns, target: &Target) -> Option<u64> {
        match cooldowns.admit(target) {
            Admission::Cooling { remaining, .. } => Some(remaining.as_secs()),
            Admission::Ready | Admission::Probe => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_with_each_failure_and_end_with_a_success() {
        let (cooldowns, target) = (Cooldowns::default(), target("m"));
        assert!(matches!(cooldowns.admit(&target), Admission::Ready));
        for seconds in [30, 60, 300, 300] {
            fail(&cooldowns, &target, FailureReason::ServerError, None);
            assert_eq!(remaining(&cooldowns, &target), Some(seconds));
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert!(matches!(cooldowns.admit(&target), Admission::Probe));
        }
        cooldowns.succeeded(&target);
        assert!(matches!(cooldowns.admit(&target), Admission::Ready));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_finds_out_whether_it_works_again() {
        let (cooldowns, target) = (Cooldowns::default(), target("m"));
        fail(&cooldowns, &target, FailureReason::Timeout, None);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(matches!(cooldowns.admit(&target), Admission::Probe));
        assert!(matches!(cooldowns.admit(&target), Admission::Cooling { named: false, .. }));
        // Nobody reported its outcome: another one may try.
        tokio::time::advance(PROBE).await;
        assert!(matches!(cooldowns.admit(&target), Admission::Probe));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_the_provider_names_is_kept() {
        let (cooldowns, target) = (Cooldowns::default(), target("m"));
        fail(&cooldowns, &target, FailureReason::RateLimit, Some(7_000));
        assert!(matches!(cooldowns.admit(&target), Admission::Cooling { named: true, .. }));
        assert_eq!(remaining(&cooldowns, &target), Some(7));
        fail(&cooldowns, &target, FailureReason::RateLimit, Some(u64::MAX));
        assert_eq!(remaining(&cooldowns, &target), Some(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn only_lasting_failures_of_this_very_model_count() {
        let (cooldowns, failed) = (Cooldowns::default(), target("m"));
        for passing in [FailureReason::Format, FailureReason::ContextOverflow, FailureReason::EmptyResponse] {
            fail(&cooldowns, &failed, passing, None);
            assert_eq!(remaining(&cooldowns, &failed), None, "{passing:?}");
        }
        fail(&cooldowns, &failed, FailureReason::Billing, None);
        assert_eq!(remaining(&cooldowns, &failed), Some(600));
        assert!(matches!(cooldowns.admit(&target("other")), Admission::Ready));
        let other_key = Target::new(
            Arc::new(Provider { credential: "other".to_owned(), ..(*failed.provider).clone() }),
            "m",
        );
        assert!(matches!(cooldowns.admit(&other_key), Admission::Ready));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_entries_is_bounded() {
        let cooldowns = Cooldowns::default();
        for index in 0..=CAPACITY {
            fail(&cooldowns, &target(&index.to_string()), FailureReason::Timeout, None);
        }
        assert_eq!(cooldowns.list().len(), CAPACITY);
    }
}
