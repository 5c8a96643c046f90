//! The table of events: which there are, who may see each, and whether a slow client can do without. The gateway sends
//! and advertises by this table alone: an event that is not in it reaches nobody.

use crate::{connect::CHALLENGE_EVENT, scope::Scope};

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// The name on the wire.
    pub name: &'static str,
    /// What a connection must hold to see it; `None` when every connection may.
    pub scope: Option<Scope>,
    /// Whether a client that does not keep up may miss it: the next one says the same or more.
    pub droppable: bool,
    /// One line for people.
    pub purpose: &'static str,
}

impl EventKind {
    const fn needed(name: &'static str, scope: Option<Scope>, purpose: &'static str) -> Self {
        Self { name, scope, droppable: false, purpose }
    }

    const fn droppable(name: &'static str, scope: Option<Scope>, purpose: &'static str) -> Self {
        Self { name, scope, droppable: true, purpose }
    }

    /// The row of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        EVENTS.iter().find(|event| event.name == name)
    }
}

/// Every event of the gateway.
pub const EVENTS: &[EventKind] = &[
    EventKind::needed(CHALLENGE_EVENT, None, "the first frame: a nonce to sign"),
    EventKind::droppable("tick", None, "the gateway is there"),
    EventKind::droppable("health", None, "a new health snapshot"),
    EventKind::needed("shutdown", None, "the gateway goes down"),
    EventKind::droppable("presence", Some(Scope::Read), "who is connected"),
    EventKind::droppable("agent", Some(Scope::Read), "what a run does, as it does it"),
    EventKind::needed("chat", Some(Scope::Read), "a reply as it is written, and its end"),
    EventKind::droppable("sessions.changed", Some(Scope::Read), "a session is new, another or gone"),
    EventKind::droppable(
        "session.message",
        Some(Scope::Read),
        "a message of a session that the client follows",
    ),
    EventKind::droppable("device.pair.requested", Some(Scope::Pairing), "a device waits for a person"),
    EventKind::droppable("device.pair.resolved", Some(Scope::Pairing), "a person has decided about a device"),
    EventKind::droppable("device.pair.changed", Some(Scope::Pairing), "the list of devices is another one"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_one_row_with_a_purpose() {
        for event in EVENTS {
            assert_eq!(EVENTS.iter().filter(|other| other.name == event.name).count(), 1, "{}", event.name);
            assert!(!event.purpose.is_empty(), "{}", event.name);
        }
        assert_eq!(EventKind::find("not-an-event"), None);
    }
}
