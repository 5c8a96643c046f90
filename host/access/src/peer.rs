//! Where a client is, as far as the transport can tell.

use std::net::IpAddr;

use http::HeaderMap;

/// Headers by which a proxy says that the client is somebody else.
const PROXY_HEADERS: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-real-ip",
];

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address of the TCP peer, IPv4-mapped IPv6 written as IPv4.
    pub address: IpAddr,
    /// The connection comes from this machine, by no proxy, and to a loopback name: a page in a browser that was led
    /// here by another name (DNS rebinding) is not local.
    pub direct_local: bool,
    /// The `Origin` header: a browser sends it.
    pub origin: Option<String>,
    /// The `Host` header.
    pub host: Option<String>,
}

impl Peer {
    /// Judges the TCP peer by its address and the headers of its request.
    #[must_use]
    pub fn new(address: IpAddr, headers: &HeaderMap) -> Self {
        let address = address.to_canonical();
        let text = |name: &str| {
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let host = text("host");
        let proxied = PROXY_HEADERS.iter().any(|name| headers.contains_key(*name));
        let direct_local = address.is_loopback() && !proxied && host.as_deref().is_none_or(is_loopback_host);
        Self { address, direct_local, origin: text("origin"), host }
    }
}

/// Whether `host`, with or without a port, is a name of this machine for itself.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    is_loopback_name(&host_name(host))
}

/// The name in a `Host` header, in lower case, without port and brackets.
pub(crate) fn host_name(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.to_ascii_lowercase()
}

pub(crate) fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn check(address: &str, headers: &[(&'static str, &'static str)], expected: bool) {
        let map = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let peer = Peer::new(address.parse().unwrap(), &map);
        assert_eq!(peer.direct_local, expected, "{address} {headers:?}");
    }

    #[test]
    fn direct_local_means_loopback_without_a_proxy() {
        check("127.0.0.1", &[], true);
        check("127.0.0.1", &[("host", "127.0.0.1:18789")], true);
        check("::1", &[("host", "[::1]:18789")], true);
        check("::ffff:127.0.0.1", &[("host", "LOCALHOST")], true);
        check("10.0.0.2", &[("host", "localhost")], false);
        check("127.0.0.1", &[("host", "evil.example")], false);
        check("127.0.0.1", &[("x-forwarded-for", "10.0.0.2")], false);
        check("127.0.0.1", &[("forwarded", "for=10.0.0.2")], false);
        check("127.0.0.1", &[("x-real-ip", "127.0.0.1")], false);
    }
}
