//! Owns the evidence of life that `status` shows: when each account last received and last sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_store::{AccountKey, Activity};

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct ActivityBoard {
    accounts: Arc<Mutex<HashMap<AccountKey, Activity>>>,
    /// How the last send of each account ended since the start.
    ended: Arc<Mutex<HashMap<AccountKey, LastSend>>>,
}

/// The last send of an account that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSend {
    /// Unix milliseconds.
    pub at: i64,
    /// Why the vendor did not answer, if it did not. A refusal is an answer.
    pub unanswered: Option<String>,
}

impl ActivityBoard {
    /// Takes over what the store remembers.
    pub(crate) fn load(&self, known: Vec<(AccountKey, Activity)>) {
        let mut accounts = self.lock();
        for (account, activity) in known {
            let entry = accounts.entry(account).or_default();
            entry.last_inbound_at = entry.last_inbound_at.max(activity.last_inbound_at);
            entry.last_outbound_at = entry.last_outbound_at.max(activity.last_outbound_at);
            entry.set_aside = entry.set_aside.max(activity.set_aside);
        }
    }

    pub(crate) fn received(&self, account: &AccountKey, now: i64) {
        self.lock().entry(account.clone()).or_default().last_inbound_at = Some(now);
    }

    pub(crate) fn sent(&self, account: &AccountKey, now: i64) {
        self.lock().entry(account.clone()).or_default().last_outbound_at = Some(now);
    }

    /// A send ended, well or badly.
    pub(crate) fn ended(&self, account: &AccountKey, now: i64, unanswered: Option<String>) {
        let last = LastSend { at: now, unanswered };
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(account.clone(), last);
    }

    pub(crate) fn last_send(&self, account: &AccountKey) -> Option<LastSend> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }

    pub(crate) fn set_aside(&self, account: &AccountKey, most: u32) {
        let mut accounts = self.lock();
        let entry = accounts.entry(account.clone()).or_default();
        entry.set_aside = entry.set_aside.saturating_add(1).min(most);
    }

    /// Something that was set aside was forgotten.
    pub(crate) fn forgotten(&self, account: &AccountKey) {
        if let Some(entry) = self.lock().get_mut(account) {
            entry.set_aside = entry.set_aside.saturating_sub(1);
        }
    }

    pub(crate) fn of(&self, account: &AccountKey) -> Activity {
        self.lock().get(account).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountKey, Activity>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
