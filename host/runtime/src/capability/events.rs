//! Events for guests: `openclaw:plugin/events`, the one place where an instance idles.
//!
//! **Invariant:** an event leaves the queue when it is acknowledged, never when it is returned. A guest that drops a
//! pending `next` (a `select` that another branch won) gets the same event from its following call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use wasmtime::component::{Accessor, HasSelf};

use super::Guest;
use crate::bindings::channel::openclaw::plugin::events;
use crate::bindings::channel::openclaw::plugin::types::Payload;

/// What can happen to an instance.
pub use crate::bindings::channel::openclaw::plugin::events::Occurrence;

/// Most events that wait at once, and most bytes in them; [`EventQueue::push`] waits for room beyond either.
const WAITING: usize = 256;
const BYTES: usize = 4 << 20;
/// Most timers armed at once, and the longest name of one.
const TIMERS: usize = 64;
const TIMER_NAME: usize = 64;

/// The events of one instance.
#[derive(Default)]
pub(crate) struct EventQueue {
    state: Mutex<State>,
    /// Something may be ready to be returned.
    ready: Notify,
    /// There may be room to push.
    room: Notify,
}

#[derive(Default)]
struct State {
    /// Returned at least once and not acknowledged.
    unacknowledged: Option<events::Event>,
    waiting: VecDeque<Occurrence>,
    /// Bytes of what waits.
    bytes: usize,
    /// The end was asked for and has not been told.
    shutdown: bool,
    timers: BTreeMap<String, Instant>,
    /// The sequence number of the newest event that was returned.
    sequence: u64,
}

impl EventQueue {
    /// Adds an event behind the others, waiting while the queue is full.
    pub(crate) async fn push(&self, occurrence: Occurrence) {
        let mut occurrence = Some(occurrence);
        loop {
            // Created before looking: it hears of every place that becomes free from here on.
            let room = self.room.notified();
            {
                let mut state = self.lock();
                // One event always fits, however long it is.
                let bytes = state.bytes.saturating_add(occurrence.as_ref().map_or(0, size));
                if state.waiting.len() < WAITING
                    && (bytes <= BYTES || state.waiting.is_empty())
                    && let Some(occurrence) = occurrence.take()
                {
                    state.bytes = bytes;
                    state.waiting.push_back(occurrence);
                    self.ready.notify_waiters();
                    return;
                }
            }
            room.await;
        }
    }

    /// Tells the guest, before anything else, that it is to finish.
    pub(crate) fn shut_down(&self) {
        self.lock().shutdown = true;
        self.ready.notify_waiters();
    }

    fn set_timer(&self, name: String, after: Duration) -> wasmtime::Result<()> {
        let mut state = self.lock();
        if name.len() > TIMER_NAME {
            wasmtime::bail!("a timer's name has at most {TIMER_NAME} bytes");
        }
        if state.timers.len() >= TIMERS && !state.timers.contains_key(&name) {
            wasmtime::bail!("at most {TIMERS} timers may be armed at once");
        }
        // A timer beyond what the clock can express never fires, which is what it asks for.
        if let Some(at) = Instant::now().checked_add(after) {
            state.timers.insert(name, at);
        }
        drop(state);
        self.ready.notify_waiters();
        Ok(())
    }

    /// The first event after `acked`, once there is one.
    async fn next(&self, acked: u64) -> events::Event {
        loop {
            // Created before looking: it hears of every event that is pushed from here on.
            let ready = self.ready.notified();
            let timer = match self.take(acked) {
                Ok(event) => return event,
                Err(timer) => timer,
            };
            match timer {
                None => ready.await,
                Some(at) => {
                    // Whichever comes first, the queue is looked at again; neither branch consumes anything.
                    tokio::select! {
                        () = ready => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
            }
        }
    }

    /// Returns the event to hand out now, or when the next timer is due.
    fn take(&self, acked: u64) -> Result<events::Event, Option<Instant>> {
        let mut state = self.lock();
        if let Some(event) = state.unacknowledged.take_if(|event| event.sequence > acked) {
            state.unacknowledged = Some(event.clone());
            return Ok(event);
        }
        state.unacknowledged = None;
        let due = state.timers.iter().min_by_key(|(_, at)| **at).map(|(name, at)| (name.clone(), *at));
        let occurrence = match due {
            _ if state.shutdown => {
                state.shutdown = false;
                Occurrence::Shutdown
            }
            // Timers overtake other events: a heartbeat must not wait behind a full queue.
            Some((name, at)) if at <= Instant::now() => {
                state.timers.remove(&name);
                Occurrence::Timer(name)
            }
            due => {
                let occurrence = state.waiting.pop_front().ok_or(due.map(|(_, at)| at))?;
                state.bytes = state.bytes.saturating_sub(size(&occurrence));
                occurrence
            }
        };
        state.sequence += 1;
        let event = events::Event { sequence: state.sequence, occurrence };
        state.unacknowledged = Some(event.clone());
        self.room.notify_waiters();
        Ok(event)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock; if one ever did, the queue would still be consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes that an event brings.
fn size(occurrence: &Occurrence) -> usize {
    match occurrence {
        Occurrence::Timer(name) => name.len(),
        Occurrence::Frame(frame) => match &frame.payload {
            Payload::Text(text) => text.len(),
            Payload::Binary(bytes) => bytes.len(),
        },
        Occurrence::Line(line) => line.text.len(),
        Occurrence::Closed(closed) => closed.reason.len(),
        Occurrence::Shutdown | Occurrence::Exited(_) => 0,
    }
}

impl events::Host for Guest {
    fn set_timer(&mut self, name: String, after_ms: u64) -> wasmtime::Result<()> {
        self.events.set_timer(name, Duration::from_millis(after_ms))
    }

    fn cancel_timer(&mut self, name: String) -> wasmtime::Result<()> {
        self.events.lock().timers.remove(&name);
        Ok(())
    }
}

impl events::HostWithStore<Guest> for HasSelf<Guest> {
    async fn next(accessor: &Accessor<Guest, Self>, acked: u64) -> wasmtime::Result<events::Event> {
        let (queue, _held) = accessor.with(|mut access| {
            let guest = access.get();
            Ok::<_, wasmtime::Error>((Arc::clone(&guest.events), guest.begin_small()?))
        })?;
        Ok(queue.next(acked).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(name: &str) -> Occurrence {
        Occurrence::Timer(name.to_owned())
    }

    fn name_of(event: &events::Event) -> &str {
        match &event.occurrence {
            Occurrence::Timer(name) => name,
            Occurrence::Shutdown => "shutdown",
            _ => "other",
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_comes_again_until_it_is_acknowledged() {
        let queue = EventQueue::default();
        queue.push(timer("a")).await;
        queue.push(timer("b")).await;
        let first = queue.next(0).await;
        assert_eq!((first.sequence, name_of(&first)), (1, "a"));
        let again = queue.next(0).await;
        assert_eq!((again.sequence, name_of(&again)), (1, "a"));
        let second = queue.next(1).await;
        assert_eq!((second.sequence, name_of(&second)), (2, "b"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_due_timer_overtakes_what_waits() {
        let queue = EventQueue::default();
        queue.set_timer("beat".into(), Duration::from_secs(1)).unwrap();
        queue.push(timer("frame")).await;
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(name_of(&queue.next(0).await), "beat");
        assert_eq!(name_of(&queue.next(1).await), "frame");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_overtakes_everything_and_is_told_once() {
        let queue = EventQueue::default();
        queue.set_timer("beat".into(), Duration::ZERO).unwrap();
        queue.push(timer("frame")).await;
        queue.shut_down();
        assert_eq!(name_of(&queue.next(0).await), "shutdown");
        assert_eq!(name_of(&queue.next(1).await), "beat");
        assert_eq!(name_of(&queue.next(2).await), "frame");
    }

    #[tokio::test(start_paused = true)]
    async fn push_waits_for_bytes_too_and_takes_one_that_is_too_long_alone() {
        let frame = |bytes: usize| {
            let payload = Payload::Binary(vec![0; bytes]);
            Occurrence::Frame(crate::bindings::channel::openclaw::plugin::types::Frame { socket: 1, payload })
        };
        let queue = Arc::new(EventQueue::default());
        queue.push(frame(BYTES + 1)).await;
        let blocked = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.push(frame(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!blocked.is_finished());
        queue.next(0).await;
        blocked.await.unwrap();
        queue.push(frame(BYTES - 1)).await;
        assert_eq!(queue.lock().bytes, BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn next_waits_for_the_earliest_timer_and_for_one_that_is_armed_meanwhile() {
        let queue = Arc::new(EventQueue::default());
        queue.set_timer("late".into(), Duration::from_secs(60)).unwrap();
        let start = Instant::now();
        let waiting = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.next(0).await }
        });
        tokio::task::yield_now().await;
        queue.set_timer("soon".into(), Duration::from_secs(5)).unwrap();
        assert_eq!(name_of(&waiting.await.unwrap()), "soon");
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn push_waits_for_room_and_timers_are_limited() {
        let queue = Arc::new(EventQueue::default());
        for n in 0..WAITING {
            queue.push(timer(&n.to_string())).await;
        }
        let blocked = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.push(timer("last")).await }
        });
        tokio::task::yield_now().await;
        assert!(!blocked.is_finished());
        queue.next(0).await;
        blocked.await.unwrap();
        for n in 0..TIMERS {
            queue.set_timer(n.to_string(), Duration::from_secs(1)).unwrap();
        }
        assert!(queue.set_timer("one more".into(), Duration::from_secs(1)).is_err());
        queue.set_timer("0".into(), Duration::from_secs(2)).unwrap();
        assert!(queue.set_timer("x".repeat(65), Duration::from_secs(1)).is_err());
    }
}
