//! Answers about things of which this gateway has none (openclaw-compat §3.13). Each has the shape that clients know and
//! says that there is nothing. What is asked about an agent that does not exist is refused, as it would be with
//! something to tell.

use openclaw_agents::AgentSettings;
use openclaw_protocol::{ErrorCode, Method, RpcError, absent, check};
use serde_json::{Value, json};

use crate::clock::now_ms;
use crate::process::Gateway;

/// What the original calls the state of an inventory in which nothing is: the hash of no bytes.
const EMPTY_REVISION: &str = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
/// Jobs in an answer to a client that names no limit.
const CRON_PAGE: u64 = 50;

/// The answer to a method of [`absent::METHODS`]; `None` for any other.
pub(super) fn answer(
    gateway: &Gateway,
    method: &str,
    params: Option<Value>,
) -> Option<Result<Value, RpcError>> {
    let row = absent::METHODS.iter().find(|row| row.name == method)?;
    Some(check(row.name, row.shape, params).and_then(|params| nothing(gateway, row, &params)))
}

fn nothing(gateway: &Gateway, method: &Method, params: &Value) -> Result<Value, RpcError> {
    let agent = agent_named(gateway, params.get("agentId").and_then(Value::as_str))?;
    let state_dir = &gateway.paths.state_dir;
    Ok(match method.name {
        "cron.list" => cron_page(params),
        "cron.status" => json!({
            "enabled": false, "triggersEnabled": false, "jobs": 0, "nextWakeAtMs": null,
            "storePath": gateway.paths.database(), "storage": "sqlite", "sqlitePath": gateway.paths.database(),
        }),
        "node.list" => json!({"ts": now_ms(), "nodes": []}),
        "node.pair.list" => json!({"pending": [], "paired": []}),
        "skills.bins" => json!({"bins": []}),
        "skills.status" => json!({
            "workspaceDir": agent.workspace, "managedSkillsDir": state_dir.join("skills"),
            "agentId": agent.id, "skills": [],
        }),
        "hooks.status" => json!({
            "workspaceDir": agent.workspace, "managedHooksDir": state_dir.join("hooks"), "hooks": [],
        }),
        "tools.catalog" => json!({"agentId": agent.id, "profiles": [], "groups": []}),
        "tools.effective" => json!({"agentId": agent.id, "profile": "minimal", "groups": []}),
        "tasks.list" => json!({"tasks": []}),
        "environments.list" => json!({"environments": [{
            "id": "gateway", "type": "local", "label": "Gateway local", "status": "available",
            "platform": std::env::consts::OS, "sessionHost": true, "trust": "persistent",
            "capabilities": ["agent.run", "sessions", "workspace"],
        }]}),
        "users.list" => json!({"profiles": []}),
        "users.self" => {
            return Err(RpcError::new(ErrorCode::Forbidden, "users.self requires an authenticated user"));
        }
        "users.prefs.get" => json!({"status": "no_durable_identity"}),
        "audit.activity.list" => json!({"events": []}),
        "update.status" => json!({
            "sentinel": null, "updateAvailable": null, "effectiveChannel": "stable",
            "schedule": {"channel": "stable", "autoEnabled": false},
        }),
        "usage.status" => json!({"updatedAt": now_ms(), "providers": []}),
        "usage.cost" => cost(params),
        "doctor.memory.status" => json!({
            "agentId": agent.id, "searchRuntimeRegistered": false,
            "embedding": {"ok": false, "checked": false, "error": "memory search unavailable"},
        }),
        // `last-heartbeat`: there was none.
        _ => Value::Null,
    })
}

/// Background tasks by their state, for `status`.
pub(super) fn task_counts() -> Value {
    json!({
        "total": 0, "active": 0, "terminal": 0, "failures": 0,
        "byStatus": {
            "queued": 0, "running": 0, "succeeded": 0, "failed": 0, "timed_out": 0, "cancelled": 0, "lost": 0,
        },
        "byRuntime": {"subagent": 0, "acp": 0, "cli": 0, "cron": 0},
    })
}

/// What is wrong with background tasks, for `status`.
pub(super) fn task_audit() -> Value {
    json!({
        "total": 0, "warnings": 0, "errors": 0,
        "byCode": {
            "stale_queued": 0, "stale_running": 0, "lost": 0, "delivery_failed": 0, "missing_cleanup": 0,
            "inconsistent_timestamps": 0,
        },
    })
}

/// The agent of that id, or the default one.
pub(super) fn agent_named(gateway: &Gateway, id: Option<&str>) -> Result<AgentSettings, RpcError> {
    let settings = gateway.agents.settings();
    let wanted = id.map(str::trim).filter(|id| !id.is_empty());
    let found = match wanted {
        None => settings.agents.first(),
        Some(id) => settings.agents.iter().find(|agent| agent.id.eq_ignore_ascii_case(id)),
    };
    found.cloned().ok_or_else(|| {
        let id = wanted.unwrap_or_default();
        RpcError::invalid(format!("unknown agent id \"{id}\""))
            .with_details(json!({"code": "UNKNOWN_AGENT_ID", "agentId": id}))
    })
}

/// One page of no jobs. The original's command line refuses a page that does not name its place.
fn cron_page(params: &Value) -> Value {
    let number = |key: &str| params.get(key).and_then(Value::as_u64);
    json!({
        "jobs": [], "snapshotRevision": EMPTY_REVISION, "total": 0,
        "offset": number("offset").unwrap_or(0), "limit": number("limit").unwrap_or(CRON_PAGE),
        "hasMore": false, "nextOffset": null, "deliveryPreviews": {},
    })
}

fn cost(params: &Value) -> Value {
    json!({
        "updatedAt": now_ms(),
        "days": params.get("days").and_then(Value::as_u64).unwrap_or(30),
        "daily": [],
        "totals": {
            "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 0, "totalCost": 0,
            "inputCost": 0, "outputCost": 0, "cacheReadCost": 0, "cacheWriteCost": 0, "missingCostEntries": 0,
        },
    })
}
