//! The machine and the process: `system.info`, `gateway.identity.get`, and what tells the gateway something from outside:
//! `system-event`, `wake`, `set-heartbeats` and `secrets.reload`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `system.info`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemInfoParams {}

impl Call for SystemInfoParams {
    const METHOD: &'static str = "system.info";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the machine that the gateway runs on";
    const SHAPE: &'static [Field] = &[];
    type Reply = SystemInfo;
}

/// The answer to `system.info`. What the system does not tell is 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemInfo {
    /// What people call the machine.
    pub machine_name: String,
    /// Its name on the network.
    pub hostname: String,
    /// `linux`, `darwin` …
    pub platform: String,
    /// The kernel's version.
    pub release: String,
    /// `x64`, `arm64` …
    pub arch: String,
    /// The system, for people.
    pub os_label: String,
    /// Where the gateway listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The original names the version of its runtime; this program has none.
    pub node_version: String,
    /// The gateway's process.
    pub pid: u32,
    /// New with each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_instance_id: Option<String>,
    /// Milliseconds since the process started.
    pub uptime_ms: u64,
    /// Processors that this process may use.
    pub cpu_count: u64,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// Over one, five and fifteen minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// Bytes.
    pub memory_total_bytes: u64,
    /// Bytes that new work could have.
    pub memory_free_bytes: u64,
}

/// Parameters of `gateway.identity.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdentityParams {}

impl Call for IdentityParams {
    const METHOD: &'static str = "gateway.identity.get";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the gateway's own device identity";
    const SHAPE: &'static [Field] = &[];
    type Reply = Identity;
}

/// The answer to `gateway.identity.get`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Lower-case hex SHA-256 of the raw public key.
    pub device_id: String,
    /// The raw Ed25519 public key, base64url without padding.
    pub public_key: String,
}

/// Parameters of `system-event`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemEventParams {
    /// What happened.
    #[serde(default)]
    pub text: String,
    /// Whose next turn is told; the main session of the default agent when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// The session reads it in a turn of its own, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<bool>,
    /// The sender's device. This and what follows is what it says of itself, for the presence list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Which instance of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// How it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The program's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// For instance `linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// For instance `Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// The device's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    /// How long ago somebody used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_input_seconds: Option<f64>,
    /// Why it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Its scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// `system-presence-clear-last-input` takes `last_input_seconds` back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

impl Call for SystemEventParams {
    const METHOD: &'static str = "system-event";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "tells a session what happened, and the presence list who says so; with wake, it takes a turn at once";
    const SHAPE: &'static [Field] = &[
        Field::required("text", Kind::Text),
        Field::optional("idempotencyKey", Kind::NonEmpty),
        Field::optional("sessionKey", Kind::Text),
        Field::optional("wake", Kind::Bool),
        Field::optional("deviceId", Kind::Text),
        Field::optional("instanceId", Kind::Text),
        Field::optional("host", Kind::Text),
        Field::optional("ip", Kind::Text),
        Field::optional("mode", Kind::Text),
        Field::optional("version", Kind::Text),
        Field::optional("platform", Kind::Text),
        Field::optional("deviceFamily", Kind::Text),
        Field::optional("modelIdentifier", Kind::Text),
        Field::optional("lastInputSeconds", Kind::Number),
        Field::optional("reason", Kind::Text),
        Field::optional("roles", Kind::Texts),
        Field::optional("scopes", Kind::Texts),
        Field::optional("tags", Kind::Texts),
    ];
    type Reply = Told;
}

/// Parameters of `wake`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WakeParams {
    /// `now` or `next-heartbeat`. Without a session both wait for its next turn, since there are no heartbeats.
    pub mode: String,
    /// What happened.
    pub text: String,
    /// Who takes a turn at once; without it the agent's main session is told, and its next turn reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// The agent; the default one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

impl Call for WakeParams {
    const METHOD: &'static str = "wake";
    const SCOPE: Option<Scope> = Some(Scope::Write);
    const PURPOSE: &'static str = "tells a session what happened; one that is named takes a turn at once";
    const SHAPE: &'static [Field] = &[
        Field::required("mode", Kind::Union(&["now", "next-heartbeat"])),
        Field::required("text", Kind::NonEmpty),
        Field::optional("sessionKey", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::others(),
    ];
    type Reply = Told;
}

/// The answer to `system-event` and `wake`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whether the session will be told; not when the text is blank.
    pub ok: bool,
}

/// Parameters of `set-heartbeats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatsParams {
    /// Whether events begin turns; anything but a boolean is refused in words of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<Value>,
}

impl Call for HeartbeatsParams {
    const METHOD: &'static str = "set-heartbeats";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str =
        "switches the turns that events begin; heartbeats that come by themselves there are none";
    const SHAPE: &'static [Field] = &[Field::optional("enabled", Kind::Any)];
    type Reply = Heartbeats;
}

/// The answer to `set-heartbeats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeats {
    /// Always true.
    pub ok: bool,
    /// What was asked for.
    pub enabled: bool,
}

/// Parameters of `secrets.reload`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecretsReloadParams {}

impl Call for SecretsReloadParams {
    const METHOD: &'static str = "secrets.reload";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "looks up all secrets again and puts them in force";
    const SHAPE: &'static [Field] = &[];
    type Reply = SecretsReloaded;
}

/// The answer to `secrets.reload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretsReloaded {
    /// Always true: a secret that is not found is a warning.
    pub ok: bool,
    /// Parts that lack a secret; `status` names them.
    pub warning_count: u64,
}
