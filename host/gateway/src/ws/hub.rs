//! Every connected client: who they are, and the events that go to all who may see them. Owns the presence list and
//! the state versions. Never reads a socket.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use openclaw_failpoints::failpoint;
use openclaw_protocol::connect::ClientInfo;
use openclaw_protocol::status::PresenceEntry;
use openclaw_protocol::{EVENTS, Scope, StateVersion};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::{Notify, watch};

use super::outbound::{Outbound, SharedEvent, Weight};
use super::standing::Standing;
use super::subscriptions::Subscriptions;
use crate::clock::now_ms;
use crate::presence::Reports;

/// Of presence and of health, before anything changed.
const FIRST_VERSION: u64 = 1;
/// Entries of the presence list: the gateway's own and those of the clients that came last.
const PRESENCE: usize = 200;
/// Changes of presence and health within this time are told together.
const TOGETHER: Duration = Duration::from_millis(100);
/// What presence and health may cost all connections together, in bytes a second: with thousands of clients that come
/// and go, each change told to everybody would be all that the gateway does.
const STATE_BYTES_PER_SECOND: usize = 64 * 1024 * 1024;
/// However much it costs, a change is told after this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The names of all events, for `hello-ok`.
pub(crate) fn event_names() -> impl Iterator<Item = &'static str> {
    EVENTS.iter().map(|event| event.name)
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
    /// Which sessions it wants to hear of.
    pub(crate) subscriptions: Subscriptions,
    /// Unix milliseconds.
    pub(crate) connected_at: u64,
}

impl Client {
    /// Whether this client holds `needed` or something that covers it.
    pub(crate) fn may(&self, needed: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(needed))
    }

    /// Whose requests these are, from one connection to the next: the device, or the program at its address.
    pub(crate) fn owner(&self) -> String {
        match &self.standing.device_id {
            Some(device) => format!("device {device}"),
            None => format!("{} at {}", self.info.id, self.ip),
        }
    }

    /// Sends an event to this client alone, if it may see it.
    pub(crate) fn tell(&self, event: &str, payload: &RawValue, state: StateVersion) {
        if let Some(news) = News::new(event, payload, state) {
            self.hear(&news);
        }
    }

    /// Returns false when it should have heard it and does not keep up.
    fn hear(&self, news: &News) -> bool {
        !news.scope.is_none_or(|scope| self.may(scope)) || self.outbound.event(&news.event, news.weight)
    }
}

/// An event, encoded once, and who may see it.
struct News {
    /// Which row of the table.
    row: usize,
    event: SharedEvent,
    scope: Option<Scope>,
    weight: Weight,
}

impl News {
    /// `None` for an event that is not in the table: it is told to nobody.
    fn new(event: &str, payload: &RawValue, state: StateVersion) -> Option<News> {
        let row = EVENTS.iter().position(|kind| kind.name == event)?;
        let kind = EVENTS.get(row)?;
        let versioned = matches!(event, "health" | "presence").then_some(state);
        let weight = if kind.droppable { Weight::Droppable } else { Weight::Needed };
        Some(News { row, event: SharedEvent::new(event, payload, versioned)?, scope: kind.scope, weight })
    }
}

/// All clients.
#[derive(Debug)]
pub(crate) struct Hub {
    /// In the order in which they came.
    clients: RwLock<BTreeMap<u64, Arc<Client>>>,
    joined: AtomicU64,
    presence: AtomicU64,
    health: AtomicU64,
    /// The snapshot that is yet to be told.
    untold_health: Mutex<Option<Arc<RawValue>>>,
    /// Presence or health changed.
    changed: Notify,
    closing: watch::Sender<bool>,
    /// Events that clients did not get because they do not keep up, in the order of the table.
    dropped: [AtomicU64; EVENTS.len()],
    own: PresenceEntry,
    reports: Reports,
}

impl Hub {
    /// `own` is the gateway's own entry in the presence list.
    pub(crate) fn new(own: PresenceEntry) -> Hub {
        Hub {
            clients: RwLock::default(),
            joined: AtomicU64::new(0),
            presence: AtomicU64::new(FIRST_VERSION),
            health: AtomicU64::new(FIRST_VERSION),
            untold_health: Mutex::default(),
            changed: Notify::new(),
            closing: watch::Sender::new(false),
            dropped: Default::default(),
            own,
            reports: Reports::default(),
        }
    }

    /// What others say of their presence.
    pub(crate) fn reports(&self) -> &Reports {
        &self.reports
    }

    /// Adds a client. It is removed when the guard is dropped; [`Hub::tell_state`] tells the others of both.
    pub(crate) fn join(self: &Arc<Hub>, client: Arc<Client>) -> Membership {
        let number = self.joined.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut clients) = self.clients.write() {
            clients.insert(number, Arc::clone(&client));
        }
        self.presence_changed();
        Membership { hub: Arc::clone(self), number, client }
    }

    /// Sends `payload` to every client that may see `event`. Waits for nobody: a client that does not keep up is dealt
    /// with by its own queue.
    pub(crate) fn broadcast(&self, event: &str, payload: &impl Serialize) {
        if let Ok(payload) = to_raw_value(payload) {
            self.spread(event, &payload);
        }
    }

    /// Returns about how many bytes this puts on the wire.
    fn spread(&self, event: &str, payload: &RawValue) -> usize {
        let Some(news) = News::new(event, payload, self.state_version()) else { return 0 };
        let Ok(clients) = self.clients.read() else { return 0 };
        self.deliver(&news, clients.values());
        clients.len().saturating_mul(payload.get().len())
    }

    /// Sends `payload` to the clients that may see `event` and that `wanted` names.
    pub(crate) fn tell_those(&self, event: &str, payload: &impl Serialize, wanted: impl Fn(&Client) -> bool) {
        let Ok(payload) = to_raw_value(payload) else { return };
        let Some(news) = News::new(event, &payload, self.state_version()) else { return };
        let Ok(clients) = self.clients.read() else { return };
        self.deliver(&news, clients.values().filter(|client| wanted(client)));
    }

    fn deliver<'a>(&self, news: &News, clients: impl Iterator<Item = &'a Arc<Client>>) {
        let dropped = clients.filter(|client| !client.hear(news)).count() as u64;
        if let Some(count) = self.dropped.get(news.row).filter(|_| dropped > 0) {
            count.fetch_add(dropped, Ordering::Relaxed);
        }
    }

    /// How often each event was left out for a client that does not keep up.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        event_names().zip(self.dropped.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// Whether `wanted` names a client.
    pub(crate) fn any(&self, wanted: impl Fn(&Client) -> bool) -> bool {
        self.clients.read().is_ok_and(|clients| clients.values().any(|client| wanted(client)))
    }

    /// How many are connected.
    pub(crate) fn clients(&self) -> usize {
        self.clients.read().map_or(0, |clients| clients.len())
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

    /// A new health snapshot is known; it will be told.
    pub(crate) fn health_changed(&self, snapshot: &Arc<RawValue>) {
        self.health.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut untold) = self.untold_health.lock() {
            *untold = Some(Arc::clone(snapshot));
        }
        self.changed.notify_one();
    }

    /// The presence list changed; it will be told.
    pub(crate) fn presence_changed(&self) {
        self.presence.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Tells presence and health after they changed, several changes at once. Runs until the gateway shuts down.
    pub(crate) async fn tell_state(self: Arc<Hub>) {
        let mut closing = self.closing();
        let mut told = FIRST_VERSION;
        let telling = async {
            // One that begins anew tells what the one before did not come to.
            self.changed.notify_one();
            loop {
                self.changed.notified().await;
                failpoint!("gateway.tell");
                tokio::time::sleep(TOGETHER).await;
                let mut bytes = 0;
                if let Some(health) = self.untold_health.lock().ok().and_then(|mut untold| untold.take()) {
                    bytes += self.spread("health", &health);
                }
                let version = self.presence.load(Ordering::Relaxed);
                if version != std::mem::replace(&mut told, version)
                    && let Ok(presence) = to_raw_value(&serde_json::json!({ "presence": self.presence() }))
                {
                    bytes += self.spread("presence", &presence);
                }
                let pause = Duration::from_secs_f64(bytes as f64 / STATE_BYTES_PER_SECOND as f64);
                tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
            }
        };
        tokio::select! {
            () = telling => {}
            // It fails only with the hub, which this task keeps alive.
            _ = closing.wait_for(|&closing| closing) => {}
        }
    }

    /// The gateway itself and the clients that came last, but not the probes, which come and go without being present.
    pub(crate) fn presence(&self) -> Vec<PresenceEntry> {
        let mut entries = Vec::new();
        if let Ok(clients) = self.clients.read() {
            let present = clients.values().rev().filter(|client| client.info.mode != "probe");
            entries.extend(present.take(PRESENCE - 1).map(|client| PresenceEntry {
                host: client.info.display_name.clone().or_else(|| Some(client.info.id.clone())),
                ip: Some(client.ip.clone()),
                version: Some(client.info.version.clone()),
                platform: Some(client.info.platform.clone()),
                device_family: client.info.device_family.clone(),
                model_identifier: client.info.model_identifier.clone(),
                mode: Some(client.info.mode.clone()),
                reason: Some("connect".to_owned()),
                device_id: client.standing.device_id.clone(),
                instance_id: client.info.instance_id.clone(),
                ts: client.connected_at,
                ..PresenceEntry::default()
            }));
        }
        entries.push(PresenceEntry { ts: now_ms(), ..self.own.clone() });
        entries.reverse();
        self.reports.join(&mut entries);
        entries
    }

    pub(crate) fn state_version(&self) -> StateVersion {
        StateVersion {
            presence: self.presence.load(Ordering::Relaxed),
            health: self.health.load(Ordering::Relaxed),
        }
    }

    /// Tells everybody and closes every session with 1012. `restart_expected_ms` is when a client may come back.
    pub(crate) fn shut_down(&self, reason: &str, restart_expected_ms: Option<u64>) {
        let mut payload = serde_json::json!({ "reason": reason });
        if let (Some(payload), Some(ms)) = (payload.as_object_mut(), restart_expected_ms) {
            payload.insert("restartExpectedMs".to_owned(), ms.into());
        }
        self.broadcast("shutdown", &payload);
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
    number: u64,
    pub(crate) client: Arc<Client>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Ok(mut clients) = self.hub.clients.write() {
            clients.remove(&self.number);
        }
        self.hub.presence_changed();
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A client without a socket, for tests of what reaches one.

    use super::*;

    /// What a session would write.
    pub(crate) struct Queue(Arc<Client>);

    impl Queue {
        /// The next frame, if one waits.
        pub(crate) fn ready(&mut self) -> Option<String> {
            let (head, tail) = self.0.outbound.take(true).unwrap()?.pieces();
            Some(String::from_utf8(head.to_vec()).unwrap() + &tail.unwrap_or_default())
        }
    }

    /// That of the command line on this machine.
    pub(crate) fn standing() -> Standing {
        let peer = openclaw_access::Peer::new([127, 0, 0, 1].into(), &http::HeaderMap::new());
        let (method, role) = (openclaw_access::AuthMethod::Token, openclaw_protocol::Role::Operator);
        Standing::new(method, role, peer, None, None)
    }

    /// A client with these scopes and the queue that its session would read.
    pub(crate) fn client(id: &str, scopes: &[Scope]) -> (Arc<Client>, Queue) {
        let client = Client {
            conn_id: id.to_owned(),
            info: ClientInfo { id: "cli".into(), mode: "cli".into(), ..ClientInfo::default() },
            ip: "127.0.0.1".into(),
            scopes: scopes.to_vec(),
            standing: standing(),
            outbound: Outbound::new(),
            subscriptions: Subscriptions::default(),
            connected_at: 1,
        };
        let client = Arc::new(client);
        (Arc::clone(&client), Queue(client))
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Queue, client};
    use super::*;

    fn frames(queue: &mut Queue) -> Vec<serde_json::Value> {
        std::iter::from_fn(|| queue.ready()).map(|text| serde_json::from_str(&text).unwrap()).collect()
    }

    fn events(queue: &mut Queue) -> Vec<String> {
        frames(queue).iter().map(|frame| frame["event"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn events_reach_those_who_may_see_them() {
        let hub = Arc::new(Hub::new(PresenceEntry::default()));
        let (reader, mut seen_by_reader) = client("a", &[Scope::Admin]);
        let (nobody, mut seen_by_nobody) = client("b", &[]);
        let _first = hub.join(reader);
        let second = hub.join(nobody);
        for event in ["tick", "chat", "not-an-event"] {
            hub.broadcast(event, &serde_json::json!({}));
        }
        assert_eq!(events(&mut seen_by_reader), ["tick", "chat"]);
        assert_eq!(events(&mut seen_by_nobody), ["tick"]);
        assert_eq!(hub.presence().len(), 3);
        assert_eq!(second.client.owner(), "cli at 127.0.0.1");
        drop(second);
        assert_eq!(hub.presence().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_told_together() {
        let hub = Arc::new(Hub::new(PresenceEntry::default()));
        let telling = tokio::spawn(Arc::clone(&hub).tell_state());
        let (reader, mut seen) = client("a", &[Scope::Read]);
        let _reader = hub.join(reader);
        let others: Vec<_> = (0..300).map(|_| hub.join(client("b", &[]).0)).collect();
        let health: Arc<RawValue> = to_raw_value(&serde_json::json!({ "ok": true })).unwrap().into();
        for _ in 0..2 {
            hub.health_changed(&health);
        }
        tokio::time::sleep(2 * TOGETHER).await;
        let frames = frames(&mut seen);
        assert_eq!(frames.len(), 2, "{frames:?}");
        assert_eq!(
            (&frames[0]["event"], &frames[0]["stateVersion"]["health"]),
            (&"health".into(), &3.into())
        );
        assert_eq!(frames[1]["payload"]["presence"].as_array().unwrap().len(), PRESENCE);
        assert_eq!(frames[1]["stateVersion"]["presence"], 302);
        drop(others);
        tokio::time::sleep(LONGEST_PAUSE).await;
        assert_eq!(events(&mut seen), ["presence"]);
        hub.shut_down("over", None);
        telling.await.unwrap();
    }
}
