//! `openclaw plugins reload`

use std::process::ExitCode;

use clap::Args;
use openclaw_protocol::plugins::{PluginReloaded, PluginsReloadParams, PluginsReloaded};

use crate::{
    client::{self, RpcFlags},
    context::Context,
    error::CliError,
    output::{age, print_json, print_line},
};

/// How long the accounts of a plugin may take to finish what they are doing, one after the other.
const PATIENCE_MS: u64 = 60_000;

/// Flags of `openclaw plugins reload`.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// The plugin's id (default: every installed plugin)
    plugin: Option<String>,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let rpc = RpcFlags { timeout: Some(flags.rpc.timeout.unwrap_or(PATIENCE_MS)), ..flags.rpc.clone() };
    let params = PluginsReloadParams { plugin_id: flags.plugin.clone() };
    let (raw, done) = client::ask(context, &rpc, &params)?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&what(&done))?;
    }
    Ok(if done.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of each plugin, for people.
pub(super) fn what(done: &PluginsReloaded) -> String {
    if done.plugins.is_empty() {
        return "Nothing has changed.".to_owned();
    }
    let took = age::latency(done.duration_ms);
    let lines = done.plugins.iter().map(|plugin| line(plugin, &took));
    lines.collect::<Vec<_>>().join("\n")
}

fn line(plugin: &PluginReloaded, took: &str) -> String {
    let id = &plugin.plugin_id;
    let reason = plugin.reason.as_deref().unwrap_or_default();
    let mut line = match plugin.change.as_str() {
        "unchanged" => format!("{id}: unchanged"),
        "kept" => format!("{id}: not replaced: {reason}"),
        "broken" => format!("{id}: cannot be used: {reason}"),
        change => format!("{id}: {change} ({took})"),
    };
    for account in &plugin.accounts {
        let reason = account.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        line.push_str(&format!("\n- {id} {}: {}{reason}", account.account_id, account.lifecycle));
    }
    line
}

#[cfg(test)]
mod tests {
    use openclaw_protocol::plugins::PluginAccount;

    use super::*;

    #[test]
    fn what_became_of_each_plugin_is_told_with_its_accounts() {
        let plugin = |id: &str, change: &str, reason: Option<&str>| PluginReloaded {
            plugin_id: id.to_owned(),
            change: change.to_owned(),
            reason: reason.map(str::to_owned),
            ..PluginReloaded::default()
        };
        let account =
            PluginAccount { account_id: "main".to_owned(), lifecycle: "connecting".to_owned(), reason: None };
        let replaced = PluginReloaded { accounts: vec![account], ..plugin("a", "replaced", None) };
        let plugins =
            vec![replaced, plugin("b", "kept", Some("no component")), plugin("c", "unchanged", None)];
        let done = PluginsReloaded { ok: false, plugins, duration_ms: 40 };
        let expected =
            "a: replaced (40ms)\n- a main: connecting\nb: not replaced: no component\nc: unchanged";
        assert_eq!(what(&done), expected);
        assert_eq!(what(&PluginsReloaded::default()), "Nothing has changed.");
    }
}
