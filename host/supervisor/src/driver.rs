//! What the supervisor asks of its surroundings: start an instance, watch it, stop it.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

/// Starts instances. One driver serves all accounts.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// Starts the instance of `account` (`<channel>/<account>`), from whatever its configuration and component are now.
    async fn start(&self, account: &str) -> Result<Box<dyn Running>, StartError>;
}

/// An instance that was started.
#[async_trait]
pub trait Running: Send + Sync + 'static {
    /// How it does; follows every change.
    fn health(&self) -> watch::Receiver<Health>;
    /// Completes when the instance has ended.
    async fn ended(&self) -> End;
    /// Lets work in flight finish for at most `grace` and ends the instance. Completes when it is gone.
    async fn stop(&self, grace: Duration);
}

/// How a running instance does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Its connection to the vendor is being made.
    Connecting,
    /// It can receive.
    Ready,
    /// It works badly; the text says why.
    Degraded(String),
    /// Its credential was refused; the text says what a person has to do.
    AuthRequired(String),
}

/// How an instance ended without being asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It failed; the text says how. It is started again after a back-off.
    Failed(String),
    /// Its credential was refused; the text says what a person has to do.
    AuthRequired(String),
}

/// Why an instance could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Something that may pass. Tried again after a back-off.
    #[error("{0}")]
    Transient(String),
    /// The credential is missing or unusable: a person has to act.
    #[error("{0}")]
    AuthRequired(String),
    /// The configuration rules it out: disabled, or its section is wrong.
    #[error("{0}")]
    Disabled(String),
    /// The component itself must not run: digest, signature or contract do not match.
    #[error("{0}")]
    Quarantined(String),
}
