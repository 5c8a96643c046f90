//! Clients without a device's identity (openclaw-compat §2.9): which may come in at all, and which keep what they ask
//! for.

use openclaw_protocol::connect::ClientInfo;
use openclaw_protocol::{ErrorCode, RpcError};
use serde_json::json;

use super::{Attempt, is_cli, is_local, locality};
use crate::Access;
use crate::devices::{Locality, Role};
use crate::limiter::Guess;
use crate::peer::Peer;
use crate::refusal::AuthReason;
use crate::shared::AuthMethod;

impl Access {
    /// How this client comes in, and whether it keeps its scopes.
    pub(super) fn deviceless(
        &self,
        attempt: &Attempt<'_>,
        role: Role,
        shared: Result<AuthMethod, AuthReason>,
        presented: bool,
    ) -> Result<(AuthMethod, bool), RpcError> {
        let Attempt { peer, params, now, .. } = *attempt;
        let client = &params.client;
        let control_ui = client.id == "openclaw-control-ui";
        if control_ui && role == Role::Operator && matches!(shared, Ok(AuthMethod::TrustedProxy)) {
            return Ok((AuthMethod::TrustedProxy, true));
        }
        if control_ui {
            return Err(RpcError::invalid(
                "control ui requires device identity (use HTTPS or localhost secure context)",
            )
            .with_details(json!({"code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"})));
        }
        match shared {
            Ok(method) if role == Role::Operator => {
                let keeps = keeps_scopes(peer, client, method);
                if method == AuthMethod::None && !keeps {
                    return Err(identity_required());
                }
                Ok((method, keeps))
            }
            Err(reason) if presented || matches!(reason, AuthReason::Proxy(_)) => {
                let reason = self.count(Guess::Shared, reason, peer, now);
                Err(reason.refuse(client, peer.direct_local, false))
            }
            Ok(_) | Err(_) => Err(identity_required()),
        }
    }
}

fn identity_required() -> RpcError {
    RpcError::new(ErrorCode::NotPaired, "device identity required")
        .with_details(json!({"code": "DEVICE_IDENTITY_REQUIRED"}))
}

/// The gateway's own helper on this machine.
pub(super) fn is_local_backend(
    peer: &Peer,
    client: &ClientInfo,
    locality: Locality,
    method: AuthMethod,
) -> bool {
    client.id == "gateway-client"
        && client.mode == "backend"
        && peer.origin.is_none()
        && matches!(locality, Locality::DirectLocal | Locality::SharedSecretLoopbackLocal)
        && matches!(
            method,
            AuthMethod::None | AuthMethod::DeviceToken | AuthMethod::Token | AuthMethod::Password
        )
}

/// The command line and the gateway's own helpers on this machine. The original takes the scopes from the command
/// line's probes, so that `gateway probe` reports a missing scope on a healthy installation; a probe keeps them here.
fn keeps_scopes(peer: &Peer, client: &ClientInfo, method: AuthMethod) -> bool {
    let locality = locality::of(peer, client, method);
    if is_local_backend(peer, client, locality, method) {
        return true;
    }
    let command_line = is_cli(client) || (client.id == "cli" && client.mode == "probe");
    let secret = method.is_shared_secret() || method == AuthMethod::None;
    command_line
        && secret
        && peer.origin.is_none()
        && is_local(locality)
        && locality != Locality::SharedSecretLoopbackLocal
}
