//! How a part of the running gateway asks for a restart: the wish travels to whoever holds the process, and the answer
//! comes back before anything ends. Restarts nothing itself.

use openclaw_protocol::RpcError;
use tokio::sync::{mpsc, oneshot};

/// The way to ask. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Restarter(mpsc::Sender<Asked>);

/// One wish.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) reason: String,
    pub(super) answer: oneshot::Sender<Result<Promise, String>>,
}

/// What becomes of a wish that is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// The restart follows at once.
    Scheduled,
    /// It was on its way already.
    Coalesced,
}

impl Restarter {
    /// The way to ask, and where the wishes arrive.
    pub(super) fn new() -> (Restarter, mpsc::Receiver<Asked>) {
        // Whoever finds the place taken waits; a session has few requests at once.
        let (sender, receiver) = mpsc::channel(1);
        (Restarter(sender), receiver)
    }

    /// Asks for a restart and learns whether there will be one.
    ///
    /// # Errors
    /// When the configuration as it stands now would not start, or the process is on its way down.
    pub(crate) async fn ask(&self, reason: String) -> Result<Promise, RpcError> {
        let (answer, answered) = oneshot::channel();
        let ending = || RpcError::unavailable("the gateway is shutting down");
        self.0.send(Asked { reason, answer }).await.map_err(|_| ending())?;
        answered.await.map_err(|_| ending())?.map_err(RpcError::unavailable)
    }
}
