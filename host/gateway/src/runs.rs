//! What is known of a turn beside what it does; and the turns that the control plane asked for, by their run ids, which are
//! the callers' idempotency keys: a repetition gets the first one's answer, `agent.wait` finds it, and an abort reaches it
//! wherever it is. Runs nothing itself.

use std::sync::{Arc, Mutex, PoisonError};

use openclaw_agents::TurnRequest;
use openclaw_protocol::agent::AgentFinal;
use tokio::sync::watch;
use uuid::Uuid;

use crate::once::{Claim, Once, Slot};

/// A run that is remembered.
pub(crate) type Run = Slot<About, Ended>;

/// What is known of a run from its beginning.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) run_id: String,
    /// The method that asked for it, or who else did.
    pub(crate) method: &'static str,
    /// Whose request it was ([`crate::ws::Client::owner`]).
    pub(crate) client: String,
    pub(crate) session_key: String,
    pub(crate) agent_id: String,
    /// Unix milliseconds.
    pub(crate) accepted_at: u64,
    stop: watch::Sender<Option<&'static str>>,
    written: Mutex<String>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) answer: Arc<AgentFinal>,
    /// Unix milliseconds.
    pub(crate) at: u64,
}

impl PartialEq for About {
    /// Whether a repetition means the same.
    fn eq(&self, other: &Self) -> bool {
        self.method == other.method
            && self.client == other.client
            && self.session_key == other.session_key
            && self.agent_id == other.agent_id
    }
}

impl About {
    pub(crate) fn new(
        run_id: &str,
        method: &'static str,
        client: &str,
        session_key: &str,
        agent_id: &str,
    ) -> Self {
        Self {
            run_id: run_id.to_owned(),
            method,
            client: client.to_owned(),
            session_key: session_key.to_owned(),
            agent_id: agent_id.to_owned(),
            accepted_at: crate::clock::now_ms(),
            stop: watch::Sender::new(None),
            written: Mutex::default(),
        }
    }

    /// A turn that nobody asks about by its id.
    pub(crate) fn of(method: &'static str, request: &TurnRequest) -> Self {
        let run_id = request.run_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        Self::new(&run_id, method, "", &request.session_key, &request.agent_id)
    }

    /// The same turn, for those who outlive it.
    pub(crate) fn again(&self) -> Self {
        Self::new(&self.run_id, self.method, &self.client, &self.session_key, &self.agent_id)
    }

    /// Ends the run, for a reason that its events tell.
    pub(crate) fn stop(&self, reason: &'static str) {
        self.stop.send_replace(Some(reason));
    }

    /// Returns the reason when somebody ends the run.
    pub(crate) async fn stopped(&self) -> &'static str {
        let mut stop = self.stop.subscribe();
        let reason = stop.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
        match reason {
            Some(reason) => reason,
            // The sender lives as long as this run: there is nothing to wait for.
            None => std::future::pending().await,
        }
    }

    /// Keeps what the model has written so far.
    pub(crate) fn write(&self, text: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone_into(&mut written);
    }

    /// What the model has written so far.
    pub(crate) fn written(&self) -> String {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// All remembered runs.
#[derive(Debug, Default)]
pub(crate) struct Runs(Once<About, Ended>);

impl Runs {
    /// Finds a run or makes a place for it.
    pub(crate) fn enter(&self, about: About) -> Claim<About, Ended> {
        let run_id = about.run_id.clone();
        self.0.enter(&run_id, about)
    }

    /// A run that is remembered.
    pub(crate) fn get(&self, run_id: &str) -> Option<Arc<Run>> {
        self.0.get(run_id)
    }

    /// The runs that have not ended, the oldest first.
    pub(crate) fn live(&self) -> Vec<Arc<Run>> {
        let mut live: Vec<_> = self.0.unanswered().into_iter().map(|(_, run)| run).collect();
        live.sort_by(|one, other| {
            let when = |run: &Run| (run.about.accepted_at, run.about.run_id.clone());
            when(one).cmp(&when(other))
        });
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::agent::RunStatus;

    fn about(run_id: &str, session: &str, client: &str) -> About {
        About::new(run_id, "agent", client, session, "main")
    }

    #[tokio::test]
    async fn a_run_id_means_one_turn_of_one_client() {
        let runs = Runs::default();
        let Claim::First(run) = runs.enter(about("r", "s", "cli")) else { panic!("known") };
        assert!(matches!(runs.enter(about("r", "s", "cli")), Claim::Again(_)));
        assert!(matches!(runs.enter(about("r", "other", "cli")), Claim::Other));
        assert!(matches!(runs.enter(about("r", "s", "another")), Claim::Other));
        assert_eq!(runs.live().len(), 1);
        run.about.write("hel");
        run.about.stop("rpc");
        assert_eq!((run.about.stopped().await, run.about.written().as_str()), ("rpc", "hel"));
        let answer = AgentFinal {
            run_id: "r".into(),
            status: RunStatus::Ok,
            summary: "completed".into(),
            result: None,
        };
        run.end(Ended { answer: Arc::new(answer), at: 5 });
        assert_eq!(runs.live().len(), 0);
        assert_eq!(runs.get("r").unwrap().answer().await.unwrap().at, 5);
    }
}
