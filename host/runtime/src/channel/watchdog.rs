//! Watches, from outside the event loop, that a guest gives its thread back.
//!
//! A computing guest is interrupted at each epoch tick and yields ([`crate::engine::TICK`]), so the future that drives
//! its store is polled again and again without ever going idle. [`Watched`] measures how long that lasts. It cannot be
//! done inside the event loop: a guest that never rests would starve it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// From here on a busy stretch counts as a strike.
pub(crate) const STRIKE: Duration = Duration::from_millis(250);
/// From here on the instance is dropped.
pub(crate) const RUNAWAY: Duration = Duration::from_secs(2);

/// Set by the epoch callback whenever the guest was interrupted while computing.
#[derive(Clone, Default)]
pub(crate) struct Interrupted(Arc<AtomicBool>);

impl Interrupted {
    pub(crate) fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn clear(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// The guest computed for longer than [`RUNAWAY`] without resting.
#[derive(Debug, PartialEq)]
pub(crate) struct Runaway;

/// Polls `inner` and measures its busy stretches.
pub(crate) struct Watched<F, S> {
    inner: Pin<Box<F>>,
    interrupted: Interrupted,
    busy_since: Option<Instant>,
    struck: bool,
    on_strike: S,
}

impl<F: Future, S: FnMut() + Unpin> Watched<F, S> {
    pub(crate) fn new(inner: F, interrupted: Interrupted, on_strike: S) -> Self {
        Self { inner: Box::pin(inner), interrupted, busy_since: None, struck: false, on_strike }
    }
}

impl<F: Future, S: FnMut() + Unpin> Future for Watched<F, S> {
    type Output = Result<F::Output, Runaway>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let began = Instant::now();
        if let Poll::Ready(output) = this.inner.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if !this.interrupted.clear() {
            // Pending without an interruption: the guest rests and waits for something.
            (this.busy_since, this.struck) = (None, false);
            return Poll::Pending;
        }
        let busy = this.busy_since.get_or_insert(began).elapsed();
        if busy >= RUNAWAY {
            return Poll::Ready(Err(Runaway));
        }
        if busy >= STRIKE && !this.struck {
            this.struck = true;
            (this.on_strike)();
        }
        Poll::Pending
    }
}
