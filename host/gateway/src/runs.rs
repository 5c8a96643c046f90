//! Agent runs that the control plane asked for, by their idempotency key: a repetition gets the first one's answer, and
//! `agent.wait` finds it. Bounded in number and in time; runs nothing itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openclaw_protocol::agent::AgentFinal;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long the answer of a run is kept (openclaw-compat §3.8).
const TTL: Duration = Duration::from_secs(300);
/// Runs that are remembered; beyond it the one that ended first is forgotten.
const CAPACITY: usize = 1000;

/// What is known of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) session_key: String,
    pub(crate) agent_id: String,
    /// Unix milliseconds.
    pub(crate) accepted_at: u64,
    ended: watch::Sender<Option<Ended>>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) answer: Arc<AgentFinal>,
    /// Unix milliseconds.
    pub(crate) at: u64,
    when: Instant,
}

/// Whether a key is new.
#[derive(Debug)]
pub(crate) enum Entry {
    /// The caller runs it and must call `end`.
    New(Arc<Run>),
    /// Somebody runs it, or has.
    Known(Arc<Run>),
    /// All places are taken by runs that have not ended.
    Full,
}

/// All remembered runs.
#[derive(Debug, Default)]
pub(crate) struct Runs(Mutex<HashMap<String, Arc<Run>>>);

impl Runs {
    /// Finds a run or makes a place for it.
    pub(crate) fn enter(&self, run_id: &str, session_key: &str, agent_id: &str, now_ms: u64) -> Entry {
        let mut runs = self.lock();
        let now = Instant::now();
        runs.retain(|_, run| run.ended.borrow().as_ref().is_none_or(|ended| now - ended.when < TTL));
        if let Some(run) = runs.get(run_id) {
            return Entry::Known(Arc::clone(run));
        }
        if runs.len() >= CAPACITY {
            let ended = runs.iter().filter_map(|(id, run)| Some((id, run.ended.borrow().as_ref()?.when)));
            let Some((first, _)) = ended.min_by_key(|(_, when)| *when) else { return Entry::Full };
            let first = first.clone();
            runs.remove(&first);
        }
        let run = Arc::new(Run {
            session_key: session_key.to_owned(),
            agent_id: agent_id.to_owned(),
            accepted_at: now_ms,
            ended: watch::Sender::new(None),
        });
        runs.insert(run_id.to_owned(), Arc::clone(&run));
        Entry::New(run)
    }

    /// A run that is remembered.
    pub(crate) fn get(&self, run_id: &str) -> Option<Arc<Run>> {
        self.lock().get(run_id).cloned()
    }

    /// How many have not ended.
    pub(crate) fn active(&self) -> u64 {
        self.lock().values().filter(|run| !run.has_ended()).count() as u64
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Run>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Tells everybody how it ended.
    pub(crate) fn end(&self, answer: AgentFinal, now_ms: u64) -> Arc<AgentFinal> {
        let answer = Arc::new(answer);
        self.ended.send_replace(Some(Ended {
            answer: Arc::clone(&answer),
            at: now_ms,
            when: Instant::now(),
        }));
        answer
    }

    /// Whether the answer is known.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> Option<Ended> {
        let mut ended = self.ended.subscribe();
        let found = ended.wait_for(Option::is_some).await;
        found.ok().and_then(|ended| ended.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::agent::RunStatus;

    fn answer(id: &str) -> AgentFinal {
        AgentFinal { run_id: id.into(), status: RunStatus::Ok, summary: "completed".into(), result: None }
    }

    fn is_new(runs: &Runs, id: &str) -> bool {
        matches!(runs.enter(id, "s", "main", 1), Entry::New(_))
    }

    #[tokio::test(start_paused = true)]
    async fn a_repetition_gets_the_first_answer_until_it_is_forgotten() {
        let runs = Runs::default();
        let Entry::New(run) = runs.enter("r", "s", "main", 1) else { panic!("known") };
        let Entry::Known(same) = runs.enter("r", "other", "main", 2) else { panic!("new") };
        let waiting = tokio::spawn(async move { same.ended().await });
        run.end(answer("r"), 5);
        assert_eq!(waiting.await.unwrap().unwrap().answer.run_id, "r");
        tokio::time::advance(TTL - Duration::from_secs(1)).await;
        assert!(!is_new(&runs, "r"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(is_new(&runs, "r"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded_and_never_forgets_what_still_runs() {
        let runs = Runs::default();
        for number in 0..CAPACITY {
            assert!(is_new(&runs, &number.to_string()));
        }
        assert!(matches!(runs.enter("more", "s", "main", 1), Entry::Full));
        runs.get("7").unwrap().end(answer("7"), 5);
        assert!(is_new(&runs, "more"));
        assert!(runs.get("7").is_none() && runs.get("8").is_some());
    }
}
