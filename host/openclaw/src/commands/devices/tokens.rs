//! `openclaw devices rotate` and `revoke`. Both print one JSON document, as the original does: what they return is for
//! whoever sets the device up.

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::Scope;
use serde_json::json;

use super::{Registry, explain};
use crate::{
    client::{RpcFlags, block_on, keep_rotated},
    context::Context,
    error::CliError,
    output::print_json,
};

/// Flags of `openclaw devices rotate`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw devices rotate --device <deviceId> --role operator
  openclaw devices rotate --device <deviceId> --role operator --scope operator.read

The new token is printed only when the device rotates its own; another device gets it at its next connection.")]
pub(super) struct RotateFlags {
    #[command(flatten)]
    which: Which,
    /// A scope of the new token; may be repeated (default: those of the old one)
    #[arg(long, value_name = "SCOPE", num_args = 1.., conflicts_with = "no_scopes")]
    scope: Vec<String>,
    /// A new token without any scope
    #[arg(long)]
    no_scopes: bool,
}

/// Flags of `openclaw devices revoke`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  openclaw devices revoke --device <deviceId> --role operator")]
pub(super) struct RevokeFlags {
    #[command(flatten)]
    which: Which,
}

#[derive(Args, Debug)]
struct Which {
    /// The device, as openclaw devices list shows it
    #[arg(long, value_name = "DEVICE_ID")]
    device: Option<String>,
    /// The token's role, for instance operator
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn rotate(flags: &RotateFlags, context: &Context) -> Result<ExitCode, CliError> {
    let scopes = match (flags.no_scopes, flags.scope.as_slice()) {
        (true, _) => Some(Vec::new()),
        (false, []) => None,
        (false, some) => Some(some.to_vec()),
    };
    change(&flags.which, context, "device.token.rotate", scopes.as_deref())
}

pub(super) fn revoke(flags: &RevokeFlags, context: &Context) -> Result<ExitCode, CliError> {
    change(&flags.which, context, "device.token.revoke", None)
}

fn change(
    which: &Which,
    context: &Context,
    method: &str,
    scopes: Option<&[String]>,
) -> Result<ExitCode, CliError> {
    let trimmed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    let (device, role) = (trimmed(&which.device), trimmed(&which.role));
    if device.is_empty() || role.is_empty() {
        return Err(CliError::invalid(
            "--device and --role are required. Run openclaw devices list to choose a paired device.",
        ));
    }
    let mut params = json!({"deviceId": device, "role": role});
    if let (Some(scopes), Some(params)) = (scopes, params.as_object_mut()) {
        params.insert("scopes".to_owned(), json!(scopes));
    }
    let registry = Registry::new(&which.rpc, context)?;
    let answer = block_on(async {
        let held = held(&registry, &device, &role, scopes).await;
        registry.change(&held, method, params).await.map_err(|error| explain(error, &device))
    })?;
    keep_rotated(&registry.target, &answer);
    print_json(&answer)?;
    Ok(ExitCode::SUCCESS)
}

/// The rights that cover the token: one may not give away what one does not have.
async fn held(registry: &Registry, device: &str, role: &str, scopes: Option<&[String]>) -> Vec<Scope> {
    let devices = registry.list().await.unwrap_or_default();
    let found = devices.paired.iter().find(|paired| paired.device_id == device);
    let wanted = scopes.or_else(|| found.map(|paired| paired.token_scopes(role)));
    let known: Option<Vec<Scope>> =
        wanted.and_then(|wanted| wanted.iter().map(|scope| Scope::parse(scope)).collect());
    match known {
        Some(known) if role == "operator" && !known.contains(&Scope::Admin) => {
            std::iter::once(Scope::Pairing)
                .chain(known.into_iter().filter(|scope| *scope != Scope::Pairing))
                .collect()
        }
        _ => vec![Scope::Admin],
    }
}
