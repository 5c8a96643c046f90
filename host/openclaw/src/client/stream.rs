//! What bytes travel on: plain TCP, TLS, or the local socket of this installation's gateway.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use openclaw_protocol::MAX_PAYLOAD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, protocol::WebSocketConfig},
};

use super::{ClientError, Target};

/// Bytes in both directions.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A WebSocket on any of them.
pub(super) type Socket = WebSocketStream<Box<dyn Duplex>>;

/// Opens the address of the target.
pub(super) async fn open(target: &Target) -> Result<Socket, ClientError> {
    let Some((host, port)) = target.authority() else {
        return Err(ClientError::Address(format!("\"{}\" is not a gateway address", target.url)));
    };
    let tcp =
        TcpStream::connect((host, port)).await.map_err(|error| unreachable(target, &error, host, port))?;
    // Requests are small and wait for their answer; a refusal only costs latency.
    tcp.set_nodelay(true).ok();
    let stream: Box<dyn Duplex> = if target.is_tls() {
        Box::new(encrypt(tcp, host, target.pin.as_deref()).await.map_err(|error| ClientError::Tls {
            target: Box::new(target.clone()),
            reason: error.to_string(),
        })?)
    } else {
        Box::new(tcp)
    };
    upgrade(stream, &target.url).await.map_err(|error| ClientError::NotAGateway {
        target: Box::new(target.clone()),
        reason: error.to_string(),
    })
}

/// Opens the local socket.
pub(super) async fn open_local(path: &Path) -> io::Result<Socket> {
    let stream = UnixStream::connect(path).await?;
    upgrade(Box::new(stream), "ws://localhost/").await.map_err(io::Error::other)
}

async fn upgrade(stream: Box<dyn Duplex>, url: &str) -> Result<Socket, tungstenite::Error> {
    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_PAYLOAD)).max_frame_size(Some(MAX_PAYLOAD));
    Ok(client_async_with_config(url, stream, Some(limits)).await?.0)
}

async fn encrypt(tcp: TcpStream, host: &str, pin: Option<&str>) -> io::Result<impl Duplex + use<>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let config = tls_config(pin).map_err(io::Error::other)?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    connected.map_err(|error| match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
            io::Error::other("gateway tls fingerprint mismatch")
        }
        _ => error,
    })
}

/// A pinned certificate is taken for what it is; any other must lead to an authority that browsers know.
fn tls_config(pin: Option<&str>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    Ok(match pin {
        Some(pin) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { pin: pin.to_owned(), provider }))
            .with_no_client_auth(),
        None => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    })
}

/// Takes the one certificate whose SHA-256 is known. That its owner is at the other end is still checked.
#[derive(Debug)]
struct Pinned {
    /// Lower-case hex.
    pin: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if hex::encode(Sha256::digest(certificate)) == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A SHA-256 fingerprint in one spelling: hex, with or without colons and `sha256:` before it.
pub(super) fn fingerprint(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let bare = text.strip_prefix("sha256:").unwrap_or(&text).replace(':', "");
    (bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(bare)
}

/// The fingerprint of the certificate in a PEM file, as [`fingerprint`] spells it. `None` where there is none to read, for
/// instance before the gateway's first start.
pub(super) fn fingerprint_of(file: &Path) -> Option<String> {
    CertificateDer::from_pem_file(file).ok().map(|certificate| hex::encode(Sha256::digest(certificate)))
}

fn unreachable(target: &Target, error: &io::Error, host: &str, port: u16) -> ClientError {
    let code = match error.kind() {
        ErrorKind::ConnectionRefused => "ECONNREFUSED",
        ErrorKind::ConnectionReset => "ECONNRESET",
        ErrorKind::TimedOut => "ETIMEDOUT",
        ErrorKind::HostUnreachable => "EHOSTUNREACH",
        ErrorKind::NetworkUnreachable => "ENETUNREACH",
        ErrorKind::PermissionDenied => "EACCES",
        // What is left is nearly always a name that does not resolve.
        _ => "ENOTFOUND",
    };
    ClientError::Unreachable {
        target: Box::new(target.clone()),
        code: code.to_owned(),
        reason: format!("connect {code} {host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_have_one_spelling() {
        let hex = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(fingerprint(&hex), Some(hex.clone()));
        assert_eq!(fingerprint(&format!(" sha256:{colons} ")), Some(hex.clone()));
        assert_eq!(fingerprint(&hex[1..]), None);
        assert_eq!(fingerprint(&hex.replace('a', "x")), None);
    }

    #[test]
    fn only_the_pinned_certificate_is_taken() {
        let verifier = Pinned {
            pin: hex::encode(Sha256::digest(b"certificate")),
            provider: Arc::new(ring::default_provider()),
        };
        let judge = |bytes: &'static [u8]| {
            let name = ServerName::try_from("gateway.example").unwrap();
            verifier
                .verify_server_cert(&CertificateDer::from(bytes), &[], &name, &[], UnixTime::now())
                .is_ok()
        };
        assert!(judge(b"certificate"));
        assert!(!judge(b"another"));
    }

    #[test]
    fn both_kinds_of_trust_can_be_built() {
        assert!(tls_config(None).is_ok());
        assert!(tls_config(Some(&"ab".repeat(32))).is_ok());
    }
}
