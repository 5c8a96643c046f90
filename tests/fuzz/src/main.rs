//! `openclaw-fuzz [TARGET] [--seconds N] [--seed N]`: fuzzes one target or each in turn, 30 seconds each unless told
//! otherwise. Prints the seed; the same seed takes the same way. An input that is read wrongly is written into the corpus,
//! where the tests read it from then on, and ends the program with 1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a wrong flag ends the program")]

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use openclaw_fuzz::{TARGETS, corpus, fuzz};

fn main() -> ExitCode {
    let mut only = None;
    let mut seconds = 30;
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number =
            || arguments.next().and_then(|text| text.parse().ok()).expect("a number must follow");
        match argument.as_str() {
            "--seconds" => seconds = number(),
            "--seed" => seed = number(),
            _ => only = Some(argument),
        }
    }
    let targets: Vec<_> =
        TARGETS.iter().filter(|target| only.as_deref().is_none_or(|name| name == target.name)).collect();
    if targets.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("there is no such target; there are: {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    // A panic is reported once, with the input that caused it.
    std::panic::set_hook(Box::new(|_| {}));
    let mut faults = 0;
    for target in targets {
        let end = Instant::now() + Duration::from_secs(seconds);
        let outcome = fuzz(target, &corpus().join(target.name), seed, |_| Instant::now() >= end);
        println!("{:10} seed {seed}: {} inputs took {} ways", target.name, outcome.inputs, outcome.ways);
        if let Some(found) = outcome.found {
            println!(
                "{:10} FAULT: {}\n           the input is {}",
                target.name,
                found.what,
                found.path.display()
            );
            faults += 1;
        }
    }
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
