//! The healthy account: it is given messages at a steady rate, each has to come back once, and quickly.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// What its slowest answers but one in a hundred may take.
pub(crate) const P99: Duration = Duration::from_millis(50);

/// What is wrong with it.
#[derive(Debug)]
pub(crate) enum Unwell {
    /// Its answers took too long.
    Slow(String),
    /// A message was lost, or came twice.
    Wrong(String),
}

/// How it did since it was last asked.
#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    wrong: Vec<String>,
}

pub(crate) struct Neighbour {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Neighbour {
    /// Asks `ask` with the numbers from 1, each `pause` after the last answer. The answer says how many it has heard: one
    /// that is lost or comes twice shifts all that follow.
    pub(crate) fn start<F, A>(pause: Duration, mut ask: F) -> Self
    where
        F: FnMut(u64) -> A + Send + 'static,
        A: Future<Output = Result<u64, String>> + Send,
    {
        let seen = Arc::<Mutex<Seen>>::default();
        let told = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            for number in 1.. {
                let began = Instant::now();
                let answer = ask(number).await;
                let took = began.elapsed();
                {
                    let mut told = told.lock().unwrap();
                    told.times.push(took);
                    match answer {
                        Ok(heard) if heard == number => {}
                        Ok(heard) => told.wrong.push(format!("it heard {heard} of {number}")),
                        Err(why) => told.wrong.push(format!("{number} was lost: {why}")),
                    }
                }
                tokio::time::sleep(pause).await;
            }
        });
        Self { seen, task }
    }

    /// How it did since the last time: its words, or what was wrong.
    pub(crate) async fn verdict(&self) -> Result<String, Unwell> {
        // At least one whole exchange belongs to each case.
        let had = self.seen.lock().unwrap().times.len();
        let waited = Instant::now();
        while self.seen.lock().unwrap().times.len() < had + 2 {
            if waited.elapsed() > Duration::from_secs(10) {
                return Err(Unwell::Wrong("it answers no more".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let Seen { times, wrong } = std::mem::take(&mut *self.seen.lock().unwrap());
        let slow = p99(times.clone());
        if let Some(first) = wrong.first() {
            return Err(Unwell::Wrong(format!("{first} (and {} more)", wrong.len() - 1)));
        }
        let words = format!("{} answers, p99 {:.1} ms", times.len(), slow.as_secs_f64() * 1e3);
        if slow > P99 { Err(Unwell::Slow(words)) } else { Ok(words) }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The value below which 99 of 100 lie; the greatest of fewer.
pub(crate) fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let place = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}
