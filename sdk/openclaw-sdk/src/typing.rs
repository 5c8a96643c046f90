//! The typing notice: a courtesy, which is never repeated, and which keeps quiet while the credential is refused. A vendor
//! may ban whoever goes on with a revoked token.

use std::cell::RefCell;
use std::future::Future;

use openclaw_pace::Quiet;

use crate::channel::{Failure, FailureKind};
use crate::host::Host;

/// The quiet that fits a typing notice, for the account to keep.
pub const QUIET: Quiet = Quiet::new(1_000, 300_000, 10);

/// Sends a notice, unless it has to keep quiet.
///
/// # Errors
///
/// The notice's own failure, or `typing_suspended`.
pub async fn notice<H: Host>(
    host: &H,
    quiet: &RefCell<Quiet>,
    sending: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    if !quiet.borrow().may_call(host.monotonic_us()) {
        let detail = "the credential was refused; no typing notice is sent";
        return Err(Failure::unauthorised("typing_suspended", detail));
    }
    let sent = sending.await;
    match &sent {
        Ok(()) => quiet.borrow_mut().accepted(),
        Err(failure) if failure.kind == FailureKind::Unauthorised => {
            quiet.borrow_mut().refused(host.monotonic_us());
        }
        Err(_) => {}
    }
    sent
}
