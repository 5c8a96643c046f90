//! `plugins.list`: the plugins that the running gateway knows.

use openclaw_protocol::plugins::PluginsList;

use crate::process::Gateway;

pub(super) fn list(gateway: &Gateway) -> PluginsList {
    PluginsList { plugins: gateway.plugins.list(|id| gateway.instances.count(id)) }
}
