//! `channels.pairing.*`: senders who asked to be let in. The rules are messaging's. Who decides about a request names it by
//! its id; codes leave only through `codes`.

pub(super) mod codes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openclaw_messaging::{
    AccountKey, Approved, PAIRING_RULES, PairingError, PairingRequest as Waiting, SendError,
};
use openclaw_protocol::pairing::{
    Notification, OwnerBootstrap, PairingAccount, PairingApproveParams, PairingApproved,
    PairingDismissParams, PairingDismissed, PairingLimits, PairingList, PairingListParams, PairingRequest,
};
use openclaw_protocol::{RpcError, Scope};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Caller;
use crate::accounts;
use crate::process::Gateway;

/// How long the approver waits for the receipt of what the sender is told. The message outlives this.
const TELL_WAIT: Duration = Duration::from_secs(5);
/// Characters of a request's id (openclaw-compat §6.3).
const ID_LENGTH: usize = 32;

/// `channels.pairing.list`
pub(super) async fn list(gateway: &Arc<Gateway>, query: PairingListParams) -> Result<PairingList, RpcError> {
    let accounts = accounts(gateway, query.channel.as_deref(), query.account_id.as_deref())?;
    let waiting = gateway.messaging.pairing_requests(None).await;
    let waiting = waiting.map_err(|error| RpcError::unavailable(error.to_string()))?;
    let mut requests = Vec::new();
    for account in &accounts {
        let own = waiting.iter().filter(|request| request.account == key(account));
        requests.extend(own.map(|request| shown(gateway, account.clone(), request)));
    }
    let owner = gateway.messaging.has_owner().await;
    Ok(PairingList {
        accounts,
        requests,
        command_owner_configured: owner.map_err(|error| RpcError::unavailable(error.to_string()))?,
        limits: PairingLimits {
            pending_per_account: PAIRING_RULES.max_pending.unsigned_abs(),
            ttl_ms: PAIRING_RULES.ttl_ms.unsigned_abs(),
        },
    })
}

/// `channels.pairing.approve`
pub(super) async fn approve(
    caller: &Caller,
    which: PairingApproveParams,
) -> Result<PairingApproved, RpcError> {
    let PairingApproveParams { channel, account_id, request_id, notify, bootstrap_command_owner } = which;
    let bootstrap = bootstrap_command_owner == Some(true);
    if bootstrap && !caller.client.may(Scope::Admin) {
        return Err(RpcError::missing_scope(Scope::Admin));
    }
    let gateway = &caller.gateway;
    let request = find(gateway, &channel, &account_id, &request_id).await?;
    let approved =
        gateway.messaging.approve_request(&request, bootstrap).await.map_err(|error| refuse(&error))?;
    let command_owner_bootstrap = match (bootstrap, &approved.owner_configured) {
        (false, _) => OwnerBootstrap::NotRequested,
        (true, Some(_)) => OwnerBootstrap::Configured,
        (true, None) => OwnerBootstrap::AlreadyConfigured,
    };
    let notification = match notify {
        Some(true) => tell(gateway, &approved).await,
        _ => Notification::NotRequested,
    };
    Ok(PairingApproved { request_id, sender_id: approved.sender, notification, command_owner_bootstrap })
}

/// `channels.pairing.dismiss`
pub(super) async fn dismiss(
    gateway: &Arc<Gateway>,
    which: PairingDismissParams,
) -> Result<PairingDismissed, RpcError> {
    let PairingDismissParams { channel, account_id, request_id } = which;
    let request = find(gateway, &channel, &account_id, &request_id).await?;
    gateway.messaging.dismiss_request(&request).await.map_err(|error| refuse(&error))?;
    Ok(PairingDismissed { request_id, sender_id: request.sender })
}

/// The accounts whose unknown senders are paired: all, or those that are named, in any case.
fn accounts(
    gateway: &Gateway,
    channel: Option<&str>,
    account: Option<&str>,
) -> Result<Vec<PairingAccount>, RpcError> {
    let named =
        |name: Option<&str>| name.map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
    let (wanted_channel, wanted_account) = (named(channel), named(account));
    if let (Some(wanted), Some(channel)) = (&wanted_channel, channel)
        && id_label(gateway, wanted).is_none()
    {
        return Err(RpcError::invalid(format!("unknown pairing channel: {channel}")));
    }
    let mut found = Vec::new();
    for channel in accounts::overview(gateway) {
        if wanted_channel.as_ref().is_some_and(|wanted| *wanted != channel.id) {
            continue;
        }
        for account in channel.accounts {
            let wanted =
                wanted_account.as_ref().is_none_or(|wanted| *wanted == account.account_id.to_lowercase());
            let pairs = account.configured == Some(true) && account.dm_policy.as_deref() == Some("pairing");
            if wanted && pairs {
                found.push(PairingAccount {
                    channel: channel.id.clone(),
                    channel_label: channel.label.clone(),
                    account_id: account.account_id,
                    account_label: account.name.filter(|name| !name.is_empty()),
                    notify_supported: account.enabled == Some(true),
                });
            }
        }
    }
    Ok(found)
}

/// The pending request of this id, at this account.
async fn find(gateway: &Gateway, channel: &str, account: &str, id: &str) -> Result<Waiting, RpcError> {
    let found = accounts(gateway, Some(channel), Some(account))?;
    let [account] = found.as_slice() else {
        return Err(RpcError::invalid(format!(
            "channel account does not use DM pairing: {channel}:{account}"
        )));
    };
    let key = key(account);
    let requests = gateway.messaging.pairing_requests(Some(&key.channel)).await;
    let requests = requests.map_err(|error| RpcError::unavailable(error.to_string()))?;
    let of_account = requests.into_iter().filter(|request| request.account == key);
    let mut named = of_account.filter(|request| request_id(request) == id.trim());
    named.next().ok_or_else(|| refuse(&PairingError::Gone))
}

fn key(account: &PairingAccount) -> AccountKey {
    AccountKey::new(&account.channel, &account.account_id)
}

/// What names a request towards clients (openclaw-compat §6.3). A later one of the same sender has another.
fn request_id(request: &Waiting) -> String {
    let AccountKey { channel, account } = &request.account;
    let named =
        [channel, account, &request.sender, &rfc3339(request.created_at)].map(String::as_str).join("\0");
    let mut id = URL_SAFE_NO_PAD.encode(Sha256::digest(named));
    id.truncate(ID_LENGTH);
    id
}

fn shown(gateway: &Gateway, account: PairingAccount, request: &Waiting) -> PairingRequest {
    let known = [("username", &request.meta.username), ("name", &request.meta.name)];
    let known = known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
    let metadata: BTreeMap<_, _> = known.filter(|(_, value)| !value.is_empty()).collect();
    let sender_label = id_label(gateway, &account.channel);
    PairingRequest {
        request_id: request_id(request),
        account,
        sender_id: request.sender.clone(),
        sender_label: sender_label.unwrap_or_else(|| "id".to_owned()),
        metadata: Some(metadata).filter(|metadata| !metadata.is_empty()),
        created_at: rfc3339(request.created_at),
        last_seen_at: rfc3339(request.last_seen_at),
        expires_at: rfc3339(request.created_at.saturating_add(PAIRING_RULES.ttl_ms)),
    }
}

/// What a channel that has a plugin calls the ids of its senders.
fn id_label(gateway: &Gateway, channel: &str) -> Option<String> {
    let plugins = gateway.plugins.get();
    let words = plugins.channel(channel)?.manifest.as_ref()?.channel.as_ref()?;
    Some(words.sender_id_label.clone())
}

/// Tells a sender who was let in. Whatever becomes of it: the sender is let in.
async fn tell(gateway: &Gateway, approved: &Approved) -> Notification {
    match tokio::time::timeout(TELL_WAIT, gateway.messaging.tell_approved(approved)).await {
        Ok(Ok(_)) => Notification::Sent,
        Ok(Err(SendError::UnknownAccount(_))) => Notification::Unsupported,
        Ok(Err(error)) => {
            tracing::warn!(code = error.code(), "the approved sender is not told: {error}");
            Notification::Failed
        }
        Err(_) => {
            let account = &approved.account;
            tracing::warn!(%account, "the approved sender is not told yet: the message waits in the outbox");
            Notification::Failed
        }
    }
}

fn refuse(error: &PairingError) -> RpcError {
    match error {
        PairingError::NotFound { .. } | PairingError::Gone => RpcError::invalid(error.to_string()),
        PairingError::Store(_) => RpcError::unavailable(error.to_string()),
    }
}

pub(super) fn rfc3339(millis: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    at.ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(1_795_331_739_895), "2026-11-22T07:15:39.895Z");
    }

    #[test]
    fn a_request_is_named_by_all_that_makes_it_that_one() {
        let request = |account: &str, sender: &str, created_at| Waiting {
            account: AccountKey::new("chat", account),
            sender: sender.to_owned(),
            room: "r".to_owned(),
            code: "5FJ4ZCRN".to_owned(),
            created_at,
            last_seen_at: created_at,
            meta: Default::default(),
        };
        let one = request_id(&request("default", "7", 1_795_331_739_895));
        // From the original's rule, computed apart.
        assert_eq!(one, "QLdy1ueHKstwtSLUm1cF6-eMm18GEFS2");
        for other in [
            request("second", "7", 1_795_331_739_895),
            request("default", "8", 1_795_331_739_895),
            request("default", "7", 1_795_331_739_896),
        ] {
            assert_ne!(request_id(&other), one);
        }
        let refreshed =
            Waiting { last_seen_at: 1_795_331_800_000, ..request("default", "7", 1_795_331_739_895) };
        assert_eq!(request_id(&refreshed), one);
    }
}
