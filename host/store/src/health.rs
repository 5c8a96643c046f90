//! Whether the store takes writes now, for everybody who would write. Never writes itself: the writing thread says what it met.

use tokio::sync::watch;

use crate::StoreError;

/// The verdict, shared by all handles.
#[derive(Clone, Debug)]
pub(crate) struct Health(watch::Sender<Option<StoreError>>);

impl Default for Health {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Health {
    /// Why writes are refused. `None`: they are taken.
    pub(crate) fn refusal(&self) -> Option<StoreError> {
        self.0.borrow().clone()
    }

    /// Refuses from now on. The log hears of it when it begins and when the reason becomes another, not for every write.
    pub(crate) fn refuse(&self, why: &StoreError) {
        let before = self.0.send_replace(Some(why.clone()));
        if before.is_none_or(|before| before.code() != why.code()) {
            tracing::error!(code = why.code(), "writes are refused until the disk takes them again: {why}");
        }
    }

    /// Takes writes again.
    pub(crate) fn accept(&self) {
        if self.0.send_replace(None).is_some() {
            tracing::info!("the state database can be written again");
        }
    }

    /// Returns when writes are taken.
    pub(crate) async fn accepts(&self) {
        // An error would mean that there is no sender, and this is one.
        drop(self.0.subscribe().wait_for(Option::is_none).await);
    }
}
