//! What waits to be sent to one client: a queue bounded by frames and bytes. A client that does not keep up loses the
//! events that it can do without, and is cut off when the others do not fit. An event's text is shared by all clients; only
//! its number is a client's own. Never touches the socket.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use openclaw_protocol::{MAX_BUFFERED_BYTES, StateVersion};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;

/// Frames that may wait for one client, whatever they are.
const FRAMES: usize = 1024;
/// Events that may wait for a client whose socket takes no more.
const STALLED_EVENTS: usize = 50;
/// Bytes of events that may wait for a client whose socket takes no more.
const STALLED_BYTES: usize = 16 * 1024 * 1024;
/// Room for so many frames is kept when the queue is empty; a burst's room is given back.
const KEPT: usize = 4;

/// Whether an event may be left out for a client that does not keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The next one says the same or more.
    Droppable,
    /// The client is cut off rather than left without it.
    Needed,
}

/// An event as all its receivers share it: the frame's text up to its number, which comes last.
#[derive(Debug, Clone)]
pub(crate) struct SharedEvent(Bytes);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventHead<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_version: Option<StateVersion>,
    payload: &'a RawValue,
}

impl SharedEvent {
    /// Encodes an event once for everybody; `None` when it cannot be encoded.
    pub(crate) fn new(event: &str, payload: &RawValue, state_version: Option<StateVersion>) -> Option<Self> {
        let mut text =
            serde_json::to_vec(&EventHead { kind: "event", event, state_version, payload }).ok()?;
        text.pop();
        text.extend_from_slice(br#","seq":"#);
        Some(SharedEvent(text.into()))
    }
}

/// One frame on its way to the socket.
#[derive(Debug)]
pub(crate) struct Outgoing {
    head: Bytes,
    /// The number of a broadcast event.
    seq: Option<u64>,
}

impl Outgoing {
    /// The text in the pieces that it is written in: what may be shared, and what is this client's own.
    pub(crate) fn pieces(self) -> (Bytes, Option<String>) {
        (self.head, self.seq.map(|seq| format!("{seq}}}")))
    }

    fn size(&self) -> usize {
        self.head.len()
    }
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Outgoing>,
    /// How many of them are events.
    events: usize,
    bytes: usize,
    event_bytes: usize,
    /// The number of the last broadcast event.
    seq: u64,
    /// The socket takes no more at the moment.
    stalled: bool,
    /// A frame did not fit. Nothing is queued any more.
    overrun: bool,
}

/// Both ends: everything that has something to say to this client pushes, its session takes.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    waiting: Mutex<Waiting>,
    /// Wakes the session. One permit is kept for a session that is not waiting at this moment.
    news: Notify,
}

/// A frame did not fit: the client is to be cut off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overrun;

impl Outbound {
    pub(crate) fn new() -> Outbound {
        Outbound::default()
    }

    /// Queues one frame as it is. A client for whom it does not fit is a slow consumer.
    pub(crate) fn frame(&self, frame: &impl Serialize) {
        match serde_json::to_vec(frame) {
            Ok(text) => {
                self.waiting().push(Outgoing { head: text.into(), seq: None });
                self.news.notify_one();
            }
            Err(error) => tracing::error!(%error, "a frame cannot be encoded"),
        }
    }

    /// Queues a numbered broadcast event. A dropped one keeps its number, so that the client sees the gap. Returns whether it
    /// was kept.
    pub(crate) fn event(&self, event: &SharedEvent, weight: Weight) -> bool {
        // The number is taken and the frame queued under one lock: numbers never arrive out of order.
        let mut waiting = self.waiting();
        waiting.seq += 1;
        if weight == Weight::Droppable && waiting.crowded() {
            return false;
        }
        let frame = Outgoing { head: event.0.clone(), seq: Some(waiting.seq) };
        waiting.push(frame);
        drop(waiting);
        self.news.notify_one();
        true
    }

    /// Resolves when a frame may be waiting or the client is overrun; see [`Outbound::take`].
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// The next frame, if one waits and `room` says that it can be used.
    ///
    /// # Errors
    /// When a frame did not fit.
    pub(crate) fn take(&self, room: bool) -> Result<Option<Outgoing>, Overrun> {
        let mut waiting = self.waiting();
        if waiting.overrun {
            return Err(Overrun);
        }
        Ok(if room { waiting.take() } else { None })
    }

    /// The session says whether the socket takes more: events for one that does not are counted strictly.
    pub(crate) fn stalled(&self, stalled: bool) {
        self.waiting().stalled = stalled;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds the lock; if it did, the counts would still be whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether events that can be done without are dropped: from half of every bound on, so that answers still fit.
    fn crowded(&self) -> bool {
        let stalled = self.events >= STALLED_EVENTS / 2 || self.event_bytes > STALLED_BYTES / 2;
        self.frames.len() >= FRAMES / 2 || self.bytes > MAX_BUFFERED_BYTES / 2 || self.stalled && stalled
    }

    fn push(&mut self, frame: Outgoing) {
        let (is_event, size) = (frame.seq.is_some(), frame.size());
        let late = is_event
            && self.stalled
            && (self.events >= STALLED_EVENTS || self.event_bytes.saturating_add(size) > STALLED_BYTES);
        let full = self.frames.len() >= FRAMES || self.bytes.saturating_add(size) > MAX_BUFFERED_BYTES;
        if self.overrun || late || full {
            // What waits will never be sent.
            *self = Waiting { seq: self.seq, overrun: true, ..Waiting::default() };
            return;
        }
        self.bytes += size;
        if is_event {
            self.events += 1;
            self.event_bytes += size;
        }
        self.frames.push_back(frame);
    }

    fn take(&mut self) -> Option<Outgoing> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.size();
        if frame.seq.is_some() {
            self.events -= 1;
            self.event_bytes -= frame.size();
        }
        if self.frames.is_empty() {
            self.frames.shrink_to(KEPT);
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json, value::to_raw_value};

    fn event(name: &str, payload: &Value, state: Option<StateVersion>) -> SharedEvent {
        SharedEvent::new(name, &to_raw_value(payload).unwrap(), state).unwrap()
    }

    fn drain(outbound: &Outbound) -> Vec<Value> {
        std::iter::from_fn(|| outbound.take(true).unwrap())
            .map(|frame| {
                let (head, tail) = frame.pieces();
                let text = [head.as_ref(), tail.unwrap_or_default().as_bytes()].concat();
                serde_json::from_slice(&text).unwrap()
            })
            .collect()
    }

    #[test]
    fn an_event_has_the_observed_shape_and_rising_numbers() {
        let outbound = Outbound::new();
        outbound.event(&event("tick", &json!({"ts": 1}), None), Weight::Droppable);
        let state = StateVersion { presence: 1, health: 2 };
        outbound.event(&event("health", &json!({"ts": 1}), Some(state)), Weight::Needed);
        assert_eq!(
            drain(&outbound),
            [
                json!({"type": "event", "event": "tick", "payload": {"ts": 1}, "seq": 1}),
                json!({"type": "event", "event": "health", "payload": {"ts": 1}, "seq": 2,
                    "stateVersion": {"presence": 1, "health": 2}}),
            ]
        );
    }

    #[test]
    fn receivers_share_the_text_of_an_event() {
        let shared = event("tick", &json!({"ts": 1}), None);
        let (one, other) = (Outbound::new(), Outbound::new());
        for outbound in [&one, &other] {
            outbound.event(&shared, Weight::Needed);
        }
        let texts = [one, other].map(|outbound| outbound.take(true).unwrap().unwrap().pieces().0);
        assert!(texts.iter().all(|text| text.as_ptr() == shared.0.as_ptr()));
    }

    #[test]
    fn a_stalled_client_loses_ticks_but_sees_the_gap() {
        let outbound = Outbound::new();
        outbound.stalled(true);
        let tick = event("tick", &json!({}), None);
        for _ in 0..1000 {
            outbound.event(&tick, Weight::Droppable);
        }
        outbound.event(&event("shutdown", &json!({}), None), Weight::Needed);
        let frames = drain(&outbound);
        assert_eq!(frames.len(), STALLED_EVENTS / 2 + 1);
        assert_eq!(frames.last().unwrap()["seq"], 1001);
    }

    #[test]
    fn a_stalled_client_is_cut_at_fifty_events_or_sixteen_megabytes() {
        let check = |payload: Value, fits: usize| {
            let outbound = Outbound::new();
            outbound.stalled(true);
            let chat = event("chat", &payload, None);
            for _ in 0..fits {
                outbound.event(&chat, Weight::Needed);
            }
            assert!(!outbound.waiting().overrun, "{fits}");
            outbound.event(&chat, Weight::Needed);
            assert!(outbound.take(true).is_err(), "{fits}");
        };
        check(json!({}), STALLED_EVENTS);
        check(json!({ "text": "x".repeat(STALLED_BYTES / 4) }), 3);
    }

    #[test]
    fn a_burst_does_not_cut_a_client_that_keeps_up() {
        let outbound = Outbound::new();
        let chat = event("chat", &json!({}), None);
        for _ in 0..FRAMES {
            outbound.event(&chat, Weight::Needed);
        }
        assert!(!outbound.waiting().overrun);
        outbound.event(&chat, Weight::Needed);
        assert!(outbound.take(true).is_err());
    }

    #[test]
    fn answers_are_not_counted_as_events() {
        let outbound = Outbound::new();
        outbound.stalled(true);
        let answer = json!({ "text": "x".repeat(STALLED_BYTES) });
        for _ in 0..3 {
            outbound.frame(&answer);
        }
        assert!(!outbound.waiting().overrun);
        outbound.frame(&answer);
        assert!(outbound.take(true).is_err());
    }
}
