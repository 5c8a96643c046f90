//! `models.*`: the models that the running gateway can use, and what it knows of their credentials.

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `models.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelsListParams {
    /// Only models of this provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Which models: `configured` for those that the configuration names, `provider-config` for those of
    /// `models.providers`, all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}

impl Call for ModelsListParams {
    const METHOD: &'static str = "models.list";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the models that can be asked";
    const SHAPE: &'static [Field] = &[
        Field::optional("provider", Kind::NonEmpty),
        Field::optional("agentId", Kind::NonEmpty),
        Field::optional("sessionKey", Kind::NonEmpty),
        Field::optional("view", Kind::Union(&["default", "configured", "provider-config", "all"])),
        Field::optional("refresh", Kind::Bool),
        Field::optional("preparedOnly", Kind::Bool),
        Field::optional("includeDetails", Kind::Bool),
        Field::optional("includeProviderCapabilities", Kind::Bool),
    ];
    type Reply = ModelsList;
}

/// The answer to `models.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelsList {
    /// In the order of the configuration.
    pub models: Vec<ModelEntry>,
}

/// One model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelEntry {
    /// The provider's own id.
    pub id: String,
    /// For people.
    pub name: String,
    /// The provider.
    pub provider: String,
    /// A short name that people may use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// `default`, or `fallback#1` and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether the provider has what it needs in order to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<bool>,
    /// `missing-auth`, `auth-failed` or `cooldown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_reason: Option<String>,
    /// When it is asked again, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_until: Option<u64>,
    /// In tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// `text`, `image` …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<String>,
}

/// Parameters of `models.authStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelsAuthStatusParams {}

impl Call for ModelsAuthStatusParams {
    const METHOD: &'static str = "models.authStatus";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the model providers' credentials, without their values";
    const SHAPE: &'static [Field] =
        &[Field::optional("refresh", Kind::Bool), Field::optional("agentId", Kind::Text)];
    type Reply = ModelsAuthStatus;
}

/// The answer to `models.authStatus` (frame `rpc-models.authStatus`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelsAuthStatus {
    /// Unix milliseconds.
    pub ts: u64,
    /// In the order of the configuration.
    pub providers: Vec<ProviderAuth>,
    /// How a client could give a credential: not at all.
    pub provider_capabilities: Vec<ProviderCapability>,
}

/// The credential of one provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAuth {
    /// The provider.
    pub provider: String,
    /// The same: credentials are not shared.
    pub auth_provider: String,
    /// For people.
    pub display_name: String,
    /// `static` for a key or where none is needed, `missing` where one is wanted.
    pub status: String,
    /// Logins that expire; none.
    pub profiles: Vec<serde_json::Value>,
    /// Where the key comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<KeySource>,
}

/// Where a key comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeySource {
    /// `config` or `env`.
    pub source: String,
}

/// How a client could give a credential.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderCapability {
    /// The provider.
    pub provider: String,
    /// Whether a key can be given through a method.
    pub api_key_supported: bool,
    /// Whether a form for it is enough.
    pub quick_api_key_setup: bool,
}
