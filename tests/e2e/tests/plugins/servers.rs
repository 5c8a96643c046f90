//! Where packages come from in these tests: an https server with an authority of its own, and a real OCI registry.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use openclaw_e2e::SOON;
use openclaw_egress::{Egress, Limits, Network, Options, Request};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// Serves one file over TLS.
pub(crate) struct Https {
    port: u16,
    dir: tempfile::TempDir,
}

impl Https {
    pub(crate) async fn start(content: Vec<u8>) -> Self {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let pem = base64::engine::general_purpose::STANDARD.encode(own.cert.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
        std::fs::write(dir.path().join("ca.pem"), pem).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, content) = (acceptor.clone(), content.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate goes away here.
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = vec![0; 8192];
                    let read = stream.read(&mut head).await.unwrap_or(0);
                    let line = String::from_utf8_lossy(&head[..read]).into_owned();
                    let (status, body) = match line.split(' ').nth(1) {
                        Some("/missing") => ("404 Not Found", &b"none"[..]),
                        Some("/cut") => ("200 OK", &content[..content.len() / 2]),
                        _ => ("200 OK", &content[..]),
                    };
                    let length = if body.len() < content.len() && status.starts_with('2') {
                        content.len()
                    } else {
                        body.len()
                    };
                    let head =
                        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                    let _client_may_be_gone = stream.write_all(&[head.as_bytes(), body].concat()).await;
                    let _client_may_be_gone = stream.shutdown().await;
                });
            }
        });
        Self { port, dir }
    }

    /// The file with the certificate to trust.
    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }
}

/// Debian's `docker-registry` on a port of its own. Killed when dropped.
pub(crate) struct Registry {
    port: u16,
    _child: Child,
    _dir: tempfile::TempDir,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            dir.path().join("data").display()
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new(program())
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let registry = Self { port, _child: child, _dir: dir };
        let deadline = Instant::now() + SOON;
        while registry.send("GET", "/v2/", "", Vec::new()).await.is_none_or(|(status, _)| status != 200) {
            assert!(Instant::now() < deadline, "the registry does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        registry
    }

    /// Puts an artifact of one layer there, by the distribution specification. Returns how to name it.
    pub(crate) async fn push(&self, repository: &str, tag: &str, media_type: &str, layer: Vec<u8>) -> String {
        let config = b"{}".to_vec();
        let (config_digest, layer_digest) =
            (self.blob(repository, &config).await, self.blob(repository, &layer).await);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": config_digest, "size": config.len()},
            "layers": [{"mediaType": media_type, "digest": layer_digest, "size": layer.len()}],
        });
        let path = format!("/v2/{repository}/manifests/{tag}");
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let (status, _) = self.send("PUT", &path, kind, manifest.to_string().into_bytes()).await.unwrap();
        assert_eq!(status, 201);
        format!("oci://127.0.0.1:{}/{repository}:{tag}", self.port)
    }

    async fn blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = format!("sha256:{:x}", Sha256::digest(bytes));
        let path = format!("/v2/{repository}/blobs/uploads/");
        let (status, place) = self.send("POST", &path, "", Vec::new()).await.unwrap();
        assert_eq!(status, 202);
        let place = place.split_once("/v2/").map(|(_, rest)| format!("/v2/{rest}")).unwrap();
        let separator = if place.contains('?') { '&' } else { '?' };
        let path = format!("{place}{separator}digest={digest}");
        let (status, _) = self.send("PUT", &path, "application/octet-stream", bytes.to_vec()).await.unwrap();
        assert_eq!(status, 201);
        digest
    }

    /// Status and `location`.
    async fn send(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Option<(u16, String)> {
        let mut headers = hyper::HeaderMap::new();
        if !kind.is_empty() {
            headers.insert("content-type", kind.parse().unwrap());
        }
        let request = Request {
            method: method.parse().unwrap(),
            url: format!("http://127.0.0.1:{}{path}", self.port).parse().unwrap(),
            headers,
            body: body.into(),
            network: Network::OperatorNamed,
            limits: Limits::within(SOON, 1024 * 1024),
        };
        let answer = Egress::new(Options::default()).send(request).await.ok()?;
        let place = answer
            .headers
            .get("location")
            .and_then(|place| place.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Some((answer.status.as_u16(), place))
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("docker-registry"))
        .find(|file: &PathBuf| Path::is_file(file));
    found.expect("docker-registry is missing: run `cargo xtask test`, or `apt-get install docker-registry`")
}
