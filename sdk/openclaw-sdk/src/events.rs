//! What arrives while an account runs: timers, frames, lines of programs, and the wish that it ends. Owns the
//! acknowledgement: a caller of the raw `next` could acknowledge too early.

use crate::bindings::channel::openclaw::plugin::events;
use crate::host::Host;

pub use events::{Event, Occurrence};

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
    pub async fn next<H: Host>(&mut self, host: &H) -> Occurrence {
        let event = host.next_event(self.acked).await;
        self.acked = event.sequence;
        event.occurrence
    }

    /// Waits until the host wants this instance to finish. Whatever else arrives meanwhile is forgotten.
    pub async fn shutdown<H: Host>(&mut self, host: &H) {
        while self.next(host).await != Occurrence::Shutdown {}
    }

    /// The sequence number of the last event that `next` returned, 0 before the first.
    #[must_use]
    pub const fn acked(&self) -> u64 {
        self.acked
    }
}
