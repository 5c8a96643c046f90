//! Owns the question who may do what: shared secrets, where a client is, which scopes it gets, how a refusal is
//! worded. Never opens a socket, never reads the configuration and keeps nothing on disk.

mod connect;
mod http_auth;
mod limiter;
mod origin;
mod peer;
mod refusal;
mod shared;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use limiter::FailureLimiter;
use refusal::AuthReason;

pub use connect::Admitted;
pub use http_auth::{HttpRefusal, bearer};
pub use limiter::Limits;
pub use peer::{Peer, is_loopback_host};
pub use shared::{AuthMethod, Presented, SharedSecret};

/// Everything that decides whether a client gets in.
#[derive(Debug)]
pub struct Access {
    rules: RwLock<Arc<Rules>>,
    limiter: FailureLimiter,
}

/// What the operator asks of clients. Replaced as a whole when the configuration changes.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What everybody has to present.
    pub shared: SharedSecret,
    /// `gateway.controlUi.allowedOrigins`
    pub allowed_origins: Vec<String>,
    /// `gateway.auth.rateLimit`
    pub limits: Limits,
}

impl Access {
    /// Begins with these rules and without a failure.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let limiter = FailureLimiter::new(rules.limits);
        Self { rules: RwLock::new(Arc::new(rules)), limiter }
    }

    /// Replaces the rules. Who is in stays in; who is locked out stays locked out.
    pub fn set_rules(&self, rules: Rules) {
        self.limiter.set_limits(rules.limits);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// The rules that hold now.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
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
        let rules = self.rules();
        if rules.shared.is_guessable()
            && !exempt
            && let Some(wait) = self.limiter.locked(peer.address, now)
        {
            return Err(AuthReason::RateLimited(wait));
        }
        let result = rules.shared.check(presented);
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
