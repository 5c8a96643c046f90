//! Proves by killing that no message is lost, answered twice or sent twice.
//!
//! The real binary (with failpoints) runs under a steady load against fakes of the vendors, which live here and outlive it. It
//! is killed again and again, at chosen places of a message's way and at random moments, and started again at once. When
//! everything has come to rest, what the people saw is held against the database that was left.
//!
//! `openclaw-chaos [--kills N] [--seed S] [--rate N] [--json]`: the seed is printed first, and the same seed draws the same
//! kills. Ends with 1 when anything does not hold.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a run that does not come about ends the program"
)]

mod clients;
mod ledger;
mod load;
mod oracle;
mod points;
mod run;
mod table;
mod vendors;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use run::Asked;

const USAGE: &str = "\
Usage: openclaw-chaos [--kills N] [--seed S] [--rate N] [--json]

Kills the gateway under load and looks whether a message was lost, answered twice or sent twice.

  --kills N  how often (1000)
  --seed S   where and when follows from it (the time)
  --rate N   messages a second (200)
  --json     prints the result as JSON

Example: cargo xtask chaos --kills 60 --seed 7
";

fn main() -> ExitCode {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut asked, mut json) = (Asked { kills: 1_000, seed: now, rate: 200 }, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok());
        let understood = match argument.as_str() {
            "--json" => {
                json = true;
                true
            }
            "--kills" => {
                number().map(|kills| asked.kills = usize::try_from(kills).unwrap_or(usize::MAX)).is_some()
            }
            "--seed" => number().map(|seed| asked.seed = seed).is_some(),
            "--rate" => number().filter(|rate| *rate > 0).map(|rate| asked.rate = rate).is_some(),
            "--help" | "-h" => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => false,
        };
        if !understood {
            eprint!("error: '{argument}' is not understood, or a number must follow it\n\n{USAGE}");
            return ExitCode::from(2);
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if json {
        eprintln!("{}", table::title(&asked));
    } else {
        println!("{}", table::title(&asked));
    }
    let found = runtime.block_on(run::run(asked));
    if json {
        println!("{}", serde_json::to_string_pretty(&table::json(&asked, &found)).unwrap());
    } else {
        println!("\n{}", table::text(&found));
    }
    if found.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
