//! The decision about a connection's first frame (openclaw-compat §2.5, §3.3.1): what it must be, whether its sender
//! gets in, and what `hello-ok` says. Reads and writes no socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_access::devices::{DeviceGrant, Plan};
use openclaw_access::{Attempt, Identified, Peer};
use openclaw_protocol::connect::{ClientInfo, ConnectParams};
use openclaw_protocol::hello::{
    Features, Granted, GrantedToken, HelloOk, Policy, ServerInfo, SessionDefaults, Snapshot,
};
use openclaw_protocol::status::ModelSource;
use openclaw_protocol::{
    Call, Frame, METHODS, MIN_PROBE_VERSION, PROTOCOL_VERSION, Request, RpcError, Scope, decode,
};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tracing::{info, warn};

use super::hub::event_names;
use super::refusals::{self, log_refusal};
use super::session::Close;
use super::standing::{Standing, announce};
use crate::clock::now_ms;
use crate::process::Gateway;

/// How long the answer to a wrong credential takes (frame `04-connect-wrong-token`).
pub(super) const WRONG_GUESS_DELAY: Duration = Duration::from_millis(250);
const WRONG_GUESSES: &[&str] = &[
    "AUTH_TOKEN_MISMATCH",
    "AUTH_PASSWORD_MISMATCH",
    "AUTH_DEVICE_TOKEN_MISMATCH",
    "AUTH_BOOTSTRAP_TOKEN_INVALID",
];

/// What the upgrade request said about the peer.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) socket: SocketAddr,
    pub(super) peer: Peer,
    pub(super) user_agent: Option<String>,
    /// It came by the local socket, so that no secret is asked for.
    pub(super) owner: bool,
}

/// What a first frame is.
#[derive(Debug, PartialEq)]
pub(super) enum Opening {
    /// A well-formed `connect`.
    Connect { id: String, params: Box<ConnectParams> },
    /// Anything else.
    Refused(Refusal),
}

/// How a handshake ends that fails.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    /// The request to answer, if there is one.
    pub(super) id: Option<String>,
    /// The answer.
    pub(super) error: Option<RpcError>,
    pub(super) close: Close,
}

impl Refusal {
    fn answered(id: impl Into<Option<String>>, code: u16, error: RpcError) -> Refusal {
        let close = Close::new(code, refusals::close_text(&error));
        Refusal { id: id.into(), error: Some(error), close }
    }

    /// Whether a credential was compared and did not match.
    pub(super) fn is_wrong_guess(&self) -> bool {
        let code = self.error.as_ref().and_then(RpcError::detail_code);
        code.is_some_and(|code| WRONG_GUESSES.contains(&code))
    }
}

/// A client that got in.
pub(super) struct Welcome {
    pub(super) client: ClientInfo,
    pub(super) scopes: Vec<Scope>,
    pub(super) standing: Standing,
    /// The payload of the answer.
    pub(super) hello: Box<RawValue>,
}

/// Reads a first frame.
pub(super) fn parse(text: &str) -> Opening {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        // Observed: no answer and a normal close (frame `07b-garbage-first-frame`).
        return Opening::Refused(Refusal { id: None, error: None, close: Close::new(1000, "") });
    };
    let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
    let Ok(Frame::Request(request)) = serde_json::from_value::<Frame>(value) else {
        let error = id.is_some().then(RpcError::handshake_expected);
        return Opening::Refused(Refusal { id, error, close: Close::new(1008, "invalid request frame") });
    };
    if request.method != ConnectParams::METHOD {
        return Opening::Refused(Refusal::answered(request.id, 1008, RpcError::handshake_expected()));
    }
    match decode::<ConnectParams>(request.params) {
        Ok(params) => Opening::Connect { id: request.id, params: Box::new(params) },
        Err(error) => Opening::Refused(Refusal::answered(request.id, 1008, error)),
    }
}

/// Reads a later frame.
pub(super) fn request(text: &str) -> Result<Request, Close> {
    match serde_json::from_str::<Frame>(text) {
        Ok(Frame::Request(request)) if !request.id.is_empty() && !request.method.is_empty() => Ok(request),
        _ => Err(Close::new(1008, "invalid request frame")),
    }
}

/// Decides about a well-formed `connect`, and logs a refusal.
pub(super) async fn admit(
    gateway: &Arc<Gateway>,
    arrival: &Arrival,
    conn_id: &str,
    nonce: &str,
    params: ConnectParams,
) -> Result<Welcome, Refusal> {
    if let Err(error) = params.check_protocol() {
        info!(
            subsystem = "gateway/ws",
            "protocol mismatch conn={conn_id} client={} {} v{} min={} max={} expected={PROTOCOL_VERSION} \
             probeMin={MIN_PROBE_VERSION} instance={}",
            params.client.id,
            params.client.mode,
            refusals::plain(&params.client.version),
            params.min_protocol,
            params.max_protocol,
            refusals::plain(params.client.instance_id.as_deref().unwrap_or("n/a")),
        );
        return Err(Refusal::answered(None, 1002, error));
    }
    let (identified, grant) = match let_in(gateway, arrival, nonce, &params).await {
        Ok(found) => found,
        Err(error) => {
            log_refusal(gateway, arrival, conn_id, &params, &error);
            gateway.metrics.refused(error.detail_code().unwrap_or("OTHER"));
            return Err(Refusal::answered(None, 1008, error));
        }
    };
    if let Some(device) = &identified.device_id {
        gateway.devices.seen(device).await;
    }
    let granted = granted(gateway, &identified, grant);
    let standing = Standing::new(
        identified.method,
        identified.role,
        arrival.peer.clone(),
        identified.device_id,
        identified.shared_generation,
    );
    let hello = hello(gateway, conn_id, params.max_protocol.min(PROTOCOL_VERSION), granted).await;
    match to_raw_value(&hello) {
        Ok(hello) => Ok(Welcome { client: params.client, scopes: identified.scopes, standing, hello }),
        Err(error) => {
            warn!(subsystem = "gateway/ws", %error, "hello-ok cannot be encoded");
            Err(Refusal::answered(None, 1011, RpcError::unavailable("connect failed")))
        }
    }
}

/// The decision, with the device's approval where there is a device.
async fn let_in(
    gateway: &Arc<Gateway>,
    arrival: &Arrival,
    nonce: &str,
    params: &ConnectParams,
) -> Result<(Identified, Option<DeviceGrant>), RpcError> {
    if arrival.owner {
        return Ok((Identified::owner(params)?, None));
    }
    let attempt = Attempt { peer: &arrival.peer, params, nonce, now: Instant::now(), now_ms: now_ms() };
    let mut identified = gateway.devices.read(|registry| gateway.access.identify(&attempt, registry))?;
    let Some(newcomer) = identified.newcomer.take() else { return Ok((identified, None)) };
    let settled = gateway.devices.admit(*newcomer).await;
    let Plan { notices, result, .. } = settled.map_err(|error| {
        warn!(subsystem = "gateway/ws", %error, "a device could not be written down");
        RpcError::busy("the gateway cannot write down who connects; try again", Some(1_000))
    })?;
    announce(&gateway.hub, &notices);
    Ok((identified, Some(result?)))
}

/// What the client is told that it was granted.
fn granted(gateway: &Gateway, identified: &Identified, grant: Option<DeviceGrant>) -> Granted {
    let mut granted = Granted {
        method: Some(identified.method.as_str().to_owned()),
        role: identified.role.as_str().to_owned(),
        scopes: identified.scopes.clone(),
        ..Granted::default()
    };
    if let Some(grant) = grant {
        if let Some(issued) = &grant.token {
            granted.device_token = Some(issued.token.expose().to_owned());
            granted.issued_at_ms = Some(issued.issued_at_ms);
        }
        let told = |issued: openclaw_access::devices::Issued| GrantedToken {
            device_token: issued.token.expose().to_owned(),
            role: issued.role.as_str().to_owned(),
            scopes: issued.scopes,
            issued_at_ms: issued.issued_at_ms,
        };
        granted.device_tokens = grant.others.into_iter().map(told).collect();
    }
    granted.recovery_scope = gateway.devices.read(|registry| registry.recovery_scope(identified));
    granted.recovery_migration_allowed =
        (granted.recovery_scope.is_some() && granted.device_token.is_some() && identified.user.is_none())
            .then_some(true);
    granted
}

async fn hello(gateway: &Gateway, conn_id: &str, protocol: u32, auth: Granted) -> HelloOk {
    let admin = auth.scopes.contains(&Scope::Admin);
    let config = gateway.settings.config();
    let default_agent_id = config.agents.default_id().to_owned();
    HelloOk {
        kind: "hello-ok".to_owned(),
        protocol,
        server: ServerInfo {
            version: crate::VERSION.to_owned(),
            boot_id: Some(gateway.boot_id.clone()),
            conn_id: conn_id.to_owned(),
        },
        features: Features {
            methods: METHODS
                .iter()
                .filter(|method| method.advertised)
                .map(|method| method.name.to_owned())
                .collect(),
            events: event_names().map(str::to_owned).collect(),
            capabilities: Vec::new(),
        },
        snapshot: Snapshot {
            presence: gateway.hub.presence(),
            health: serde_json::from_str(gateway.health().await.get()).unwrap_or_default(),
            state_version: gateway.hub.state_version(),
            uptime_ms: gateway.uptime_ms(),
            config_path: admin.then(|| gateway.paths.config.display().to_string()),
            state_dir: admin.then(|| gateway.paths.state_dir.display().to_string()),
            auth_mode: admin.then(|| gateway.auth_mode.clone()),
            session_defaults: Some(SessionDefaults {
                main_session_key: gateway.main_session_of(&default_agent_id),
                default_agent_id,
                main_key: gateway.settings.config().session.main(),
                model_configured: Some(gateway.model_choice.get().source != ModelSource::Demo),
            }),
        },
        auth,
        policy: Policy::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn first_frames_end_as_observed() {
        let connect = |client: &str| {
            json!({"type": "req", "id": "r1", "method": "connect", "params": {"minProtocol": 4, "maxProtocol": 4,
                "client": {"id": client, "version": "1", "platform": "linux", "mode": "cli"}}})
            .to_string()
        };
        let check = |text: &str, id: Option<&str>, message: Option<&str>, code: u16, reason: &str| {
            let Opening::Refused(refusal) = parse(text) else { panic!("{text} was accepted") };
            assert_eq!(refusal.id.as_deref(), id, "{text}");
            assert_eq!(refusal.error.map(|error| error.message).as_deref(), message, "{text}");
            assert_eq!(refusal.close, Close::new(code, reason), "{text}");
        };
        let expected = "invalid handshake: first request must be connect";
        let unknown = "invalid connect params: at /client/id: must be equal to one of the allowed values";
        // 07-first-frame-not-connect
        check(
            r#"{"type":"req","id":"r1","method":"health","params":{}}"#,
            Some("r1"),
            Some(expected),
            1008,
            expected,
        );
        // 07b-garbage-first-frame
        check("{nope", None, None, 1000, "");
        check(r#"{"id":"r1"}"#, Some("r1"), Some(expected), 1008, "invalid request frame");
        check(r#"{"type":"tick"}"#, None, None, 1008, "invalid request frame");
        // 08-connect-unknown-client
        check(&connect("my-own-client"), Some("r1"), Some(unknown), 1008, unknown);
        assert!(matches!(parse(&connect("cli")), Opening::Connect { id, .. } if id == "r1"));
    }

    #[test]
    fn later_frames_must_be_requests() {
        assert_eq!(request(r#"{"type":"req","id":"a","method":"health"}"#).unwrap().method, "health");
        for bad in ["[]", "{}", r#"{"type":"req","id":"","method":"x"}"#, r#"{"type":"event","event":"x"}"#] {
            assert_eq!(request(bad).unwrap_err(), Close::new(1008, "invalid request frame"));
        }
    }
}
