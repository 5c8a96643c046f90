//! Gets a package from where a person says: a folder, a file, an https URL, or an OCI registry. Bounded in size and time, and
//! never installs anything.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use openclaw_packages::{LARGEST_PACKAGE, PackageFile};
use serde_json::json;
use tokio::io::AsyncWrite;

use super::progress::Progress;
use crate::{client::block_on, context::Context, error::CliError, output::clean};

/// From the look-up of the name to the connection.
const CONNECT: Duration = Duration::from_secs(15);
/// The longest silence.
const IDLE: Duration = Duration::from_secs(30);
/// The most redirects.
const HOPS: usize = 5;
/// The media type of a component in a registry, by the CNCF's Wasm OCI artifact layout.
const WASM: &str = "application/wasm";
/// What older tools call it.
const WASM_BEFORE: [&str; 2] =
    ["application/vnd.wasm.content.layer.v1+wasm", "application/vnd.module.wasm.content.layer.v1+wasm"];

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Folder(PathBuf),
    File(PathBuf),
    Https(String),
    /// Without the `oci://`.
    Oci(String),
}

impl Source {
    /// Reads what a person wrote. Paths become absolute, so that an update finds them again.
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        if let Some(reference) = text.strip_prefix("oci://") {
            return Ok(Self::Oci(reference.to_owned()));
        }
        if text.starts_with("https://") {
            let url = reqwest::Url::parse(text)
                .map_err(|error| failed("PLUGIN_SOURCE_INVALID", format!("{}: {error}", clean(text))))?;
            // The lock file keeps the address, and commands show it.
            if !url.username().is_empty() || url.password().is_some() {
                let problem =
                    "the address holds a user name or password (download the file, and install that)";
                return Err(failed("PLUGIN_SOURCE_INVALID", problem.to_owned()));
            }
            return Ok(Self::Https(text.to_owned()));
        }
        if text.starts_with("http://") {
            let problem = "a plugin is not taken from an unencrypted address (write https://, or download the file and install that)";
            return Err(failed("PLUGIN_SOURCE_INSECURE", format!("{text}: {problem}")));
        }
        let path = Path::new(text);
        let path = path.canonicalize().map_err(|source| CliError::File { path: path.to_owned(), source })?;
        Ok(if path.is_dir() { Self::Folder(path) } else { Self::File(path) })
    }

    /// As the lock file keeps it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Folder(path) | Self::File(path) => path.display().to_string(),
            Self::Https(url) => url.clone(),
            Self::Oci(reference) => format!("oci://{reference}"),
        }
    }

    /// Gets the package.
    pub(super) fn fetch(&self, context: &Context) -> Result<PackageFile, CliError> {
        let bytes = match self {
            Self::Folder(folder) => return Ok(PackageFile::pack(folder)?),
            Self::File(file) => return Ok(PackageFile::open(file)?),
            Self::Https(url) => block_on(async { Ok(download(url, context.json).await) })?,
            Self::Oci(reference) => block_on(async { Ok(pull(reference, context).await) })?,
        };
        Ok(PackageFile::from_bytes(bytes?, &self.text())?)
    }
}

fn failed(code: &'static str, text: String) -> CliError {
    CliError::Detailed { text, code, extra: json!({}) }
}

/// The TLS of everything here is ring's; a second call finds it set.
fn use_ring() {
    let _already_set = rustls::crypto::ring::default_provider().install_default();
}

/// An error with its causes, without the URL, which may hold a token.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

async fn download(url: &str, quiet: bool) -> Result<Vec<u8>, CliError> {
    use_ring();
    let unreachable = |text: String| failed("PLUGIN_DOWNLOAD_FAILED", format!("the download failed: {text}"));
    let client = reqwest::Client::builder()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::limited(HOPS))
        .connect_timeout(CONNECT)
        .read_timeout(IDLE)
        .user_agent(concat!("openclaw/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| unreachable(chain(error)))?;
    let mut answer = client.get(url).send().await.map_err(|error| unreachable(chain(error)))?;
    if !answer.status().is_success() {
        return Err(unreachable(format!("the server answered {}", answer.status())));
    }
    let too_large = || unreachable(format!("it is larger than {LARGEST_PACKAGE} bytes"));
    if answer.content_length().is_some_and(|length| length > LARGEST_PACKAGE) {
        return Err(too_large());
    }
    let mut progress = Progress::new(quiet, answer.content_length());
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| unreachable(chain(error)))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > LARGEST_PACKAGE {
            return Err(too_large());
        }
        progress.add(piece.len());
    }
    Ok(bytes)
}

async fn pull(reference: &str, context: &Context) -> Result<Vec<u8>, CliError> {
    use_ring();
    let wrong = |text: String| failed("PLUGIN_REGISTRY_FAILED", format!("oci://{reference}: {text}"));
    let image: Reference = reference
        .parse()
        .map_err(|error| wrong(format!("is not a reference ({error}): write oci://host/repository:tag")))?;
    let registry = image.resolve_registry().to_owned();
    // Only a registry on this machine may go without TLS.
    let local = ["localhost", "127.0.0.1", "[::1]"]
        .contains(&registry.rsplit_once(':').map_or(registry.as_str(), |(host, _)| host));
    let protocol = if local { ClientProtocol::HttpsExcept(vec![registry]) } else { ClientProtocol::Https };
    let client = Client::new(ClientConfig {
        protocol,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(IDLE),
        user_agent: concat!("openclaw/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    });
    let auth = match context
        .variable("OPENCLAW_REGISTRY_USERNAME")
        .zip(context.secret_variable("OPENCLAW_REGISTRY_PASSWORD"))
    {
        Some((user, password)) => RegistryAuth::Basic(user, password.expose().to_owned()),
        None => RegistryAuth::Anonymous,
    };
    let (manifest, _) =
        client.pull_image_manifest(&image, &auth).await.map_err(|error| wrong(error.to_string()))?;
    let layer = the_package(&manifest.layers).map_err(wrong)?;
    let size = u64::try_from(layer.size).unwrap_or_default();
    if size > LARGEST_PACKAGE {
        return Err(wrong(format!("is {size} bytes long; the most is {LARGEST_PACKAGE}")));
    }
    let mut blob = Blob { bytes: Vec::new(), progress: Progress::new(context.json, Some(size)) };
    // The client compares the digest of what came with that of the manifest.
    client.pull_blob(&image, layer, &mut blob).await.map_err(|error| wrong(error.to_string()))?;
    Ok(std::mem::take(&mut blob.bytes))
}

/// The one layer that is a component.
fn the_package(layers: &[OciDescriptor]) -> Result<&OciDescriptor, String> {
    let is_wasm =
        |layer: &&OciDescriptor| layer.media_type == WASM || WASM_BEFORE.contains(&layer.media_type.as_str());
    let mut found = layers.iter().filter(is_wasm);
    match (found.next(), found.next()) {
        (Some(layer), None) => Ok(layer),
        (None, _) => Err(format!("holds no layer of the type {WASM}: it is not a plugin package")),
        (Some(_), Some(_)) => Err(format!("holds several layers of the type {WASM}, and a package is one")),
    }
}

/// A blob as it arrives.
struct Blob {
    bytes: Vec<u8>,
    progress: Progress,
}

impl AsyncWrite for Blob {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Task<'_>, piece: &[u8]) -> Poll<std::io::Result<usize>> {
        if (self.bytes.len() + piece.len()) as u64 > LARGEST_PACKAGE {
            return Poll::Ready(Err(std::io::Error::other("the layer is longer than a package may be")));
        }
        self.bytes.extend_from_slice(piece);
        self.progress.add(piece.len());
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_by_how_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.wasm");
        std::fs::write(&file, "").unwrap();
        let parse = |text: &str| Source::parse(text);
        assert!(matches!(parse(dir.path().to_str().unwrap()), Ok(Source::Folder(_))));
        assert!(matches!(parse(file.to_str().unwrap()), Ok(Source::File(_))));
        assert!(matches!(parse("/no/such/file"), Err(CliError::File { .. })));
        assert_eq!(parse("oci://ghcr.io/a/b:1").unwrap().text(), "oci://ghcr.io/a/b:1");
        assert_eq!(parse("https://h/x.wasm").unwrap(), Source::Https("https://h/x.wasm".to_owned()));
        for odd in ["https://", "https://u:p@h/x.wasm", "https://u@h/x.wasm"] {
            let error = parse(odd).unwrap_err().to_string();
            assert!(!error.contains("u:p"), "{error}");
        }
        assert!(parse("http://h/x.wasm").unwrap_err().to_string().contains("unencrypted"));
    }

    #[test]
    fn a_package_is_the_one_wasm_layer() {
        let layer = |kind: &str| OciDescriptor { media_type: kind.to_owned(), ..OciDescriptor::default() };
        assert!(the_package(&[layer("text/plain"), layer(WASM)]).is_ok());
        assert!(the_package(&[layer(WASM_BEFORE[0])]).is_ok());
        assert!(the_package(&[layer("application/vnd.oci.image.layer.v1.tar+gzip")]).is_err());
        assert!(the_package(&[layer(WASM), layer(WASM)]).is_err());
    }
}
