//! Which models are left alone for a while after they failed. Owns the waiting times; one entry for each
//! (provider, credential, model), so that one model's trouble never suppresses another.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::ModelError;
use crate::provider::Target;
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
        let mut entries = self.lock();
        if !entries.is_empty() {
            entries.remove(&key(target));
        }
    }

    pub(crate) fn failed(&self, target: &Target, error: &ModelError) {
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
