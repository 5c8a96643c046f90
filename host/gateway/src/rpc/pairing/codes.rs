//! `channels.pairing.codes` and `channels.pairing.approveCode`: the same senders by the code that they were told, for the
//! command line.

use std::collections::BTreeSet;
use std::sync::Arc;

use openclaw_protocol::RpcError;
use openclaw_protocol::pairing::Notification;
use openclaw_protocol::pairing_codes::{
    PairingApproveCodeParams, PairingCode, PairingCodeApproved, PairingCodes, PairingCodesParams,
};
use serde_json::{Map, Value};

use super::{id_label, refuse, rfc3339, tell};
use crate::accounts;
use crate::process::Gateway;

/// `channels.pairing.codes`
pub(in crate::rpc) async fn list(
    gateway: &Arc<Gateway>,
    query: PairingCodesParams,
) -> Result<PairingCodes, RpcError> {
    let channel = channel(gateway, query.channel)?;
    let requests = gateway.messaging.pairing_requests(Some(&channel)).await;
    let requests = requests.map_err(|error| RpcError::unavailable(error.to_string()))?;
    let wanted = requests.into_iter().filter(|request| {
        query.account_id.as_ref().is_none_or(|account| *account == request.account.account)
    });
    let requests = wanted.map(|request| {
        let mut meta = Map::new();
        let mut note = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                meta.insert(key.to_owned(), Value::String(value));
            }
        };
        note("username", request.meta.username);
        note("name", request.meta.name);
        note("accountId", Some(request.account.account));
        PairingCode {
            id: request.sender,
            code: request.code,
            created_at: rfc3339(request.created_at),
            last_seen_at: rfc3339(request.last_seen_at),
            meta,
        }
    });
    let requests = requests.collect();
    let id_label = id_label(gateway, &channel);
    Ok(PairingCodes { channel, id_label, requests })
}

/// `channels.pairing.approveCode`
pub(in crate::rpc) async fn approve(
    gateway: &Arc<Gateway>,
    which: PairingApproveCodeParams,
) -> Result<PairingCodeApproved, RpcError> {
    let PairingApproveCodeParams { channel, code, account_id, notify } = which;
    accounts::resolve(gateway, &channel, account_id.as_deref()).map_err(RpcError::invalid)?;
    let approved = gateway.messaging.approve_code(&channel, account_id.as_deref(), &code).await;
    let approved = approved.map_err(|error| refuse(&error))?;
    let notified = match notify {
        Some(true) => Some(tell(gateway, &approved).await == Notification::Sent),
        _ => None,
    };
    Ok(PairingCodeApproved {
        channel,
        id: approved.sender,
        command_owner: approved.owner_configured,
        notified,
    })
}

/// The channel that is meant: the named one, or the only one. A named one need not be configured: its plugin is enough
/// to say that nobody waits.
fn channel(gateway: &Arc<Gateway>, named: Option<String>) -> Result<String, RpcError> {
    let config = gateway.settings.config();
    if let Some(named) = named {
        let configured = config.channels.iter().map(|channel| channel.id.as_str());
        let plugins = gateway.plugins.get();
        return one_of(named, configured.chain(plugins.channel_ids()).collect());
    }
    match config.channels.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Err(RpcError::invalid(
            "No chat DM pairing channels are configured. To approve a TUI or device request, use openclaw devices \
             approve instead.",
        )),
        several => {
            let ids: Vec<&str> = several.iter().map(|channel| channel.id.as_str()).collect();
            Err(RpcError::invalid(format!("Channel required (expected one of: {}).", ids.join(", "))))
        }
    }
}

/// `named`, if it is among the known ones.
fn one_of(named: String, known: BTreeSet<&str>) -> Result<String, RpcError> {
    if known.contains(named.as_str()) {
        return Ok(named);
    }
    let known =
        if known.is_empty() { "none".to_owned() } else { known.into_iter().collect::<Vec<_>>().join(", ") };
    Err(RpcError::invalid(format!("unknown channel: {named} (known: {known})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_known_by_its_plugin_or_its_section() {
        let check = |known: &[&str], expected: Result<&str, &str>| {
            let found = one_of("chat".to_owned(), known.iter().copied().collect());
            assert_eq!(
                found.map_err(|error| error.message),
                expected.map(str::to_owned).map_err(str::to_owned)
            );
        };
        check(&["post", "chat"], Ok("chat"));
        check(&["post", "mail", "post"], Err("unknown channel: chat (known: mail, post)"));
        check(&[], Err("unknown channel: chat (known: none)"));
    }
}
