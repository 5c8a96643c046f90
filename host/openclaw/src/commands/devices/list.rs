//! `openclaw devices list`

use std::process::ExitCode;

use super::{Registry, view, view::Devices};
use crate::{
    client::{RpcFlags, block_on},
    context::Context,
    error::CliError,
    output::{Output, age, clean, print_json, print_line, table::Table},
};

pub(super) fn run(rpc: &RpcFlags, context: &Context) -> Result<ExitCode, CliError> {
    let registry = Registry::new(rpc, context)?;
    let raw = block_on(async { Ok(registry.list_raw().await?) })?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&text(&view::read(&raw), context.output, age::now_ms()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(devices: &Devices, output: Output, now_ms: u64) -> String {
    let mut parts = Vec::new();
    if !devices.pending.is_empty() {
        parts.push(format!("Pending ({})\n{}", devices.pending.len(), pending(devices, output, now_ms)));
    }
    if !devices.paired.is_empty() {
        let mut table = Table::new(&["Device", "Device ID", "Roles", "Scopes", "Tokens", "IP"]);
        for device in &devices.paired {
            table.row([
                device.name(),
                clean(&device.device_id),
                device.role_list(),
                device.scope_list(),
                device.token_summary(),
                clean(device.remote_ip.as_deref().unwrap_or_default()),
            ]);
        }
        let ids: Vec<String> = devices
            .paired
            .iter()
            .map(|device| format!("  {}  {}", clean(&device.device_id), device.name()))
            .collect();
        parts.push(format!(
            "Paired ({})\n{}\nFull device IDs\n{}",
            devices.paired.len(),
            table.render(output),
            ids.join("\n")
        ));
    }
    if parts.is_empty() {
        return "No device pairing entries.".to_owned();
    }
    if let Some(latest) = devices.latest() {
        parts.push(format!("Approve one: openclaw devices approve {}", clean(&latest.request_id)));
    }
    parts.join("\n")
}

fn pending(devices: &Devices, output: Output, now_ms: u64) -> String {
    let mut table = Table::new(&["Request", "Device", "Requested", "Approved", "Age", "Status"]);
    for request in &devices.pending {
        let address = request.remote_ip.as_ref().map(|ip| format!(" · {}", clean(ip))).unwrap_or_default();
        let approved =
            devices.known(request).map_or_else(|| "none".to_owned(), |known| known.rights().summary());
        let repair = if request.is_repair { ", repair" } else { "" };
        table.row([
            clean(&request.request_id),
            format!("{}{address}", request.name()),
            request.rights().summary(),
            approved,
            age::ago(request.ts, now_ms),
            format!("{}{repair}", devices.kind(request).label()),
        ]);
    }
    table.render(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_fits_a_terminal_and_names_the_next_command() {
        let devices = view::read(&json!({
            "pending": [{"requestId": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "deviceId": "ab".repeat(32), "ts": 1,
                "displayName": "laptop", "remoteIp": "10.0.0.7", "role": "operator", "scopes": ["operator.read"]}],
            "paired": [{"deviceId": "cd".repeat(32), "clientId": "openclaw-control-ui", "roles": ["operator"],
                "scopes": ["operator.admin", "operator.read"], "tokens": [{"role": "operator", "revokedAtMs": 1}]}],
        }));
        let plain = text(&devices, Output { columns: None, color: false }, 120_001);
        for words in [
            "Pending (1)\nRequest",
            "laptop · 10.0.0.7",
            "roles: operator; scopes: operator.read",
            "2m ago",
            "new pairing",
            "Paired (1)\nDevice",
            "operator (revoked)",
            &format!("Full device IDs\n  {}  openclaw-control-ui", "cd".repeat(32)),
            "openclaw devices approve 7c9e6679-7425-40de-944b-e07fc1f90ae7",
        ] {
            assert!(plain.contains(words), "no `{words}` in:\n{plain}");
        }
        let boxed = text(&devices, Output { columns: Some(120), color: false }, 120_001);
        assert!(boxed.lines().all(|line| line.chars().count() <= 120), "{boxed}");
        assert!(boxed.contains('┌'), "{boxed}");
        let nobody = text(&Devices::default(), Output { columns: None, color: false }, 0);
        assert_eq!(nobody, "No device pairing entries.");
    }
}
