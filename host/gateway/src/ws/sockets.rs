//! How many control-plane sockets there may be, and which one goes when there are too many that have not proven
//! themselves: of the address that has the most, one that was refused already, else the oldest. A new client gets its
//! chance, however many silent sockets somebody at its address holds open. One that has just come is not counted against
//! its address: it may be about to say who it is, however many others come at the same moment.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openclaw_config::Env;
use openclaw_protocol::HANDSHAKE_TIMEOUT_MS;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Sessions, unless the process may open fewer files.
const SESSIONS: usize = 10_000;
/// Sockets of one address whose handshake is not complete.
const UNPROVEN_PER_ADDRESS: usize = 32;
/// Sockets of all addresses whose handshake is not complete.
const UNPROVEN: usize = 1024;
/// So long a socket has just come.
const JUST_COME: Duration = Duration::from_secs(1);
/// Sockets that are told at once that there is no room for them.
const FAREWELLS: usize = 64;
/// The longest time that may be set for a handshake.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(120);

/// The bounds on control-plane sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketLimits {
    /// Sessions at a time.
    pub(crate) sessions: usize,
    /// How long a client has for its handshake.
    pub(crate) handshake: Duration,
    /// Sockets of one address whose handshake is not complete.
    pub(crate) unproven_per_address: usize,
}

impl SocketLimits {
    /// From `OPENCLAW_HANDSHAKE_TIMEOUT_MS`, `OPENCLAW_MAX_PREAUTH_CONNECTIONS_PER_IP` and the number of files that may
    /// be open for sessions. A value that is no positive number counts as not set.
    pub(crate) fn new(environment: &BTreeMap<String, String>, files: usize) -> SocketLimits {
        let number = |name: &str| {
            let told = environment.non_blank(name)?;
            told.trim().parse::<u32>().ok().filter(|&number| number > 0)
        };
        let handshake = number("OPENCLAW_HANDSHAKE_TIMEOUT_MS").map_or(HANDSHAKE_TIMEOUT_MS, u64::from);
        let per_address = number("OPENCLAW_MAX_PREAUTH_CONNECTIONS_PER_IP").map(|number| number as usize);
        SocketLimits {
            sessions: files.clamp(1, SESSIONS),
            handshake: Duration::from_millis(handshake).min(LONGEST_HANDSHAKE),
            unproven_per_address: per_address.unwrap_or(UNPROVEN_PER_ADDRESS).min(UNPROVEN),
        }
    }
}

/// Counts control-plane sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    limits: SocketLimits,
    sessions: Arc<Semaphore>,
    farewells: Arc<Semaphore>,
    unproven: Arc<Mutex<Crowd>>,
}

/// What becomes of a new socket.
#[derive(Debug)]
pub(super) enum Place {
    /// It may try its handshake.
    Given(OwnedSemaphorePermit, Unproven),
    /// It is told that the server is busy.
    Busy(OwnedSemaphorePermit),
}

impl Sockets {
    pub(crate) fn new(limits: SocketLimits) -> Sockets {
        Sockets {
            limits,
            sessions: Arc::new(Semaphore::new(limits.sessions)),
            farewells: Arc::new(Semaphore::new(FAREWELLS)),
            unproven: Arc::default(),
        }
    }

    /// A place for a socket from `address`; `None` when not even the refusal has one.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Place> {
        if let Ok(permit) = Arc::clone(&self.sessions).try_acquire_owned() {
            let mut crowd = self.unproven.lock().unwrap_or_else(PoisonError::into_inner);
            let (number, evicted) = crowd.enter(address, self.limits.unproven_per_address);
            let unproven = Unproven { address, number, evicted, crowd: Arc::clone(&self.unproven) };
            return Some(Place::Given(permit, unproven));
        }
        Arc::clone(&self.farewells).try_acquire_owned().ok().map(Place::Busy)
    }

    /// How long a client has for its handshake.
    pub(super) fn patience(&self) -> Duration {
        self.limits.handshake
    }

    /// Resolves when no session is left.
    pub(crate) async fn drained(&self) {
        let all = u32::try_from(self.limits.sessions).unwrap_or(u32::MAX);
        // It fails only when the semaphore is closed, which nobody does.
        drop(self.sessions.acquire_many(all).await);
    }
}

/// When a socket has to go: those that were refused first, then by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Refused(u64),
    Undecided(u64),
}

/// The sockets whose handshake is not complete, by address and in the order in which they have to go.
#[derive(Debug, Default)]
struct Crowd {
    addresses: HashMap<IpAddr, BTreeMap<Turn, Waiting>>,
    total: usize,
    entered: u64,
}

/// A socket, as long as it may have to go.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    evicted: Arc<Notify>,
}

impl Crowd {
    fn enter(&mut self, address: IpAddr, per_address: usize) -> (u64, Arc<Notify>) {
        while self.is_crowded(address, per_address) {
            self.evict(address);
        }
        if self.total >= UNPROVEN {
            let most = self.addresses.iter().max_by_key(|(_, sockets)| sockets.len());
            if let Some(address) = most.map(|(address, _)| *address) {
                self.evict(address);
            }
        }
        self.entered += 1;
        self.total += 1;
        let evicted = Arc::new(Notify::new());
        let waiting = Waiting { since: Instant::now(), evicted: Arc::clone(&evicted) };
        self.addresses.entry(address).or_default().insert(Turn::Undecided(self.entered), waiting);
        (self.entered, evicted)
    }

    /// Whether an address has as many as it may, and one of them may go for that.
    fn is_crowded(&self, address: IpAddr, per_address: usize) -> bool {
        let Some(sockets) = self.addresses.get(&address).filter(|sockets| sockets.len() >= per_address)
        else {
            return false;
        };
        sockets.first_key_value().is_some_and(|(turn, waiting)| {
            matches!(turn, Turn::Refused(_)) || waiting.since.elapsed() >= JUST_COME
        })
    }

    fn evict(&mut self, address: IpAddr) {
        let first = self.addresses.get(&address).and_then(|sockets| sockets.first_key_value());
        if let Some((&turn, waiting)) = first {
            // One permit is kept for a socket that is not waiting at this moment.
            waiting.evicted.notify_one();
            self.leave(address, turn);
        }
    }

    fn leave(&mut self, address: IpAddr, turn: Turn) {
        let Some(sockets) = self.addresses.get_mut(&address) else { return };
        if sockets.remove(&turn).is_some() {
            self.total -= 1;
        }
        if sockets.is_empty() {
            self.addresses.remove(&address);
        }
    }

    /// Lets a socket go before all that were not refused.
    fn refuse(&mut self, address: IpAddr, number: u64) {
        let Some(sockets) = self.addresses.get_mut(&address) else { return };
        if let Some(waiting) = sockets.remove(&Turn::Undecided(number)) {
            sockets.insert(Turn::Refused(number), waiting);
        }
    }
}

/// One socket whose handshake is not complete. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Unproven {
    address: IpAddr,
    number: u64,
    evicted: Arc<Notify>,
    crowd: Arc<Mutex<Crowd>>,
}

impl Unproven {
    /// Resolves when the socket has to make room for another.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// The socket was refused and only waits for its answer: it is the first to make room.
    pub(super) fn refused(&self) {
        self.crowd().refuse(self.address, self.number);
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unproven {
    fn drop(&mut self) {
        let mut crowd = self.crowd();
        for turn in [Turn::Undecided(self.number), Turn::Refused(self.number)] {
            crowd.leave(self.address, turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn sockets(sessions: usize) -> Sockets {
        Sockets::new(SocketLimits::new(&BTreeMap::new(), sessions))
    }

    fn given(place: Option<Place>) -> (OwnedSemaphorePermit, Unproven) {
        match place {
            Some(Place::Given(permit, unproven)) => (permit, unproven),
            other => panic!("no place: {other:?}"),
        }
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_socket_takes_the_place_of_the_oldest_at_its_address() {
        let sockets = sockets(SESSIONS);
        let mut held: Vec<_> = (0..UNPROVEN_PER_ADDRESS).map(|_| given(sockets.admit(address(1)))).collect();
        let other = given(sockets.admit(address(2)));
        tokio::time::advance(JUST_COME).await;
        // One that completes its handshake makes room.
        drop(held.remove(3));
        let tenth = given(sockets.admit(address(1)));
        assert!(held.iter().all(|(_, unproven)| unproven.evicted().now_or_never().is_none()));
        let newest = given(sockets.admit(address(1)));
        let gone: Vec<bool> =
            held.iter().map(|(_, unproven)| unproven.evicted().now_or_never().is_some()).collect();
        assert_eq!(gone.iter().position(|&gone| gone), Some(0));
        assert_eq!(gone.iter().filter(|&&gone| gone).count(), 1);
        for (_, unproven) in [other, tenth, newest] {
            assert!(unproven.evicted().now_or_never().is_none());
        }
    }

    #[test]
    fn who_was_refused_makes_room_before_who_was_not() {
        let sockets = sockets(SESSIONS);
        let held: Vec<_> = (0..UNPROVEN_PER_ADDRESS).map(|_| given(sockets.admit(address(1)))).collect();
        held[7].1.refused();
        let newest = given(sockets.admit(address(1)));
        let gone: Vec<bool> =
            held.iter().map(|(_, unproven)| unproven.evicted().now_or_never().is_some()).collect();
        assert_eq!(gone.iter().position(|&gone| gone), Some(7));
        assert_eq!(gone.iter().filter(|&&gone| gone).count(), 1);
        drop((held, newest));
        assert_eq!(sockets.unproven.lock().unwrap().total, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_crowds_nobody_out_and_shrinks_when_it_has_aged() {
        let sockets = sockets(SESSIONS);
        let burst: Vec<_> = (0..3 * UNPROVEN_PER_ADDRESS).map(|_| given(sockets.admit(address(1)))).collect();
        assert!(burst.iter().all(|(_, unproven)| unproven.evicted().now_or_never().is_none()));
        tokio::time::advance(JUST_COME).await;
        let newest = given(sockets.admit(address(1)));
        let gone = burst.iter().filter(|(_, unproven)| unproven.evicted().now_or_never().is_some());
        assert_eq!(gone.count(), 2 * UNPROVEN_PER_ADDRESS + 1);
        assert!(newest.1.evicted().now_or_never().is_none());
    }

    #[test]
    fn many_addresses_cannot_crowd_out_one() {
        let sockets = sockets(SESSIONS);
        let attack: Vec<_> = (0..UNPROVEN)
            .map(|number| given(sockets.admit(address(u8::try_from(number % 40 + 10).unwrap()))))
            .collect();
        let honest = given(sockets.admit(address(1)));
        let gone = attack.iter().filter(|(_, unproven)| unproven.evicted().now_or_never().is_some());
        assert_eq!(gone.count(), 1);
        assert!(honest.1.evicted().now_or_never().is_none());
        drop((attack, honest));
        assert_eq!(sockets.unproven.lock().unwrap().total, 0);
    }

    #[tokio::test]
    async fn without_a_place_there_is_a_farewell_and_then_nothing() {
        let sockets = sockets(1);
        let session = given(sockets.admit(address(1)));
        let told: Vec<_> = (0..FAREWELLS).map(|_| sockets.admit(address(1)).unwrap()).collect();
        assert!(told.iter().all(|place| matches!(place, Place::Busy(_))));
        assert!(sockets.admit(address(1)).is_none());
        assert!(sockets.drained().now_or_never().is_none());
        drop(session);
        sockets.drained().await;
    }

    #[test]
    fn limits_come_from_the_environment() {
        let check = |variables: &[(&str, &str)], files, handshake, per_address, sessions| {
            let environment =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let expected = SocketLimits {
                sessions,
                handshake: Duration::from_millis(handshake),
                unproven_per_address: per_address,
            };
            assert_eq!(SocketLimits::new(&environment, files), expected, "{variables:?}");
        };
        check(&[], usize::MAX, 10_000, 32, 10_000);
        check(&[], 700, 10_000, 32, 700);
        let both = ["OPENCLAW_HANDSHAKE_TIMEOUT_MS", "OPENCLAW_MAX_PREAUTH_CONNECTIONS_PER_IP"];
        check(&[(both[0], "3000"), (both[1], " 8 ")], 700, 3000, 8, 700);
        check(&[(both[0], "0"), (both[1], "many")], 700, 10_000, 32, 700);
        check(&[(both[0], "4000000000"), (both[1], "4000000000")], 700, 120_000, 1024, 700);
    }
}
