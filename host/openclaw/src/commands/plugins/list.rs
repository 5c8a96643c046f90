//! `openclaw plugins list`

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::plugins::{PluginEntry, PluginsStatusParams};
use serde_json::json;

use crate::{
    client::{self, PATIENCE_MS, RpcFlags, Target, UrlSource},
    context::Context,
    error::CliError,
    output::{Output, clean, print_json, print_line, table::Table},
};

/// Flags of `openclaw plugins list`.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// Only those that are enabled
    #[arg(long)]
    enabled: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let target = Target::resolve(&flags.rpc.target, context)?;
    let asked =
        client::ask_at(&target, flags.rpc.timeout.unwrap_or(PATIENCE_MS), &PluginsStatusParams::default());
    let (plugins, running) = match asked {
        Ok((_, answer)) => (answer.plugins, true),
        // Which plugins are present is known without a gateway; whether they load is not.
        Err(CliError::Gateway(error)) if target.source == UrlSource::Local && !error.gateway_answered() => {
            let config = context.config().cloned().unwrap_or_default();
            (openclaw_gateway::present_plugins(&context.paths, &config), false)
        }
        Err(other) => return Err(other),
    };
    let plugins: Vec<PluginEntry> =
        plugins.into_iter().filter(|plugin| plugin.enabled || !flags.enabled).collect();
    if context.json {
        print_json(&json!({"plugins": plugins, "gatewayReachable": running, "diagnostics": []}))?;
    } else {
        if !running {
            crate::output::note("Gateway not reachable; showing what is present, not what runs.");
        }
        print_line(&text(&plugins, context.output))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(plugins: &[PluginEntry], output: Output) -> String {
    if plugins.is_empty() {
        return "No plugins found. Run `cargo xtask build` to build the bundled ones into the binary."
            .to_owned();
    }
    let enabled = plugins.iter().filter(|plugin| plugin.enabled).count();
    let mut table = Table::new(&["ID", "Kind", "Status", "Source", "Signed", "Version", "Name"]);
    for plugin in plugins {
        table.row([
            plugin.id.clone(),
            plugin.kind.clone(),
            status(plugin).to_owned(),
            plugin.origin.clone(),
            signed(plugin),
            plugin.version.clone(),
            clean(&plugin.name),
        ]);
    }
    let mut text = format!("Plugins ({enabled}/{} enabled)\n{}", plugins.len(), table.render(output));
    for plugin in plugins {
        if let Some(error) = &plugin.error {
            text.push_str(&format!("\n{}: {error}", plugin.id));
        }
    }
    text
}

/// Who answers for it, in a word.
fn signed(plugin: &PluginEntry) -> String {
    match (plugin.trust.as_str(), &plugin.publisher) {
        ("signed", Some(publisher)) => publisher.chars().take(16).collect(),
        ("unsigned", _) => "UNSIGNED".to_owned(),
        ("folder", _) => "no (folder)".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn status(plugin: &PluginEntry) -> &str {
    match plugin.status.as_str() {
        "unavailable" => "not available yet",
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_without_a_component_is_not_available_yet() {
        let plain = Output { columns: None, color: false };
        let plugin = PluginEntry {
            id: "chat".to_owned(),
            kind: "channel".to_owned(),
            status: "unavailable".to_owned(),
            ..PluginEntry::default()
        };
        let text = text(&[plugin], plain);
        assert!(text.starts_with("Plugins (0/1 enabled)\n") && text.contains("not available yet"), "{text}");
    }

    #[test]
    fn a_plugin_that_does_not_load_says_why() {
        let plain = Output { columns: None, color: false };
        let plugin = PluginEntry {
            id: "chat".to_owned(),
            name: "Chat".to_owned(),
            kind: "channel".to_owned(),
            version: "0.1.0".to_owned(),
            origin: "bundled".to_owned(),
            enabled: true,
            status: "error".to_owned(),
            error: Some("it was built for another contract".to_owned()),
            ..PluginEntry::default()
        };
        let text = text(&[plugin], plain);
        assert!(text.starts_with("Plugins (1/1 enabled)\nID "));
        assert!(text.ends_with("\nchat: it was built for another contract"));
    }
}
