//! The one place where a component idles. Owns the acknowledgement of events: it never exposes the raw `next`, whose
//! caller could acknowledge too early.

use crate::bindings::channel::openclaw::plugin::events;

pub use events::{Occurrence, cancel_timer, set_timer};

/// The events of this instance, in order. Have one for each instance: two would acknowledge each other's events.
#[derive(Debug, Default)]
pub struct Events {
    acked: u64,
}

impl Events {
    /// Begins at the first event.
    #[must_use]
    pub const fn new() -> Self {
        Self { acked: 0 }
    }

    /// Waits for the next event. It is acknowledged by the call after this one, so a future that is dropped before it
    /// is ready loses nothing: safe to race.
    pub async fn next(&mut self) -> Occurrence {
        let event = events::next(self.acked).await;
        self.acked = event.sequence;
        event.occurrence
    }

    /// Waits until the host wants this instance to finish. Timers that fire meanwhile are forgotten.
    pub async fn shutdown(&mut self) {
        while self.next().await != Occurrence::Shutdown {}
    }

    /// The sequence number of the last event that `next` returned, 0 before the first.
    #[must_use]
    pub const fn acked(&self) -> u64 {
        self.acked
    }
}
