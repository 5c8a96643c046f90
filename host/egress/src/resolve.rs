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
        })
    }
}
