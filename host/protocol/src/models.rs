//! `models.list`: the models that the running gateway can use.

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
    /// Whether the provider has what it needs in order to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<bool>,
    /// In tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// `text`, `image` …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<String>,
}
