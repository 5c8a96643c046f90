//! `plugins.list`: the plugins that the running gateway knows.

use serde::{Deserialize, Serialize};

use crate::{call::Call, scope::Scope, shape::Field};

/// Parameters of `plugins.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginsListParams {}

impl Call for PluginsListParams {
    const METHOD: &'static str = "plugins.list";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the plugins that the gateway knows";
    const SHAPE: &'static [Field] = &[];
    type Reply = PluginsList;
}

/// The answer to `plugins.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginsList {
    /// Sorted by id.
    pub plugins: Vec<PluginEntry>,
}

/// One plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginEntry {
    /// The manifest's id.
    pub id: String,
    /// For people.
    pub name: String,
    /// `channel` or `provider`.
    pub kind: String,
    /// The plugin's own version.
    pub version: String,
    /// `bundled` or `installed`.
    pub origin: String,
    /// Whether the configuration wants it and this build has it.
    pub enabled: bool,
    /// `loaded`, `disabled`, `error`, or `unavailable`: this build knows the plugin but has no component of it.
    pub status: String,
    /// Why it does not load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Hex SHA-256 of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Running instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u64>,
}
