//! Which addresses a request may reach. Owns the ranges; never resolves a name.
//!
//! Invariant: an address inside another one (IPv4 mapped into IPv6, NAT64, 6to4) is judged by the inner address or
//! refused, so that no notation reaches what its plain form may not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a request may reach. Chosen by the caller from where the address came from, never from the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Addresses of the public internet only.
    Public,
    /// Also loopback and the local network: for an address that the operator wrote into the configuration.
    /// Metadata services and link-local addresses stay out of reach.
    OperatorNamed,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// An address of a machine-metadata service, or another one that hosts must never be reached by.
    #[error("a link-local, metadata, multicast or reserved address, which is never reachable from here")]
    Forbidden,
    /// Loopback or the local network.
    #[error("a loopback or private address, which only an address named in the configuration may reach")]
    Private,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
    Forbidden,
}

impl Network {
    /// Says whether a connection to `address` may be opened.
    pub(crate) fn check(self, address: IpAddr) -> Result<(), Refusal> {
        match (reach(address), self) {
            (Reach::Public, _) | (Reach::Private, Self::OperatorNamed) => Ok(()),
            (Reach::Private, Self::Public) => Err(Refusal::Private),
            (Reach::Forbidden, _) => Err(Refusal::Forbidden),
        }
    }
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

/// By the IANA special-purpose registries; the cloud vendors' metadata addresses are their own documents' facts.
fn reach_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        // Metadata services that live in ranges which are otherwise private or public.
        (100, 100, 100, 200) | (168, 63, 129, 16) => Reach::Forbidden,
        // "This host": systems connect it to loopback.
        (0, 0, 0, 0) => Reach::Private,
        (0, ..) => Reach::Forbidden,
        (127 | 10, ..) | (192, 168, ..) => Reach::Private,
        (172, 16..=31, ..) => Reach::Private,
        // Carrier-grade NAT, also used by overlay networks.
        (100, 64..=127, ..) => Reach::Private,
        (169, 254, ..) => Reach::Forbidden,
        // Protocol assignments, documentation, the 6to4 relay, benchmarking.
        (192, 0, 0 | 2, _) | (192, 88, 99, _) | (198, 18..=19, ..) => Reach::Forbidden,
        (198, 51, 100, _) | (203, 0, 113, _) => Reach::Forbidden,
        // Multicast, reserved, broadcast.
        (224..=255, ..) => Reach::Forbidden,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if let Some(v4) = address.to_ipv4_mapped() {
        return reach_v4(v4);
    }
    if address.is_loopback() || address.is_unspecified() {
        return Reach::Private;
    }
    const METADATA: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    ];
    if METADATA.contains(&address) {
        return Reach::Forbidden;
    }
    match address.segments() {
        // Unique local addresses.
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // NAT64, Teredo and other protocol assignments, documentation, 6to4: each can carry an IPv4 address.
        [0x64, 0xff9b, ..] | [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => Reach::Forbidden,
        [0x3fff, 0..=0x0fff, ..] => Reach::Forbidden,
        // Only 2000::/3 is allocated to the public internet.
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_judged_by_their_range() {
        let check = |address: &str, expected: Reach| {
            assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
        };
        for public in
            ["1.1.1.1", "149.154.167.220", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111"]
        {
            check(public, Reach::Public);
        }
        let private = [
            "127.0.0.1",
            "127.8.9.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "::",
            "::1",
            "fd00::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:192.168.0.1",
        ];
        for private in private {
            check(private, Reach::Private);
        }
        let forbidden = [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "0.1.2.3",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "::127.0.0.1",
            "::ffff:169.254.169.254",
            "2001:db8::1",
            "fec0::1",
            "100::1",
        ];
        for forbidden in forbidden {
            check(forbidden, Reach::Forbidden);
        }
    }

    #[test]
    fn the_operator_reaches_the_local_network_but_never_metadata() {
        let check = |network: Network, address: &str| network.check(address.parse().unwrap());
        assert_eq!(check(Network::Public, "127.0.0.1"), Err(Refusal::Private));
        assert_eq!(check(Network::OperatorNamed, "127.0.0.1"), Ok(()));
        assert_eq!(check(Network::OperatorNamed, "192.168.1.4"), Ok(()));
        assert_eq!(check(Network::OperatorNamed, "169.254.169.254"), Err(Refusal::Forbidden));
        assert_eq!(check(Network::OperatorNamed, "fd00:ec2::254"), Err(Refusal::Forbidden));
        assert_eq!(check(Network::Public, "8.8.8.8"), Ok(()));
    }
}
