//! `gateway.*`

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::secret_ref::SecretInput;

/// `gateway.*`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Gateway {
    /// TCP port. See [`crate::start::port`] for what overrides it.
    pub port: Option<u16>,
    /// Must be `local` before the gateway starts.
    pub mode: Option<GatewayMode>,
    /// Which addresses to listen on.
    pub bind: Option<Bind>,
    /// The IPv4 address for `bind = custom`.
    pub custom_bind_host: Option<String>,
    /// How clients prove themselves.
    pub auth: Auth,
    /// `gateway.controlUi`
    pub control_ui: ControlUi,
    /// `gateway.reload`
    pub reload: Reload,
    /// `gateway.remote`: what the command line uses when `mode` is `remote`.
    pub remote: Remote,
    /// Addresses or networks of proxies that may say who the client is.
    pub trusted_proxies: Vec<String>,
    /// Whether such a proxy may say so in `X-Real-IP`.
    pub allow_real_ip_fallback: bool,
    /// `gateway.nodes`
    pub nodes: Nodes,
}

/// `gateway.reload`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Reload {
    /// What happens when the file changes while the gateway runs.
    pub mode: ReloadMode,
    /// How long the file has to stay the same before it is judged, in milliseconds. Unset: 300.
    pub debounce_ms: Option<u64>,
}

/// `gateway.reload.mode`. The file is watched and guarded in every mode.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ReloadMode {
    /// What can change while the gateway runs does; the rest waits for a restart, which the log and `status` ask for.
    #[default]
    Hybrid,
    /// As `hybrid`.
    Hot,
    /// Every change waits for a restart.
    Restart,
    /// Every change waits for a restart, and nobody is reminded of it.
    Off,
}

/// `gateway.mode`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum GatewayMode {
    /// The gateway runs here.
    Local,
    /// The gateway runs elsewhere; this machine has only clients.
    Remote,
}

/// `gateway.bind`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Bind {
    /// `127.0.0.1`, and `::1` where it exists.
    #[default]
    Loopback,
    /// `0.0.0.0`
    Lan,
    /// The Tailscale address of this host.
    Tailnet,
    /// `0.0.0.0` in a container, otherwise loopback.
    Auto,
    /// `gateway.customBindHost`
    Custom,
}

impl Bind {
    /// The word in the file and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Lan => "lan",
            Self::Tailnet => "tailnet",
            Self::Auto => "auto",
            Self::Custom => "custom",
        }
    }
}

impl std::str::FromStr for Bind {
    type Err = crate::ConfigError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Loopback, Self::Lan, Self::Tailnet, Self::Auto, Self::Custom]
            .into_iter()
            .find(|bind| bind.as_str() == word)
            .ok_or_else(|| crate::ConfigError::InvalidBind(word.to_owned()))
    }
}

/// `gateway.auth`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Auth {
    /// Unset: see [`crate::start::auth`].
    pub mode: Option<AuthMode>,
    /// The shared token.
    #[serde(deserialize_with = "secret")]
    pub token: Option<SecretInput>,
    /// The shared password.
    #[serde(deserialize_with = "secret")]
    pub password: Option<SecretInput>,
    /// `gateway.auth.rateLimit`
    pub rate_limit: RateLimit,
    /// `gateway.auth.trustedProxy`
    pub trusted_proxy: TrustedProxy,
    /// Scopes that a person whom the proxy names has on each connection.
    pub identity_scopes: BTreeMap<String, Vec<String>>,
}

/// `gateway.auth.trustedProxy`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TrustedProxy {
    /// The header that names the person.
    pub user_header: String,
    /// Headers without which nobody is believed.
    pub required_headers: Vec<String>,
    /// Who may come; empty: everybody whom the proxy lets through.
    pub allow_users: Vec<String>,
    /// Whether the proxy may run on this machine.
    pub allow_loopback: bool,
    /// `gateway.auth.trustedProxy.deviceAutoApprove`
    pub device_auto_approve: DeviceAutoApprove,
}

/// `gateway.auth.trustedProxy.deviceAutoApprove`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DeviceAutoApprove {
    /// Whether the device of a person whom the proxy names pairs without an approval.
    pub enabled: bool,
    /// The most that it gets. Unset: read, write, approvals and questions.
    pub scopes: Option<Vec<String>>,
}

/// `gateway.nodes`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Nodes {
    /// `gateway.nodes.pairing`
    pub pairing: NodePairing,
}

/// `gateway.nodes.pairing`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodePairing {
    /// Whether a device on this machine pairs without an approval. Unset: it does.
    pub auto_approve_local: Option<bool>,
}

impl Auth {
    /// How clients prove themselves, as far as the file alone says.
    #[must_use]
    pub fn effective_mode(&self) -> AuthMode {
        self.mode.unwrap_or(if self.password.is_some() { AuthMode::Password } else { AuthMode::Token })
    }
}

/// `gateway.auth.mode`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMode {
    /// Everyone passes.
    None,
    /// The shared token.
    Token,
    /// The shared password.
    Password,
    /// An identity header from a proxy.
    TrustedProxy,
}

impl AuthMode {
    /// The word in the file and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Token => "token",
            Self::Password => "password",
            Self::TrustedProxy => "trusted-proxy",
        }
    }
}

impl std::str::FromStr for AuthMode {
    type Err = crate::ConfigError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::None, Self::Token, Self::Password, Self::TrustedProxy]
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or_else(|| crate::ConfigError::InvalidAuthMode(word.to_owned()))
    }
}

/// `gateway.auth.rateLimit`. Unset fields have the defaults of the limiter.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RateLimit {
    /// Wrong guesses before the lockout.
    pub max_attempts: Option<u32>,
    /// Milliseconds in which they count together.
    pub window_ms: Option<u64>,
    /// Milliseconds of refusal.
    pub lockout_ms: Option<u64>,
    /// Whether programs on this machine are never locked out. Unset: they are as any other.
    pub exempt_loopback: Option<bool>,
}

/// `gateway.controlUi`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ControlUi {
    /// Exact origins, or `*`.
    pub allowed_origins: Vec<String>,
    /// Whether a page may connect whose origin is what the `Host` header says.
    pub dangerously_allow_host_header_origin_fallback: bool,
}

/// `gateway.remote`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Remote {
    /// `ws://…` or `wss://…`
    pub url: Option<String>,
    /// The token of the remote gateway.
    #[serde(deserialize_with = "secret")]
    pub token: Option<SecretInput>,
    /// The password of the remote gateway.
    #[serde(deserialize_with = "secret")]
    pub password: Option<SecretInput>,
}

/// Reads a [`SecretInput`]; anything else is absent here and an issue in the report.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretInput>, D::Error> {
    Ok(SecretInput::from_value(&Value::deserialize(deserializer)?))
}
