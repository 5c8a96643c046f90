//! The decision about one `connect` request of a client without a device identity (openclaw-compat §2.5, §2.9). A
//! device's proof is not looked at yet: a client with one is judged as one without.

use std::time::Instant;

use openclaw_protocol::connect::{ClientInfo, ConnectParams};
use openclaw_protocol::{ErrorCode, RpcError, Scope};
use serde_json::json;

use crate::peer::Peer;
use crate::refusal::AuthReason;
use crate::shared::{AuthMethod, Presented};
use crate::{Access, origin};

/// Pages in a browser: they must say where they come from.
const BROWSER_CLIENTS: &[&str] = &["openclaw-control-ui", "webchat-ui", "webchat"];

/// A client that got in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// How it proved itself.
    pub method: AuthMethod,
    /// What it asked for and may do. Empty for a client that is neither local nor a known device.
    pub scopes: Vec<Scope>,
}

impl Admitted {
    /// Checks that this client may do what needs `scope`.
    ///
    /// # Errors
    /// `missing scope: …`
    pub fn require(&self, scope: Scope) -> Result<(), RpcError> {
        let covered = self.scopes.iter().any(|held| held.covers(scope));
        if covered { Ok(()) } else { Err(RpcError::missing_scope(scope)) }
    }
}

impl Access {
    /// Decides about a `connect` whose frame and protocol range are already checked.
    ///
    /// # Errors
    /// The answer to send before the connection is closed with 1008 and [`openclaw_protocol::connect::close_reason`].
    pub fn connect(&self, peer: &Peer, params: &ConnectParams, now: Instant) -> Result<Admitted, RpcError> {
        let client = &params.client;
        let role = params.role.as_deref().unwrap_or("operator");
        if !matches!(role, "operator" | "node") {
            return Err(RpcError::invalid("invalid role"));
        }
        let is_page = BROWSER_CLIENTS.contains(&client.id.as_str());
        if is_page && peer.origin.is_none() {
            return Err(origin::refuse("origin missing or invalid"));
        }
        origin::check(peer, &self.rules())?;
        let auth = params.auth.as_ref();
        let presented = Presented {
            token: auth.and_then(|auth| auth.token.as_deref()),
            password: auth.and_then(|auth| auth.password.as_deref()),
        };
        let shared = self.check_shared(peer, &presented, now);
        if client.id == "openclaw-control-ui" {
            return Err(RpcError::invalid(
                "control ui requires device identity (use HTTPS or localhost secure context)",
            )
            .with_details(json!({"code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"})));
        }
        let local_program = peer.direct_local && peer.origin.is_none() && is_own_program(client);
        match shared {
            Ok(method) if role == "operator" && (method != AuthMethod::None || local_program) => {
                let scopes =
                    if local_program { params.known_scopes().unwrap_or_default() } else { Vec::new() };
                Ok(Admitted { method, scopes })
            }
            Err(reason @ AuthReason::ProxyAttribution) => Err(reason.refuse(client, false, false)),
            Err(reason) if !presented.is_empty() => Err(reason.refuse(client, peer.direct_local, false)),
            Ok(_) | Err(_) => Err(RpcError::new(ErrorCode::NotPaired, "device identity required")
                .with_details(json!({"code": "DEVICE_IDENTITY_REQUIRED"}))),
        }
    }
}

/// The command line and the gateway's own helpers. The original takes the scopes from the command line's probes, so
/// that `gateway probe` reports a missing scope on a healthy installation; a probe keeps them here.
fn is_own_program(client: &ClientInfo) -> bool {
    matches!(
        (client.id.as_str(), client.mode.as_str()),
        ("cli", "cli" | "probe") | ("gateway-client", "backend")
    )
}
