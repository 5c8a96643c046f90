//! What became of the cases: a line for each, and the number of those that were contained.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::neighbour::Unwell;

/// What a case has to show at its end.
pub(crate) struct Contained {
    /// In a few words: what contained it.
    pub(crate) by: String,
    /// From the deed to the moment at which that was shown.
    pub(crate) took: Duration,
}

/// The result of one case: how it was contained, or what went wrong.
pub(crate) type Verdict = Result<Contained, String>;

/// More than the deadline of a case, so that what shows it has time.
pub(crate) const SLACK: Duration = Duration::from_millis(100);

pub(crate) struct Report {
    filter: String,
    began: Instant,
    contained: usize,
    failed: Vec<String>,
}

impl Report {
    pub(crate) fn new(filter: &str) -> Self {
        // The suite's own name asks for all of it.
        let filter = if filter == "hostile" { "" } else { filter };
        Self { filter: filter.to_owned(), began: Instant::now(), contained: 0, failed: Vec::new() }
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }

    /// Whether all cases are played.
    pub(crate) fn is_whole(&self) -> bool {
        self.filter.is_empty()
    }

    /// Prints the line of a case. `neighbour` is how the healthy account did meanwhile.
    pub(crate) fn case(
        &mut self,
        name: &str,
        deadline: Duration,
        verdict: Verdict,
        neighbour: Result<String, Unwell>,
    ) {
        let verdict = verdict.and_then(|contained| match contained.took > deadline + SLACK {
            true => Err(format!("{} only after {:?}, not within {deadline:?}", contained.by, contained.took)),
            false => Ok(contained),
        });
        match (verdict, neighbour) {
            (Ok(Contained { by, took }), Ok(beside)) => {
                self.contained += 1;
                println!("contained  {name:34} {:>8.1} ms  {by}  [{beside}]", took.as_secs_f64() * 1e3);
            }
            (Err(why), beside) => self.fail(name, &format!("{why}  [{beside:?}]")),
            (_, Err(Unwell::Slow(why) | Unwell::Wrong(why))) => {
                self.fail(name, &format!("its neighbour: {why}"))
            }
        }
    }

    /// What must hold besides, and is no case.
    pub(crate) fn also(&mut self, name: &str, holds: Result<String, String>) {
        match holds {
            Ok(words) => println!("{name}: {words}"),
            Err(why) => self.fail(name, &why),
        }
    }

    fn fail(&mut self, name: &str, why: &str) {
        println!("NOT CONTAINED  {name}: {why}");
        self.failed.push(name.to_owned());
    }

    pub(crate) fn end(self) -> ExitCode {
        let all = self.contained + self.failed.len();
        for name in &self.failed {
            println!("not contained: {name}");
        }
        println!("{}/{all} contained in {:.1} s", self.contained, self.began.elapsed().as_secs_f64());
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
