//! Name resolution for the connector. Owns the rule that a connection is opened only to an address that was checked:
//! what it returns is what the connector dials, so that a second, different DNS answer has no effect.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::address::Network;

/// Looks names up with the system's resolver and keeps the addresses that `network` allows.
#[derive(Clone)]
pub(crate) struct Resolver {
    network: Network,
}

impl Resolver {
    pub(crate) fn new(network: Network) -> Self {
        Self { network }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let network = self.network;
        Box::pin(async move {
            // The connector sets the port itself.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            judged(network, found)
        })
    }
}

/// The addresses that may be dialled. A name that leads somewhere allowed and somewhere forbidden leads to the allowed part
/// alone; one that leads nowhere else is refused.
fn judged(
    network: Network,
    found: impl Iterator<Item = SocketAddr>,
) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    let mut allowed = Vec::new();
    let mut refusal = None;
    for address in found {
        match network.check(address.ip()) {
            Ok(()) => allowed.push(address),
            Err(why) => refusal = Some(why),
        }
    }
    match refusal {
        Some(why) if allowed.is_empty() => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
        _ => Ok(allowed.into_iter()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name whose owner answers each look-up as it suits: whatever comes, only what was judged is dialled.
    #[test]
    fn a_name_that_is_bound_again_reaches_nothing_new() {
        let check = |network: Network, found: &[&str], expected: Option<&[&str]>| {
            let addresses = |list: &[&str]| -> Vec<SocketAddr> {
                list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()
            };
            let dialled = judged(network, addresses(found).into_iter()).ok().map(Iterator::collect::<Vec<_>>);
            assert_eq!(dialled, expected.map(addresses), "{found:?}");
        };
        check(Network::Public, &["1.1.1.1", "2606:4700::1111"], Some(&["1.1.1.1", "2606:4700::1111"]));
        check(Network::Public, &["127.0.0.1"], None);
        check(Network::Public, &["169.254.169.254", "1.1.1.1"], Some(&["1.1.1.1"]));
        check(Network::Public, &["::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"], None);
        check(Network::OperatorNamed, &["10.0.0.1", "169.254.169.254"], Some(&["10.0.0.1"]));
        check(Network::OperatorNamed, &["fd00:ec2::254", "fe80::1"], None);
        check(Network::Public, &[], Some(&[]));
    }
}
