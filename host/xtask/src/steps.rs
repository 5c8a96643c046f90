//! Runs steps one after the other and shows how long each took, also when one fails.

use std::time::{Duration, Instant};

use crate::error::Error;

/// The steps of one task.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration, bool)>,
}

impl Steps {
    /// Runs one step under a heading.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        self.done.push((name.to_owned(), start.elapsed(), result.is_ok()));
        result
    }
}

/// Prints the table when the task is over, whichever way it ended.
impl Drop for Steps {
    fn drop(&mut self) {
        let width = self.done.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default().max(5);
        let total: Duration = self.done.iter().map(|(_, time, _)| *time).sum();
        println!();
        for (name, time, ok) in &self.done {
            println!("{name:width$}  {:>8}  {}", shown(*time), if *ok { "ok" } else { "FAILED" });
        }
        println!("{:width$}  {:>8}", "total", shown(total));
    }
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{}m {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}
