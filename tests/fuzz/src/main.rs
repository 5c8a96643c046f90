//! `openclaw-fuzz [TARGET] [--seconds N] [--seed N]`: fuzzes one target or all of them, two at a time, 30 seconds each unless
//! told otherwise. Prints the seed; the same seed takes the same way. An input that is read wrongly is written into the
//! corpus, where the tests read it from then on, and ends the program with 1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a wrong flag ends the program")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use openclaw_fuzz::{TARGETS, Target, corpus, fuzz};

/// Targets at a time: as many as the smallest machine that runs this has cores. Each takes its time alone on one.
const AT_ONCE: usize = 2;

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
    let (next, faults) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    faults.fetch_add(usize::from(!run(target, seconds, seed)), Ordering::Relaxed);
                }
            });
        }
    });
    if faults.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Fuzzes one target, and returns whether all went well.
fn run(target: &Target, seconds: u64, seed: u64) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    let outcome = fuzz(target, &corpus().join(target.name), seed, |_| Instant::now() >= end);
    println!("{:10} seed {seed}: {} inputs took {} ways", target.name, outcome.inputs, outcome.ways);
    let Some(found) = outcome.found else { return true };
    println!("{:10} FAULT: {}\n           the input is {}", target.name, found.what, found.path.display());
    false
}
