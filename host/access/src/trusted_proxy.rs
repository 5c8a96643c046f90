//! A proxy that authenticates people and names them in a header (openclaw-compat §2.3). Decides whether to believe it;
//! what the person may do is `connect`'s and `http_auth`'s business.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::HeaderMap;
use openclaw_protocol::Scope;

use crate::peer::{Peer, Proxies};

/// Whether an address belongs to this machine; `None` when that cannot be found out.
pub type OwnAddress = fn(IpAddr) -> Option<bool>;

/// `gateway.auth.trustedProxy` and `gateway.auth.identityScopes`.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxy {
    /// The header that names the person.
    pub user_header: String,
    /// Headers without which nobody is believed.
    pub required_headers: Vec<String>,
    /// Who may come; empty: everybody whom the proxy lets through.
    pub allow_users: Vec<String>,
    /// Whether the proxy may run on this machine.
    pub allow_loopback: bool,
    /// Scopes that a person has on each connection, by name.
    pub identity_scopes: BTreeMap<String, Vec<Scope>>,
    /// Scopes that a person's new device gets without an approval; `None`: it has to be approved.
    pub auto_approve: Option<Vec<Scope>>,
}

/// Why a proxy was not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// `gateway.trustedProxies` is empty.
    NoProxies,
    /// `gateway.auth.trustedProxy` names no header.
    NoConfig,
    /// The peer is not one of the proxies.
    UntrustedSource,
    /// A proxy on this machine has not been allowed.
    LoopbackSource,
    /// The request comes from another address of this machine.
    LocalInterface,
    /// It could not be found out whether it does.
    LocalInterfaceUnknown,
    /// A required header is missing; its name in lower case.
    MissingHeader(String),
    /// Nobody is named.
    UserMissing,
    /// The person is not on the list.
    UserNotAllowed,
    /// A page of another site (HTTP only).
    Origin,
}

impl ProxyFault {
    /// The value of `details.authReason`.
    #[must_use]
    pub fn reason(&self) -> String {
        let word = match self {
            Self::NoProxies => "no_proxies_configured",
            Self::NoConfig => "config_missing",
            Self::UntrustedSource => "untrusted_source",
            Self::LoopbackSource => "loopback_source",
            Self::LocalInterface => "local_interface_source",
            Self::LocalInterfaceUnknown => "local_interface_check_failed",
            Self::MissingHeader(name) => return format!("trusted_proxy_missing_header_{name}"),
            Self::UserMissing => "user_missing",
            Self::UserNotAllowed => "user_not_allowed",
            Self::Origin => "origin_not_allowed",
        };
        format!("trusted_proxy_{word}")
    }
}

impl TrustedProxy {
    /// Whom the proxy names.
    ///
    /// # Errors
    /// The first check that failed, in the order of §2.3.
    pub(crate) fn identify(
        &self,
        proxies: &Proxies,
        own_address: OwnAddress,
        peer: &Peer,
        headers: &HeaderMap,
    ) -> Result<String, ProxyFault> {
        if proxies.is_empty() {
            return Err(ProxyFault::NoProxies);
        }
        if self.user_header.trim().is_empty() {
            return Err(ProxyFault::NoConfig);
        }
        if !proxies.trusts(peer.address) {
            return Err(ProxyFault::UntrustedSource);
        }
        if peer.address.is_loopback() {
            if !self.allow_loopback {
                return Err(ProxyFault::LoopbackSource);
            }
        } else {
            match own_address(peer.address) {
                Some(false) => {}
                Some(true) => return Err(ProxyFault::LocalInterface),
                None => return Err(ProxyFault::LocalInterfaceUnknown),
            }
        }
        let value = |name: &str| {
            let text = headers.get(name.trim()).and_then(|value| value.to_str().ok()).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        if let Some(missing) = self.required_headers.iter().find(|name| value(name).is_none()) {
            return Err(ProxyFault::MissingHeader(missing.trim().to_ascii_lowercase()));
        }
        let user = value(&self.user_header).ok_or(ProxyFault::UserMissing)?;
        let allowed =
            self.allow_users.is_empty() || self.allow_users.iter().any(|entry| same_person(entry, user));
        if allowed { Ok(user.to_owned()) } else { Err(ProxyFault::UserNotAllowed) }
    }

    /// The scopes that a person has on each connection.
    pub(crate) fn scopes_of(&self, user: &str) -> &[Scope] {
        let exact = self.identity_scopes.get(user);
        let found = exact.or_else(|| {
            self.identity_scopes.iter().find(|(name, _)| same_person(name, user)).map(|(_, scopes)| scopes)
        });
        found.map_or(&[], Vec::as_slice)
    }
}

/// Names are exact; in mail addresses the case does not matter.
fn same_person(entry: &str, user: &str) -> bool {
    let entry = entry.trim();
    entry == user || (entry.contains('@') && entry.eq_ignore_ascii_case(user))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_checks_come_in_their_order() {
        let trusted = Proxies::new(&["10.0.0.1".into(), "127.0.0.1".into()], false);
        let rules = TrustedProxy {
            user_header: "X-User".into(),
            required_headers: vec!["X-Verified".into()],
            allow_users: vec!["ann@example.com".into()],
            ..TrustedProxy::default()
        };
        let full: &[(&'static str, &'static str)] =
            &[("x-user", "Ann@Example.com"), ("x-verified", "yes"), ("x-forwarded-for", "203.0.113.9")];
        let check = |rules: &TrustedProxy,
                     proxies: &Proxies,
                     own: OwnAddress,
                     address: &str,
                     pairs: &[(&'static str, &'static str)],
                     expected: Result<&str, &str>| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            let peer = Peer::behind(proxies, address.parse().unwrap(), &headers);
            let found = rules.identify(proxies, own, &peer, &headers).map_err(|fault| fault.reason());
            assert_eq!(found, expected.map(str::to_owned).map_err(|word| format!("trusted_proxy_{word}")));
        };
        let other: OwnAddress = |_| Some(false);
        let proxy = "10.0.0.1";
        check(&rules, &trusted, other, proxy, full, Ok("Ann@Example.com"));
        check(&rules, &Proxies::default(), other, proxy, full, Err("no_proxies_configured"));
        check(&TrustedProxy::default(), &trusted, other, proxy, full, Err("config_missing"));
        check(&rules, &trusted, other, "10.0.0.2", full, Err("untrusted_source"));
        check(&rules, &trusted, other, "127.0.0.1", full, Err("loopback_source"));
        let loopback = TrustedProxy { allow_loopback: true, ..rules.clone() };
        check(&loopback, &trusted, other, "127.0.0.1", full, Ok("Ann@Example.com"));
        check(&rules, &trusted, |_| Some(true), proxy, full, Err("local_interface_source"));
        check(&rules, &trusted, |_| None, proxy, full, Err("local_interface_check_failed"));
        check(
            &rules,
            &trusted,
            other,
            proxy,
            &[("x-user", "a"), ("x-verified", " ")],
            Err("missing_header_x-verified"),
        );
        check(&rules, &trusted, other, proxy, &[("x-verified", "1")], Err("user_missing"));
        check(
            &rules,
            &trusted,
            other,
            proxy,
            &[("x-user", "eve"), ("x-verified", "1")],
            Err("user_not_allowed"),
        );
    }

    #[test]
    fn a_person_is_found_in_any_case() {
        let rules = TrustedProxy {
            identity_scopes: BTreeMap::from([("Ann@Example.com".to_owned(), vec![Scope::Admin])]),
            ..TrustedProxy::default()
        };
        assert_eq!(rules.scopes_of("ann@example.com"), [Scope::Admin]);
        assert!(rules.scopes_of("bob@example.com").is_empty());
    }
}
