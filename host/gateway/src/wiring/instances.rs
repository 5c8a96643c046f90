//! The running instances by account: where messaging's sends go. Holds no policy and starts nothing.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use openclaw_messaging::{AccountKey, Failure, Outbound, Outcome, Sender, Target};
use openclaw_runtime::ChannelInstance;
use tracing::debug;

use super::vendor;

/// All running instances.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    running: RwLock<BTreeMap<AccountKey, ChannelInstance>>,
}

impl Instances {
    /// The instance of an account, if one runs.
    pub(crate) fn get(&self, account: &AccountKey) -> Option<ChannelInstance> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }

    /// How many accounts of a channel run.
    pub(crate) fn count(&self, channel: &str) -> u64 {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.keys().filter(|key| key.channel == channel).count() as u64
    }

    pub(super) fn insert(&self, account: AccountKey, instance: ChannelInstance) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).insert(account, instance);
    }

    pub(super) fn remove(&self, account: &AccountKey) {
        self.running.write().unwrap_or_else(PoisonError::into_inner).remove(account);
    }
}

#[async_trait]
impl Sender for Instances {
    async fn send(&self, account: &AccountKey, outbound: Outbound) -> Outcome {
        let not_running = || Outcome::NotRunning(Failure::new("not_running", "the account is not running"));
        let Some(instance) = self.get(account) else { return not_running() };
        match instance.send(vendor::outbound(outbound)).await {
            Ok(outcome) => vendor::outcome(outcome),
            Err(openclaw_runtime::NotRunning) => not_running(),
        }
    }

    async fn typing(&self, account: &AccountKey, target: &Target) {
        let Some(instance) = self.get(account) else { return };
        if let Err(failure) = instance.typing(vendor::target(target.clone())).await {
            debug!(%account, code = failure.code, "typing was not shown: {}", failure.detail);
        }
    }
}
