//! Where a client is, as far as the transport can tell: by the address of the TCP peer. What a header says about it
//! counts only when a proxy that the operator trusts has said it (openclaw-compat §2.2).

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

use crate::trusted_proxy::ProxyFault;

/// Headers by which a proxy says that the client is somebody else.
const PROXY_HEADERS: &[&str] = &["forwarded", "x-real-ip"];
/// And all headers that begin so.
const FORWARDED_PREFIX: &str = "x-forwarded-";
/// Addresses that are looked at in `X-Forwarded-For`, from its end.
const MOST_HOPS: usize = 32;

/// Which proxies may say who the client is.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    networks: Vec<IpNet>,
    real_ip: bool,
}

impl Proxies {
    /// From `gateway.trustedProxies`, addresses or networks, and `gateway.allowRealIpFallback`. What is neither an
    /// address nor a network trusts nobody.
    #[must_use]
    pub fn new(entries: &[String], real_ip: bool) -> Self {
        let parse = |entry: &String| {
            let entry = entry.trim();
            let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            network.ok().map(canonical)
        };
        Self { networks: entries.iter().filter_map(parse).collect(), real_ip }
    }

    /// Whether no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether this address is one of the proxies.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The client that a trusted proxy names: the last hop that is not a proxy itself. `None` when it names none.
    fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let written: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
        if written.is_empty() {
            let real = headers.get("x-real-ip").filter(|_| self.real_ip)?;
            return hop(real.to_str().ok()?);
        }
        let mut last = None;
        for text in written.iter().rev().flat_map(|line| line.rsplit(',')).take(MOST_HOPS) {
            // Beyond a hop that is no address nothing can be believed.
            let address = hop(text)?;
            last = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        last
    }
}

/// An IPv4 network that was written in its IPv6 form is that IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let (IpAddr::V4(address), Some(prefix)) =
        (IpAddr::V6(v6.addr()).to_canonical(), v6.prefix_len().checked_sub(96))
    else {
        return network;
    };
    ipnet::Ipv4Net::new(address, prefix).map_or(network, IpNet::V4)
}

/// One entry of `X-Forwarded-For`: an address, perhaps with a port.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address of the TCP peer, IPv4-mapped IPv6 written as IPv4.
    pub address: IpAddr,
    /// Who is meant: the TCP peer, or the client that a trusted proxy speaks for.
    pub client: IpAddr,
    /// The connection comes from this machine, by no proxy, and to a loopback name: a page in a browser that was led
    /// here by another name (DNS rebinding) is not local.
    pub direct_local: bool,
    /// The request says that it came through a proxy.
    pub proxied: bool,
    /// Whether `client` can be believed: there is no proxy, or a trusted one that names its client.
    pub attributed: bool,
    /// The `Origin` header: a browser sends it.
    pub origin: Option<String>,
    /// The `Host` header.
    pub host: Option<String>,
    /// Whom a trusted proxy has authenticated; `None` where that is not how clients prove themselves.
    pub user: Option<Result<String, ProxyFault>>,
}

impl Peer {
    /// Judges the TCP peer by its address and the headers of its request, and trusts no proxy.
    #[must_use]
    pub fn new(address: IpAddr, headers: &HeaderMap) -> Self {
        Self::behind(&Proxies::default(), address, headers)
    }

    /// Judges the TCP peer by its address and the headers of its request.
    #[must_use]
    pub fn behind(proxies: &Proxies, address: IpAddr, headers: &HeaderMap) -> Self {
        let address = address.to_canonical();
        let text = |name: &str| {
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let host = text("host");
        let proxied = PROXY_HEADERS.iter().any(|name| headers.contains_key(*name))
            || headers.keys().any(|name| name.as_str().starts_with(FORWARDED_PREFIX));
        let named = if proxied && proxies.trusts(address) { proxies.client(headers) } else { None };
        let direct_local = address.is_loopback() && !proxied && host.as_deref().is_none_or(is_loopback_host);
        Self {
            address,
            client: named.unwrap_or(address),
            direct_local,
            proxied,
            attributed: !proxied || named.is_some(),
            origin: text("origin"),
            host,
            user: None,
        }
    }
}

/// Whether `host`, with or without a port, is a name of this machine for itself.
fn is_loopback_host(host: &str) -> bool {
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

/// Whether an address belongs to a network of its own, or to this machine.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether a `Host` header names this machine or an address of a private network.
pub(crate) fn is_private_host(host: &str) -> bool {
    let name = host_name(host);
    is_loopback_name(&name) || name.parse::<IpAddr>().is_ok_and(is_private)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn direct_local_means_loopback_without_a_proxy() {
        let check = |address: &str, pairs: &[(&'static str, &'static str)], expected: bool| {
            let peer = Peer::new(address.parse().unwrap(), &headers(pairs));
            assert_eq!(peer.direct_local, expected, "{address} {pairs:?}");
        };
        check("127.0.0.1", &[], true);
        check("127.0.0.1", &[("host", "127.0.0.1:18789")], true);
        check("::1", &[("host", "[::1]:18789")], true);
        check("::ffff:127.0.0.1", &[("host", "LOCALHOST")], true);
        check("10.0.0.2", &[("host", "localhost")], false);
        check("127.0.0.1", &[("host", "evil.example")], false);
        check("127.0.0.1", &[("x-forwarded-for", "10.0.0.2")], false);
        check("127.0.0.1", &[("x-forwarded-anything", "")], false);
        check("127.0.0.1", &[("forwarded", "for=10.0.0.2")], false);
        check("127.0.0.1", &[("x-real-ip", "127.0.0.1")], false);
    }

    #[test]
    fn a_header_counts_only_from_a_trusted_proxy() {
        let proxies = |real_ip| Proxies::new(&["10.0.0.0/24".into(), "::ffff:127.0.0.1".into()], real_ip);
        let check = |address: &str, pairs: &[(&'static str, &'static str)], expected: Option<&str>| {
            for real_ip in [true, false] {
                let peer = Peer::behind(&proxies(real_ip), address.parse().unwrap(), &headers(pairs));
                let found = peer.attributed.then_some(peer.client);
                assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{address} {pairs:?}");
            }
        };
        check("203.0.113.9", &[], Some("203.0.113.9"));
        // Forged: the sender is no proxy of ours.
        check("203.0.113.9", &[("x-forwarded-for", "127.0.0.1")], None);
        check("127.0.0.1", &[("x-forwarded-for", "203.0.113.9")], Some("203.0.113.9"));
        // What the client wrote itself stands left of what the proxies added.
        check("10.0.0.1", &[("x-forwarded-for", "127.0.0.1, 203.0.113.9, 10.0.0.2")], Some("203.0.113.9"));
        check(
            "10.0.0.1",
            &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.9")],
            Some("203.0.113.9"),
        );
        check("10.0.0.1", &[("x-forwarded-for", "203.0.113.9:4711")], Some("203.0.113.9"));
        check("10.0.0.1", &[("x-forwarded-for", "[2001:db8::1]:4711")], Some("2001:db8::1"));
        check("10.0.0.1", &[("x-forwarded-for", "203.0.113.9, unknown")], None);
        check("10.0.0.1", &[("x-forwarded-proto", "https")], None);
        // A proxy that says nothing is itself the client.
        check("10.0.0.1", &[], Some("10.0.0.1"));
        let real = headers(&[("x-real-ip", "203.0.113.9")]);
        assert!(Peer::behind(&proxies(true), "10.0.0.1".parse().unwrap(), &real).attributed);
        assert!(!Peer::behind(&proxies(false), "10.0.0.1".parse().unwrap(), &real).attributed);
    }

    #[test]
    fn networks_are_read_in_both_spellings() {
        let proxies =
            Proxies::new(&["::ffff:192.168.0.0/112".into(), "fd00::/8".into(), "nonsense".into()], false);
        for (address, expected) in
            [("192.168.3.4", true), ("::ffff:192.168.3.4", true), ("fd12::1", true), ("192.169.0.1", false)]
        {
            assert_eq!(proxies.trusts(address.parse().unwrap()), expected, "{address}");
        }
    }
}
