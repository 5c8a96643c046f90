//! The way into the gateway. Owns the patience with a gateway that cannot store anything now.

use crate::channel::Message;
use crate::host::Host;
use crate::log::Level;

pub use crate::bindings::channel::openclaw::plugin::inbound::{Admission, AdmitError, Connection};

/// Bounds of the wait that the gateway asks for.
const WAIT_MS: (u64, u64) = (50, 30_000);

/// Hands a message over, for as long as it takes. When it returns the gateway has the message for good, or it was skipped
/// because it breaks a bound. Safe to drop: what is under way comes again, and is known then.
pub async fn admit<H: Host>(host: &H, message: &Message, cursor: Option<&[u8]>) {
    let mut waited = false;
    loop {
        match host.admit(message.clone(), cursor.map(<[u8]>::to_vec)).await {
            Ok(_) => return,
            Err(AdmitError::Invalid(why)) => {
                return host.log(Level::Warn, &format!("skipping message {}: {why}", message.id));
            }
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
