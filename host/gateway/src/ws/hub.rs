//! Every connected client: who they are, and the events that go to all who may see them. Owns the presence list and
//! the state versions. Never reads a socket.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use openclaw_protocol::connect::ClientInfo;
use openclaw_protocol::status::PresenceEntry;
use openclaw_protocol::{Scope, StateVersion};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::watch;

use super::outbound::{Outbound, Weight};
use super::standing::Standing;
use crate::clock::now_ms;

/// The events that this gateway sends, who may see each, and whether a slow client can do without.
const EVENTS: &[(&str, Option<Scope>, Weight)] = &[
    ("tick", None, Weight::Droppable),
    ("health", None, Weight::Droppable),
    ("shutdown", None, Weight::Needed),
    ("presence", Some(Scope::Read), Weight::Droppable),
    ("agent", Some(Scope::Read), Weight::Droppable),
    ("chat", Some(Scope::Read), Weight::Needed),
    ("device.pair.requested", Some(Scope::Pairing), Weight::Droppable),
    ("device.pair.resolved", Some(Scope::Pairing), Weight::Droppable),
    ("device.pair.changed", Some(Scope::Pairing), Weight::Droppable),
];

/// The names of all events, for `hello-ok`.
pub(crate) fn event_names() -> impl Iterator<Item = &'static str> {
    std::iter::once(openclaw_protocol::connect::CHALLENGE_EVENT).chain(EVENTS.iter().map(|(name, ..)| *name))
}

/// A client whose handshake is complete.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) conn_id: String,
    pub(crate) info: ClientInfo,
    pub(crate) ip: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) standing: Standing,
    pub(crate) outbound: Outbound,
    /// Unix milliseconds.
    pub(crate) connected_at: u64,
}

impl Client {
    /// Whether this client holds `needed` or something that covers it.
    pub(crate) fn may(&self, needed: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(needed))
    }

    /// Sends an event to this client alone, if it may see it.
    pub(crate) fn tell(&self, event: &str, payload: &RawValue, state: StateVersion) {
        let Some((_, scope, weight)) = EVENTS.iter().find(|(name, ..)| *name == event) else { return };
        if scope.is_none_or(|scope| self.may(scope)) {
            let versioned = matches!(event, "health" | "presence").then_some(state);
            self.outbound.event(event, payload, versioned, *weight);
        }
    }
}

/// All clients.
#[derive(Debug)]
pub(crate) struct Hub {
    clients: RwLock<BTreeMap<String, Arc<Client>>>,
    presence: AtomicU64,
    health: AtomicU64,
    closing: watch::Sender<bool>,
    own: PresenceEntry,
}

impl Hub {
    /// `own` is the gateway's own entry in the presence list.
    pub(crate) fn new(own: PresenceEntry) -> Hub {
        Hub {
            clients: RwLock::default(),
            presence: AtomicU64::new(1),
            health: AtomicU64::new(1),
            closing: watch::Sender::new(false),
            own,
        }
    }

    /// Adds a client and tells the others. It is removed when the guard is dropped.
    pub(crate) fn join(self: &Arc<Hub>, client: Arc<Client>) -> Membership {
        if let Ok(mut clients) = self.clients.write() {
            clients.insert(client.conn_id.clone(), Arc::clone(&client));
        }
        self.presence_changed();
        Membership { hub: Arc::clone(self), client }
    }

    /// Sends `payload` to every client that may see `event`.
    pub(crate) fn broadcast(&self, event: &str, payload: &impl Serialize) {
        let Ok(payload) = to_raw_value(payload) else { return };
        let state = self.state_version();
        let Ok(clients) = self.clients.read() else { return };
        for client in clients.values() {
            client.tell(event, &payload, state);
        }
    }

    /// Looks at every client.
    pub(crate) fn each(&self, mut look: impl FnMut(&Client)) {
        let Ok(clients) = self.clients.read() else { return };
        clients.values().for_each(|client| look(client));
    }

    /// Whether a device is connected.
    pub(crate) fn has_device(&self, device_id: &str) -> bool {
        let is = |client: &Arc<Client>| client.standing.device_id.as_deref() == Some(device_id);
        self.clients.read().is_ok_and(|clients| clients.values().any(is))
    }

    /// Whether anybody is connected.
    pub(crate) fn is_listened_to(&self) -> bool {
        self.clients.read().is_ok_and(|clients| !clients.is_empty())
    }

    /// A new health snapshot is known.
    pub(crate) fn health_changed(&self, snapshot: &RawValue) {
        self.health.fetch_add(1, Ordering::Relaxed);
        self.broadcast("health", &snapshot);
    }

    fn presence_changed(&self) {
        self.presence.fetch_add(1, Ordering::Relaxed);
        let listening = self.clients.read().is_ok_and(|clients| clients.len() > 1);
        if listening {
            self.broadcast("presence", &serde_json::json!({ "presence": self.presence() }));
        }
    }

    /// The gateway itself and every client but the probes, which come and go without being present.
    pub(crate) fn presence(&self) -> Vec<PresenceEntry> {
        let mut entries = vec![PresenceEntry { ts: now_ms(), ..self.own.clone() }];
        if let Ok(clients) = self.clients.read() {
            entries.extend(clients.values().filter(|client| client.info.mode != "probe").map(|client| {
                PresenceEntry {
                    client_id: Some(client.info.id.clone()),
                    ip: Some(client.ip.clone()),
                    version: Some(client.info.version.clone()),
                    platform: Some(client.info.platform.clone()),
                    mode: Some(client.info.mode.clone()),
                    reason: Some("connect".to_owned()),
                    instance_id: client.info.instance_id.clone(),
                    ts: client.connected_at,
                    ..PresenceEntry::default()
                }
            }));
        }
        entries
    }

    pub(crate) fn state_version(&self) -> StateVersion {
        StateVersion {
            presence: self.presence.load(Ordering::Relaxed),
            health: self.health.load(Ordering::Relaxed),
        }
    }

    /// Tells everybody and closes every session with 1012.
    pub(crate) fn shut_down(&self, reason: &str) {
        self.broadcast("shutdown", &serde_json::json!({ "reason": reason }));
        self.closing.send_replace(true);
    }

    /// Turns true when the gateway shuts down.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}

/// Keeps a client in the hub.
#[derive(Debug)]
pub(crate) struct Membership {
    hub: Arc<Hub>,
    pub(crate) client: Arc<Client>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Ok(mut clients) = self.hub.clients.write() {
            clients.remove(&self.client.conn_id);
        }
        self.hub.presence_changed();
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A client without a socket, for tests of what reaches one.

    use super::*;
    use crate::ws::outbound::Queue;

    /// That of the command line on this machine.
    pub(crate) fn standing() -> Standing {
        let peer = openclaw_access::Peer::new([127, 0, 0, 1].into(), &http::HeaderMap::new());
        let (method, role) = (openclaw_access::AuthMethod::Token, openclaw_access::devices::Role::Operator);
        Standing::new(method, role, peer, None, None)
    }

    /// A client with these scopes and the queue that its session would read.
    pub(crate) fn client(id: &str, scopes: &[Scope]) -> (Arc<Client>, Queue) {
        let (outbound, queue) = Outbound::new();
        let client = Client {
            conn_id: id.to_owned(),
            info: ClientInfo { id: "cli".into(), mode: "cli".into(), ..ClientInfo::default() },
            ip: "127.0.0.1".into(),
            scopes: scopes.to_vec(),
            standing: standing(),
            outbound,
            connected_at: 1,
        };
        (Arc::new(client), queue)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::client;
    use super::*;
    use crate::ws::outbound::Queue;
    use futures::FutureExt;

    fn events(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.next().now_or_never().flatten())
            .map(|text| {
                let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
                frame["event"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn events_reach_those_who_may_see_them() {
        let hub = Arc::new(Hub::new(PresenceEntry::default()));
        let (reader, mut seen_by_reader) = client("a", &[Scope::Admin]);
        let (nobody, mut seen_by_nobody) = client("b", &[]);
        let _first = hub.join(reader);
        let second = hub.join(nobody);
        for event in ["tick", "chat", "not-an-event"] {
            hub.broadcast(event, &serde_json::json!({}));
        }
        assert_eq!(events(&mut seen_by_reader), ["presence", "tick", "chat"]);
        assert_eq!(events(&mut seen_by_nobody), ["tick"]);
        assert_eq!(hub.presence().len(), 3);
        drop(second);
        assert_eq!(hub.presence().len(), 2);
    }
}
