//! What waits to be sent to one client: a queue bounded by frames and bytes. A client that does not keep up loses the
//! frames that it can do without, and is cut off when the others do not fit. Never touches the socket.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use openclaw_protocol::{MAX_BUFFERED_BYTES, StateVersion};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc};

/// Frames that may wait for one client.
const QUEUE: usize = 1024;
/// From this share of the queue on, droppable events are dropped, so that answers still fit.
const DROP_FROM: usize = QUEUE / 2;

/// The sending half, shared by everything that has something to say to this client.
#[derive(Debug)]
pub(crate) struct Outbound {
    frames: mpsc::Sender<String>,
    waiting_bytes: AtomicUsize,
    /// The number of the last broadcast event.
    seq: Mutex<u64>,
    slow: Notify,
}

/// The receiving half, owned by the session.
#[derive(Debug)]
pub(crate) struct Queue(mpsc::Receiver<String>);

/// Whether an event may be left out for a client that does not keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The next one says the same or more.
    Droppable,
    /// The client is cut off rather than left without it.
    Needed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'a str,
    payload: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_version: Option<StateVersion>,
}

impl Outbound {
    pub(crate) fn new() -> (Outbound, Queue) {
        let (frames, queue) = mpsc::channel(QUEUE);
        let outbound =
            Outbound { frames, waiting_bytes: AtomicUsize::new(0), seq: Mutex::new(0), slow: Notify::new() };
        (outbound, Queue(queue))
    }

    /// Queues one frame as it is. A client for whom it does not fit is a slow consumer.
    pub(crate) fn frame(&self, frame: &impl Serialize) {
        match serde_json::to_string(frame) {
            Ok(text) => self.push(text),
            Err(error) => tracing::error!(%error, "a frame cannot be encoded"),
        }
    }

    /// Queues a numbered broadcast event. A dropped one keeps its number, so that the client sees the gap.
    pub(crate) fn event(&self, event: &str, payload: &RawValue, state: Option<StateVersion>, weight: Weight) {
        let Ok(mut seq) = self.seq.lock() else { return };
        *seq += 1;
        let crowded = QUEUE - self.frames.capacity() >= DROP_FROM
            || self.waiting_bytes.load(Ordering::Relaxed) > MAX_BUFFERED_BYTES / 2;
        if weight == Weight::Droppable && crowded {
            return;
        }
        // The number is taken and the frame queued under one lock: numbers never arrive out of order.
        self.frame(&EventFrame { kind: "event", event, payload, seq: Some(*seq), state_version: state });
    }

    fn push(&self, text: String) {
        let size = text.len();
        let before = self.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > MAX_BUFFERED_BYTES || self.frames.try_send(text).is_err() {
            self.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
            // One permit is kept for a session that is not waiting at this moment.
            self.slow.notify_one();
        }
    }

    /// Resolves when a frame did not fit.
    pub(crate) async fn overrun(&self) {
        self.slow.notified().await;
    }

    /// A frame has left the queue for the socket.
    pub(crate) fn sent(&self, size: usize) {
        self.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
    }
}

impl Queue {
    /// The next frame; `None` when nobody can queue any more. Safe to drop while it waits.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.0.recv().await
    }

    /// The next frame, if one waits already.
    pub(crate) fn ready(&mut self) -> Option<String> {
        self.0.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use serde_json::{Value, json, value::to_raw_value};

    fn drain(queue: &mut Queue) -> Vec<Value> {
        std::iter::from_fn(|| queue.ready()).map(|text| serde_json::from_str(&text).unwrap()).collect()
    }

    #[test]
    fn an_event_has_the_observed_shape_and_rising_numbers() {
        let (outbound, mut queue) = Outbound::new();
        let payload = to_raw_value(&json!({"ts": 1})).unwrap();
        outbound.event("tick", &payload, None, Weight::Droppable);
        outbound.event("health", &payload, Some(StateVersion { presence: 1, health: 2 }), Weight::Needed);
        assert_eq!(
            drain(&mut queue),
            [
                json!({"type": "event", "event": "tick", "payload": {"ts": 1}, "seq": 1}),
                json!({"type": "event", "event": "health", "payload": {"ts": 1}, "seq": 2,
                    "stateVersion": {"presence": 1, "health": 2}}),
            ]
        );
    }

    #[test]
    fn a_client_that_falls_behind_loses_ticks_but_sees_the_gap() {
        let (outbound, mut queue) = Outbound::new();
        let payload = to_raw_value(&json!({})).unwrap();
        for _ in 0..QUEUE {
            outbound.event("tick", &payload, None, Weight::Droppable);
        }
        outbound.event("shutdown", &payload, None, Weight::Needed);
        let frames = drain(&mut queue);
        assert_eq!(frames.len(), DROP_FROM + 1);
        assert_eq!(frames.last().unwrap()["seq"], json!(QUEUE + 1));
        assert!(outbound.overrun().now_or_never().is_none());
    }

    #[test]
    fn what_is_needed_and_does_not_fit_makes_a_slow_consumer() {
        let (outbound, _queue) = Outbound::new();
        let payload = to_raw_value(&json!({})).unwrap();
        for _ in 0..=QUEUE {
            outbound.event("chat", &payload, None, Weight::Needed);
        }
        assert!(outbound.overrun().now_or_never().is_some());
    }
}
