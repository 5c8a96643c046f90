//! `config.set`, `config.patch`, `config.apply`: each is one change of the file, made against what the caller has seen.
//! The answer comes when the gateway has read the file again.

use std::sync::Arc;

use openclaw_config::{
    Ask, ChangeOptions, Changed, ConfigError, PathPattern, Source, SyntaxError, change, replace, shown,
};
use openclaw_protocol::config::{ConfigApplyParams, ConfigPatchParams, ConfigSetParams, ConfigWritten};
use openclaw_protocol::{Call, RpcError};
use openclaw_secrets::Scrubber;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tracing::info;

use super::{blocking, holds_secret, scrubber};
use crate::process::Gateway;
use crate::rpc::Caller;

/// Changed places that the log names.
const LOGGED: usize = 10;

/// What the file shall say.
enum Wanted {
    /// This text.
    Whole(String),
    /// What it says, with this merge patch.
    Patch { raw: String, replace_paths: Vec<String> },
    /// What it says, with a merge patch of a method's own: whatever the file says elsewhere.
    Own(Value),
}

/// `config.set`
pub(in crate::rpc) async fn set(caller: &Caller, params: ConfigSetParams) -> Result<ConfigWritten, RpcError> {
    written(caller, ConfigSetParams::METHOD, params.base_hash, Wanted::Whole(params.raw)).await
}

/// `config.apply`: as `config.set`, since every change takes effect as far as it can without a restart.
pub(in crate::rpc) async fn apply(
    caller: &Caller,
    params: ConfigApplyParams,
) -> Result<ConfigWritten, RpcError> {
    written(caller, ConfigApplyParams::METHOD, params.base_hash, Wanted::Whole(params.raw)).await
}

/// `config.patch`
pub(in crate::rpc) async fn patch(
    caller: &Caller,
    params: ConfigPatchParams,
) -> Result<ConfigWritten, RpcError> {
    let wanted = Wanted::Patch { raw: params.raw, replace_paths: params.replace_paths };
    written(caller, ConfigPatchParams::METHOD, params.base_hash, wanted).await
}

/// Changes the file for another method.
pub(in crate::rpc) async fn change_own(
    caller: &Caller,
    method: &str,
    patch: Value,
) -> Result<ConfigWritten, RpcError> {
    written(caller, method, None, Wanted::Own(patch)).await
}

async fn written(
    caller: &Caller,
    method: &str,
    base_hash: Option<String>,
    wanted: Wanted,
) -> Result<ConfigWritten, RpcError> {
    let gateway: &Arc<Gateway> = &caller.gateway;
    let changed = blocking(gateway, move |gateway| {
        make(gateway, base_hash, &wanted).map_err(|refused| refused.told(&scrubber(gateway)))
    })
    .await?;
    let paths: Vec<String> = changed.paths.iter().map(ToString::to_string).collect();
    if changed.changed {
        let client = &caller.client;
        let places = paths.get(..LOGGED.min(paths.len())).unwrap_or_default().join(", ");
        let more = if paths.len() > LOGGED { ", …" } else { "" };
        info!(
            subsystem = "gateway/config",
            conn = client.conn_id,
            "{method} by {} changed {} place(s): {places}{more}",
            client.info.id,
            paths.len()
        );
        gateway.reload().await;
    }
    // After the reload: only now the new secrets are known.
    blocking(gateway, move |gateway| {
        let scrubber = scrubber(gateway);
        let schemas = gateway.settings.schemas();
        let basis = gateway.settings.basis(&schemas);
        let content = shown(&changed.loaded, &basis, |text| holds_secret(&scrubber, text));
        Ok(ConfigWritten {
            ok: true,
            noop: !changed.changed,
            changed_paths: paths,
            pending_restart: changed.restart.iter().map(ToString::to_string).collect(),
            warnings: changed.warnings.iter().map(|warning| scrubber.scrub(warning).into_owned()).collect(),
            path: gateway.paths.config.display().to_string(),
            config: content.config,
            hash: changed.loaded.revision(),
        })
    })
    .await
}

/// Why nothing was written.
#[derive(Debug)]
enum Refused {
    /// What the caller sent is not JSON5.
    Syntax(SyntaxError),
    /// The patch is something else than an object.
    NoObject,
    /// The caller does not say what it has seen.
    NoBase,
    /// Everything else.
    Config(ConfigError),
}

impl From<ConfigError> for Refused {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl Refused {
    fn told(&self, scrubber: &Scrubber) -> RpcError {
        match self {
            Self::Syntax(cause) => RpcError::invalid(format!("SyntaxError: JSON5: {cause}")),
            Self::NoObject => RpcError::invalid("config.patch raw must be an object"),
            Self::NoBase => RpcError::invalid("config base hash required; re-run config.get and retry"),
            Self::Config(error) => refusal(error, scrubber),
        }
    }
}

fn make(gateway: &Gateway, base_hash: Option<String>, wanted: &Wanted) -> Result<Changed, Refused> {
    let base = match (Source::read(&gateway.paths.config)?, base_hash) {
        (Some(_), None) if matches!(wanted, Wanted::Own(_)) => None,
        (Some(_), None) => return Err(Refused::NoBase),
        (Some(_), base) => base,
        // Nothing can have been seen; the file must not come up meanwhile.
        (None, _) => Some(String::new()),
    };
    let stamp = openclaw_config::stamp(OffsetDateTime::now_utc());
    let options = ChangeOptions { base, stamp, ..ChangeOptions::default() };
    let schemas = gateway.settings.schemas();
    let basis = gateway.settings.basis(&schemas);
    match wanted {
        Wanted::Whole(raw) => {
            openclaw_config::value(raw).map_err(Refused::Syntax)?;
            Ok(replace(&basis, raw, &options)?)
        }
        Wanted::Patch { raw, replace_paths } => {
            let patch = openclaw_config::value(raw).map_err(Refused::Syntax)?;
            if !patch.is_object() {
                return Err(Refused::NoObject);
            }
            let replace_paths = replace_paths.iter().map(|path| path.parse::<PathPattern>());
            let replace_paths = replace_paths.collect::<Result<_, ConfigError>>()?;
            let ask = Ask::Patch { patch, replace_paths, merge_by_id: true };
            Ok(change(&basis, &[ask], &options)?)
        }
        Wanted::Own(patch) => {
            let ask = Ask::Patch { patch: patch.clone(), replace_paths: Vec::new(), merge_by_id: true };
            Ok(change(&basis, &[ask], &options)?)
        }
    }
}

/// A failure as it is told to a client (openclaw-compat §5.11).
pub(super) fn refusal(error: &ConfigError, scrubber: &Scrubber) -> RpcError {
    let text = scrubber.scrub(&error.to_string()).into_owned();
    let code = json!({"code": error.code()});
    match error {
        ConfigError::Rejected { issues } => {
            let issues: Vec<Value> = issues
                .iter()
                .map(|issue| json!({"path": issue.path, "message": scrubber.scrub(&issue.message)}))
                .collect();
            RpcError::invalid("invalid config").with_details(json!({"code": error.code(), "issues": issues}))
        }
        ConfigError::Changed { .. } => {
            RpcError::invalid("config changed since last load; re-run config.get and retry")
        }
        ConfigError::Locked { .. } => RpcError::busy(text, Some(1_000)).with_details(code),
        ConfigError::Unreadable { .. }
        | ConfigError::NotText { .. }
        | ConfigError::Unwritable { .. }
        | ConfigError::EditMismatch { .. } => RpcError::unavailable(text).with_details(code),
        _ => RpcError::invalid(text).with_details(code),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_config::Issue;
    use openclaw_protocol::ErrorCode;
    use openclaw_secrets::Secret;

    use super::*;

    #[test]
    fn failures_are_told_as_the_original_does() {
        let secret = Secret::from("very-secret");
        let scrubber = Scrubber::new([&secret]);
        let path = std::path::PathBuf::from("/c");
        let told = |error: ConfigError| refusal(&error, &scrubber);
        let issue = Issue {
            path: "a.b".to_owned(),
            message: "not very-secret".to_owned(),
            file: None,
            line: 1,
            column: 1,
            owner: openclaw_config::Owner::Gateway,
        };
        let invalid = told(ConfigError::Rejected { issues: vec![issue] });
        assert_eq!((invalid.code, invalid.message.as_str()), (ErrorCode::InvalidRequest, "invalid config"));
        assert_eq!(invalid.details.unwrap()["issues"], json!([{"path": "a.b", "message": "not ***"}]));
        let lost = ConfigError::WriteRejected { path: path.clone(), reasons: "x".to_owned(), saved: None };
        let lost = told(lost);
        assert_eq!(
            (lost.code, lost.detail_code()),
            (ErrorCode::InvalidRequest, Some("CONFIG_WRITE_REJECTED"))
        );
        let stale = told(ConfigError::Changed { path: path.clone() });
        assert_eq!(stale.message, "config changed since last load; re-run config.get and retry");
        let locked = told(ConfigError::Locked { path });
        assert_eq!((locked.code, locked.retryable), (ErrorCode::Unavailable, Some(true)));
        assert_eq!(
            Refused::Syntax(openclaw_config::value("{ bad").unwrap_err()).told(&scrubber).message.get(..20),
            Some("SyntaxError: JSON5: ")
        );
    }
}
