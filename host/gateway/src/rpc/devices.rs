//! `device.pair.*` and `device.token.*`. Who may do what to which device is `openclaw-access`'s decision; here it is
//! asked, written down, announced and answered.

pub(super) mod setup;

use openclaw_access::devices::{Denied, Device, Manager, Pending, Plan, Registry};
use openclaw_protocol::devices::{
    DevicePairApproveParams, DevicePairApproved, DevicePairList, DevicePairRejectParams, DevicePairRejected,
    DevicePairRemoveParams, DevicePairRenameParams, DeviceProfile, DeviceTokenInfo, DeviceTokenRevokeParams,
    DeviceTokenRevoked, DeviceTokenRotateParams, DeviceTokenRotated, PairedDevice, PendingDevice,
};
use openclaw_protocol::{Role, RpcError, Scope};
use tracing::warn;
use uuid::Uuid;

use super::Caller;
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::ws::standing::announce;

/// Characters of a device's name.
const LABEL: usize = 64;

/// `device.pair.list`
pub(super) fn list(caller: &Caller) -> DevicePairList {
    let by = manager(caller);
    caller.gateway.devices.read(|registry| DevicePairList {
        pending: registry
            .pending(now_ms())
            .into_iter()
            .filter(|pending| by.sees(&pending.device_id))
            .map(pending)
            .collect(),
        paired: registry
            .devices()
            .filter(|device| by.sees(&device.device_id))
            .map(|device| paired(&caller.gateway, device))
            .collect(),
    })
}

/// `device.pair.approve`
pub(super) async fn approve(
    caller: &Caller,
    which: DevicePairApproveParams,
) -> Result<DevicePairApproved, RpcError> {
    let pairing = Uuid::new_v4().to_string();
    let done = manage(caller, "approval", which.request_id.clone(), move |registry, by| {
        registry.approve(by, &which.request_id, now_ms(), &pairing)
    });
    let done = done.await?;
    Ok(DevicePairApproved { request_id: done.request_id, device: paired(&caller.gateway, &done.device) })
}

/// `device.pair.reject`
pub(super) async fn reject(
    caller: &Caller,
    which: DevicePairRejectParams,
) -> Result<DevicePairRejected, RpcError> {
    let request_id = which.request_id.trim().to_owned();
    let device_id = manage(caller, "rejection", request_id.clone(), move |registry, by| {
        registry.reject(by, &which.request_id, now_ms())
    });
    Ok(DevicePairRejected { request_id, device_id: device_id.await? })
}

/// `device.pair.remove`
pub(super) async fn remove(
    caller: &Caller,
    which: DevicePairRemoveParams,
) -> Result<DevicePairRemoveParams, RpcError> {
    let device_id = which.device_id.trim().to_owned();
    let answer = DevicePairRemoveParams { device_id: device_id.clone() };
    manage(caller, "removal", device_id.clone(), move |registry, by| registry.remove(by, &device_id)).await?;
    Ok(answer)
}

/// `device.pair.rename`
pub(super) async fn rename(
    caller: &Caller,
    which: DevicePairRenameParams,
) -> Result<DevicePairRenameParams, RpcError> {
    let DevicePairRenameParams { device_id, label } = which;
    if label.chars().count() > LABEL {
        let text = "invalid device.pair.rename params: at /label: must NOT have more than 64 characters";
        return Err(RpcError::invalid(text));
    }
    let id = device_id.clone();
    let label =
        manage(caller, "rename", device_id.clone(), move |registry, by| registry.rename(by, &id, &label));
    Ok(DevicePairRenameParams { device_id, label: label.await? })
}

/// `device.token.rotate`
pub(super) async fn rotate(
    caller: &Caller,
    which: DeviceTokenRotateParams,
) -> Result<DeviceTokenRotated, RpcError> {
    let DeviceTokenRotateParams { device_id, role, scopes } = which;
    // A scope that this gateway does not know is outside of what any device may have.
    let scopes: Option<Vec<Scope>> =
        match scopes.map(|names| names.iter().map(|name| Scope::parse(name.trim())).collect()) {
            None => None,
            Some(Some(scopes)) => Some(scopes),
            Some(None) => return Err(RpcError::invalid("device token rotation denied")),
        };
    let (id, wanted) = (device_id.clone(), role.clone());
    let rotated = manage(caller, "token rotation", device_id.clone(), move |registry, by| {
        registry.rotate(by, &id, &wanted, scopes.as_deref(), now_ms())
    });
    let rotated = rotated.await?;
    let delivery = if rotated.own { "in-band" } else { "withheld-cross-device" };
    Ok(DeviceTokenRotated {
        device_id,
        role,
        token: rotated.own.then(|| rotated.token.expose().to_owned()),
        scopes: rotated.scopes,
        rotated_at_ms: rotated.rotated_at_ms,
        token_delivery: delivery.to_owned(),
    })
}

/// `device.token.revoke`
pub(super) async fn revoke(
    caller: &Caller,
    which: DeviceTokenRevokeParams,
) -> Result<DeviceTokenRevoked, RpcError> {
    let DeviceTokenRevokeParams { device_id, role } = which;
    let (id, wanted) = (device_id.trim().to_owned(), role.clone());
    let revoked = manage(caller, "token revocation", device_id.clone(), move |registry, by| {
        registry.revoke(by, &id, &wanted, now_ms())
    });
    let revoked_at_ms = revoked.await?;
    Ok(DeviceTokenRevoked { device_id: device_id.trim().to_owned(), role, revoked_at_ms })
}

/// Runs an operation of this caller; what came of it is announced before it is answered.
async fn manage<T: Send + 'static>(
    caller: &Caller,
    what: &'static str,
    which: String,
    operation: impl FnOnce(&Registry, &Manager) -> Result<Plan<T>, Denied> + Send + 'static,
) -> Result<T, RpcError> {
    let by = manager(caller);
    let done = caller.gateway.devices.manage(move |registry| operation(registry, &by)).await;
    match done.map_err(|error| unwritten(&error))? {
        Ok(Plan { notices, result, .. }) => {
            announce(&caller.gateway.hub, &notices);
            Ok(result)
        }
        Err(Denied { message, reason }) => {
            warn!(subsystem = "gateway", target_id = %which.escape_debug(), "device {what} denied reason={reason}");
            Err(RpcError::invalid(message))
        }
    }
}

fn unwritten(error: &openclaw_store::StoreError) -> RpcError {
    warn!(subsystem = "gateway", %error, "a change of the devices could not be written down");
    RpcError::busy("the gateway cannot write this down now; nothing was changed", Some(1_000))
}

fn manager(caller: &Caller) -> Manager {
    let client = &caller.client;
    Manager { scopes: client.scopes.clone(), device_id: client.standing.device_by_token().map(str::to_owned) }
}

fn words(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

fn pending(one: &Pending) -> PendingDevice {
    PendingDevice {
        request_id: one.request_id.clone(),
        device_id: one.device_id.clone(),
        public_key: one.public_key.clone(),
        profile: one.profile.clone(),
        role: Some(one.role.as_str().to_owned()),
        roles: words(&one.roles),
        scopes: one.scopes.clone(),
        is_repair: Some(one.is_repair),
        ts: one.ts,
    }
}

fn paired(gateway: &Gateway, device: &Device) -> PairedDevice {
    let via = serde_json::to_value(device.approved_via).ok();
    PairedDevice {
        device_id: device.device_id.clone(),
        public_key: device.public_key.clone(),
        profile: DeviceProfile { browser_origin: None, ..device.profile.clone() },
        operator_label: device.operator_label.clone(),
        role: device.roles.first().map(|role| role.as_str().to_owned()),
        roles: words(&device.roles),
        scopes: device.scopes.clone(),
        approved_via: via.and_then(|via| via.as_str().map(str::to_owned)),
        created_at_ms: device.created_at_ms,
        approved_at_ms: device.approved_at_ms,
        last_seen_at_ms: device.last_seen_at_ms,
        connected: Some(gateway.hub.has_device(&device.device_id)),
        tokens: device
            .tokens
            .iter()
            .map(|token| DeviceTokenInfo {
                role: token.role.as_str().to_owned(),
                scopes: token.scopes.clone(),
                created_at_ms: token.created_at_ms,
                rotated_at_ms: token.rotated_at_ms,
                revoked_at_ms: token.revoked_at_ms,
            })
            .collect(),
    }
}
