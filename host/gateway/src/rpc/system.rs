//! The machine, the gateway's identity, and what tells the gateway something from outside: `system-event`, `wake` and
//! `secrets.reload`.

use std::sync::Arc;

use openclaw_protocol::RpcError;
use openclaw_protocol::system::{
    Heartbeats, HeartbeatsParams, Identity, SecretsReloaded, SystemEventParams, SystemInfo, Told, WakeParams,
};
use serde_json::Value;

use super::absent::agent_named;
use crate::process::Gateway;
use crate::{identity, machine, wakes};

/// `system.info`
pub(super) fn info(gateway: &Gateway) -> SystemInfo {
    let hostname = machine::hostname();
    let (memory_total_bytes, memory_free_bytes) = machine::memory().unwrap_or_default();
    SystemInfo {
        machine_name: hostname.clone(),
        hostname,
        platform: platform().to_owned(),
        release: machine::kernel_release().unwrap_or_default(),
        arch: arch().to_owned(),
        os_label: machine::os_label(),
        port: gateway.listening.first().map(std::net::SocketAddr::port),
        node_version: "none".to_owned(),
        pid: std::process::id(),
        process_instance_id: Some(gateway.boot_id.clone()),
        uptime_ms: gateway.uptime_ms(),
        cpu_count: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        cpu_model: machine::cpu_model(),
        load_average: machine::load_average(),
        memory_total_bytes,
        memory_free_bytes,
    }
}

/// The system in the words of the original's runtime.
fn platform() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// The processor in the words of the original's runtime.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `gateway.identity.get`
pub(super) async fn identity(gateway: &Gateway) -> Result<Identity, RpcError> {
    let known = gateway.memory.identity.get_or_try_init(|| async {
        let state_dir = gateway.paths.state_dir.clone();
        let made = tokio::task::spawn_blocking(move || identity::load_or_create(&state_dir)).await;
        let why = match made {
            Ok(Ok(identity)) => return Ok(identity),
            Ok(Err(error)) => error.to_string(),
            Err(lost) => lost.to_string(),
        };
        Err(RpcError::unavailable(format!("the gateway's identity cannot be read: {why}")))
    });
    known.await.cloned()
}

/// `system-event`
pub(super) async fn event(gateway: &Arc<Gateway>, event: SystemEventParams) -> Result<Told, RpcError> {
    let text = event.text.trim();
    if text.is_empty() {
        return Err(RpcError::invalid("text required"));
    }
    let wake = event.wake == Some(true);
    let node = text.starts_with("Node:");
    if wake && node {
        return Err(RpcError::invalid("wake is not supported for node presence events"));
    }
    let (agent, key) = session(gateway, event.session_key.as_deref(), None)?;
    let named = event.session_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
    if let Some(named) = named.filter(|_| wake) {
        let known = gateway.store.session(&key).await;
        let known = known.map_err(|error| RpcError::unavailable(error.to_string()))?;
        if known.is_none_or(|known| known.settings.archived_at.is_some()) {
            return Err(RpcError::invalid(format!("Unknown or archived session \"{named}\"")));
        }
    }
    let changed = gateway.hub.reports().update(&event);
    gateway.hub.presence_changed();
    let events = gateway.system_events();
    if node {
        // Such a line comes every few minutes: the session reads what is new in it.
        let last = events.waiting(&key).pop().and_then(|last| last.context);
        if let Some(line) = changed.line(last.as_deref() == Some(&changed.key)) {
            events.push(&key, &line, Some(&changed.key));
        }
    } else {
        events.push(&key, text, None);
        if wake {
            wakes::wake(gateway, agent, key);
        }
    }
    Ok(Told { ok: true })
}

/// `wake`
pub(super) fn wake(gateway: &Arc<Gateway>, wake: &WakeParams) -> Result<Told, RpcError> {
    let (agent, key) = session(gateway, wake.session_key.as_deref(), wake.agent_id.as_deref())?;
    if key.splitn(3, ':').nth(2).is_some_and(|rest| rest.starts_with("subagent:")) {
        return Err(RpcError::invalid("wake sessionKey cannot target a subagent session"));
    }
    let text = wake.text.trim();
    if text.is_empty() {
        return Ok(Told { ok: false });
    }
    gateway.system_events().push(&key, text, None);
    // As observed where no heartbeats are due: an event that names no session waits, in either mode.
    if wake.session_key.is_some() {
        wakes::wake(gateway, agent, key);
    }
    Ok(Told { ok: true })
}

/// `set-heartbeats`: there are none that come by themselves; what it switches are the turns that events begin.
pub(super) fn set_heartbeats(gateway: &Gateway, params: &HeartbeatsParams) -> Result<Heartbeats, RpcError> {
    let Some(enabled) = params.enabled.as_ref().and_then(Value::as_bool) else {
        return Err(RpcError::invalid("invalid set-heartbeats params: enabled (boolean) required"));
    };
    gateway.wakes.set(enabled);
    Ok(Heartbeats { ok: true, enabled })
}

/// The agent and the session that are meant: the named one, or the agent's main session.
fn session(gateway: &Gateway, key: Option<&str>, agent: Option<&str>) -> Result<(String, String), RpcError> {
    let agent = agent.map(str::trim).filter(|id| !id.is_empty());
    let key = key.map(|key| key.trim().to_lowercase()).filter(|key| !key.is_empty());
    let owner = key.as_deref().and_then(owner);
    if let (Some(agent), Some(owner)) = (agent, owner)
        && !agent.eq_ignore_ascii_case(owner)
    {
        return Err(RpcError::invalid(
            "wake agentId contradicts the agent that owns sessionKey; pass a single canonical wake target",
        ));
    }
    let agent = agent_named(gateway, agent.or(owner))?;
    let key = match key {
        Some(key) if owner.is_some() => key,
        Some(key) if key != "main" => format!("agent:{}:{key}", agent.id),
        _ => gateway.main_session_of(&agent.id),
    };
    Ok((agent.id, key))
}

/// The agent in a key such as `agent:main:main`.
fn owner(key: &str) -> Option<&str> {
    key.strip_prefix("agent:")?.split(':').next().filter(|id| !id.is_empty())
}

/// `secrets.reload`
pub(super) async fn reload_secrets(gateway: &Arc<Gateway>) -> SecretsReloaded {
    gateway.reload_secrets().await;
    SecretsReloaded { ok: true, warning_count: gateway.lacking_secrets.get().len() as u64 }
}
