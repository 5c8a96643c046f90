//! How turns ended, since the start. Counts; decides nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Turn, TurnError};

/// In the order of the counters.
const OUTCOMES: [&str; 4] = ["ok", "aborted", "timeout", "failed"];

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Tally([AtomicU64; OUTCOMES.len()]);

impl Tally {
    /// One turn ended like this.
    pub(crate) fn count(&self, ended: &Result<Turn, TurnError>) {
        let [ok, aborted, timeout, failed] = &self.0;
        let counter = match ended {
            Ok(_) => ok,
            Err(TurnError::Aborted) => aborted,
            Err(TurnError::Timeout(_)) => timeout,
            Err(_) => failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Outcome and count.
    pub(crate) fn list(&self) -> Vec<(&'static str, u64)> {
        OUTCOMES.into_iter().zip(&self.0).map(|(name, count)| (name, count.load(Ordering::Relaxed))).collect()
    }
}
