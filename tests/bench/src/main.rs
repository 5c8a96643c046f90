//! Measures the figures of the design: one run, one table, each figure beside its bar.
//!
//! The gateway is the real binary in a process of its own; its CPU time and memory are what the kernel counted for it.
//! The vendors are fakes in this process. The bare proxy that the raw route is compared with runs in a process of its
//! own too, against the same fake, in the same run: what depends on the machine divides out.
//!
//! `openclaw-bench [FILTER] [--json]`; a filter runs the rows whose name contains it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that does not come about ends the program"
)]

mod crowd;
mod load;
mod plugins;
mod process;
mod proxy;
mod rows;
mod rpc;
mod steady;
mod table;

use table::Table;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let [command, upstream] = arguments.as_slice()
        && command == "proxy"
    {
        runtime.block_on(proxy::serve(upstream));
        return;
    }
    if let [command, port, token] = arguments.as_slice()
        && command == "crowd"
    {
        runtime.block_on(crowd::clients(port, token));
        return;
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let filter = arguments.iter().find(|argument| !argument.starts_with("--")).cloned().unwrap_or_default();
    let mut table = Table::new(filter, json);
    runtime.block_on(rows::all(&mut table));
    table.print();
}
