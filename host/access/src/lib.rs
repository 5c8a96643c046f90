//! Owns the question who may do what: shared secrets, where a client is, which scopes it gets, how a refusal is
//! worded. Never opens a socket, never reads the configuration and keeps nothing on disk.

mod connect;
mod http_auth;
mod limiter;
mod origin;
mod peer;
mod refusal;
mod shared;

use std::time::Instant;

use limiter::FailureLimiter;
use refusal::AuthReason;

pub use connect::Admitted;
pub use http_auth::{HttpRefusal, bearer};
pub use limiter::Limits;
pub use peer::Peer;
pub use shared::{AuthMethod, Presented, SharedSecret};

/// Everything that decides whether a client gets in.
#[derive(Debug)]
pub struct Access {
    shared: SharedSecret,
    allowed_origins: Vec<String>,
    limiter: FailureLimiter,
}

impl Access {
    /// `allowed_origins` is `gateway.controlUi.allowedOrigins`.
    #[must_use]
    pub fn new(shared: SharedSecret, allowed_origins: Vec<String>, limits: Limits) -> Self {
        Self { shared, allowed_origins, limiter: FailureLimiter::new(limits) }
    }

    /// Compares what a client presented with the shared secret, and counts a wrong guess of a remote one.
    fn check_shared(
        &self,
        peer: &Peer,
        presented: &Presented<'_>,
        now: Instant,
    ) -> Result<AuthMethod, AuthReason> {
        // A password can be guessed: while its guesser is locked out, even the right one is refused. A token cannot,
        // so whoever holds it always gets in, however many others guess from the same address. Loopback is never
        // locked out, since every local program would be locked out with the guilty one.
        let exempt = peer.address.is_loopback();
        if self.shared.is_guessable()
            && !exempt
            && let Some(wait) = self.limiter.locked(peer.address, now)
        {
            return Err(AuthReason::RateLimited(wait));
        }
        let result = self.shared.check(presented);
        match &result {
            Ok(_) => self.limiter.forget(peer.address),
            Err(reason) if reason.is_wrong_guess() && !exempt => {
                if let Some(wait) = self.limiter.record(peer.address, now) {
                    return Err(AuthReason::RateLimited(wait));
                }
            }
            Err(_) => {}
        }
        result
    }
}
