//! `device.pair.*` and `device.token.*`: devices that connect to the gateway (openclaw-compat §3.13.6).

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `device.pair.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DevicePairListParams {}

impl Call for DevicePairListParams {
    const METHOD: &'static str = "device.pair.list";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PURPOSE: &'static str = "devices that wait to be let in, and those that are";
    const SHAPE: &'static [Field] = &[];
    type Reply = DevicePairList;
}

/// The answer to `device.pair.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DevicePairList {
    /// Requests that wait for a person, oldest first.
    pub pending: Vec<PendingDevice>,
    /// Devices that may connect.
    pub paired: Vec<PairedDevice>,
}

/// What a device says about itself. None of it is a secret, and none of it is proven. The store keeps it in the same words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceProfile {
    /// What it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// For instance `linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// For instance `Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// One of [`crate::connect::CLIENT_IDS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// One of [`crate::connect::CLIENT_MODES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    /// The page that it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_origin: Option<String>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
}

/// A request that waits for a person; also the event `device.pair.requested`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingDevice {
    /// What to approve or reject.
    pub request_id: String,
    /// Lower-case hex SHA-256 of the device's public key.
    pub device_id: String,
    /// base64url without padding.
    pub public_key: String,
    /// What it says about itself.
    #[serde(flatten)]
    pub profile: DeviceProfile,
    /// The role that it asked for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// All roles that it asks for.
    #[serde(default)]
    pub roles: Vec<String>,
    /// All scopes that it asks for.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// Whether the device is paired already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_repair: Option<bool>,
    /// When it was asked last, in Unix milliseconds.
    pub ts: u64,
}

/// A device that may connect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairedDevice {
    /// Lower-case hex SHA-256 of the device's public key.
    pub device_id: String,
    /// base64url without padding.
    pub public_key: String,
    /// What it said about itself when it was approved. Platform and family are pinned; which page it was is not told.
    #[serde(flatten)]
    pub profile: DeviceProfile,
    /// What a person calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_label: Option<String>,
    /// Its first role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it may connect as.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What it may ask for as an operator.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// `manual`, `silent`, `bootstrap` or `trusted-proxy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_via: Option<String>,
    /// Unix milliseconds.
    pub created_at_ms: u64,
    /// Unix milliseconds.
    pub approved_at_ms: u64,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at_ms: Option<u64>,
    /// Whether it is connected now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// What is known about its tokens; never the tokens.
    #[serde(default)]
    pub tokens: Vec<DeviceTokenInfo>,
}

/// What is known about a device's token of one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTokenInfo {
    /// The role.
    pub role: String,
    /// What it covers.
    pub scopes: Vec<Scope>,
    /// Unix milliseconds.
    pub created_at_ms: u64,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at_ms: Option<u64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_ms: Option<u64>,
}

/// Parameters that name a request.
macro_rules! by_request {
    ($name:ident, $method:literal, $purpose:literal, $reply:ty) => {
        #[doc = concat!("Parameters of `", $method, "`.")]
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The request.
            pub request_id: String,
        }

        impl Call for $name {
            const METHOD: &'static str = $method;
            const SCOPE: Option<Scope> = Some(Scope::Pairing);
            const PURPOSE: &'static str = $purpose;
            const SHAPE: &'static [Field] = &[Field::required("requestId", Kind::NonEmpty)];
            type Reply = $reply;
        }
    };
}

by_request!(DevicePairApproveParams, "device.pair.approve", "lets a device in", DevicePairApproved);
by_request!(DevicePairRejectParams, "device.pair.reject", "refuses a device", DevicePairRejected);

/// The answer to `device.pair.approve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicePairApproved {
    /// The request.
    pub request_id: String,
    /// The device as it is now.
    pub device: PairedDevice,
}

/// The answer to `device.pair.reject`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicePairRejected {
    /// The request.
    pub request_id: String,
    /// Whose it was.
    pub device_id: String,
}

/// Parameters of `device.pair.remove`, and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicePairRemoveParams {
    /// The device.
    pub device_id: String,
}

impl Call for DevicePairRemoveParams {
    const METHOD: &'static str = "device.pair.remove";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PURPOSE: &'static str = "puts a device out";
    const SHAPE: &'static [Field] = &[Field::required("deviceId", Kind::NonEmpty)];
    type Reply = Self;
}

/// Parameters of `device.pair.rename`, and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicePairRenameParams {
    /// The device.
    pub device_id: String,
    /// Its name, of at most 64 characters.
    pub label: String,
}

impl Call for DevicePairRenameParams {
    const METHOD: &'static str = "device.pair.rename";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PURPOSE: &'static str = "gives a device another name";
    const SHAPE: &'static [Field] =
        &[Field::required("deviceId", Kind::NonEmpty), Field::required("label", Kind::NonEmpty)];
    type Reply = Self;
}

/// Parameters of `device.token.rotate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTokenRotateParams {
    /// The device.
    pub device_id: String,
    /// The role.
    pub role: String,
    /// What the token is to cover; without it, what it covers now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
}

impl Call for DeviceTokenRotateParams {
    const METHOD: &'static str = "device.token.rotate";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PURPOSE: &'static str = "gives a device a new token";
    const SHAPE: &'static [Field] = &[
        Field::required("deviceId", Kind::NonEmpty),
        Field::required("role", Kind::NonEmpty),
        Field::optional("scopes", Kind::Texts),
    ];
    type Reply = DeviceTokenRotated;
}

/// The answer to `device.token.rotate`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTokenRotated {
    /// The device.
    pub device_id: String,
    /// The role.
    pub role: String,
    /// The token, when the device itself asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What it covers.
    pub scopes: Vec<Scope>,
    /// Unix milliseconds.
    pub rotated_at_ms: u64,
    /// `in-band`, or `withheld-cross-device`: the device is told when it connects next.
    pub token_delivery: String,
}

impl std::fmt::Debug for DeviceTokenRotated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceTokenRotated")
            .field("device_id", &self.device_id)
            .field("role", &self.role)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("scopes", &self.scopes)
            .field("rotated_at_ms", &self.rotated_at_ms)
            .field("token_delivery", &self.token_delivery)
            .finish()
    }
}

/// Parameters of `device.token.revoke`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTokenRevokeParams {
    /// The device.
    pub device_id: String,
    /// The role.
    pub role: String,
}

impl Call for DeviceTokenRevokeParams {
    const METHOD: &'static str = "device.token.revoke";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PURPOSE: &'static str = "takes a device's token back";
    const SHAPE: &'static [Field] =
        &[Field::required("deviceId", Kind::NonEmpty), Field::required("role", Kind::NonEmpty)];
    type Reply = DeviceTokenRevoked;
}

/// The answer to `device.token.revoke`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTokenRevoked {
    /// The device.
    pub device_id: String,
    /// The role.
    pub role: String,
    /// Unix milliseconds.
    pub revoked_at_ms: u64,
}

/// Parameters of `device.pair.setupCode`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicePairSetupCodeParams {
    /// Where the device reaches this gateway; without it, one of the addresses that it listens on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Whether `gateway.remote.url` is where the device reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefer_remote_url: Option<bool>,
    /// Whether a picture is wanted; this gateway draws none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_qr: Option<bool>,
    /// `limited` or `node`; without it the device may administer the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_profile: Option<String>,
}

impl Call for DevicePairSetupCodeParams {
    const METHOD: &'static str = "device.pair.setupCode";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "makes a code that lets one device in";
    const ADVERTISED: bool = false;
    const SHAPE: &'static [Field] = &[
        Field::optional("publicUrl", Kind::NonEmpty),
        Field::optional("preferRemoteUrl", Kind::Bool),
        Field::optional("includeQr", Kind::Bool),
        Field::optional("bootstrapProfile", Kind::OneOf(&["limited", "node"])),
    ];
    type Reply = DevicePairSetupCode;
}

/// The answer to `device.pair.setupCode`. It holds a secret: this type is never logged.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicePairSetupCode {
    /// Names the code without giving it away.
    pub setup_id: String,
    /// What is typed into the device: base64url of `{"url", "bootstrapToken", "expiresAtMs", "tlsFingerprint"?}`.
    pub setup_code: String,
    /// Where the device connects.
    pub gateway_url: String,
    /// `token` or `password`: what other clients of this gateway present.
    pub auth: String,
    /// Where the address comes from.
    pub url_source: String,
    /// `full`, `limited` or `node`.
    pub access: String,
    /// More was asked for than is given away over an address in the clear.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub access_downgraded: bool,
    /// Unix milliseconds.
    pub expires_at_ms: u64,
}

impl std::fmt::Debug for DevicePairSetupCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevicePairSetupCode")
            .field("setup_id", &self.setup_id)
            .field("gateway_url", &self.gateway_url)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
