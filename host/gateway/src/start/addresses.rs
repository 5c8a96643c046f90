//! Which addresses a bind mode means on this machine: the Tailscale address, and whether an address is this machine's at
//! all. Opens no port that stays open.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use openclaw_config::start::{self, Listen, Refusal};
use openclaw_config::{Bind, Config};

/// Tailscale's own resolver: in every tailnet, and outside of one a packet to it goes nowhere.
const TAILNET_RESOLVER: (Ipv4Addr, u16) = (Ipv4Addr::new(100, 100, 100, 100), 53);
/// Lists the addresses of this machine, where the system has it.
const LOCAL_ADDRESSES: &str = "/proc/net/fib_trie";

/// The bind mode by the flag and the file, and its addresses: those of the sockets that a service manager has passed, if
/// there are any.
///
/// # Errors
/// When the mode has no address here (openclaw-compat §1.3).
pub(super) fn resolve(
    flag: Option<Bind>,
    config: &Config,
    passed: &[SocketAddr],
) -> Result<(Bind, Listen), Refusal> {
    let in_container = in_container();
    let bind = start::bind(flag, config, in_container);
    if !passed.is_empty() {
        let required = passed.iter().map(SocketAddr::ip).collect();
        return Ok((bind, Listen { required, optional: Vec::new() }));
    }
    let tailnet = if bind == Bind::Tailnet { tailnet() } else { None };
    let listen = start::listen(bind, config, in_container, tailnet)?;
    start::reachable_gate(bind, &listen, is_ours)?;
    Ok((bind, listen))
}

/// Whether this process runs in a container, as the usual runtimes mark it.
fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists())
}

/// Whether a socket can be bound to the address.
fn is_ours(address: IpAddr) -> bool {
    TcpListener::bind((address, 0)).is_ok()
}

/// This machine's address in a tailnet.
fn tailnet() -> Option<Ipv4Addr> {
    let table = fs::read_to_string(LOCAL_ADDRESSES);
    let found = table.map(|table| local_addresses(&table)).unwrap_or_else(|_| routed().into_iter().collect());
    found.into_iter().find(|address| is_tailnet(*address) && is_ours(IpAddr::V4(*address)))
}

/// The address from which this machine would speak to the tailnet. Nothing is sent.
fn routed() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(TAILNET_RESOLVER).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// 100.64.0.0/10, from which Tailscale gives its addresses.
fn is_tailnet(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [100, second, ..] if (64..128).contains(&second))
}

/// The addresses that the kernel takes for its own: a line with the address, then one that says so.
fn local_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in table.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_names_the_local_addresses() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 100.101.102.103\n\
                     \x20       /32 host LOCAL\n     |-- 100.100.100.100\n        /32 universe UNICAST\nLocal:\n\
                     \x20    |-- 100.101.102.103\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        let expected = [Ipv4Addr::new(100, 101, 102, 103), Ipv4Addr::LOCALHOST];
        assert_eq!(local_addresses(table), expected);
        assert!(is_tailnet(expected[0]) && !is_tailnet(expected[1]));
        assert!(!is_tailnet(Ipv4Addr::new(100, 128, 0, 1)) && !is_tailnet(Ipv4Addr::new(100, 63, 0, 1)));
    }

    #[test]
    fn an_address_of_another_machine_is_not_ours() {
        assert!(is_ours(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        // From the block that is kept for documentation.
        assert!(!is_ours(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
    }
}
