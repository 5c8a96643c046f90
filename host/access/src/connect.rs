//! The decision about one `connect` request of a client without a device identity (openclaw-compat §2.5, §2.9). A
//! device's proof is not looked at yet: a client with one is judged as one without.

use std::time::Instant;

use openclaw_protocol::connect::{ClientInfo, ConnectParams};
use openclaw_protocol::{ErrorCode, RpcError, Scope};
use serde_json::json;

use crate::peer::Peer;
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
    /// Lets the owner of the installation in, who came by the local socket: with every scope that was asked for.
    ///
    /// # Errors
    /// When something else than an operator connects there.
    pub fn owner(params: &ConnectParams) -> Result<Self, RpcError> {
        if params.role.as_deref().is_some_and(|role| role != "operator") {
            return Err(RpcError::invalid("invalid role"));
        }
        let scopes = params.known_scopes().unwrap_or_else(|| Scope::ALL.to_vec());
        Ok(Self { method: AuthMethod::None, scopes })
    }

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
        origin::check(peer, &self.rules().allowed_origins)?;
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
            Err(reason) if !presented.is_empty() => Err(reason.refuse(client)),
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use openclaw_protocol::decode;
    use openclaw_secrets::Secret;
    use serde_json::Value;

    use super::*;
    use crate::{Limits, Rules, SharedSecret};

    const LOCAL: &str = "127.0.0.1";
    const REMOTE: &str = "10.0.0.7";

    fn access(shared: SharedSecret) -> Access {
        Access::new(Rules {
            shared,
            allowed_origins: Vec::new(),
            limits: Limits { max_attempts: 3, ..Limits::default() },
        })
    }

    fn token() -> Access {
        access(SharedSecret::Token(Some(Secret::from("right-token"))))
    }

    fn peer(address: &str) -> Peer {
        let address: IpAddr = address.parse().unwrap();
        Peer { address, direct_local: address.is_loopback(), origin: None, host: None }
    }

    fn params(id: &str, mode: &str, auth: &Value) -> ConnectParams {
        let wire = json!({"minProtocol": 4, "maxProtocol": 4, "role": "operator", "caps": [], "auth": auth,
            "scopes": ["operator.read", "operator.admin", "operator.talk.secrets"],
            "client": {"id": id, "mode": mode, "version": "1", "platform": "linux"}});
        decode(Some(wire)).unwrap()
    }

    fn code(result: &Result<Admitted, RpcError>) -> &str {
        match result {
            Ok(admitted) if admitted.scopes.is_empty() => "ok without scopes",
            Ok(_) => "ok",
            Err(error) => error.detail_code().unwrap(),
        }
    }

    #[test]
    fn the_table_of_clients_without_a_device() {
        let access = token();
        let check = |address: &str, id: &str, mode: &str, auth: Value, expected: &str| {
            let result = access.connect(&peer(address), &params(id, mode, &auth), Instant::now());
            assert_eq!(code(&result), expected, "{address} {id}/{mode} {auth}");
        };
        let right = || json!({"token": "right-token"});
        check(LOCAL, "cli", "cli", right(), "ok");
        check(LOCAL, "cli", "probe", right(), "ok");
        check(LOCAL, "gateway-client", "backend", right(), "ok");
        check(LOCAL, "cli", "cli", json!({"password": "right-token"}), "ok");
        check(LOCAL, "test", "test", right(), "ok without scopes");
        check(REMOTE, "cli", "cli", right(), "ok without scopes");
        check(LOCAL, "cli", "cli", json!({}), "DEVICE_IDENTITY_REQUIRED");
        check(LOCAL, "cli", "cli", json!({"token": " "}), "DEVICE_IDENTITY_REQUIRED");
        check(LOCAL, "cli", "cli", json!({"token": "wrong"}), "AUTH_TOKEN_MISMATCH");
        check(LOCAL, "openclaw-control-ui", "ui", right(), "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    }

    #[test]
    fn a_refusal_has_the_words_that_clients_know() {
        let result =
            token().connect(&peer(LOCAL), &params("cli", "cli", &json!({"token": "wrong"})), Instant::now());
        let error = result.unwrap_err();
        assert_eq!(
            error.message,
            "unauthorized: gateway token mismatch (use this gateway's gateway.auth.token or pair the device)"
        );
        assert_eq!(
            error.details.unwrap(),
            json!({"code": "AUTH_TOKEN_MISMATCH", "authReason": "token_mismatch", "canRetryWithDeviceToken": false,
                   "recommendedNextStep": "update_auth_credentials"})
        );
    }

    #[test]
    fn a_gateway_without_its_secret_says_so() {
        let check = |shared: SharedSecret, expected: &str| {
            let request = params("cli", "cli", &json!({"token": "any"}));
            assert_eq!(code(&access(shared).connect(&peer(LOCAL), &request, Instant::now())), expected);
        };
        check(SharedSecret::Token(None), "AUTH_TOKEN_NOT_CONFIGURED");
        check(SharedSecret::Password(None), "AUTH_PASSWORD_NOT_CONFIGURED");
        check(SharedSecret::Password(Some(Secret::from("other"))), "AUTH_PASSWORD_MISMATCH");
    }

    #[test]
    fn no_auth_lets_only_local_programs_in() {
        let access = access(SharedSecret::None);
        let request = params("cli", "cli", &json!({}));
        assert_eq!(code(&access.connect(&peer(LOCAL), &request, Instant::now())), "ok");
        assert_eq!(
            code(&access.connect(&peer(REMOTE), &request, Instant::now())),
            "DEVICE_IDENTITY_REQUIRED"
        );
        let page = Peer { origin: Some("http://evil.example".to_owned()), ..peer(LOCAL) };
        assert_eq!(code(&access.connect(&page, &request, Instant::now())), "CONTROL_UI_ORIGIN_NOT_ALLOWED");
        let page = Peer { origin: Some("http://localhost:1".to_owned()), ..peer(LOCAL) };
        assert_eq!(code(&access.connect(&page, &request, Instant::now())), "DEVICE_IDENTITY_REQUIRED");
    }

    #[test]
    fn wrong_guesses_lock_out_but_never_the_right_token() {
        let access = token();
        let now = Instant::now();
        let wrong = params("cli", "cli", &json!({"token": "wrong"}));
        let codes: Vec<String> =
            (0..4).map(|_| code(&access.connect(&peer(REMOTE), &wrong, now)).to_owned()).collect();
        assert_eq!(
            codes,
            ["AUTH_TOKEN_MISMATCH", "AUTH_TOKEN_MISMATCH", "AUTH_RATE_LIMITED", "AUTH_RATE_LIMITED"]
        );
        for _ in 0..4 {
            assert_eq!(code(&access.connect(&peer(LOCAL), &wrong, now)), "AUTH_TOKEN_MISMATCH");
        }
        let error = access.connect(&peer(REMOTE), &wrong, now).unwrap_err();
        assert_eq!((error.retryable, error.retry_after_ms), (Some(true), Some(300_000)));
        let right = params("cli", "cli", &json!({"token": "right-token"}));
        assert_eq!(code(&access.connect(&peer(REMOTE), &right, now)), "ok without scopes");
    }

    #[test]
    fn a_guessed_password_waits_out_the_lockout() {
        let access = access(SharedSecret::Password(Some(Secret::from("right"))));
        let now = Instant::now();
        for _ in 0..3 {
            let _refused =
                access.connect(&peer(REMOTE), &params("cli", "cli", &json!({"password": "no"})), now);
        }
        let right = params("cli", "cli", &json!({"password": "right"}));
        assert_eq!(code(&access.connect(&peer(REMOTE), &right, now)), "AUTH_RATE_LIMITED");
        assert_eq!(code(&access.connect(&peer(LOCAL), &right, now)), "ok");
        let later = now + Limits::default().lockout;
        assert_eq!(code(&access.connect(&peer(REMOTE), &right, later)), "ok without scopes");
    }

    #[test]
    fn admin_may_do_what_needs_any_scope() {
        let admitted = Admitted { method: AuthMethod::Token, scopes: vec![Scope::Write] };
        assert!(admitted.require(Scope::Read).is_ok());
        assert_eq!(admitted.require(Scope::Admin).unwrap_err().message, "missing scope: operator.admin");
    }
}
