//! `plugins.*`: the plugins that the running gateway knows.

use openclaw_protocol::RpcError;
use openclaw_protocol::plugins::{ListedPlugin, PluginEntry, PluginsList, PluginsStatus};
use serde_json::{Value, json};

use crate::process::Gateway;

fn entries(gateway: &Gateway) -> Vec<PluginEntry> {
    gateway.plugins.list(|id| gateway.instances.count(id))
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
    let found = entries(gateway).into_iter().find(|plugin| plugin.id == id);
    let entry = found
        .ok_or_else(|| RpcError::invalid(format!("unknown plugin: {id} (see: openclaw plugins list)")))?;
    Ok(inspected(entry))
}

/// A plugin in the shape of the original, which knows more that a plugin might do.
fn inspected(entry: PluginEntry) -> Value {
    let kind = match (entry.origin.as_str(), &entry.source) {
        ("bundled", _) => "bundled",
        (_, Some(_)) => "archive",
        (_, None) => "path",
    };
    let (trust, publisher, from) = (entry.trust.clone(), entry.publisher.clone(), entry.source.clone());
    // What a reviewer would compare: the component, where it is known.
    let token = entry.digest.clone().unwrap_or_else(|| format!("{}@{}", entry.id, entry.version));
    let mut source = match &entry.digest {
        Some(digest) => json!({"kind": kind, "integrity": digest, "integrityKind": "sha256"}),
        None => json!({"kind": kind}),
    };
    if let Some(source) = source.as_object_mut() {
        source.insert("trust".to_owned(), trust.into());
        source.extend(publisher.map(|publisher| ("publisher".to_owned(), publisher.into())));
        source.extend(from.map(|from| ("from".to_owned(), from.into())));
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
