//! Who sends an HTTP request, and what it may do (openclaw-compat §2.14).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use openclaw_protocol::{RpcError, Scope};
use serde_json::{Value, json};

use crate::refusal::{AuthReason, PROXY_GUIDANCE};
use crate::shared::{AuthMethod, Presented};
use crate::trusted_proxy::ProxyFault;
use crate::{Access, origin};

/// The header by which a caller that no secret identifies takes less than everything.
pub const SCOPES_HEADER: &str = "x-openclaw-scopes";

/// Why an HTTP request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpRefusal {
    /// 401
    Unauthorized,
    /// 429; after how long to come back.
    RateLimited(Duration),
    /// 403: a page of another site.
    Origin,
    /// 403: it came through a proxy that the operator has not named.
    ProxyAttribution,
}

impl HttpRefusal {
    /// The status code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::RateLimited(_) => 429,
            Self::Origin | Self::ProxyAttribution => 403,
        }
    }

    /// The value of `Retry-After`, in seconds, where there is one.
    #[must_use]
    pub fn retry_after_seconds(self) -> Option<u64> {
        match self {
            Self::RateLimited(wait) => Some(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)),
            Self::Unauthorized | Self::Origin | Self::ProxyAttribution => None,
        }
    }

    /// For people: `error.message` of the body.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Unauthorized => "Unauthorized",
            Self::RateLimited(_) => "Too many failed authentication attempts. Please try again later.",
            Self::Origin => "origin not allowed",
            Self::ProxyAttribution => PROXY_GUIDANCE,
        }
    }

    /// For programs: `error.type` of the body.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::RateLimited(_) => "rate_limited",
            Self::Origin => "forbidden",
            Self::ProxyAttribution => "proxy_attribution_required",
        }
    }

    /// The body.
    #[must_use]
    pub fn body(self) -> Value {
        json!({"error": {"message": self.message(), "type": self.kind()}})
    }
}

/// Who sends an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCaller {
    /// How it proved itself.
    pub method: AuthMethod,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The person, where a trusted proxy named one.
    pub user: Option<String>,
    /// The client's address, as far as it can be believed: for limits and the log.
    pub address: IpAddr,
    /// It is a program on this machine, by no proxy.
    pub local: bool,
}

impl HttpCaller {
    /// Checks that this caller may do what needs `scope`.
    ///
    /// # Errors
    /// `missing scope: …`
    pub fn require(&self, scope: Scope) -> Result<(), RpcError> {
        let covered = self.scopes.iter().any(|held| held.covers(scope));
        if covered { Ok(()) } else { Err(RpcError::missing_scope(scope)) }
    }
}

impl Access {
    /// Who sends a request from `address`, the TCP peer, with these headers. A secret in the query counts for nothing.
    ///
    /// A shared secret gives every scope. Where none is asked for, `x-openclaw-scopes` may take less.
    ///
    /// # Errors
    /// What to answer instead.
    pub fn http(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
        now: Instant,
    ) -> Result<HttpCaller, HttpRefusal> {
        let peer = self.peer(address, headers);
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let presented = Presented { token: authorization.and_then(bearer), password: None };
        let method = self.check_shared(&peer, &presented, now).map_err(|reason| match reason {
            AuthReason::RateLimited(wait) => HttpRefusal::RateLimited(wait),
            AuthReason::ProxyAttribution => HttpRefusal::ProxyAttribution,
            AuthReason::Proxy(ProxyFault::Origin) => HttpRefusal::Origin,
            _ => HttpRefusal::Unauthorized,
        })?;
        let scopes = match method {
            AuthMethod::None | AuthMethod::TrustedProxy => {
                // Without a secret, a page of any site could have sent this from the operator's browser.
                origin::check(&peer, &self.rules()).map_err(|_| HttpRefusal::Origin)?;
                asked_for(headers)
            }
            _ => Scope::ALL.to_vec(),
        };
        let user = peer.user.and_then(Result::ok);
        Ok(HttpCaller { method, scopes, user, address: peer.client, local: peer.direct_local })
    }
}

/// The scopes that `x-openclaw-scopes` names; all without it.
fn asked_for(headers: &HeaderMap) -> Vec<Scope> {
    let mut lines = headers.get_all(SCOPES_HEADER).iter().peekable();
    if lines.peek().is_none() {
        return Scope::ALL.to_vec();
    }
    let mut scopes: Vec<Scope> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| Scope::parse(name.trim()))
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
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
    use http::{HeaderName, HeaderValue};
    use openclaw_secrets::Secret;

    use super::*;
    use crate::{Limits, Proxies, Rules, SharedSecret, TrustedProxy};

    const STRONG: &str = "0123456789abcdef0123456789abcdef";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn access(shared: SharedSecret) -> Access {
        let limits = Limits { max_attempts: 3, ..Limits::default() };
        let proxies = Proxies::new(&["10.0.0.1".into()], false);
        Access::new(Rules { limits, proxies, own_address: |_| Some(false), ..Rules::new(shared) })
    }

    fn ask(access: &Access, address: &str, pairs: &[(&str, &str)]) -> Result<HttpCaller, HttpRefusal> {
        access.http(address.parse().unwrap(), &headers(pairs), Instant::now())
    }

    #[test]
    fn only_the_bearer_gets_in() {
        let access = access(SharedSecret::Token(Some(Secret::from(STRONG))));
        let now = Instant::now();
        let check = |header: Option<String>, expected: Result<AuthMethod, HttpRefusal>| {
            let pairs: Vec<(&str, &str)> =
                header.iter().map(|value| ("authorization", value.as_str())).collect();
            let found = access.http("203.0.113.7".parse().unwrap(), &headers(&pairs), now);
            assert_eq!(found.map(|caller| caller.method), expected, "{header:?}");
        };
        check(Some(format!("Bearer {STRONG}")), Ok(AuthMethod::Token));
        check(Some(format!("bearer  {STRONG} ")), Ok(AuthMethod::Token));
        for _ in 0..5 {
            check(None, Err(HttpRefusal::Unauthorized));
            check(Some(format!("Basic {STRONG}")), Err(HttpRefusal::Unauthorized));
        }
        check(Some("Bearer nope".into()), Err(HttpRefusal::Unauthorized));
        check(Some("Bearer nope".into()), Err(HttpRefusal::Unauthorized));
        check(Some("Bearer nope".into()), Err(HttpRefusal::RateLimited(Duration::from_secs(300))));
        check(Some(format!("Bearer {STRONG}")), Ok(AuthMethod::Token));
    }

    #[test]
    fn a_secret_gives_everything_and_its_absence_what_is_asked_for() {
        let read = ("x-openclaw-scopes", "operator.read, bogus");
        let token = access(SharedSecret::Token(Some(Secret::from(STRONG))));
        let bearer = format!("Bearer {STRONG}");
        let caller = ask(&token, "127.0.0.1", &[("authorization", &bearer), read]).unwrap();
        assert_eq!(caller.scopes, Scope::ALL);
        let open = access(SharedSecret::None);
        assert_eq!(ask(&open, "127.0.0.1", &[]).unwrap().scopes, Scope::ALL);
        let caller = ask(&open, "127.0.0.1", &[read]).unwrap();
        assert_eq!(caller.scopes, [Scope::Read]);
        assert_eq!(caller.require(Scope::Write).unwrap_err().message, "missing scope: operator.write");
        assert_eq!(ask(&open, "127.0.0.1", &[("x-openclaw-scopes", "")]).unwrap().scopes, []);
        let foreign = [("origin", "https://evil.example")];
        assert_eq!(ask(&open, "127.0.0.1", &foreign).unwrap_err(), HttpRefusal::Origin);
    }

    #[test]
    fn a_proxy_says_who_it_is() {
        let rules = TrustedProxy { user_header: "x-user".into(), ..TrustedProxy::default() };
        let access = access(SharedSecret::Proxy(Box::new(rules), Some(Secret::from("local-password"))));
        let from_proxy = [("x-user", "ann"), ("x-forwarded-for", "203.0.113.9")];
        let caller = ask(&access, "10.0.0.1", &from_proxy).unwrap();
        assert_eq!((caller.method, caller.user.as_deref()), (AuthMethod::TrustedProxy, Some("ann")));
        assert_eq!(caller.address, "203.0.113.9".parse::<IpAddr>().unwrap());
        assert_eq!(ask(&access, "10.0.0.2", &from_proxy).unwrap_err(), HttpRefusal::ProxyAttribution);
        assert_eq!(ask(&access, "10.0.0.2", &[("x-user", "ann")]).unwrap_err(), HttpRefusal::Unauthorized);
        let page = [from_proxy[0], from_proxy[1], ("origin", "https://evil.example")];
        assert_eq!(ask(&access, "10.0.0.1", &page).unwrap_err(), HttpRefusal::Origin);
        let local = [("authorization", "Bearer local-password")];
        assert_eq!(ask(&access, "127.0.0.1", &local).unwrap().method, AuthMethod::Password);
        assert_eq!(ask(&access, "203.0.113.7", &local).unwrap_err(), HttpRefusal::Unauthorized);
    }

    #[test]
    fn refusals_have_the_known_bodies() {
        let limited = HttpRefusal::RateLimited(Duration::from_millis(1_001));
        assert_eq!((limited.status(), limited.retry_after_seconds()), (429, Some(2)));
        assert_eq!(limited.body()["error"]["type"], "rate_limited");
        assert_eq!(
            HttpRefusal::Unauthorized.body(),
            json!({"error": {"message": "Unauthorized", "type": "unauthorized"}})
        );
        let proxy = HttpRefusal::ProxyAttribution;
        assert_eq!((proxy.status(), proxy.kind()), (403, "proxy_attribution_required"));
    }
}
