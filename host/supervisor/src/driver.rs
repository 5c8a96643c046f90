//! What the supervisor asks of its surroundings: start an instance, watch it, stop it.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::breaker::Breaker;
use crate::state::{State, Status};

/// Starts instances. One driver serves all accounts.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// Starts the instance of `account` (`<channel>/<account>`), from whatever its configuration and component are now.
    /// The account is `loading` until the driver says otherwise.
    async fn start(&self, account: &str, attempt: Attempt) -> Result<Box<dyn Running>, StartError>;
}

/// What a driver is lent for one start, and for the instance that comes of it.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(crate) status: watch::Sender<Status>,
    pub(crate) breaker: Breaker,
    pub(crate) crashes: u32,
}

impl Attempt {
    /// How many instances in a row crashed at the same place of the input while nothing was being sent.
    pub fn crashes(&self) -> u32 {
        self.crashes
    }

    /// The component is there; its instance is made now.
    pub fn loaded(&self) {
        self.status.send_modify(|status| status.enter(State::Starting, None));
    }

    /// The instance kept its thread for too long, so many times more.
    pub fn struck(&self, times: u32) {
        self.status.send_modify(|status| status.strikes = status.strikes.saturating_add(u64::from(times)));
    }

    /// What every message of the account has to pass.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

/// An instance that was started.
#[async_trait]
pub trait Running: Send + Sync + 'static {
    /// How it does; follows every change.
    fn health(&self) -> watch::Receiver<Health>;
    /// Completes when the instance has ended.
    async fn ended(&self) -> End;
    /// Messages that were held back may go now.
    async fn resume(&self);
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
    /// It said that it failed; the text says how. It is started again after a back-off.
    Failed(String),
    /// It was ended for what its code did: a trap, no pause, no answer. It is started again after a back-off.
    Crashed {
        /// How, for people.
        why: String,
        /// Tells places in the account's input apart: the same number twice means that nothing was taken in between.
        place: u64,
    },
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
    /// The component itself must not run: digest, signature or contract do not match. Nothing else leads here.
    #[error("{0}")]
    Quarantined(String),
}
