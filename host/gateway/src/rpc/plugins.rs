//! `plugins.*`: the plugins that the running gateway knows, and commands for them.

use std::sync::Arc;
use std::time::Instant;

use openclaw_protocol::plugins::{
    ListedPlugin, PluginAccount, PluginEnabled, PluginEntry, PluginReloaded, PluginsList,
    PluginsReloadParams, PluginsReloaded, PluginsSetEnabledParams, PluginsStatus,
};
use openclaw_protocol::{Call as _, RpcError};
use serde_json::{Value, json};

use super::Caller;
use crate::process::Gateway;
use crate::wiring::Change;

fn entries(gateway: &Gateway) -> Vec<PluginEntry> {
    gateway.plugins.get().list(|id| gateway.instances.count(id))
}

/// `plugins.list`
pub(super) fn list(gateway: &Gateway) -> PluginsList {
    let plugins = entries(gateway).into_iter().map(ListedPlugin::from).collect();
    PluginsList { plugins, diagnostics: Vec::new(), mutation_allowed: false }
}

/// `plugins.status`
pub(super) fn status(gateway: &Gateway) -> PluginsStatus {
    PluginsStatus { plugins: entries(gateway) }
}

/// `plugins.inspect`
pub(super) fn inspect(gateway: &Gateway, id: &str) -> Result<Value, RpcError> {
    Ok(inspected(find(gateway, id)?))
}

fn find(gateway: &Gateway, id: &str) -> Result<PluginEntry, RpcError> {
    let found = entries(gateway).into_iter().find(|plugin| plugin.id == id);
    found.ok_or_else(|| RpcError::invalid(format!("unknown plugin: {id} (see: openclaw plugins list)")))
}

/// `plugins.reload`
pub(super) async fn reload(
    gateway: &Arc<Gateway>,
    which: PluginsReloadParams,
) -> Result<PluginsReloaded, RpcError> {
    let begun = Instant::now();
    let mut reloaded = gateway.reload_plugins(which.plugin_id.as_deref()).await;
    let known = entries(gateway);
    let digest =
        |id: &str| known.iter().find(|plugin| plugin.id == id).and_then(|plugin| plugin.digest.clone());
    let mut plugins = Vec::new();
    if let Some(id) = which.plugin_id.filter(|id| !reloaded.contains_key(id)) {
        // It is as it was, or not there at all.
        find(gateway, &id)?;
        let digest = digest(&id);
        plugins.push(PluginReloaded {
            plugin_id: id,
            change: "unchanged".to_owned(),
            digest,
            ..PluginReloaded::default()
        });
    }
    while let Some((id, done)) = reloaded.pop_first() {
        let (change, reason) = match done.change {
            Change::Added => ("added", None),
            Change::Replaced => ("replaced", None),
            Change::Removed => ("removed", None),
            Change::Kept(why) => ("kept", Some(why)),
            Change::Broken(why) => ("broken", Some(why)),
        };
        let accounts = done.accounts.into_iter().map(|(account_id, status)| PluginAccount {
            account_id,
            lifecycle: status.state.as_str().to_owned(),
            reason: status.reason,
        });
        plugins.push(PluginReloaded {
            digest: digest(&id),
            plugin_id: id,
            change: change.to_owned(),
            reason,
            accounts: accounts.collect(),
        });
    }
    Ok(PluginsReloaded {
        ok: plugins.iter().all(|plugin| plugin.reason.is_none()),
        plugins,
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// `plugins.setEnabled`: the other keys that can rule a plugin out are named, not changed.
pub(super) async fn set_enabled(
    caller: &Caller,
    wish: PluginsSetEnabledParams,
) -> Result<PluginEnabled, RpcError> {
    let PluginsSetEnabledParams { plugin_id, enabled } = wish;
    find(&caller.gateway, &plugin_id)?;
    let config = caller.gateway.settings.config();
    let listed = |list: &[String]| list.contains(&plugin_id);
    let obstacle = match &config.plugins {
        plugins if plugins.enabled == Some(false) => Some("plugins.enabled is false"),
        plugins if listed(&plugins.deny) => Some("plugins.deny names it"),
        plugins if !plugins.allow.is_empty() && !listed(&plugins.allow) => {
            Some("plugins.allow names others only")
        }
        _ => None,
    };
    if let Some(obstacle) = obstacle.filter(|_| enabled) {
        return Err(RpcError::invalid(format!(
            "the plugin {plugin_id} cannot be enabled: {obstacle} (change that first: openclaw config set plugins.…)"
        )));
    }
    let patch = json!({"plugins": {"entries": { plugin_id.as_str(): {"enabled": enabled} }}});
    let written = super::config::change_own(caller, PluginsSetEnabledParams::METHOD, patch).await?;
    Ok(PluginEnabled { ok: true, plugin_id, enabled, changed: !written.noop })
}

/// A plugin in the shape of the original, which knows more that a plugin might do. Who signed it is in `plugins.status`:
/// the original's shape has no place for that.
fn inspected(entry: PluginEntry) -> Value {
    let kind = match (entry.origin.as_str(), &entry.source) {
        ("bundled", _) => "bundled",
        (_, Some(_)) => "archive",
        (_, None) => "path",
    };
    // What a reviewer would compare: the component, where it is known.
    let token = entry.digest.clone().unwrap_or_else(|| format!("{}@{}", entry.id, entry.version));
    let mut source = match &entry.digest {
        Some(digest) => json!({"kind": kind, "integrity": digest, "integrityKind": "sha256"}),
        None => json!({"kind": kind}),
    };
    if let (Some(from), Some(source)) = (&entry.source, source.as_object_mut()) {
        source.insert("spec".to_owned(), from.as_str().into());
    }
    let of_kind = |kind: &str| if entry.kind == kind { vec![entry.id.clone()] } else { Vec::new() };
    let declared = json!({
        "channels": of_kind("channel"), "providers": of_kind("provider"), "tools": [], "contracts": [],
        "hooks": [], "mcpServers": [], "cliCommands": [], "cliBackends": [], "skills": [],
        "dangerousConfigFlags": [],
    });
    let listed = ListedPlugin::from(entry);
    let mut plugin = json!({
        "id": listed.id, "name": listed.name, "origin": listed.origin, "installed": listed.installed,
        "enabled": listed.enabled,
    });
    if let (Some(version), Some(plugin)) = (listed.version, plugin.as_object_mut()) {
        plugin.insert("version".to_owned(), version.into());
    }
    let never = json!({"effective": false});
    json!({
        "ok": true, "plugin": plugin, "source": source, "declared": declared, "reviewToken": token,
        "grants": {"hooks": {"allowPromptInjection": never, "allowConversationAccess": never}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inspected_plugin_declares_what_it_is() {
        let entry = PluginEntry {
            id: "chat".to_owned(),
            name: "Chat".to_owned(),
            kind: "channel".to_owned(),
            version: "1.0.0".to_owned(),
            origin: "bundled".to_owned(),
            enabled: true,
            status: "loaded".to_owned(),
            digest: Some("ab".repeat(32)),
            ..PluginEntry::default()
        };
        let shown = inspected(entry);
        assert_eq!(shown["declared"]["channels"], json!(["chat"]));
        assert_eq!(shown["declared"]["providers"], json!([]));
        assert_eq!(shown["source"]["integrity"], shown["reviewToken"]);
        assert_eq!(
            (&shown["plugin"]["version"], &shown["plugin"]["installed"]),
            (&json!("1.0.0"), &json!(true))
        );
    }
}
