//! The hostile suite: components that mean harm, each beside a healthy account, each contained by its deadline and with a
//! reason that a person is shown.
//!
//! Most cases are rows of [`cases`] and run in the real gateway ([`gateway`]): the component is given to it, the healthy
//! account answers all the while, and `channels.status` or `plugins.list` must say within the deadline what became of the
//! other one. What concerns one capability, one limit or a provider shim runs on the runtime itself ([`bench`]), with a
//! healthy instance beside it. The bars of T1 to T4 and of T71 are cases as well, and T73 is `kv-of-another`: the healthy account keeps what
//! it looks for. T5 stands in `tests/e2e/tests/supervision.rs` and `host/supervisor/tests/life.rs`, where T7 stands too
//! (and in the unit tests of the runtime's driver), T70 and T74 in `tests/e2e/tests/plugins.rs`, T72 in `host/egress` besides the cases
//! `egress-*`.
//!
//! It prints a line for each case, and ends with `N/N contained`. A case that did not run is not contained.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod bars;
mod bench;
mod cases;
mod compile;
mod components;
mod document;
mod gateway;
mod neighbour;
mod report;
mod storm;
mod sweep;
mod vendor;

use std::process::ExitCode;

fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut report = report::Report::new(&filter);
        document::run(&mut report);
        bench::run(&mut report).await;
        gateway::run(&mut report).await;
        storm::run(&mut report).await;
        report.end()
    })
}
