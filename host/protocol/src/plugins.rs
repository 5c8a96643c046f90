//! `plugins.*`: the plugins that the running gateway knows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

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

/// The answer to `plugins.list`; its shape is the original's, to the key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginsList {
    /// Sorted by id.
    pub plugins: Vec<ListedPlugin>,
    /// What is wrong beside the plugins' own faults; nothing here.
    pub diagnostics: Vec<Value>,
    /// Whether clients may install and remove plugins; never here.
    pub mutation_allowed: bool,
}

/// One plugin in the original's terms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedPlugin {
    /// The manifest's id.
    pub id: String,
    /// For people.
    pub name: String,
    /// The plugin's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `channel` or `provider`.
    pub kind: Vec<String>,
    /// `bundled` or `installed`.
    pub origin: String,
    /// Whether this build has it.
    pub installed: bool,
    /// Whether the configuration wants it and this build has it.
    pub enabled: bool,
    /// `enabled`, `disabled`, `not-installed` or `error`.
    pub state: String,
    /// Why it does not load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<PluginEntry> for ListedPlugin {
    fn from(entry: PluginEntry) -> Self {
        let state = match entry.status.as_str() {
            "error" => "error",
            "unavailable" => "not-installed",
            _ if entry.enabled => "enabled",
            _ => "disabled",
        };
        Self {
            installed: state != "not-installed",
            state: state.to_owned(),
            kind: Some(entry.kind).filter(|kind| !kind.is_empty()).into_iter().collect(),
            version: Some(entry.version).filter(|version| !version.is_empty()),
            id: entry.id,
            name: entry.name,
            origin: entry.origin,
            enabled: entry.enabled,
            error: entry.error,
        }
    }
}

/// Parameters of `plugins.inspect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginsInspectParams {
    /// The manifest's id.
    pub plugin_id: String,
}

impl Call for PluginsInspectParams {
    const METHOD: &'static str = "plugins.inspect";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "one plugin: where it comes from and what it declares";
    const SHAPE: &'static [Field] = &[Field::required("pluginId", Kind::NonEmpty)];
    type Reply = Value;
}

/// Parameters of `plugins.status`, which is this program's own: what the original's `plugins.list` has no keys for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginsStatusParams {}

impl Call for PluginsStatusParams {
    const METHOD: &'static str = "plugins.status";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const ADVERTISED: bool = false;
    const PURPOSE: &'static str = "the plugins with their digests and running instances";
    const SHAPE: &'static [Field] = &[];
    type Reply = PluginsStatus;
}

/// The answer to `plugins.status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginsStatus {
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
    /// Hex SHA-256 of the component; of an installed one, of the package without its signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Running instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u64>,
    /// Who answers for it: `bundled`, `signed`, `unsigned`, or `folder` for one that is being written.
    #[serde(default)]
    pub trust: String,
    /// Hex SHA-256 of the publisher's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Where an installed one came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
