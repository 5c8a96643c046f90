//! Opens connections: TCP, and TLS where the scheme asks for it. Owns the TLS configuration, which is built on the first
//! `https` request so that a gateway which speaks only to its own machine never pays for it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::address::Network;
use crate::resolve::Resolver;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The TLS configuration, shared by all connectors and built at most once.
pub(crate) type LazyTls = Arc<OnceLock<Arc<rustls::ClientConfig>>>;

/// A connector for one [`Network`]. Tries IPv6 and IPv4 by RFC 8305.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: LazyTls,
    timeout: Duration,
}

impl Connector {
    pub(crate) fn new(network: Network, tls: LazyTls, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(network));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        tcp.set_connect_timeout(Some(timeout));
        Self { tcp, tls, timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let Self { mut tcp, tls, timeout } = this;
            let connecting = async {
                if target.scheme() != Some(&http::uri::Scheme::HTTPS) {
                    return Ok(MaybeHttpsStream::Http(tcp.call(target).await?));
                }
                let config = match tls.get() {
                    Some(config) => Arc::clone(config),
                    None => {
                        let built = client_config()?;
                        Arc::clone(tls.get_or_init(|| built))
                    }
                };
                HttpsConnector::from((tcp, config)).call(target).await
            };
            // One deadline over name resolution, TCP and the TLS handshake: the connector's own covers TCP alone.
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time").into()),
            }
        })
    }
}

fn client_config() -> Result<Arc<rustls::ClientConfig>, rustls::Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
