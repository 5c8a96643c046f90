//! How requests to each provider ended, since the start. Counts; decides nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::types::FailureReason;

/// Providers that are told apart; the configuration names far fewer.
const PROVIDERS: usize = 100;

/// The counts, by provider and outcome.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, BTreeMap<&'static str, u64>>>);

impl Tally {
    /// One request ended; `None` means that it was answered.
    pub(crate) fn count(&self, provider: &str, failed: Option<FailureReason>) {
        let mut providers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !providers.contains_key(provider) {
            if providers.len() >= PROVIDERS {
                return;
            }
            providers.insert(provider.to_owned(), BTreeMap::new());
        }
        if let Some(outcomes) = providers.get_mut(provider) {
            *outcomes.entry(failed.map_or("ok", FailureReason::as_str)).or_default() += 1;
        }
    }

    /// Provider, outcome, count.
    pub(crate) fn list(&self) -> Vec<(String, &'static str, u64)> {
        let providers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = providers.iter().flat_map(|(provider, outcomes)| {
            outcomes.iter().map(|(outcome, count)| (provider.clone(), *outcome, *count))
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_by_provider_and_providers_are_bounded() {
        let tally = Tally::default();
        tally.count("a", None);
        tally.count("a", None);
        tally.count("a", Some(FailureReason::RateLimit));
        assert_eq!(tally.list(), [("a".to_owned(), "ok", 2), ("a".to_owned(), "rate_limit", 1)]);
        for number in 0..2 * PROVIDERS {
            tally.count(&number.to_string(), None);
        }
        assert_eq!(tally.list().len(), PROVIDERS + 1);
    }
}
