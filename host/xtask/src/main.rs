//! Build tasks: `cargo xtask build|run|test|failpoints|bench|fuzz|chaos|ci|protocol|advisories`.
//!
//! Owns the order in which guests, host and checks are built, and nothing else: what the program does at its start is
//! the program's business, and what is checked stands in the checks themselves. One profile (`release`) serves `build`,
//! `run`, `test`, `bench`, clippy and docs, so that the engine is compiled once.

mod cargo;
mod clients;
mod error;
mod guests;
mod peer_docs;
mod steps;
mod tasks;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <task> [arguments]

Tasks:
  build             Builds the guests and target/release/openclaw
  run [arguments]   Builds, sets up a local configuration if there is none, and starts the gateway;
                    the arguments go to `openclaw gateway`
  test [filter]     Builds what the tests need and runs all of them, or those whose name contains the filter
  test hostile [filter]
                    Builds and runs the hostile suite alone: a line for each case, and how many were contained
  failpoints        Builds target/failpoints/openclaw, in which a test can have a task panic, and then the program
  bench [arguments] Builds and measures; the arguments go to the bench program
  fuzz [arguments]  Feeds what strangers can send to everything that reads it, 30 seconds each, two at a time; the
                    arguments (a target, --seconds N, --seed N) go to the fuzz program
  chaos [arguments] Kills the gateway under load, a thousand times, and looks whether a message was lost, answered
                    twice or sent twice; the arguments (--kills N, --seed N, --json) go to the chaos program
  ci                Everything that CI checks
  protocol          Writes docs/protocol.md from the tables that the gateway enforces
  advisories        Checks the dependencies against the advisory database (needs the network)
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match task.as_str() {
        "build" => tasks::build(),
        "run" => tasks::run(&rest),
        "test" => tasks::test(&rest),
        "failpoints" => tasks::failpoints(),
        "bench" => tasks::bench(&rest),
        "fuzz" => tasks::fuzz(&rest),
        "chaos" => tasks::chaos(&rest),
        "ci" => tasks::ci(),
        "protocol" => tasks::protocol(),
        "advisories" => tasks::advisories(),
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("error: unknown task '{other}'\n\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
