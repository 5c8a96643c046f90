//! Owns restarts that somebody asked for in a chat: each begins when the answer to the message is in the ledger, so that the same
//! message, delivered again, restarts nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use openclaw_messaging::{AccountKey, InboundId, SendRequest, Target};
use tracing::warn;

use crate::process::Gateway;

/// Those whose answer is not stored yet. Turns of one session follow each other, so that there are few.
#[derive(Default)]
pub(super) struct Restarts(Mutex<HashMap<InboundId, Asked>>);

/// A message that asked for a restart.
pub(super) struct Asked {
    inbound: InboundId,
    account: AccountKey,
    target: Target,
}

impl Restarts {
    /// A message asks for one.
    pub(super) fn want(&self, inbound: InboundId, account: AccountKey, target: Target) {
        let mut wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.insert(inbound, Asked { inbound, account, target });
    }

    /// Its turn is over.
    pub(super) fn take(&self, inbound: InboundId) -> Option<Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&inbound)
    }
}

impl Asked {
    /// Asks for the restart. When it is refused, the chat is told why.
    pub(super) fn begin(self, gateway: &Arc<Gateway>) {
        let gateway = Arc::clone(gateway);
        tokio::spawn(async move {
            let Self { inbound, account, target } = self;
            let Err(refused) = gateway.restarter.ask("/restart".to_owned()).await else { return };
            let request = SendRequest {
                account: account.clone(),
                target,
                text: format!("⚠️ The gateway goes on as it is: {}", refused.message),
                media: Vec::new(),
                reply_to: None,
                silent: false,
                idempotency_key: format!("restart-refused-{}", inbound.0),
            };
            if let Err(error) = gateway.messaging.send(request).await {
                warn!(%account, code = error.code(), "that a restart was refused is not told: {error}");
            }
        });
    }
}
