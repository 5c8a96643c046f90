//! The `config.*` methods. What a client sees has no secret in it, and what it hands back gets them again; rules of
//! changing and judging the file are `openclaw-config`'s.

mod schema;
mod write;

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use openclaw_config::{Issue, Owner};
use openclaw_protocol::RpcError;
use openclaw_protocol::config::{ConfigGet, ConfigIssue};
use openclaw_secrets::Scrubber;

use crate::process::Gateway;

pub(super) use schema::{Built, lookup, schema};
pub(super) use write::{apply, change_own, patch, set};

/// `config.get`: the file as it stands now, judged.
pub(super) async fn get(gateway: &Arc<Gateway>) -> Result<ConfigGet, RpcError> {
    blocking(gateway, |gateway| {
        let scrubber = scrubber(gateway);
        let shown = gateway.settings.shown(|text| holds_secret(&scrubber, text));
        let shown = shown.map_err(|error| write::refusal(&error, &scrubber))?;
        let report = &shown.loaded.report;
        let told = |issue: &Issue| ConfigIssue {
            path: issue.path.clone(),
            message: scrubber.scrub(&issue.message).into_owned(),
        };
        let parts = report.issues.iter().filter(|issue| issue.owner != Owner::Gateway);
        let hash = shown.loaded.revision();
        Ok(ConfigGet {
            path: gateway.paths.config.display().to_string(),
            included_paths: report.included.iter().map(|file| file.path.display().to_string()).collect(),
            exists: shown.loaded.source.is_some(),
            // A comment may have one, too.
            raw: shown.content.raw.map(|raw| scrubber.scrub(&raw).into_owned()),
            parsed: shown.content.parsed,
            valid: report.is_valid(),
            config: shown.content.config,
            issues: report.blocking().map(told).collect(),
            warnings: parts.chain(&report.warnings).map(told).collect(),
            legacy_issues: report
                .moved
                .iter()
                .map(|moved| ConfigIssue { path: moved.from.clone(), message: moved.to_string() })
                .collect(),
            config_revision_hash: hash.clone(),
            hash,
            applied_config_hash: shown.applied,
        })
    })
    .await
}

/// Reading and writing files, and building schemas, keeps a thread busy: a worker has others to serve.
async fn blocking<T: Send + 'static>(
    gateway: &Arc<Gateway>,
    work: impl FnOnce(&Gateway) -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    let gateway = Arc::clone(gateway);
    tokio::task::spawn_blocking(move || work(&gateway)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a config method did not end");
        Err(RpcError::unavailable("internal error"))
    })
}

/// Knows every secret that was in force since the start.
fn scrubber(gateway: &Gateway) -> Scrubber {
    Scrubber::new(&*gateway.secrets.lock().unwrap_or_else(PoisonError::into_inner))
}

fn holds_secret(scrubber: &Scrubber, text: &str) -> bool {
    matches!(scrubber.scrub(text), Cow::Owned(_))
}
