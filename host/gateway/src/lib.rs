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
mod conversation;
mod credentials;
mod demo;
mod devices;
mod embeddings;
mod error;
mod examine;
mod http;
mod identity;
mod infer;
mod live;
mod local;
mod logging;
mod machine;
mod metrics;
mod once;
mod options;
mod panics;
mod presence;
mod process;
mod reload;
mod rpc;
mod runs;
mod settings;
mod shown_evidence;
mod start;
mod system_events;
mod telling;
mod told;
mod turns;
mod wakes;
mod wiring;
mod ws;

use std::path::PathBuf;

use openclaw_config::{Paths, PluginSchemas};
use openclaw_protocol::plugins::PluginEntry;

pub use credentials::{CredentialError, channel_manifest, try_credentials};
pub use error::StartError;
pub use examine::{Examined, NotTaken, examine_plugin};
pub use infer::{EmbedAnswer, EmbedRequest, InferAnswer, InferError, InferRequest, embed_local, infer_local};
pub use options::GatewayOptions;
pub use start::{Owner as PortOwner, Running};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The one argument with which this program compiles a plugin for a gateway and does nothing else: see [`compile`].
pub const COMPILE: &str = "compile-plugin-of-gateway";

/// Compiles what a gateway hands over on the standard input, within limits that hold for this process from then on.
/// Returns the exit code.
#[must_use]
pub fn compile() -> u8 {
    openclaw_runtime::compile_here(std::io::stdin().lock())
}

/// Runs the gateway until SIGINT or SIGTERM; SIGUSR1 or SIGUSR2 restarts it in this process. Blocks the calling thread and builds its own tokio runtime, so it must be
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

/// The gateway that runs with this installation's state, if one does.
#[must_use]
pub fn running(paths: &Paths) -> Option<Running> {
    start::running(&paths.state_dir)
}

/// The port of the gateway that runs with this installation's state, if one does: the file may have another one by now.
#[must_use]
pub fn running_port(paths: &Paths) -> Option<u16> {
    running(paths).map(|running| running.port)
}

/// Who listens on a port, as far as this user may see.
#[must_use]
pub fn port_owners(port: u16) -> Vec<PortOwner> {
    start::owners(port)
}

/// What the listeners of a taken port mean for somebody who wants it.
#[must_use]
pub fn port_hints(owners: &[PortOwner]) -> Vec<String> {
    start::hints(owners)
}

/// The lines that explain a taken port.
#[must_use]
pub fn port_diagnosis(port: u16, owners: &[PortOwner]) -> String {
    start::diagnose(port, owners)
}

/// The Unix socket on which the gateway that runs with this installation's state lets its owner in without a secret.
#[must_use]
pub fn local_socket(paths: &Paths) -> PathBuf {
    local::path(&paths.state_dir)
}

/// The certificate of the gateway on this machine, in PEM, for a client that trusts it as it is. `None` when `gateway.tls`
/// is off; the file may not be there before the first start.
#[must_use]
pub fn tls_certificate(paths: &Paths, config: &openclaw_config::Config) -> Option<std::path::PathBuf> {
    http::certificate(paths, config)
}

/// The plugins that are present, for a person whose gateway does not run: nothing is loaded.
#[must_use]
pub fn present_plugins(paths: &Paths, config: &openclaw_config::Config) -> Vec<PluginEntry> {
    let plugins = wiring::Plugins::discover(&paths.state_dir);
    plugins.restrict(&config.plugins);
    plugins.list(|_| 0)
}
