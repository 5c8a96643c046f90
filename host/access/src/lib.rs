//! Owns the question who may do what: shared secrets, where a client is, which device it is, which scopes it gets, how
//! a refusal is worded. Never opens a socket, never reads the configuration and keeps nothing on disk.

mod connect;
pub mod devices;
mod http_auth;
mod limiter;
mod origin;
mod peer;
mod proof;
mod refusal;
mod rules;
mod shared;
mod trusted_proxy;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use http::HeaderMap;
use limiter::{Bucket, FailureLimiter, Guess};
use refusal::AuthReason;

pub use connect::{Attempt, Identified};
pub use http_auth::{HttpCaller, HttpRefusal, SCOPES_HEADER, bearer};
pub use limiter::Limits;
pub use peer::{Peer, Proxies, is_loopback_host};
pub use proof::{CLOCK_SKEW_MS, ProvenDevice, verify_device};
pub use rules::Rules;
pub use shared::{AuthMethod, Presented, SharedSecret};
pub use trusted_proxy::{OwnAddress, ProxyFault, TrustedProxy};

/// Everything that decides whether a client gets in.
#[derive(Debug)]
pub struct Access {
    rules: RwLock<Arc<Rules>>,
    limiter: FailureLimiter,
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

    /// Where the sender of a request is and whom a trusted proxy names, by the rules that hold now. `address` is that
    /// of the TCP peer.
    #[must_use]
    pub fn peer(&self, address: IpAddr, headers: &HeaderMap) -> Peer {
        let rules = self.rules();
        let mut peer = Peer::behind(&rules.proxies, address, headers);
        if let SharedSecret::Proxy(trusted, _) = &rules.shared {
            peer.user = Some(trusted.identify(&rules.proxies, rules.own_address, &peer, headers));
        }
        peer
    }

    /// Compares what a client presented with the shared secret, and counts a wrong guess.
    fn check_shared(
        &self,
        peer: &Peer,
        presented: &Presented<'_>,
        now: Instant,
    ) -> Result<AuthMethod, AuthReason> {
        self.judge_shared(peer, presented, now).map_err(|reason| self.count(Guess::Shared, reason, peer, now))
    }

    /// The same without counting: a client may have another way in.
    fn judge_shared(
        &self,
        peer: &Peer,
        presented: &Presented<'_>,
        now: Instant,
    ) -> Result<AuthMethod, AuthReason> {
        if !peer.attributed {
            return Err(AuthReason::ProxyAttribution);
        }
        let rules = self.rules();
        let bucket = Bucket::of(Guess::Shared, peer);
        // What can be guessed stays refused while its guesser is locked out, even when it is right. A strong token
        // cannot, so whoever holds it always gets in, however many others guess from the same address.
        let named = matches!(peer.user, Some(Ok(_)));
        if !named
            && !presented.is_empty()
            && let Some(wait) = self.limiter.locked(bucket, now)
            && rules.shared.is_guessable()
        {
            return Err(AuthReason::RateLimited(wait));
        }
        let method = rules.shared.check(peer, presented)?;
        if method.is_shared_secret() {
            self.limiter.forget(bucket);
        }
        Ok(method)
    }

    /// Counts a wrong guess; beyond the limit that is the reason.
    fn count(&self, guess: Guess, reason: AuthReason, peer: &Peer, now: Instant) -> AuthReason {
        if !reason.is_wrong_guess() {
            return reason;
        }
        self.limiter.record(Bucket::of(guess, peer), now).map_or(reason, AuthReason::RateLimited)
    }
}
