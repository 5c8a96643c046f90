//! Panics of the host's own code: counted wherever they happen. A task that panics takes down nobody else; a loop that the
//! gateway cannot do without begins anew, and whoever waits for an answer gets one.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinHandle;

/// Before a loop begins anew: one that panics at once does not use up the machine.
const PAUSE: Duration = Duration::from_secs(1);

static SEEN: AtomicU64 = AtomicU64::new(0);

/// From now on counts panics, and logs them.
pub(crate) fn watch() {
    std::panic::set_hook(Box::new(|panic| {
        SEEN.fetch_add(1, Ordering::Relaxed);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a task panicked: {}", panic.payload_as_str().unwrap_or("no message"));
    }));
}

/// How many there were in this process.
pub(crate) fn seen() -> u64 {
    SEEN.load(Ordering::Relaxed)
}

/// Runs a loop in a task of its own until it returns; after a panic it begins anew.
pub(crate) fn enduring<F>(name: &'static str, begin: impl FnMut() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(endure(name, begin))
}

/// Runs a loop until it returns; after a panic it begins anew.
pub(crate) async fn endure<F>(name: &'static str, mut begin: impl FnMut() -> F)
where
    F: Future<Output = ()>,
{
    while !lived_through(name, begin()).await {}
}

/// One life of a loop, to its end. False after a panic and a pause: it has to begin anew.
pub(crate) fn lived_through(
    name: &'static str,
    life: impl Future<Output = ()>,
) -> impl Future<Output = bool> {
    // Boxed, and no `async` function: that would keep room for it twice, as an argument and where it is polled.
    let life = Box::pin(caught(life));
    async move {
        let lived = life.await.is_some();
        if !lived {
            tracing::error!(code = "panic", "{name} broke off and begins anew");
            tokio::time::sleep(PAUSE).await;
        }
        lived
    }
}

/// The result of a piece of work; `None` when it panicked. What it held goes with it.
pub(crate) fn caught<T>(work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
    AssertUnwindSafe(work).catch_unwind().map(Result::ok)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_begins_anew_and_is_counted() {
        watch();
        let before = seen();
        let (told, mut rounds) = mpsc::unbounded_channel();
        let mut round = 0;
        enduring("a test", move || {
            round += 1;
            let (told, round) = (told.clone(), round);
            async move {
                told.send(round).unwrap();
                assert!(round == 3, "it breaks off");
            }
        });
        let mut seen_rounds = Vec::new();
        while let Some(round) = rounds.recv().await {
            seen_rounds.push(round);
        }
        assert_eq!(seen_rounds, [1, 2, 3], "the third returns, and that is the end");
        assert!(seen() >= before + 2);
    }
}
