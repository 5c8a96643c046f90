//! The bearer check of the HTTP routes (openclaw-compat §2.14).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::peer::Peer;
use crate::refusal::AuthReason;
use crate::shared::Presented;
use crate::{Access, origin};

/// Why an HTTP request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpRefusal {
    /// 401
    Unauthorized,
    /// 429; after how long to come back.
    RateLimited(Duration),
    /// 403: a page of another site.
    Origin,
}

impl HttpRefusal {
    /// The status code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::RateLimited(_) => 429,
            Self::Origin => 403,
        }
    }

    /// The value of `Retry-After`, in seconds, where there is one.
    #[must_use]
    pub fn retry_after_seconds(self) -> Option<u64> {
        match self {
            Self::RateLimited(wait) => Some(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)),
            Self::Unauthorized | Self::Origin => None,
        }
    }

    /// The body.
    #[must_use]
    pub fn body(self) -> Value {
        let (message, kind) = match self {
            Self::Unauthorized => ("Unauthorized", "unauthorized"),
            Self::RateLimited(_) => {
                ("Too many failed authentication attempts. Please try again later.", "rate_limited")
            }
            Self::Origin => ("origin not allowed", "forbidden"),
        };
        json!({"error": {"message": message, "type": kind}})
    }
}

impl Access {
    /// Checks the `Authorization` header of a request. Who passes may do everything.
    ///
    /// # Errors
    /// What to answer instead.
    pub fn http(&self, peer: &Peer, authorization: Option<&str>, now: Instant) -> Result<(), HttpRefusal> {
        let presented = Presented { token: authorization.and_then(bearer), password: None };
        match self.check_shared(peer, &presented, now) {
            // Without a secret a page of any site could have sent this from the operator's browser.
            Ok(crate::AuthMethod::None) => {
                origin::check(peer, &self.rules().allowed_origins).map_err(|_| HttpRefusal::Origin)
            }
            Ok(_) => Ok(()),
            Err(AuthReason::RateLimited(wait)) => Err(HttpRefusal::RateLimited(wait)),
            Err(_) => Err(HttpRefusal::Unauthorized),
        }
    }
}

/// The credential of a `Bearer` header. The scheme's case does not matter (RFC 9110 §11.1).
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, credential) = authorization.trim().split_once(' ')?;
    let credential = credential.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !credential.is_empty()).then_some(credential)
}

#[cfg(test)]
mod tests {
    use openclaw_secrets::Secret;

    use super::*;
    use crate::{Limits, Rules, SharedSecret};

    fn peer(origin: Option<&str>) -> Peer {
        let origin = origin.map(str::to_owned);
        Peer { address: "10.0.0.7".parse().unwrap(), direct_local: false, origin, host: None }
    }

    #[test]
    fn only_the_bearer_gets_in() {
        let limits = Limits { max_attempts: 3, ..Limits::default() };
        let access = Access::new(Rules {
            shared: SharedSecret::Token(Some(Secret::from("key"))),
            allowed_origins: Vec::new(),
            limits,
        });
        let now = Instant::now();
        let check = |header: Option<&str>, expected: Result<(), HttpRefusal>| {
            assert_eq!(access.http(&peer(None), header, now), expected, "{header:?}");
        };
        check(Some("Bearer key"), Ok(()));
        check(Some("bearer  key "), Ok(()));
        for _ in 0..5 {
            check(None, Err(HttpRefusal::Unauthorized));
            check(Some("Basic key"), Err(HttpRefusal::Unauthorized));
        }
        check(Some("Bearer nope"), Err(HttpRefusal::Unauthorized));
        check(Some("Bearer Key"), Err(HttpRefusal::Unauthorized));
        check(Some("Bearer keys"), Err(HttpRefusal::RateLimited(Duration::from_secs(300))));
        check(Some("Bearer key"), Ok(()));
    }

    #[test]
    fn refusals_have_the_known_bodies() {
        let limited = HttpRefusal::RateLimited(Duration::from_millis(1_001));
        assert_eq!((limited.status(), limited.retry_after_seconds()), (429, Some(2)));
        assert_eq!(limited.body()["error"]["type"], "rate_limited");
        let body = HttpRefusal::Unauthorized.body();
        assert_eq!(body, json!({"error": {"message": "Unauthorized", "type": "unauthorized"}}));
    }

    #[test]
    fn without_a_secret_other_sites_are_kept_out() {
        let access = Access::new(Rules {
            shared: SharedSecret::None,
            allowed_origins: Vec::new(),
            limits: Limits::default(),
        });
        assert_eq!(access.http(&peer(None), None, Instant::now()), Ok(()));
        let evil = peer(Some("http://evil.example"));
        assert_eq!(access.http(&evil, None, Instant::now()), Err(HttpRefusal::Origin));
    }
}
