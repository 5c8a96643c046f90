//! The handshake's request: who connects, with which credential, for which scopes.
//!
//! Order on the wire: the gateway sends `connect.challenge`, the client answers with a `connect` request, the gateway
//! answers with [`crate::hello::HelloOk`]. Anything else as the first frame ends the connection.

use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

use crate::{
    MIN_PROBE_VERSION, PROTOCOL_VERSION,
    call::Call,
    error::RpcError,
    hello::HelloOk,
    scope::Scope,
    shape::{Field, Kind},
};

/// The name of the gateway's first event.
pub const CHALLENGE_EVENT: &str = "connect.challenge";

/// Values that `client.id` may have; the set is closed.
pub const CLIENT_IDS: &[&str] = &[
    "webchat-ui",
    "openclaw-control-ui",
    "openclaw-browser-copilot",
    "openclaw-tui",
    "webchat",
    "cli",
    "gateway-client",
    "openclaw-macos",
    "openclaw-linux",
    "openclaw-ios",
    "openclaw-watchos",
    "openclaw-android",
    "node-host",
    "openclaw-worker",
    "test",
    "fingerprint",
    "openclaw-probe",
];

/// Values that `client.mode` may have; the set is closed.
pub const CLIENT_MODES: &[&str] = &["webchat", "cli", "ui", "backend", "node", "worker", "probe", "test"];

/// The payload of the gateway's first event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// A UUID, valid for this connection alone.
    pub nonce: String,
    /// Unix milliseconds.
    pub ts: u64,
    /// What a client may count on before `hello-ok`.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// The parameters of `connect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectParams {
    /// The lowest protocol version that the client speaks.
    pub min_protocol: u32,
    /// The highest protocol version that the client speaks.
    pub max_protocol: u32,
    /// What connects.
    pub client: ClientInfo,
    /// `operator` (also when absent) or `node`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The scopes that the client asks for; unknown ones are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// What the client can do; unknown ones are ignored.
    #[serde(default)]
    pub caps: Vec<String>,
    /// The commands that a node offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// The permissions that a node has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<BTreeMap<String, bool>>,
    /// The proof of a device's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceProof>,
    /// The credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ConnectAuth>,
    /// A BCP 47 language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// What connects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// One of [`CLIENT_IDS`].
    pub id: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The client's own version.
    pub version: String,
    /// At most 96 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// For instance `linux`.
    pub platform: String,
    /// For instance `Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// The device's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    /// An IANA name of at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// One of [`CLIENT_MODES`].
    pub mode: String,
    /// Tells apart several instances of one client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
}

/// The proof that a client holds a device's private key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceProof {
    /// Lower-case hex SHA-256 of the raw public key.
    pub id: String,
    /// The Ed25519 public key, base64url without padding.
    pub public_key: String,
    /// The signature, base64url without padding.
    pub signature: String,
    /// Unix milliseconds.
    pub signed_at: u64,
    /// The challenge's nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// The credentials that a client may present. They are secrets: this type is never logged.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectAuth {
    /// The shared token, or a device token in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The shared password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A token that this device was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// A token of a set-up code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_token: Option<String>,
}

impl std::fmt::Debug for ConnectAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectAuth")
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("device_token", &self.device_token.as_ref().map(|_| "…"))
            .field("bootstrap_token", &self.bootstrap_token.as_ref().map(|_| "…"))
            .finish()
    }
}

const CLIENT: &[Field] = &[
    Field::required("id", Kind::OneOf(CLIENT_IDS)),
    Field::optional("displayName", Kind::NonEmpty),
    Field::required("version", Kind::NonEmpty),
    Field::optional("buildId", Kind::NonEmpty),
    Field::required("platform", Kind::NonEmpty),
    Field::optional("deviceFamily", Kind::NonEmpty),
    Field::optional("modelIdentifier", Kind::NonEmpty),
    Field::optional("timeZone", Kind::NonEmpty),
    Field::required("mode", Kind::OneOf(CLIENT_MODES)),
    Field::optional("instanceId", Kind::NonEmpty),
];

const DEVICE: &[Field] = &[
    Field::required("id", Kind::NonEmpty),
    Field::required("publicKey", Kind::NonEmpty),
    Field::required("signature", Kind::NonEmpty),
    Field::required("signedAt", Kind::Int(0, i64::MAX)),
    Field::optional("nonce", Kind::Text),
];

const AUTH: &[Field] = &[
    Field::optional("token", Kind::Text),
    Field::optional("password", Kind::Text),
    Field::optional("deviceToken", Kind::Text),
    Field::optional("bootstrapToken", Kind::Text),
    Field::optional("approvalRuntimeToken", Kind::Text),
    Field::optional("agentRuntimeIdentityToken", Kind::Text),
];

impl Call for ConnectParams {
    const METHOD: &'static str = "connect";
    const SCOPE: Option<Scope> = None;
    const SHAPE: &'static [Field] = &[
        Field::required("minProtocol", Kind::Int(1, u32::MAX as i64)),
        Field::required("maxProtocol", Kind::Int(1, u32::MAX as i64)),
        Field::required("client", Kind::Object(CLIENT)),
        Field::optional("role", Kind::NonEmpty),
        Field::optional("scopes", Kind::Texts),
        Field::optional("caps", Kind::Texts),
        Field::optional("commands", Kind::Texts),
        Field::optional("permissions", Kind::Map),
        Field::optional("pathEnv", Kind::Text),
        Field::optional("computerUse", Kind::Any),
        Field::optional("workerRuns", Kind::Any),
        Field::optional("modelCatalog", Kind::Any),
        Field::optional("device", Kind::Object(DEVICE)),
        Field::optional("auth", Kind::Object(AUTH)),
        Field::optional("locale", Kind::Text),
        Field::optional("userAgent", Kind::Text),
    ];
    type Reply = HelloOk;
}

impl ConnectParams {
    /// Checks that the client's range of versions holds one that the gateway speaks.
    ///
    /// # Errors
    /// `protocol mismatch` with the details that a client needs in order to explain itself (frame
    /// `06-connect-protocol-3`); the connection is then closed with 1002.
    pub fn check_protocol(&self) -> Result<(), RpcError> {
        let lenient = self.client.mode == "probe" || self.role.as_deref() == Some("node");
        let lowest = if lenient { MIN_PROBE_VERSION } else { PROTOCOL_VERSION };
        if self.min_protocol <= PROTOCOL_VERSION && self.max_protocol >= lowest {
            return Ok(());
        }
        Err(RpcError::invalid("protocol mismatch").with_details(json!({
            "code": "PROTOCOL_MISMATCH",
            "clientMinProtocol": self.min_protocol,
            "clientMaxProtocol": self.max_protocol,
            "expectedProtocol": PROTOCOL_VERSION,
            "minimumProbeProtocol": MIN_PROBE_VERSION,
        })))
    }

    /// The scopes asked for that this program knows; `None` when the client named none.
    #[must_use]
    pub fn known_scopes(&self) -> Option<Vec<Scope>> {
        self.scopes.as_ref().map(|names| names.iter().filter_map(|name| Scope::parse(name)).collect())
    }
}

/// The close reason that belongs to a refused handshake: the error's own text, cut at 120 bytes.
#[must_use]
pub fn close_reason(message: &str) -> &str {
    let mut end = message.len().min(120);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;
    use serde_json::Value;

    fn params() -> Value {
        json!({"minProtocol": 4, "maxProtocol": 4,
               "client": {"id": "cli", "version": "2026.9.6", "platform": "linux", "deviceFamily": "Linux",
                          "mode": "cli"},
               "caps": [], "auth": {"token": "secret-token"}, "role": "operator", "scopes": ["operator.read"]})
    }

    #[test]
    fn the_observed_request_is_accepted_and_its_token_stays_hidden() {
        let connect: ConnectParams = decode(Some(params())).unwrap();
        assert_eq!(connect.known_scopes(), Some(vec![Scope::Read]));
        assert!(connect.check_protocol().is_ok());
        assert!(!format!("{connect:?}").contains("secret-token"));
    }

    #[test]
    fn an_unknown_client_is_refused_with_the_observed_text() {
        let mut wire = params();
        wire["client"]["id"] = json!("my-own-client");
        let error = decode::<ConnectParams>(Some(wire)).unwrap_err();
        assert_eq!(
            error.message,
            "invalid connect params: at /client/id: must be equal to one of the allowed values"
        );
    }

    #[test]
    fn versions_must_meet() {
        let check = |min: u32, max: u32, mode: &str, accepted: bool| {
            let mut wire = params();
            wire["minProtocol"] = json!(min);
            wire["maxProtocol"] = json!(max);
            wire["client"]["mode"] = json!(mode);
            let connect: ConnectParams = decode(Some(wire)).unwrap();
            assert_eq!(connect.check_protocol().is_ok(), accepted, "{min}-{max} {mode}");
        };
        check(3, 3, "cli", false);
        check(5, 6, "cli", false);
        check(3, 4, "cli", true);
        check(4, 9, "cli", true);
        check(3, 3, "probe", true);
    }

    #[test]
    fn a_close_reason_fits_its_frame() {
        assert_eq!(close_reason("short"), "short");
        assert!(close_reason(&"é".repeat(100)).len() <= 120);
    }
}
