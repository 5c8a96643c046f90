//! Keeps the registry of devices: what it wants to change is in the store before it is in force, and in force before
//! anybody is answered. What changes, and who may, is `openclaw-access`'s decision.

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use openclaw_access::devices::{
    Change, Denied, Device, DeviceGrant, Newcomer, Pending, Plan, Registry, SetupCode, TokenKey,
};
use openclaw_failpoints::failpoint;
use openclaw_protocol::RpcError;
use openclaw_store::{DeviceTable, DeviceWrite, Store, StoreError};
use serde::de::DeserializeOwned;
use tracing::warn;
use uuid::Uuid;

use crate::clock::now_ms;

/// Under this name the store has the key of the device tokens.
const KEY_NAME: &str = "device-tokens";
/// How often it is noted that a device is there, in milliseconds.
const SEEN_EVERY_MS: u64 = 60_000;

/// The registry and where it is kept. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Devices(Arc<Kept>);

struct Kept {
    registry: RwLock<Registry>,
    /// Held from looking at the state to putting the change in force: changes come one after the other.
    changing: tokio::sync::Mutex<()>,
    store: Store,
}

impl Devices {
    /// Reads what was kept.
    ///
    /// # Errors
    /// When the store cannot be read, or the system has no random numbers for the first key.
    pub(crate) async fn open(store: Store) -> Result<Devices, StoreError> {
        let fresh = TokenKey::random()
            .map_err(|error| StoreError::Internal(Arc::new(std::io::Error::other(error.to_string()))))?;
        let key = TokenKey::from_bytes(store.gateway_key(KEY_NAME, *fresh.as_bytes()).await?);
        let mut kept = Vec::new();
        for row in store.device_rows(DeviceTable::Devices).await? {
            if let Some(mut device) = read::<Device>("device", &row.id, &row.body) {
                let seen = row.seen_at.and_then(|at| u64::try_from(at).ok());
                device.last_seen_at_ms = device.last_seen_at_ms.max(seen);
                kept.push(Change::Device(Box::new(device)));
            }
        }
        for row in store.device_rows(DeviceTable::Requests).await? {
            kept.extend(
                read::<Pending>("request", &row.id, &row.body).map(|one| Change::Pending(Box::new(one))),
            );
        }
        for row in store.device_rows(DeviceTable::Codes).await? {
            kept.extend(read::<SetupCode>("setup code", &row.id, &row.body).map(Change::Code));
        }
        let registry = RwLock::new(Registry::new(key, kept));
        Ok(Devices(Arc::new(Kept { registry, changing: tokio::sync::Mutex::default(), store })))
    }

    /// Looks at the state as it is now.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Registry) -> T) -> T {
        look(&self.0.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a device in or files its request.
    pub(crate) async fn admit(
        &self,
        newcomer: Newcomer,
    ) -> Result<Plan<Result<DeviceGrant, RpcError>>, StoreError> {
        let id = Uuid::new_v4().to_string();
        // Mostly there is nothing to change, and nothing to wait for.
        let plan = self.read(|registry| registry.admit(&newcomer, now_ms(), &id));
        if plan.changes.is_empty() {
            return Ok(plan);
        }
        self.change(move |registry| registry.admit(&newcomer, now_ms(), &id)).await
    }

    /// Runs an operation that may be refused.
    pub(crate) async fn manage<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Registry) -> Result<Plan<T>, Denied> + Send + 'static,
    ) -> Result<Result<Plan<T>, Denied>, StoreError> {
        let plan = self
            .change(move |registry| match operation(registry) {
                Ok(plan) => Plan { changes: plan.changes, notices: plan.notices, result: Ok(plan.result) },
                Err(denied) => Plan { changes: Vec::new(), notices: Vec::new(), result: Err(denied) },
            })
            .await?;
        let Plan { changes, notices, result } = plan;
        Ok(result.map(|result| Plan { changes, notices, result }))
    }

    /// Writes down what an operation wants to change, and puts it in force. It is finished even when nobody waits for
    /// it any more: else the store would know what the registry does not.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Registry) -> Plan<T> + Send + 'static,
    ) -> Result<Plan<T>, StoreError> {
        let devices = self.clone();
        let work = async move {
            let _turn = devices.0.changing.lock().await;
            failpoint!("devices.change");
            let plan = devices.read(operation);
            if !plan.changes.is_empty() {
                devices.0.store.write_devices(plan.changes.iter().filter_map(write).collect()).await?;
                let mut registry = devices.0.registry.write().unwrap_or_else(PoisonError::into_inner);
                registry.apply(plan.changes.clone());
            }
            Ok(plan)
        };
        tokio::spawn(work).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Notes that a device is there.
    pub(crate) async fn seen(&self, device_id: &str) {
        let now = now_ms();
        let last = self.read(|registry| registry.device(device_id).map(|device| device.last_seen_at_ms));
        let Some(last) = last else { return };
        self.0.registry.write().unwrap_or_else(PoisonError::into_inner).seen(device_id, now);
        if last.is_none_or(|last| now.saturating_sub(last) >= SEEN_EVERY_MS)
            && let Err(error) =
                self.0.store.device_seen(device_id, i64::try_from(now).unwrap_or(i64::MAX)).await
        {
            warn!(subsystem = "gateway/ws", %error, "the time of a device's visit was not kept");
        }
    }
}

/// A record that cannot be read is left where it is: the device has to pair again.
fn read<T: DeserializeOwned>(kind: &str, id: &str, body: &str) -> Option<T> {
    let record = serde_json::from_str(body);
    record
        .inspect_err(|error| warn!("the record of {kind} {id} in the state database cannot be read: {error}"))
        .ok()
}

fn write(change: &Change) -> Option<DeviceWrite> {
    let put = |table, id: &str, body: serde_json::Result<String>| {
        let body = body.inspect_err(|error| warn!(%error, "a record cannot be encoded")).ok()?;
        Some(DeviceWrite { table, id: id.to_owned(), body: Some(body) })
    };
    let gone = |table, id: &str| Some(DeviceWrite { table, id: id.to_owned(), body: None });
    match change {
        Change::Device(device) => put(DeviceTable::Devices, &device.device_id, serde_json::to_string(device)),
        Change::DeviceGone(id) => gone(DeviceTable::Devices, id),
        Change::Pending(one) => put(DeviceTable::Requests, &one.request_id, serde_json::to_string(one)),
        Change::PendingGone(id) => gone(DeviceTable::Requests, id),
        Change::Code(code) => put(DeviceTable::Codes, &code.setup_id, serde_json::to_string(code)),
        Change::CodeGone(id) => gone(DeviceTable::Codes, id),
    }
}
