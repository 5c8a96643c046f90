//! Turns that nobody's message begins: a session reads at once what happened to it, instead of with its next message. Whether
//! that is wanted can be switched off (`set-heartbeats`). What waits is `openclaw-agents`'s to keep.
//!
//! As with the original when no heartbeats are due, only an event that names its session begins a turn; any other waits. The
//! answer stays in the session: it goes to no channel.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_agents::TurnRequest;
use openclaw_failpoints::failpoint;
use tracing::{info, warn};

use crate::process::Gateway;
use crate::turns;

/// Sessions that may wait for their turn; an event beyond it waits for the session's next message.
const MOST: usize = 64;
/// What the agent is asked; the events themselves stand in front of it.
const PROMPT: &str = "Something happened; it is told above. Do what it asks of you, if anything. If nothing needs attention, \
                      reply NO_REPLY.";

/// Who is to be woken.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    off: AtomicBool,
    /// Sessions whose turn is yet to begin: it reads whatever comes until then.
    waiting: Mutex<HashSet<String>>,
}

impl Wakes {
    /// Switches turns that events begin on or off.
    pub(crate) fn set(&self, on: bool) {
        self.off.store(!on, Ordering::Relaxed);
    }

    fn are_on(&self) -> bool {
        !self.off.load(Ordering::Relaxed)
    }

    /// Whether a turn is to be begun for the session.
    fn enter(&self, session: &str) -> bool {
        let mut waiting = self.lock();
        let new = self.are_on() && waiting.len() < MOST && !waiting.contains(session);
        if new {
            waiting.insert(session.to_owned());
        }
        new
    }

    fn leave(&self, session: &str) {
        self.lock().remove(session);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a turn in which the session reads what waits for it, as soon as it is free.
pub(crate) fn wake(gateway: &Arc<Gateway>, agent: String, session: String) {
    if gateway.wakes.enter(&session) {
        let waiting = Waiting { gateway: Arc::clone(gateway), session };
        tokio::spawn(take_turn(waiting, agent));
    }
}

/// A session for which a turn waits; not any more when it is dropped, whatever became of the turn.
struct Waiting {
    gateway: Arc<Gateway>,
    session: String,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.gateway.wakes.leave(&self.session);
    }
}

async fn take_turn(waiting: Waiting, agent: String) {
    let (gateway, session) = (Arc::clone(&waiting.gateway), waiting.session.clone());
    failpoint!("turns.wake");
    let lane = match gateway.messaging.lanes().enter(&session) {
        Ok(ticket) => ticket.ready().await,
        Err(error) => Err(error),
    };
    drop(waiting);
    let lane = match lane {
        Ok(lane) => lane,
        // Nothing is lost: its next message reads it.
        Err(error) => return warn!(subsystem = "agent", session, "an event begins no turn: {error}"),
    };
    // A turn in between has read it, or somebody wants no such turn by now.
    if !gateway.wakes.are_on() || gateway.system_events().waiting(&session).is_empty() {
        return;
    }
    let request = TurnRequest {
        agent_id: agent,
        session_key: session.clone(),
        message: PROMPT.to_owned(),
        plain: true,
        ..TurnRequest::default()
    };
    // A failure is in the log already, and the events wait again.
    if let Ok(turn) = turns::run_in(lane, &gateway, "wake", request).await {
        info!(subsystem = "agent", session, "turn completed run={} begun by an event", turn.run_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_turn_waits_for_a_session_and_not_too_many_for_all() {
        let wakes = Wakes::default();
        assert!(wakes.enter("a") && !wakes.enter("a"));
        wakes.leave("a");
        assert!(wakes.enter("a"));
        let more = (0..MOST).filter(|number| wakes.enter(&number.to_string())).count();
        assert_eq!(more, MOST - 1);
        wakes.leave("a");
        wakes.set(false);
        assert!(!wakes.enter("b"));
        wakes.set(true);
        assert!(wakes.enter("b"));
    }
}
