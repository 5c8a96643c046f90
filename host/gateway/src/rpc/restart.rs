//! `gateway.restart.*`: what a restart would interrupt, and the wish for one.

use openclaw_protocol::RpcError;
use openclaw_protocol::restart::{RestartFacts, RestartPreflight, RestartRequestParams, RestartScheduled};

use crate::process::Gateway;
use crate::start::Promise;

/// Characters of a reason that are kept.
const REASON: usize = 200;

pub(super) async fn preflight(gateway: &Gateway) -> Result<RestartPreflight, RpcError> {
    let queues = gateway.messaging.queues().await;
    let queues = queues.map_err(|error| RpcError::unavailable(error.to_string()))?;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let replies = count(queues.ledger.pending) + count(queues.ledger.sending);
    let turns = queues.lanes.turns as u64;
    Ok(RestartPreflight::of(turns, replies, gateway.runs.live().len() as u64))
}

pub(super) async fn request(
    gateway: &Gateway,
    params: RestartRequestParams,
) -> Result<RestartScheduled, RpcError> {
    let pid = std::process::id();
    if let Some(target) = &params.target {
        let port = gateway.listening.first().map(std::net::SocketAddr::port);
        if target.pid != pid || target.port.is_some_and(|wanted| Some(wanted) != port) {
            return Err(RpcError::invalid("target gateway no longer owns the active lock"));
        }
    }
    let reason = params.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let reason: Option<String> = reason.map(|reason| reason.chars().take(REASON).collect());
    let preflight = preflight(gateway).await?;
    let promise =
        gateway.restarter.ask(reason.clone().unwrap_or_else(|| "gateway.restart".to_owned())).await?;
    let coalesced = promise == Promise::Coalesced;
    Ok(RestartScheduled {
        ok: true,
        status: if coalesced { "coalesced" } else { "scheduled" }.to_owned(),
        preflight,
        restart: RestartFacts {
            ok: true,
            pid,
            signal: "SIGUSR2".to_owned(),
            delay_ms: 0,
            reason,
            mode: "emit".to_owned(),
            coalesced,
            cooldown_ms_applied: 0,
        },
    })
}
