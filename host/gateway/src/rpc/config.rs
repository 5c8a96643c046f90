//! `config.get`: the configuration file as it stands now, judged, without its secrets.

use openclaw_protocol::RpcError;
use openclaw_protocol::config::{ConfigGet, ConfigIssue};

use crate::process::Gateway;

pub(super) fn get(gateway: &Gateway) -> Result<ConfigGet, RpcError> {
    let shown = gateway.settings.shown().map_err(|error| RpcError::unavailable(error.to_string()))?;
    Ok(ConfigGet {
        path: gateway.paths.config.display().to_string(),
        exists: shown.exists,
        valid: shown.issues.is_empty(),
        config: shown.document,
        hash: shown.hash,
        issues: shown.issues.into_iter().map(|(path, message)| ConfigIssue { path, message }).collect(),
    })
}
