//! TLS on the gateway's port (openclaw-compat §1.10, §3.1): which certificate is shown, making one where there is none, and
//! taking over a renewed one. TLS 1.3 only, as with the original. Who may connect is not decided here.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openclaw_config::{Config, Paths};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::live::Live;

/// How long a certificate of our own is valid: whoever trusts it has seen its fingerprint.
const VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Clocks differ.
const SKEW: Duration = Duration::from_secs(24 * 3600);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file is missing or unreadable.
    #[error("{what} {} cannot be read: {source}. {ADVICE}", path.display())]
    Read {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is one of the two and not the other.
    #[error("{} is missing beside {}. {ADVICE}", missing.display(), found.display())]
    Half { missing: PathBuf, found: PathBuf },
    /// Neither is there, and none may be made.
    #[error("there is no certificate at {}. {ADVICE}", .0.display())]
    Absent(PathBuf),
    /// The two do not belong together, or cannot be used.
    #[error("the certificate {} cannot be used: {source}. {ADVICE}", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    /// No certificate could be made.
    #[error("no certificate could be made at {}: {source}", path.display())]
    Make {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What to do about any of them.
const ADVICE: &str = "Set gateway.tls.certPath and gateway.tls.keyPath to a certificate and its key in PEM, or remove both: \
                      the gateway then makes its own";

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    key: PathBuf,
    /// Certificates that are shown after the gateway's own.
    chain: Option<PathBuf>,
    make: bool,
}

impl Files {
    /// `gateway.tls`; `None` when it is off.
    pub(crate) fn of(paths: &Paths, config: &Config) -> Option<Files> {
        let tls = &config.gateway.tls;
        let folder = paths.state_dir.join("gateway").join("tls");
        let place = |set: &Option<String>, usual: &str| match set.as_deref().map(str::trim) {
            Some(path) if !path.is_empty() => paths.expand(path),
            _ => folder.join(usual),
        };
        tls.enabled.then(|| Files {
            certificate: place(&tls.cert_path, "gateway-cert.pem"),
            key: place(&tls.key_path, "gateway-key.pem"),
            chain: tls.ca_path.as_deref().map(|path| paths.expand(path)),
            make: tls.auto_generate != Some(false),
        })
    }
}

/// What is shown to those who connect.
pub(crate) struct Tls {
    files: Files,
    current: Live<Shown>,
}

struct Shown {
    acceptor: TlsAcceptor,
    fingerprint: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the certificate; makes one first where there is none and one may be made.
    pub(crate) fn load(files: Files) -> Result<Tls, TlsError> {
        let exists = (files.certificate.exists(), files.key.exists());
        match exists {
            (true, true) => {}
            (false, false) if files.make => make(&files)?,
            (false, false) => return Err(TlsError::Absent(files.certificate)),
            (true, false) => return Err(TlsError::Half { missing: files.key, found: files.certificate }),
            (false, true) => return Err(TlsError::Half { missing: files.certificate, found: files.key }),
        }
        let shown = read(&files)?;
        Ok(Tls { files, current: Live::new(shown) })
    }

    /// Reads the files again; what cannot be used changes nothing.
    pub(crate) fn renew(&self) {
        match read(&self.files) {
            Ok(shown) if shown.fingerprint == self.current.get().fingerprint => {}
            Ok(shown) => {
                info!("the TLS certificate is renewed: sha256 {}", shown.fingerprint);
                self.current.set(shown);
            }
            Err(error) => warn!("the TLS certificate stays what it was: {error}"),
        }
    }

    /// The SHA-256 of the certificate, as clients pin it: upper-case hexadecimal with colons.
    pub(crate) fn fingerprint(&self) -> String {
        self.current.get().fingerprint.clone()
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.current.get().acceptor.clone()
    }
}

fn read(files: &Files) -> Result<Shown, TlsError> {
    let unreadable = |what, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Read { what, path, source }
    };
    let chain = |path: &Path| -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        found.map_err(unreadable("the certificate", path))
    };
    let mut certificates = chain(&files.certificate)?;
    if let Some(path) = &files.chain {
        certificates.extend(chain(path)?);
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable("the key", &files.key))?;
    let first = certificates.first().ok_or_else(|| TlsError::Absent(files.certificate.clone()))?;
    let digest = Sha256::digest(first);
    let fingerprint = digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key));
    let mut config =
        config.map_err(|source| TlsError::Unusable { path: files.certificate.clone(), source })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Shown { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint })
}

/// Makes a key and a certificate that names this machine.
fn make(files: &Files) -> Result<(), TlsError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Make {
        path: files.certificate.clone(),
        source,
    };
    let (certificate, key) =
        generate(&names(), OffsetDateTime::now_utc()).map_err(|why| failed(why.into()))?;
    // The key first: a certificate alone would count as half of a pair.
    let written = private_folder(&files.key)
        .and_then(|()| private_folder(&files.certificate))
        .and_then(|()| write_new(&files.key, key.as_bytes(), 0o600))
        .and_then(|()| write_new(&files.certificate, certificate.as_bytes(), 0o644));
    written.map_err(|why| failed(why.into()))?;
    info!("a TLS certificate was made: {}", files.certificate.display());
    Ok(())
}

fn generate(names: &[String], now: OffsetDateTime) -> Result<(String, String), rcgen::Error> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::new(names)?;
    params.not_before = now - SKEW;
    params.not_after = now + VALIDITY;
    params.distinguished_name.push(rcgen::DnType::CommonName, "openclaw-gateway");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key)?;
    Ok((pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", key.serialized_der())))
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        text.push_str(&STANDARD.encode(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn private_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) => fs::DirBuilder::new().recursive(true).mode(0o700).create(folder),
        None => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The names by which this machine is reached: its own for itself, its host name, and the addresses that it uses towards
/// other networks.
fn names() -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let host =
        fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    if let Some(host) = host.map(|host| host.trim().to_owned()).filter(|host| is_host_name(host)) {
        names.push(format!("{host}.local"));
        names.push(host);
    }
    // Asking for a route sends nothing; these networks are for documentation (RFC 5737, RFC 3849).
    let towards =
        [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];
    names.extend(towards.into_iter().filter_map(own_address).map(|address| address.to_string()));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn own_address(towards: IpAddr) -> Option<IpAddr> {
    let any = match towards {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(towards, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_unspecified())
}

fn is_host_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name != "localhost"
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn files(folder: &Path, make: bool) -> Files {
        Files { certificate: folder.join("tls/cert.pem"), key: folder.join("tls/key.pem"), chain: None, make }
    }

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), true);
        let first = Tls::load(files.clone()).unwrap().fingerprint();
        assert_eq!((first.len(), first.matches(':').count()), (95, 31));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files.key), mode(files.key.parent().unwrap())), (0o600, 0o700));
        assert_eq!(Tls::load(files).unwrap().fingerprint(), first);
    }

    #[test]
    fn a_renewed_certificate_is_taken_over_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), true);
        let tls = Tls::load(files.clone()).unwrap();
        let first = tls.fingerprint();
        let (certificate, key) = generate(&names(), OffsetDateTime::now_utc()).unwrap();
        fs::write(&files.certificate, &certificate).unwrap();
        tls.renew();
        assert_eq!(tls.fingerprint(), first, "the key does not belong to it");
        fs::write(&files.key, &key).unwrap();
        tls.renew();
        assert_ne!(tls.fingerprint(), first);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let absent = Tls::load(files(folder.path(), false)).unwrap_err().to_string();
        assert!(absent.contains("cert.pem") && absent.contains("gateway.tls.certPath"), "{absent}");
        let files = files(folder.path(), true);
        fs::create_dir_all(folder.path().join("tls")).unwrap();
        fs::write(&files.certificate, "x").unwrap();
        let half = Tls::load(files.clone()).unwrap_err().to_string();
        assert!(half.contains("key.pem is missing"), "{half}");
        fs::write(&files.key, "x").unwrap();
        let garbage = Tls::load(files).unwrap_err().to_string();
        assert!(garbage.contains("cannot be"), "{garbage}");
    }
}
