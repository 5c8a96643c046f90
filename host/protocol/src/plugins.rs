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

/// Parameters of `plugins.reload`: what lies on disk is looked at again, and what has changed there is taken into use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginsReloadParams {
    /// The manifest's id; every installed plugin when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_id: Option<String>,
}

impl Call for PluginsReloadParams {
    const METHOD: &'static str = "plugins.reload";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str =
        "takes plugins whose files have changed into use; only their accounts start anew";
    const LIMITED: bool = true;
    const SHAPE: &'static [Field] = &[Field::optional("pluginId", Kind::NonEmpty)];
    type Reply = PluginsReloaded;
}

/// The answer to `plugins.reload`. It comes when the accounts concerned have been started anew, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginsReloaded {
    /// Whether everything that was looked at is in use as it lies on disk.
    pub ok: bool,
    /// Sorted by id: the plugin that was named, or all that are not as they were.
    pub plugins: Vec<PluginReloaded>,
    /// From the request to the last account's start.
    pub duration_ms: u64,
}

/// What became of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginReloaded {
    /// The manifest's id.
    pub plugin_id: String,
    /// `unchanged`, `added`, `replaced`, `removed`, `kept` (what lies on disk cannot be used, and the one from before
    /// goes on) or `broken` (it cannot be used, and there is none from before).
    pub change: String,
    /// Why it is `kept` or `broken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Hex SHA-256 of the component that is in use, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The accounts that were started anew, in that order.
    pub accounts: Vec<PluginAccount>,
}

/// An account that was started anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginAccount {
    /// The account.
    pub account_id: String,
    /// The supervisor's state afterwards.
    pub lifecycle: String,
    /// Why, for people, where there is more to say than the state does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Parameters of `plugins.setEnabled`: writes `plugins.entries.<id>.enabled`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginsSetEnabledParams {
    /// The manifest's id.
    pub plugin_id: String,
    /// Whether it may run.
    pub enabled: bool,
}

impl Call for PluginsSetEnabledParams {
    const METHOD: &'static str = "plugins.setEnabled";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "writes into the configuration whether a plugin may run";
    const LIMITED: bool = true;
    const SHAPE: &'static [Field] =
        &[Field::required("pluginId", Kind::NonEmpty), Field::required("enabled", Kind::Bool)];
    type Reply = PluginEnabled;
}

/// The answer to `plugins.setEnabled`. It is in force already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginEnabled {
    /// Always.
    pub ok: bool,
    /// The manifest's id.
    pub plugin_id: String,
    /// Whether it may run.
    pub enabled: bool,
    /// Whether the file said otherwise before.
    pub changed: bool,
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
    /// Why it does not load; of a `loaded` one, why what has come in its place on disk was not taken over.
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
