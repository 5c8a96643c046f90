//! Who holds a connection, and who gives one up when places are short. An address that holds many without having proved
//! anything loses its oldest idle one for each new one, so that slow connections never keep others out.
//! Counts; closes nothing itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Connections of one address that have proved nothing. An IPv6 client is its /64.
const UNPROVEN_PER_ADDRESS: usize = 256;

/// A request is being answered: nobody takes this connection away.
const BUSY: u64 = 0;
/// A request was answered that needs a secret; the address is not charged for this connection.
const PROVEN: u64 = u64::MAX;
/// The place was given to somebody else.
const LOST: u64 = u64::MAX - 1;

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    table: Mutex<Table>,
    total: usize,
}

#[derive(Debug, Default)]
struct Table {
    open: usize,
    /// When a connection became idle, as a number that only grows.
    clock: u64,
    addresses: HashMap<IpAddr, Held>,
    /// Idle and unproven, the longest first.
    idle: BTreeMap<u64, Arc<Seat>>,
}

#[derive(Debug, Default)]
struct Held {
    unproven: usize,
    idle: BTreeSet<u64>,
}

#[derive(Debug)]
struct Seat {
    address: IpAddr,
    /// [`BUSY`], [`PROVEN`], [`LOST`], or since when it is idle. Written under the table's lock.
    state: AtomicU64,
    shed: Notify,
}

/// One connection's place. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    seat: Arc<Seat>,
}

impl Places {
    /// `total` places at most.
    pub(crate) fn new(total: usize) -> Arc<Places> {
        Arc::new(Places { table: Mutex::default(), total })
    }

    /// A place for a new connection, which is idle until its first request. `None`: all are busy.
    pub(crate) fn enter(self: &Arc<Places>, address: IpAddr) -> Option<Place> {
        let address = subscriber(address);
        let mut table = self.lock();
        if table.addresses.get(&address).is_some_and(|held| held.unproven >= UNPROVEN_PER_ADDRESS) {
            let oldest = table.addresses.get(&address)?.idle.first().copied()?;
            table.shed(oldest);
        }
        if table.open >= self.total {
            let oldest = table.idle.first_key_value().map(|(&since, _)| since)?;
            table.shed(oldest);
        }
        let seat = Arc::new(Seat { address, state: AtomicU64::new(BUSY), shed: Notify::new() });
        table.open += 1;
        table.addresses.entry(address).or_default().unproven += 1;
        table.rest(&seat);
        drop(table);
        Some(Place { places: Arc::clone(self), seat })
    }

    /// Open connections that have not become something else.
    pub(crate) fn open(&self) -> usize {
        self.lock().open
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn rest(&mut self, seat: &Arc<Seat>) {
        self.clock += 1;
        seat.state.store(self.clock, Ordering::Relaxed);
        self.idle.insert(self.clock, Arc::clone(seat));
        self.addresses.entry(seat.address).or_default().idle.insert(self.clock);
    }

    fn rouse(&mut self, seat: &Seat, since: u64) {
        self.idle.remove(&since);
        if let Some(held) = self.addresses.get_mut(&seat.address) {
            held.idle.remove(&since);
        }
    }

    /// Takes the place of an idle connection away.
    fn shed(&mut self, since: u64) {
        let Some(seat) = self.idle.get(&since).map(Arc::clone) else { return };
        self.rouse(&seat, since);
        self.uncharge(&seat);
        self.open = self.open.saturating_sub(1);
        seat.state.store(LOST, Ordering::Relaxed);
        seat.shed.notify_one();
    }

    fn uncharge(&mut self, seat: &Seat) {
        if let Some(held) = self.addresses.get_mut(&seat.address) {
            held.unproven = held.unproven.saturating_sub(1);
            if held.unproven == 0 {
                self.addresses.remove(&seat.address);
            }
        }
    }
}

impl Place {
    /// A request has come.
    pub(crate) fn busy(&self) {
        let since = self.seat.state.load(Ordering::Relaxed);
        if since == PROVEN {
            return;
        }
        let mut table = self.places.lock();
        // Once more under the lock: it may have been taken away meanwhile.
        let since = self.seat.state.load(Ordering::Relaxed);
        if since != LOST {
            table.rouse(&self.seat, since);
            self.seat.state.store(BUSY, Ordering::Relaxed);
        }
    }

    /// The request is answered.
    pub(crate) fn idle(&self) {
        if self.seat.state.load(Ordering::Relaxed) == BUSY {
            self.places.lock().rest(&self.seat);
        }
    }

    /// The client has shown that it may be here.
    pub(crate) fn prove(&self) {
        let since = self.seat.state.load(Ordering::Relaxed);
        if since == PROVEN {
            return;
        }
        let mut table = self.places.lock();
        let since = self.seat.state.load(Ordering::Relaxed);
        if since != LOST {
            table.rouse(&self.seat, since);
            table.uncharge(&self.seat);
            self.seat.state.store(PROVEN, Ordering::Relaxed);
        }
    }

    /// Resolves when the connection has to go.
    pub(crate) async fn shed(&self) {
        self.seat.shed.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.lock();
        match self.seat.state.load(Ordering::Relaxed) {
            LOST => return,
            PROVEN => {}
            since => {
                table.rouse(&self.seat, since);
                table.uncharge(&self.seat);
            }
        }
        table.open = table.open.saturating_sub(1);
    }
}

/// What one subscriber has: an IPv4 address or an IPv6 /64.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const CROWD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn is_shed(place: &Place) -> bool {
        place.shed().now_or_never().is_some()
    }

    #[test]
    fn a_crowded_address_loses_its_oldest_idle_connection_and_nobody_elses() {
        let places = Places::new(10_000);
        let other = places.enter(OTHER).unwrap();
        let crowd: Vec<_> = (0..UNPROVEN_PER_ADDRESS).map(|_| places.enter(CROWD).unwrap()).collect();
        crowd[0].busy();
        let more = places.enter(CROWD).unwrap();
        assert!(!is_shed(&other) && !is_shed(&crowd[0]) && is_shed(&crowd[1]) && !is_shed(&more));
        assert_eq!(places.open(), UNPROVEN_PER_ADDRESS + 1);
        drop(crowd);
        assert_eq!(places.open(), 2, "what was shed is not counted twice");
    }

    #[test]
    fn who_proved_itself_is_not_charged_and_not_shed() {
        let places = Places::new(10_000);
        let proven: Vec<_> = (0..UNPROVEN_PER_ADDRESS).map(|_| places.enter(CROWD).unwrap()).collect();
        for place in &proven {
            place.busy();
            place.prove();
            place.idle();
        }
        let rest: Vec<_> = (0..UNPROVEN_PER_ADDRESS + 1).map(|_| places.enter(CROWD).unwrap()).collect();
        assert!(proven.iter().all(|place| !is_shed(place)) && is_shed(&rest[0]));
    }

    #[test]
    fn when_all_places_are_taken_the_longest_idle_one_goes_unless_all_are_busy() {
        let places = Places::new(3);
        let held = [CROWD, OTHER, OTHER].map(|address| places.enter(address).unwrap());
        held[0].busy();
        held[0].idle();
        let new = places.enter(OTHER).unwrap();
        assert!(!is_shed(&held[0]) && is_shed(&held[1]));
        for place in [&held[0], &held[2], &new] {
            place.busy();
        }
        assert!(places.enter(CROWD).is_none());
        drop(held);
        assert!(places.enter(CROWD).is_some());
    }

    #[test]
    fn one_ipv6_subscriber_is_one_client() {
        let check = |a: &str, b: &str| subscriber(a.parse().unwrap()) == subscriber(b.parse().unwrap());
        assert!(check("2001:db8::1", "2001:db8::2") && check("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!check("2001:db8:0:1::1", "2001:db8:0:2::1") && !check("::1", "::2"));
    }
}
