//! What a run found, for people and for programs.

use serde_json::{Value, json};

use crate::points::{POINTS, SIGNAL};
use crate::run::{Asked, Found, Killed};

/// The sums of the kills at one place.
#[derive(Default)]
struct Row {
    name: &'static str,
    kills: u64,
    missed: u64,
    waiting: u64,
    in_flight: u64,
    redelivered: u64,
    flagged: u64,
}

impl Row {
    fn add(&mut self, killed: &Killed) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.kills += 1;
        self.missed += u64::from(!killed.passed);
        self.waiting += killed.waiting;
        self.in_flight += count(killed.in_flight.len());
        self.redelivered += killed.redelivered;
        self.flagged += killed.flagged;
    }

    fn line(&self) -> String {
        format!(
            "{:<26} {:>5} {:>6} {:>10} {:>9} {:>11} {:>7}",
            self.name, self.kills, self.missed, self.waiting, self.in_flight, self.redelivered, self.flagged
        )
    }

    fn json(&self) -> Value {
        json!({
            "point": self.name, "kills": self.kills, "missed": self.missed, "waiting": self.waiting,
            "inFlight": self.in_flight, "redelivered": self.redelivered, "flagged": self.flagged,
        })
    }
}

/// A row for each point that was tried, and the sums.
fn rows(found: &Found) -> (Vec<Row>, Row) {
    let names = POINTS.iter().map(|(name, _)| *name).chain([SIGNAL]);
    let mut rows: Vec<Row> = names.map(|name| Row { name, ..Row::default() }).collect();
    let mut all = Row { name: "total", ..Row::default() };
    for killed in &found.killed {
        if let Some(row) = rows.iter_mut().find(|row| row.name == killed.kill.name()) {
            row.add(killed);
        }
        all.add(killed);
    }
    rows.retain(|row| row.kills > 0);
    (rows, all)
}

fn per_second(found: &Found) -> f64 {
    found.verdict.said as f64 / found.under_load.as_secs_f64().max(0.001)
}

/// The first lines of a run: what it is, and how to have it again.
pub(crate) fn title(asked: &Asked) -> String {
    let Asked { seed, kills, rate } = asked;
    format!(
        "seed {seed}: {kills} kills under {rate} messages a second\n\
         again: cargo xtask chaos --kills {kills} --seed {seed} --rate {rate}"
    )
}

/// The table and the verdict, at most 80 columns wide.
pub(crate) fn text(found: &Found) -> String {
    let (rows, all) = rows(found);
    let mut lines = vec![format!(
        "{:<26} {:>5} {:>6} {:>10} {:>9} {:>11} {:>7}",
        "killed at", "kills", "missed", "waiting", "in flight", "redelivered", "flagged"
    )];
    lines.extend(rows.iter().map(Row::line));
    lines.push(all.line());
    let verdict = &found.verdict;
    lines.push(String::new());
    lines.push(format!(
        "{} messages in {:.0} s, {:.0} a second; people waited {:.0} s of it",
        verdict.said,
        found.under_load.as_secs_f64(),
        per_second(found),
        found.waited.as_secs_f64()
    ));
    for (what, count) in [
        ("sent under a key", verdict.keyed),
        ("  asked for", found.attempts),
        ("seen", verdict.answered),
        ("  further blocks", verdict.blocks),
        ("lost", verdict.lost),
        ("answered twice", verdict.answered_twice),
        ("sent twice", verdict.sent_twice),
        ("flagged", verdict.flagged),
        ("  of these seen", verdict.flagged_and_seen),
        ("  without a kill", verdict.flagged_without_a_kill),
        ("in flight at a kill", all.in_flight),
    ] {
        lines.push(format!("{what:<22} {count:>8}"));
    }
    lines.extend(verdict.examples.iter().chain(&found.trouble).map(|line| format!("! {line}")));
    lines.extend(found.kept.iter().map(|kept| format!("the installation is kept in {}", kept.display())));
    lines.push(if found.holds() { "holds" } else { "DOES NOT HOLD" }.to_owned());
    lines.join("\n")
}

/// The same for programs.
pub(crate) fn json(asked: &Asked, found: &Found) -> Value {
    let (rows, all) = rows(found);
    let verdict = &found.verdict;
    json!({
        "seed": asked.seed,
        "rate": asked.rate,
        "messages": verdict.said,
        "seconds": found.under_load.as_secs_f64(),
        "perSecond": per_second(found),
        "waitedSeconds": found.waited.as_secs_f64(),
        "points": rows.iter().map(Row::json).collect::<Vec<_>>(),
        "total": all.json(),
        "keyed": verdict.keyed,
        "keyedAttempts": found.attempts,
        "seen": verdict.answered,
        "furtherBlocks": verdict.blocks,
        "lost": verdict.lost,
        "answeredTwice": verdict.answered_twice,
        "sentTwice": verdict.sent_twice,
        "flagged": verdict.flagged,
        "flaggedAndSeen": verdict.flagged_and_seen,
        "flaggedWithoutAKill": verdict.flagged_without_a_kill,
        "examples": verdict.examples,
        "trouble": found.trouble,
        "kept": found.kept,
        "holds": found.holds(),
    })
}

impl Found {
    /// Whether the run found what is promised.
    pub(crate) fn holds(&self) -> bool {
        self.verdict.holds() && self.trouble.is_empty()
    }
}
