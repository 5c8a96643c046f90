//! The way into the gateway. Owns the patience with a gateway that cannot store anything now.

use crate::channel::Message;
use crate::host::Host;
use crate::log::Level;

pub use crate::bindings::channel::openclaw::plugin::inbound::{
    Admission, AdmitError, Connection, Unreadable,
};

/// After so many crashes at one place what comes first there is likely why: see [`crate::account::Account::crashed`].
pub const BLAMED: u32 = 2;

/// Bounds of the wait that the gateway asks for.
const WAIT_MS: (u64, u64) = (50, 30_000);

/// Hands a message over, for as long as it takes. When it returns the gateway has the message for good, or it was skipped
/// because it breaks a bound. Safe to drop: what is under way comes again, and is known then.
pub async fn admit<H: Host>(host: &H, message: &Message, cursor: Option<&[u8]>) {
    let admitted = patiently(host, async || {
        let admitted = host.admit(message.clone(), cursor.map(<[u8]>::to_vec)).await;
        admitted.map(|_admission| ())
    });
    if let Err(why) = admitted.await {
        host.log(Level::Warn, &format!("skipping message {}: {why}", message.id));
    }
}

/// Gives something up that crashed the account, unread, and moves on to `cursor`, for as long as it takes.
pub async fn set_aside<H: Host>(host: &H, id: Option<String>, raw: &[u8], cursor: &[u8]) {
    let what = Unreadable { id, reason: "reading it crashed the component twice".into(), raw: raw.to_vec() };
    let kept = patiently(host, async || host.set_aside(what.clone(), cursor.to_vec()).await);
    if let Err(why) = kept.await {
        host.log(Level::Warn, &format!("what cannot be read is not kept: {why}"));
    }
}

/// Tries again for as long as the gateway cannot store; the error is what it never will.
async fn patiently<H: Host>(host: &H, store: impl AsyncFn() -> Result<(), AdmitError>) -> Result<(), String> {
    let mut waited = false;
    loop {
        match store().await {
            Ok(()) => return Ok(()),
            Err(AdmitError::Invalid(why)) => return Err(why),
            Err(AdmitError::Unavailable(ms)) => {
                if !waited {
                    host.log(Level::Warn, "the gateway cannot take messages now; waiting");
                    host.state(Connection::Degraded("the gateway cannot take messages now".into()));
                }
                waited = true;
                host.sleep(ms.clamp(WAIT_MS.0, WAIT_MS.1)).await;
            }
        }
    }
}
