//! `status`: what the gateway is and what it runs on.

use std::sync::Arc;

use openclaw_protocol::RpcError;
use openclaw_protocol::status::{
    AgentHeartbeat, AgentsSummary, ConfigSummary, DegradedPlugin, Diagnostic, DisabledPart, Heartbeat,
    Heartbeats, OutboxSummary, ProcessMemory, RejectedEdit, StatusSummary, StorageFault,
};
use openclaw_store::TailLoss;

use super::{absent, dead_letters, overview};
use crate::process::Gateway;
use crate::{accounts, machine};

pub(super) async fn status(gateway: &Arc<Gateway>) -> Result<StatusSummary, RpcError> {
    let config = gateway.settings.config();
    let counts = gateway.store.counts().await.map_err(|error| RpcError::unavailable(error.to_string()))?;
    let dead = dead_letters::counts(gateway).await;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(StatusSummary {
        runtime_version: crate::VERSION.to_owned(),
        pid: std::process::id(),
        uptime_ms: gateway.uptime_ms(),
        listening: gateway.listening.iter().map(ToString::to_string).collect(),
        auth_mode: gateway.auth_mode.clone(),
        process_memory: machine::resident_bytes().map(|rss_bytes| ProcessMemory { rss_bytes }),
        model: Some(gateway.model_choice.get().as_ref().clone()),
        agents: AgentsSummary {
            default_id: config.agents.default_id().to_owned(),
            total: config.agents.entries.len() as u64,
        },
        sessions: overview::sessions(gateway).await,
        heartbeat: heartbeats(gateway),
        queued_system_events: queued_system_events(gateway),
        degraded_secret_owners: gateway.lacking_secrets.get().as_ref().clone(),
        degraded_plugins: degraded_plugins(gateway),
        storage: storage(gateway),
        tasks: absent::task_counts(),
        task_audit: absent::task_audit(),
        outbox: OutboxSummary {
            pending: count(counts.pending) + count(counts.sending),
            ambiguous: count(counts.ambiguous),
            failed: count(counts.failed),
            dead_letters: dead.values().map(|counts| counts.total()).sum(),
        },
        channel_summary: channel_summary(gateway),
        config: Some(config_summary(gateway)),
        log_file: Some(gateway.log.path().display().to_string()),
    })
}

/// No agent wakes by itself here.
fn heartbeats(gateway: &Gateway) -> Heartbeats {
    let settings = gateway.agents.settings();
    let agents = settings.agents.iter().map(|agent| AgentHeartbeat {
        agent_id: agent.id.clone(),
        heartbeat: Heartbeat::none(),
        waiting_for_route: false,
    });
    Heartbeats {
        default_agent_id: gateway.settings.config().agents.default_id().to_owned(),
        agents: agents.collect(),
    }
}

/// What the next turns of the main sessions will be told.
fn queued_system_events(gateway: &Gateway) -> Vec<String> {
    let settings = gateway.agents.settings();
    let waiting = settings.agents.iter().flat_map(|agent| {
        let main = gateway.main_session_of(&agent.id);
        gateway.system_events().waiting(&main)
    });
    waiting.map(|event| event.text).collect()
}

fn degraded_plugins(gateway: &Gateway) -> Vec<DegradedPlugin> {
    let faults = gateway.plugins.get().health().errors.into_iter();
    // One that goes on is not unavailable.
    faults
        .filter(|fault| !fault.activated)
        .map(|fault| DegradedPlugin {
            plugin_id: fault.id,
            state: "configured-unavailable".to_owned(),
            diagnostic: Diagnostic { reason: "load-failed".to_owned(), detail: fault.error },
        })
        .collect()
}

fn storage(gateway: &Gateway) -> Vec<StorageFault> {
    let refused = gateway.store.refusal().map(|why| StorageFault {
        code: why.code().to_owned(),
        message: format!("what would have to be stored is refused: {why}"),
    });
    let lost = gateway
        .store
        .tail_loss()
        .map(|loss| StorageFault { code: TailLoss::CODE.to_owned(), message: loss.to_string() });
    refused.into_iter().chain(lost).collect()
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
