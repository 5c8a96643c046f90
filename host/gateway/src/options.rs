//! What a caller decides before the gateway starts. Raw values as typed; `start` validates them.
//! Never reads the process environment or a file itself.

use std::collections::BTreeMap;

use openclaw_config::Paths;
use openclaw_secrets::Secret;

/// Everything that `run` takes from the command line and the environment.
///
/// Each `Option` is an override: `None` means "as the configuration says, else the default".
#[derive(Debug)]
pub struct GatewayOptions {
    /// Where everything lies. The configuration may be absent; the state directory is created with mode 0700.
    pub paths: Paths,
    /// `--port`, unparsed.
    pub port: Option<String>,
    /// `--bind`: `loopback`, `lan`, `tailnet`, `auto` or `custom`.
    pub bind: Option<String>,
    /// `--auth`: `none`, `token`, `password` or `trusted-proxy`.
    pub auth_mode: Option<String>,
    /// `--token`.
    pub token: Option<Secret>,
    /// `--password`, or the content of `--password-file`.
    pub password: Option<Secret>,
    /// `--allow-unconfigured`: start although `gateway.mode` is not `local`.
    pub allow_unconfigured: bool,
    /// `--force`: end whatever listens on the port first.
    pub force: bool,
    /// `--verbose`: debug records on the console.
    pub verbose: bool,
    /// `--log-level`, for file and console: `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: Option<String>,
    /// Colour on the console; the caller knows whether it is a terminal.
    pub color: bool,
    /// A snapshot of the process environment, with what `.env` files add.
    pub environment: BTreeMap<String, String>,
}

impl GatewayOptions {
    /// No overrides.
    #[must_use]
    pub fn new(paths: Paths, environment: BTreeMap<String, String>) -> GatewayOptions {
        GatewayOptions {
            paths,
            port: None,
            bind: None,
            auth_mode: None,
            token: None,
            password: None,
            allow_unconfigured: false,
            force: false,
            verbose: false,
            log_level: None,
            color: false,
            environment,
        }
    }
}
