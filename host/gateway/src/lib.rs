//! The gateway process: listeners, HTTP, the WebSocket control plane, start-up, shutdown, and the wiring of the other
//! crates. It owns no policy of its own: who may do what is `access`, what a message may do is `messaging`, what a
//! model is asked is `models`.
//!
//! Invariants, each with a test here or in the end-to-end tests:
//! - a refused start has touched nothing on disk but the state directory and its lock;
//! - a broken component or section disables its owner and nobody else;
//! - a client that goes away ends the model's request that it asked for, but not an agent's run;
//! - everything that waits for a peer is bounded in time, and everything that is kept for one is bounded in size.

mod accounts;
mod clock;
mod demo;
mod devices;
mod error;
mod http;
mod infer;
mod live;
mod logging;
mod options;
mod process;
mod reload;
mod rpc;
mod runs;
mod settings;
mod start;
mod turns;
mod wiring;
mod ws;

use openclaw_config::{Paths, PluginSchemas};
use openclaw_protocol::plugins::PluginEntry;

pub use error::StartError;
pub use infer::{InferAnswer, InferError, InferRequest, infer_local};
pub use options::GatewayOptions;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the gateway until SIGINT or SIGTERM. Blocks the calling thread and builds its own tokio runtime, so it must be
/// called outside any, and before the process has other threads (the log asks for the local time zone).
///
/// # Errors
/// Every refusal before the port is open; the text is complete and carries its exit code.
pub fn run(options: GatewayOptions) -> Result<(), StartError> {
    start::run(options)
}

/// What the present plugins say about their sections of the configuration: for judging a file without a gateway.
#[must_use]
pub fn plugin_schemas(paths: &Paths) -> PluginSchemas {
    wiring::Plugins::discover(&paths.state_dir).schemas()
}

/// The environment variables in which the present plugins look for credentials.
#[must_use]
pub fn credential_variables(paths: &Paths) -> Vec<String> {
    wiring::Plugins::discover(&paths.state_dir).credential_variables()
}

/// The port of the gateway that runs with this installation's state, if one does: the file may have another one by now.
#[must_use]
pub fn running_port(paths: &Paths) -> Option<u16> {
    start::running_port(&paths.state_dir)
}

/// The plugins that are present, for a person whose gateway does not run: nothing is loaded.
#[must_use]
pub fn present_plugins(paths: &Paths, config: &openclaw_config::Config) -> Vec<PluginEntry> {
    let plugins = wiring::Plugins::discover(&paths.state_dir);
    plugins.restrict(&config.plugins);
    plugins.list(|_| 0)
}
