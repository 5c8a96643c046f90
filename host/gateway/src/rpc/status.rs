//! `status`: what the gateway is and what it runs on.

use std::fs;
use std::sync::Arc;

use openclaw_protocol::RpcError;
use openclaw_protocol::status::{
    AgentsSummary, ConfigSummary, DisabledPart, OutboxSummary, ProcessMemory, RejectedEdit, StatusSummary,
};

use super::sessions;
use crate::accounts;
use crate::process::Gateway;

/// Sessions in the answer.
const RECENT: usize = 10;

pub(super) async fn status(gateway: &Arc<Gateway>) -> Result<StatusSummary, RpcError> {
    let config = gateway.settings.config();
    let counts = gateway.store.counts().await.map_err(|error| RpcError::unavailable(error.to_string()))?;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(StatusSummary {
        runtime_version: crate::VERSION.to_owned(),
        pid: std::process::id(),
        uptime_ms: gateway.uptime_ms(),
        listening: gateway.listening.iter().map(ToString::to_string).collect(),
        auth_mode: gateway.auth_mode.clone(),
        process_memory: resident_bytes().map(|rss_bytes| ProcessMemory { rss_bytes }),
        model: Some(gateway.model_choice.get().as_ref().clone()),
        agents: AgentsSummary {
            default_id: config.agents.default_id().to_owned(),
            total: config.agents.entries.len() as u64,
        },
        sessions: sessions::summary(gateway, None, RECENT).await,
        outbox: OutboxSummary {
            pending: count(counts.pending) + count(counts.sending),
            ambiguous: count(counts.ambiguous),
            failed: count(counts.failed),
        },
        channel_summary: channel_summary(gateway),
        config: Some(config_summary(gateway)),
        log_file: Some(gateway.log.path().display().to_string()),
    })
}

fn config_summary(gateway: &Gateway) -> ConfigSummary {
    let current = gateway.settings.current();
    let facts = gateway.reload.facts();
    let disabled = current.loaded.report.disabled();
    ConfigSummary {
        path: gateway.paths.config.display().to_string(),
        applied_hash: current.loaded.revision(),
        applied_at: facts.applied_at,
        last_reload_ms: facts.apply_ms,
        pending_restart: facts.pending_restart,
        disabled: disabled
            .into_iter()
            .map(|(owner, issue)| DisabledPart {
                section: owner.section(),
                reason: format!("{issue} ({})", issue.place()),
            })
            .collect(),
        rejected: facts.rejected.map(|rejection| RejectedEdit {
            at: rejection.at,
            reason: rejection.reason,
            details: rejection.details,
            saved: rejection.saved.iter().map(|file| file.display().to_string()).collect(),
            restored: rejection.restored,
        }),
    }
}

fn channel_summary(gateway: &Gateway) -> Vec<String> {
    let mut lines = Vec::new();
    for channel in accounts::overview(gateway) {
        let configured = channel.accounts.iter().any(|account| account.configured == Some(true));
        lines.push(format!(
            "{}: {}",
            channel.label,
            if configured { "configured" } else { "not configured" }
        ));
        for account in channel.accounts {
            let state = account.lifecycle.unwrap_or_else(|| "stopped".to_owned());
            let source = account.token_source.unwrap_or_else(|| "none".to_owned());
            lines.push(format!("  - {} ({state}, token:{source})", account.account_id));
        }
    }
    lines
}

/// Resident memory of this process, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_the_resident_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
