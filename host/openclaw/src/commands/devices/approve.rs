//! `openclaw devices approve`: one named request, or the latest one when `--latest` says so. Without either it only shows
//! what waits, so that nobody approves what came in a moment ago.

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::Scope;
use serde_json::{Value, json};

use super::{
    Registry, explain,
    view::{Devices, Pending, Rights},
};
use crate::{
    client::{ClientError, RpcFlags, block_on},
    commands::pairing,
    context::Context,
    error::CliError,
    output::{clean, print_json, print_line},
};

const OWN_UPGRADE: &str = "This device can't approve its own scope upgrade. Approve it from the Control UI or another \
     authorized device.";

/// Flags of `openclaw devices approve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw devices approve                Show the latest request, approve nothing
  openclaw devices approve 7c9e6679-7425-40de-944b-e07fc1f90ae7
  openclaw devices approve --latest       Approve the request that came last")]
pub(super) struct Flags {
    /// The request, as openclaw devices list shows it
    #[arg(value_name = "REQUEST_ID", conflicts_with = "latest")]
    request: Option<String>,
    /// Approve the request that came last
    #[arg(long)]
    latest: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let named = flags.request.as_deref().map(str::trim).filter(|id| !id.is_empty());
    match named {
        Some(code) if pairing::is_code(code) => {
            crate::output::note(&format!(
                "{code} looks like the code of a sender in a chat; those are approved with: openclaw pairing approve \
                 <channel> {code}"
            ));
            pairing::approve_anywhere(code, &flags.rpc, context)
        }
        Some(id) => approve_request(id, &flags.rpc, context),
        None => latest(flags, context),
    }
}

/// Whether a text has the form of a request's id, which is a UUID.
pub(crate) fn is_request_id(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok() && text.contains('-')
}

/// Approves one request and says so.
pub(crate) fn approve_request(id: &str, rpc: &RpcFlags, context: &Context) -> Result<ExitCode, CliError> {
    let registry = Registry::new(rpc, context)?;
    let approved = block_on(async {
        // What the request asks for decides with which rights it must be approved. Without the list: as administrator.
        let devices = registry.list().await.ok();
        let request =
            devices.as_ref().and_then(|list| list.pending.iter().find(|request| request.request_id == id));
        Ok(approve(&registry, id, &needed(request)).await)
    })?;
    report(approved, id, context)
}

async fn approve(registry: &Registry, id: &str, scopes: &[Scope]) -> Result<Value, ClientError> {
    registry.change(scopes, "device.pair.approve", json!({"requestId": id})).await
}

fn report(approved: Result<Value, ClientError>, id: &str, context: &Context) -> Result<ExitCode, CliError> {
    let answer = approved.map_err(|error| match &error {
        ClientError::Refused(refusal) if is_own_upgrade(refusal) => CliError::invalid(OWN_UPGRADE),
        _ => explain(error, id),
    })?;
    if context.json {
        print_json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).map(clean);
    let device = text("/device/deviceId").unwrap_or_else(|| "ok".to_owned());
    let id = text("/requestId").unwrap_or_else(|| id.to_owned());
    print_line(&format!("Approved {device} ({id})"))?;
    Ok(ExitCode::SUCCESS)
}

fn is_own_upgrade(refusal: &openclaw_protocol::RpcError) -> bool {
    let reason = refusal.details.as_ref().and_then(|details| details.get("reason")?.as_str());
    refusal.detail_code() == Some("PAIRING_REQUIRED") && reason == Some("scope-upgrade")
}

/// The rights with which a request can be approved: one's own must cover what is given away.
fn needed(request: Option<&Pending>) -> Vec<Scope> {
    let Some(Rights { roles, scopes }) = request.map(Pending::rights) else { return vec![Scope::Admin] };
    let known: Option<Vec<Scope>> = scopes.iter().map(|scope| Scope::parse(scope)).collect();
    match known {
        Some(known) if roles.iter().all(|role| role == "operator") && !known.contains(&Scope::Admin) => {
            let others = known.into_iter().filter(|scope| *scope != Scope::Pairing);
            std::iter::once(Scope::Pairing).chain(others).collect()
        }
        _ => vec![Scope::Admin],
    }
}

fn latest(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let registry = Registry::new(&flags.rpc, context)?;
    let (devices, raw) = block_on(async {
        let raw = registry.list_raw().await?;
        Ok((super::view::read(&raw), raw))
    })?;
    let Some(request) = devices.latest() else {
        return Err(CliError::invalid("No pending device pairing requests to approve"));
    };
    let id = request.request_id.as_str();
    if flags.latest {
        if !context.json {
            print_line(&preview(&devices, request))?;
        }
        let approved = block_on(async { Ok(approve(&registry, id, &needed(Some(request))).await) })?;
        return report(approved, id, context);
    }
    let command = format!("openclaw devices approve {}", clean(id));
    if context.json {
        let pending = raw.get("pending").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let selected =
            pending.iter().find(|entry| entry.get("requestId").and_then(Value::as_str) == Some(id));
        print_json(&json!({
            "selected": selected,
            "approvalState": {
                "kind": devices.kind(request),
                "requested": request.rights(),
                "approved": devices.known(request).map(super::view::Paired::rights),
            },
            "approveCommand": command,
            "requiresAuthFlags": {
                "token": flags.rpc.target.token.is_some(),
                "password": flags.rpc.target.password.is_some(),
            },
        }))?;
        return Ok(ExitCode::FAILURE);
    }
    print_line(&preview(&devices, request))?;
    crate::output::note(&format!("Approve this exact request with: {command}"));
    if let Some(flags) = reused_flags(&flags.rpc) {
        crate::output::note(&format!("Reuse the same {flags} when rerunning."));
    }
    Ok(ExitCode::FAILURE)
}

fn preview(devices: &Devices, request: &Pending) -> String {
    let mut lines = vec![
        format!("Selected pending device request {}", clean(&request.request_id)),
        format!("  Device: {}", request.name()),
        format!("  Requested: {}", request.rights().summary()),
    ];
    if let Some(known) = devices.known(request) {
        lines.push(format!("  Approved: {}", known.rights().summary()));
    }
    if let Some(address) = &request.remote_ip {
        lines.push(format!("  IP:     {}", clean(address)));
    }
    lines.push(format!("  Note:   {}", devices.kind(request).note()));
    lines.join("\n")
}

fn reused_flags(rpc: &RpcFlags) -> Option<&'static str> {
    match (rpc.target.token.is_some(), rpc.target.password.is_some()) {
        (true, true) => Some("--token/--password options"),
        (true, false) => Some("--token option"),
        (false, true) => Some("--password option"),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_approves_needs_what_is_given_away() {
        let check = |request: Value, expected: &[Scope]| {
            let devices = super::super::view::read(&json!({"pending": [request]}));
            assert_eq!(needed(devices.pending.first()), expected, "{request}");
        };
        check(
            json!({"requestId": "r", "role": "operator", "scopes": ["operator.pairing", "operator.read"]}),
            &[Scope::Pairing, Scope::Read],
        );
        check(json!({"requestId": "r", "role": "operator", "scopes": ["operator.admin"]}), &[Scope::Admin]);
        check(json!({"requestId": "r", "role": "node"}), &[Scope::Admin]);
        check(json!({"requestId": "r", "scopes": ["operator.new"]}), &[Scope::Admin]);
        assert_eq!(needed(None), [Scope::Admin]);
    }

    #[test]
    fn a_preview_says_what_is_asked_for() {
        let devices = super::super::view::read(&json!({
            "pending": [{"requestId": "r1", "deviceId": "d", "displayName": "phone", "role": "operator",
                "scopes": ["operator.admin"], "remoteIp": "10.0.0.7"}],
            "paired": [{"deviceId": "d", "role": "operator", "scopes": ["operator.read"]}],
        }));
        let text = preview(&devices, devices.latest().unwrap());
        let expected = "Selected pending device request r1\n  Device: phone\n  \
            Requested: roles: operator; scopes: operator.admin\n  Approved: roles: operator; scopes: operator.read\n  \
            IP:     10.0.0.7\n  Note:   Already paired. It asks for scopes";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn request_ids_are_told_from_codes() {
        assert!(is_request_id("7c9e6679-7425-40de-944b-e07fc1f90ae7"));
        assert!(!is_request_id("5FJ4ZCRN"));
    }
}
