//! Owns the tasks of this crate, so that shutting down can wait for them and nothing outlives it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;

use openclaw_store::Store;

use crate::backoff;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tasks {
    set: Arc<Mutex<JoinSet<()>>>,
    closing: watch::Sender<bool>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self { set: Arc::default(), closing: watch::Sender::new(false) }
    }

    /// Starts a task, unless the end has begun.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if self.is_closing() {
            return;
        }
        let mut set = self.lock();
        // What is over is let go here, so that the set holds only what runs.
        while let Some(ended) = set.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(code = "panic", "a messaging task panicked: {error}");
            }
        }
        set.spawn(work);
    }

    /// Does one piece of a loop's work: a panic in it is logged and ends that piece alone.
    pub(crate) async fn survive<T>(&self, name: &str, piece: impl Future<Output = T>) -> Option<T> {
        // What a piece holds is let go with it; the ledger has what was stored, and nothing else outlives it.
        let done = AssertUnwindSafe(piece).catch_unwind().await;
        done.inspect_err(|_panic| tracing::error!(code = "panic", "{name} panicked; the next goes on")).ok()
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Returns when the end has begun.
    pub(crate) async fn closing(&self) {
        // An error would mean that `self.closing` is gone, and it is not.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Sleeps, but not past the beginning of the end. Returns whether to go on.
    pub(crate) async fn pause(&self, duration: Duration) -> bool {
        tokio::select! {
            // Either way nothing is consumed: a timer is dropped.
            () = tokio::time::sleep(duration) => true,
            () = self.closing() => false,
        }
    }

    /// Waits before a write is tried again that the disk refused `attempts` times, and at least until the store takes writes.
    /// Returns whether to go on.
    pub(crate) async fn pause_for_store(&self, store: &Store, attempts: i64) -> bool {
        let wait = async {
            tokio::time::sleep(backoff::STORE.after(attempts, None)).await;
            store.accepts().await;
        };
        tokio::select! {
            // Either way nothing is consumed: waits are dropped.
            () = wait => true,
            () = self.closing() => false,
        }
    }

    /// Tells all tasks to end.
    pub(crate) fn begin_closing(&self) {
        self.closing.send_replace(true);
    }

    /// Waits at most `grace` for the tasks to end, and drops those that did not.
    pub(crate) async fn finish(&self, grace: Duration) {
        let mut set = std::mem::take(&mut *self.lock());
        let ended = async { while set.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!(
                tasks = set.len(),
                "work was still running at the end; the ledger goes on with it"
            );
            set.shutdown().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_piece_of_work_that_panics_ends_alone() {
        let tasks = Tasks::new();
        let broken: Option<()> = tasks.survive("a piece", async { panic!("it breaks") }).await;
        assert_eq!((broken, tasks.survive("the next", async { 7 }).await), (None, Some(7)));
    }
}
