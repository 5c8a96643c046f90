//! The decision about a connection's first frame (openclaw-compat §2.5, §3.3.1): what it must be, whether its sender
//! gets in, and what `hello-ok` says. Reads and writes no socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_access::Peer;
use openclaw_messaging::main_key;
use openclaw_protocol::connect::{ClientInfo, ConnectParams};
use openclaw_protocol::hello::{Features, Granted, HelloOk, Policy, ServerInfo, SessionDefaults, Snapshot};
use openclaw_protocol::status::ModelSource;
use openclaw_protocol::{
    Call, Frame, METHODS, MIN_PROBE_VERSION, PROTOCOL_VERSION, Request, RpcError, Scope, decode,
};
use serde_json::Value;
use tracing::{info, warn};

use super::hub::event_names;
use super::session::Close;
use crate::process::Gateway;

/// How long the answer to a wrong credential takes (frame `04-connect-wrong-token`).
const WRONG_GUESS_DELAY: Duration = Duration::from_millis(250);

/// What the upgrade request said about the peer.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) socket: SocketAddr,
    pub(super) peer: Peer,
    pub(super) user_agent: Option<String>,
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
        let close = Close::new(code, error.message.clone());
        Refusal { id: id.into(), error: Some(error), close }
    }
}

/// A client that got in.
pub(super) struct Welcome {
    pub(super) client: ClientInfo,
    pub(super) scopes: Vec<Scope>,
    /// The payload of the answer.
    pub(super) hello: Value,
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
    params: ConnectParams,
) -> Result<Welcome, Refusal> {
    if let Err(error) = params.check_protocol() {
        info!(
            subsystem = "gateway/ws",
            "protocol mismatch conn={conn_id} client={} {} v{} min={} max={} expected={PROTOCOL_VERSION} \
             probeMin={MIN_PROBE_VERSION} instance={}",
            params.client.id,
            params.client.mode,
            params.client.version,
            params.min_protocol,
            params.max_protocol,
            params.client.instance_id.as_deref().unwrap_or("n/a"),
        );
        return Err(Refusal::answered(None, 1002, error));
    }
    let admitted = match gateway.access.connect(&arrival.peer, &params, Instant::now()) {
        Ok(admitted) => admitted,
        Err(error) => {
            log_refusal(arrival, conn_id, &params, &error);
            if matches!(error.detail_code(), Some("AUTH_TOKEN_MISMATCH" | "AUTH_PASSWORD_MISMATCH")) {
                tokio::time::sleep(WRONG_GUESS_DELAY).await;
            }
            return Err(Refusal::answered(None, 1008, error));
        }
    };
    let granted = Granted {
        method: Some(admitted.method.as_str().to_owned()),
        role: params.role.clone().unwrap_or_else(|| "operator".to_owned()),
        scopes: admitted.scopes.clone(),
    };
    let hello = hello(gateway, conn_id, params.max_protocol.min(PROTOCOL_VERSION), granted).await;
    match serde_json::to_value(hello) {
        Ok(hello) => Ok(Welcome { client: params.client, scopes: admitted.scopes, hello }),
        Err(error) => {
            warn!(subsystem = "gateway/ws", %error, "hello-ok cannot be encoded");
            Err(Refusal::answered(None, 1011, RpcError::unavailable("connect failed")))
        }
    }
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
            methods: METHODS.iter().map(|(name, _)| (*name).to_owned()).collect(),
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
                main_session_key: main_key(&default_agent_id),
                default_agent_id,
                main_key: "main".to_owned(),
                model_configured: Some(gateway.model_choice.get().source != ModelSource::Demo),
            }),
        },
        auth,
        policy: Policy::default(),
    }
}

/// The line that operators search for (openclaw-compat §2.6.3).
fn log_refusal(arrival: &Arrival, conn_id: &str, params: &ConnectParams, error: &RpcError) {
    let auth = params.auth.as_ref();
    let provided = match auth {
        Some(auth) if auth.password.is_some() => "password",
        Some(auth) if auth.token.is_some() => "token",
        Some(auth) if auth.bootstrap_token.is_some() => "bootstrap-token",
        Some(auth) if auth.device_token.is_some() => "device-token",
        _ => "none",
    };
    let detail = |key: &str| {
        error
            .details
            .as_ref()
            .and_then(|details| details.get(key))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let reason =
        Some(detail("authReason")).filter(|reason| !reason.is_empty()).unwrap_or_else(|| detail("code"));
    let or_na = |text: Option<&str>| text.unwrap_or("n/a").to_owned();
    warn!(
        subsystem = "gateway/ws",
        "unauthorized conn={conn_id} peer={} remote={} client={} {} v{} role={} scopes={} auth={provided} device={} \
         platform={} instance={} host={} origin={} ua={} reason={reason} guidance={}",
        arrival.socket,
        arrival.peer.address,
        params.client.id,
        params.client.mode,
        params.client.version,
        params.role.as_deref().unwrap_or("operator"),
        params.scopes.as_ref().map_or(0, Vec::len),
        if params.device.is_some() { "yes" } else { "no" },
        params.client.platform,
        or_na(params.client.instance_id.as_deref()),
        or_na(arrival.peer.host.as_deref()),
        or_na(arrival.peer.origin.as_deref()),
        or_na(arrival.user_agent.as_deref()),
        error.message.strip_prefix("unauthorized: ").unwrap_or(&error.message),
    );
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
