//! A small client of the control plane: one connection, one request after the other.
//!
//! On loopback with a shared secret it sends no device identity and asks only for the scope that the command needs, as
//! the original's command line was observed to do. Elsewhere, and without a secret, it proves which device it is. It never
//! reconnects: a command either gets its answer or says why not.

mod connection;
mod error;
mod identity;
mod refusal;
mod stream;
mod target;
mod tokens;
mod way_in;

pub(crate) use connection::{Client, Mode};
pub(crate) use error::ClientError;
pub(crate) use target::{RpcFlags, Target, TargetFlags, UrlSource};
pub(crate) use way_in::keep_rotated;

use std::future::Future;

use openclaw_protocol::{Call, Scope};
use serde_json::Value;

use crate::{context::Context, error::CliError};

/// How long a command waits for the gateway when nothing else is said, in milliseconds.
pub(crate) const PATIENCE_MS: u64 = 10_000;

/// Runs a client's work on this thread. Commands that need no gateway never start a runtime.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::invalid(format!("cannot start the I/O runtime: {e}")))?
        .block_on(work)
}

/// Connects with the scope that `params` needs, asks, and returns the answer as it came and as it was understood.
pub(crate) fn ask<C: Call>(
    context: &Context,
    flags: &RpcFlags,
    params: &C,
) -> Result<(Value, C::Reply), CliError> {
    let target = Target::resolve(&flags.target, context)?;
    ask_at(&target, flags.timeout.unwrap_or(PATIENCE_MS), params)
}

/// As [`ask`], of a target that is resolved already.
pub(crate) fn ask_at<C: Call>(
    target: &Target,
    timeout_ms: u64,
    params: &C,
) -> Result<(Value, C::Reply), CliError> {
    block_on(async {
        let mut client =
            Client::connect(target, Mode::Cli, &[C::SCOPE.unwrap_or(Scope::Read)], timeout_ms).await?;
        Ok(client.call(params).await?)
    })
}
