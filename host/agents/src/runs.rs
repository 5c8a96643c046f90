//! Owns the turns that run now, so that they can be listed and stopped. Never runs one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A turn that runs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveRun {
    /// The run.
    pub run_id: String,
    /// Its session.
    pub session_key: String,
    /// When it began, in Unix milliseconds.
    pub started_at: i64,
}

/// Which turns to stop.
#[derive(Clone, Copy, Debug)]
pub enum Stop<'a> {
    /// This run.
    Run(&'a str),
    /// All of this session.
    Session(&'a str),
}

/// By run: what it is, and how it is told to stop.
type Active = HashMap<String, (ActiveRun, Arc<Notify>)>;

#[derive(Clone, Default)]
pub(crate) struct Runs {
    active: Arc<Mutex<Active>>,
}

/// A registered run; leaves the list when it is dropped.
pub(crate) struct Registered {
    runs: Runs,
    run_id: String,
    stopped: Arc<Notify>,
}

impl Runs {
    pub(crate) fn register(&self, run: ActiveRun) -> Registered {
        let (run_id, stopped) = (run.run_id.clone(), Arc::new(Notify::new()));
        self.lock().insert(run_id.clone(), (run, Arc::clone(&stopped)));
        Registered { runs: self.clone(), run_id, stopped }
    }

    /// Stops turns and returns their runs.
    pub(crate) fn stop(&self, which: Stop<'_>) -> Vec<String> {
        let active = self.lock();
        let fits = |run: &ActiveRun| match which {
            Stop::Run(run_id) => run.run_id == run_id,
            Stop::Session(key) => run.session_key == key,
        };
        let hit = active.values().filter(|(run, _)| fits(run));
        hit.map(|(run, stopped)| {
            // Keeps the permit when the run does not wait yet.
            stopped.notify_one();
            run.run_id.clone()
        })
        .collect()
    }

    pub(crate) fn list(&self) -> Vec<ActiveRun> {
        let mut all: Vec<_> = self.lock().values().map(|(run, _)| run.clone()).collect();
        all.sort_by(|one, other| (one.started_at, &one.run_id).cmp(&(other.started_at, &other.run_id)));
        all
    }

    fn lock(&self) -> MutexGuard<'_, Active> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registered {
    /// Returns when somebody stops the run.
    pub(crate) async fn stopped(&self) {
        self.stopped.notified().await;
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.runs.lock().remove(&self.run_id);
    }
}
