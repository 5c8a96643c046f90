//! The secrets of an account that is being set up: what its plugin asks for, and whether its vendor takes them, before they
//! are kept. Nothing here needs a running gateway, and nothing is loaded or written.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use openclaw_config::Paths;
use openclaw_egress::http::Method;
use openclaw_egress::{Egress, Limits, Network, Request};
use openclaw_packages::{AccountSecrets, Manifest, ResolvedGrant, Validation};
use serde_json::Value;

use crate::wiring::Plugins;

/// How long the vendor may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The answer's status says it; more than this of its body is not waited for.
const LONGEST_ANSWER: u64 = 64 << 10;

/// Why a secret is not kept.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The vendor was asked and said no.
    #[error(
        "the vendor does not accept the secret `{name}`: it answered {status} instead of {expected}, so nothing was written"
    )]
    Refused {
        /// The manifest's name of the secret.
        name: String,
        /// The status of the answer.
        status: u16,
        /// The status that means yes.
        expected: u16,
    },
    /// The vendor could not be asked.
    #[error("the secret `{name}` could not be tried: {detail}")]
    NotTried {
        /// The manifest's name of the secret.
        name: String,
        /// For people; free of URLs and secrets.
        detail: String,
    },
}

impl CredentialError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "CREDENTIAL_REFUSED",
            Self::NotTried { .. } => "CREDENTIAL_NOT_TRIED",
        }
    }
}

/// The manifest of a channel that is present, or the ids of those that are.
///
/// # Errors
/// The ids of the channels that could be meant.
pub fn channel_manifest(paths: &Paths, channel: &str) -> Result<Manifest, Vec<String>> {
    let plugins = Plugins::discover(&paths.state_dir);
    let manifest = plugins.channel(channel).and_then(|found| found.manifest.clone());
    manifest.ok_or_else(|| plugins.channel_ids().map(str::to_owned).collect())
}

/// Asks the vendor about each secret whose manifest says how. `section` is the account's section without its secrets.
///
/// # Errors
/// The first secret that is refused or cannot be tried.
pub async fn try_credentials(
    manifest: &Manifest,
    section: &Value,
    secrets: &AccountSecrets,
    environment: &BTreeMap<String, String>,
) -> Result<(), CredentialError> {
    let section = manifest.with_environment(section, |name| environment.get(name).cloned());
    let egress = Egress::new(openclaw_egress::Options::default());
    for entry in &manifest.secrets {
        let (Some(how), Some(_)) = (&entry.validate, secrets.get(&entry.name)) else { continue };
        let status = ask(manifest, how, &section, secrets, &egress).await.map_err(|detail| {
            let detail = secrets.scrubber().scrub(&detail).into_owned();
            CredentialError::NotTried { name: entry.name.clone(), detail }
        })?;
        if status != how.expect {
            return Err(CredentialError::Refused { name: entry.name.clone(), status, expected: how.expect });
        }
    }
    Ok(())
}

/// The status of the vendor's answer, or why there is none.
async fn ask(
    manifest: &Manifest,
    how: &Validation,
    section: &Value,
    secrets: &AccountSecrets,
    egress: &Egress,
) -> Result<u16, String> {
    let grant = manifest.http.iter().find(|http| http.name == how.grant).ok_or("its grant is missing")?;
    let grant = ResolvedGrant::resolve(grant, section, None, secrets).map_err(|error| error.to_string())?;
    let composed = grant.compose("GET", &how.path, &[], &[]).map_err(|denied| denied.to_string())?;
    let request = Request {
        method: Method::GET,
        url: composed.url.parse().map_err(|_bad| "it does not make a URL")?,
        headers: composed.header_map().map_err(|denied| denied.to_string())?,
        body: Bytes::new().into(),
        network: if grant.operator_named { Network::OperatorNamed } else { Network::Public },
        limits: Limits::within(PATIENCE, LONGEST_ANSWER),
    };
    let answer = egress.send(request).await.map_err(|error| error.detail)?;
    Ok(answer.status.as_u16())
}
