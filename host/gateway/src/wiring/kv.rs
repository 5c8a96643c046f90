//! Between what a component remembers and the store: the account is bound here, so that no component can name another one.

use openclaw_messaging::AccountKey;
use openclaw_runtime::{Kv, KvAnswer, KvChange, KvEntry, KvError};
use openclaw_store::{KvOutcome, KvWrite, Store, StoreError};
use tracing::warn;

/// After how long a component may try again what the store could not do, in milliseconds.
const AGAIN: u64 = 1_000;

/// The bytes of one account, within its quota.
pub(super) struct AccountKv {
    store: Store,
    account: AccountKey,
    quota: u64,
}

impl AccountKv {
    pub(super) fn new(store: Store, account: AccountKey, quota: u64) -> Self {
        Self { store, account, quota }
    }

    fn unavailable(&self, error: &StoreError) -> KvError {
        // That nothing can be stored now has been said.
        if !error.is_transient() {
            warn!(account = %self.account, code = error.code(), "a plugin's store cannot be used: {error}");
        }
        KvError::Unavailable(AGAIN)
    }
}

impl Kv for AccountKv {
    fn get(&self, key: String) -> KvAnswer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            self.store.kv_get(&self.account, &key).await.map_err(|error| self.unavailable(&error))
        })
    }

    fn scan(
        &self,
        prefix: String,
        after: Option<String>,
        limit: u32,
        bytes: usize,
    ) -> KvAnswer<'_, Vec<KvEntry>> {
        Box::pin(async move {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let found = self.store.kv_scan(&self.account, &prefix, after.as_deref(), limit, bytes).await;
            let found = found.map_err(|error| self.unavailable(&error))?;
            Ok(found.into_iter().map(|(key, value)| KvEntry { key, value }).collect())
        })
    }

    fn apply(&self, changes: Vec<KvChange>) -> KvAnswer<'_, ()> {
        let changes = changes.into_iter().map(|change| match change {
            KvChange::Put(KvEntry { key, value }) => KvWrite::Put(key, value),
            KvChange::Delete(key) => KvWrite::Delete(key),
        });
        let changes = changes.collect();
        Box::pin(async move {
            match self.store.kv_apply(&self.account, changes, self.quota).await {
                Ok(KvOutcome::Applied) => Ok(()),
                Ok(KvOutcome::Full) => Err(KvError::Full),
                Err(error) => Err(self.unavailable(&error)),
            }
        })
    }
}
