//! From the configuration to what is asked of clients.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use openclaw_access::{Limits, Proxies, Rules, SharedSecret, TrustedProxy};
use openclaw_config::start::GatewayAuth;
use openclaw_config::{AuthMode, Config};
use openclaw_protocol::Scope;

/// What a device gets that pairs without an approval behind a trusted proxy, unless the operator says otherwise.
const AUTO_APPROVED: [Scope; 4] = [Scope::Read, Scope::Write, Scope::Approvals, Scope::Questions];

/// What clients have to present.
pub(crate) fn shared(auth: &GatewayAuth, config: &Config) -> SharedSecret {
    match auth.mode {
        AuthMode::None => SharedSecret::None,
        AuthMode::Password => SharedSecret::Password(auth.secret.clone()),
        AuthMode::Token => SharedSecret::Token(auth.secret.clone()),
        AuthMode::TrustedProxy => SharedSecret::Proxy(Box::new(trusted_proxy(config)), auth.secret.clone()),
    }
}

fn trusted_proxy(config: &Config) -> TrustedProxy {
    let set = &config.gateway.auth.trusted_proxy;
    let scopes = |names: &[String]| names.iter().filter_map(|name| Scope::parse(name.trim())).collect();
    let approve = &set.device_auto_approve;
    let persons = config.gateway.auth.identity_scopes.iter();
    TrustedProxy {
        user_header: set.user_header.clone(),
        required_headers: set.required_headers.clone(),
        allow_users: set.allow_users.clone(),
        allow_loopback: set.allow_loopback,
        identity_scopes: persons.map(|(person, names)| (person.clone(), scopes(names))).collect(),
        auto_approve: approve
            .enabled
            .then(|| approve.scopes.as_deref().map_or_else(|| AUTO_APPROVED.to_vec(), scopes)),
    }
}

/// What is asked of clients: the secret, where they and their pages may come from, and how often they may be wrong.
pub(crate) fn rules(shared: SharedSecret, config: &Config) -> Rules {
    let gateway = &config.gateway;
    let (usual, set) = (Limits::default(), gateway.auth.rate_limit);
    Rules {
        proxies: Proxies::new(&gateway.trusted_proxies, gateway.allow_real_ip_fallback),
        own_address,
        allowed_origins: gateway.control_ui.allowed_origins.clone(),
        host_header_fallback: gateway.control_ui.dangerously_allow_host_header_origin_fallback,
        limits: Limits {
            max_attempts: set.max_attempts.unwrap_or(usual.max_attempts),
            window: set.window_ms.map_or(usual.window, Duration::from_millis),
            lockout: set.lockout_ms.map_or(usual.lockout, Duration::from_millis),
            exempt_loopback: set.exempt_loopback.unwrap_or(usual.exempt_loopback),
        },
        auto_approve_local: gateway.nodes.pairing.auto_approve_local.unwrap_or(true),
        ..Rules::new(shared)
    }
}

/// Whether an address belongs to this machine: only such an address can be bound. Sends nothing.
fn own_address(address: IpAddr) -> Option<bool> {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => Some(true),
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_knows_its_own_addresses() {
        assert_eq!(own_address([127, 0, 0, 1].into()), Some(true));
        // An address of the documentation, which no machine has.
        assert_eq!(own_address([203, 0, 113, 9].into()), Some(false));
    }

    #[test]
    fn the_proxy_is_taken_from_the_configuration() {
        let mut config = Config::default();
        config.gateway.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
        let auth = &mut config.gateway.auth;
        auth.trusted_proxy.user_header = "x-user".to_owned();
        auth.trusted_proxy.device_auto_approve.enabled = true;
        let scopes = vec!["operator.admin".to_owned(), "bogus".to_owned()];
        auth.identity_scopes.insert("ann@example.com".to_owned(), scopes);
        let auth = GatewayAuth { mode: AuthMode::TrustedProxy, secret: None, ephemeral: false };
        let rules = rules(shared(&auth, &config), &config);
        assert!(rules.proxies.trusts([10, 1, 2, 3].into()));
        let SharedSecret::Proxy(proxy, None) = &rules.shared else { panic!("{rules:?}") };
        assert_eq!(proxy.identity_scopes["ann@example.com"], [Scope::Admin]);
        assert_eq!(proxy.auto_approve.as_deref(), Some(&AUTO_APPROVED[..]));
    }
}
