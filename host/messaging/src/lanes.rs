//! Owns the order of turns: one at a time in a session, many sessions at once. Shared by messages, HTTP and the command line,
//! so that a session has one writer whoever asks. Never knows what a turn does.
//!
//! A session's waiters are served in the order of `enter`. A session holds at most one of the global places, and these are
//! given out in order too: a flooded session cannot starve another.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Why a turn did not run to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// Too much waits in this session or in all together. Nothing was begun.
    #[error("too many turns are waiting (busy): try again in a moment")]
    Full,
    /// It was dropped at its deadline; the lane is free.
    #[error("the turn took longer than {} s and was stopped (timeout)", .0.as_secs())]
    Deadline(Duration),
    /// The gateway is shutting down.
    #[error("the gateway is shutting down (closed)")]
    Closed,
}

/// How much runs and waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LaneCounts {
    /// Sessions with a turn that runs or waits.
    pub sessions: usize,
    /// Turns that run or wait.
    pub turns: usize,
}

/// All lanes; cheap to clone.
#[derive(Clone)]
pub struct Lanes {
    shared: Arc<Shared>,
}

struct Shared {
    lanes: Mutex<State>,
    running: Arc<Semaphore>,
    depth: usize,
    total: usize,
}

#[derive(Default)]
struct State {
    /// A session is here while a ticket of it lives. The queue holds those that wait behind the first.
    waiting: HashMap<String, VecDeque<oneshot::Sender<Turnstile>>>,
    tickets: usize,
    closed: bool,
}

/// The right to be first in a session; passes to the next waiter when it is dropped.
struct Turnstile {
    shared: Arc<Shared>,
    session: String,
}

/// Counts one turn while it runs or waits.
struct Seat {
    shared: Arc<Shared>,
}

/// A place in a session's line, taken at once. Dropping it gives the place up.
pub struct Ticket {
    place: Place,
    seat: Seat,
}

enum Place {
    First(Turnstile),
    Behind(oneshot::Receiver<Turnstile>),
}

/// The session's lane while it is held; drop it to let the next in.
pub struct Lane {
    _turnstile: Turnstile,
    _running: OwnedSemaphorePermit,
    _seat: Seat,
}

impl Lanes {
    /// `depth` and `total` bound what runs or waits, in one session and in all; `running` bounds what runs at once.
    pub fn new(depth: usize, total: usize, running: usize) -> Self {
        let running = Arc::new(Semaphore::new(running.max(1)));
        Self { shared: Arc::new(Shared { lanes: Mutex::default(), running, depth: depth.max(1), total }) }
    }

    /// Takes the next place in the session's line.
    ///
    /// # Errors
    /// `Full` and `Closed`.
    pub fn enter(&self, session: &str) -> Result<Ticket, LaneError> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(LaneError::Closed);
        }
        if state.tickets >= self.shared.total {
            return Err(LaneError::Full);
        }
        let place = match state.waiting.get_mut(session) {
            Some(line) => {
                // Those that gave up take no room.
                line.retain(|waiter| !waiter.is_closed());
                if line.len() + 1 >= self.shared.depth {
                    return Err(LaneError::Full);
                }
                let (sender, receiver) = oneshot::channel();
                line.push_back(sender);
                Place::Behind(receiver)
            }
            None => {
                state.waiting.insert(session.to_owned(), VecDeque::new());
                Place::First(Turnstile { shared: Arc::clone(&self.shared), session: session.to_owned() })
            }
        };
        state.tickets += 1;
        Ok(Ticket { place, seat: Seat { shared: Arc::clone(&self.shared) } })
    }

    /// Waits for the session's lane and runs `work` in it. The deadline counts from the start of `work`; past it `work` is
    /// dropped.
    ///
    /// # Errors
    /// All of [`LaneError`].
    pub async fn run<T>(
        &self,
        session: &str,
        deadline: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, LaneError> {
        let _lane = self.enter(session)?.ready().await?;
        tokio::time::timeout(deadline, work).await.map_err(|_| LaneError::Deadline(deadline))
    }

    /// How much runs and waits.
    pub fn counts(&self) -> LaneCounts {
        let state = self.shared.lock();
        LaneCounts { sessions: state.waiting.len(), turns: state.tickets }
    }

    /// Lets nobody in any more: those that wait get `Closed`, those that run go on.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.waiting.values_mut().for_each(VecDeque::clear);
        self.shared.running.close();
    }
}

impl Ticket {
    /// Waits until the turn may begin.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn ready(self) -> Result<Lane, LaneError> {
        let turnstile = match self.place {
            Place::First(turnstile) => turnstile,
            Place::Behind(receiver) => receiver.await.map_err(|_| LaneError::Closed)?,
        };
        let places = Arc::clone(&turnstile.shared.running);
        let running = places.acquire_owned().await.map_err(|_| LaneError::Closed)?;
        Ok(Lane { _turnstile: turnstile, _running: running, _seat: self.seat })
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        let next = {
            let mut state = self.shared.lock();
            let next = state.waiting.get_mut(&self.session).and_then(VecDeque::pop_front);
            if next.is_none() {
                state.waiting.remove(&self.session);
            }
            next
        };
        if let Some(next) = next {
            let session = std::mem::take(&mut self.session);
            // A waiter that gave up hands it back, and dropping it here passes it on.
            drop(next.send(Self { shared: Arc::clone(&self.shared), session }));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.lock().tickets -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
