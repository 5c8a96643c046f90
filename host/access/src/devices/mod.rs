//! Owns which devices may connect, which wait for a person, and which setup codes are open. A state machine without
//! I/O: each operation looks at the state and returns what has to change; whoever keeps the state writes the changes
//! down first and applies them then. So nothing is answered that a restart would forget.

mod admit;
mod manage;
mod newcomer;
mod record;
mod setup;
mod token;

#[cfg(test)]
mod tests;

use openclaw_protocol::Role;
use std::collections::BTreeMap;

use openclaw_secrets::Secret;

use crate::connect::Identified;

pub use admit::{DeviceGrant, Issued, PENDING_TTL_MS};
pub use manage::{Approved, Denied, Manager, Rotated};
pub use newcomer::{Locality, Newcomer};
pub use record::{ApprovedVia, Device, Pending, RoleToken, SetupCode};
pub use setup::{SETUP_TTL_MS, SetupProfile, encode_setup};
pub use token::{TokenFault, TokenKey};

/// One record that is to be written or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A device is as this.
    Device(Box<Device>),
    /// A device is gone.
    DeviceGone(String),
    /// A request is as this.
    Pending(Box<Pending>),
    /// A request is gone.
    PendingGone(String),
    /// A setup code is as this.
    Code(SetupCode),
    /// A setup code is gone, by its id.
    CodeGone(String),
}

/// What others are told when the changes are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A device waits for a person: `device.pair.requested`.
    Requested(Box<Pending>),
    /// A request is decided: `device.pair.resolved`.
    Resolved {
        /// The request.
        request_id: String,
        /// Whose it was.
        device_id: String,
        /// How.
        approved: bool,
    },
    /// Something about a paired device changed: `device.pair.changed`.
    Changed,
    /// The device's tokens of a role, or of all roles, are not what they were: its sessions have to end.
    Invalidated {
        /// The device.
        device_id: String,
        /// Only sessions in this role.
        role: Option<Role>,
        /// What follows `client invalidated: `.
        reason: &'static str,
    },
    /// A line for the log.
    Log(String),
}

/// What an operation wants to have written, said and answered, in this order.
#[derive(Clone, Debug)]
pub struct Plan<T> {
    /// In the order in which they are to be written, as one.
    pub changes: Vec<Change>,
    /// Said when the changes are written.
    pub notices: Vec<Notice>,
    /// The answer.
    pub result: T,
}

impl<T> Plan<T> {
    fn nothing(result: T) -> Self {
        Self { changes: Vec::new(), notices: Vec::new(), result }
    }
}

/// The state.
#[derive(Clone, Debug)]
pub struct Registry {
    key: TokenKey,
    devices: BTreeMap<String, Device>,
    pending: BTreeMap<String, Pending>,
    codes: BTreeMap<String, SetupCode>,
}

impl Registry {
    /// The state as it was kept.
    #[must_use]
    pub fn new(key: TokenKey, kept: Vec<Change>) -> Self {
        let mut registry =
            Self { key, devices: BTreeMap::new(), pending: BTreeMap::new(), codes: BTreeMap::new() };
        registry.apply(kept);
        registry
    }

    /// Puts changes in force that are written down.
    pub fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Device(device) => drop(self.devices.insert(device.device_id.clone(), *device)),
                Change::DeviceGone(id) => drop(self.devices.remove(&id)),
                Change::Pending(pending) => drop(self.pending.insert(pending.request_id.clone(), *pending)),
                Change::PendingGone(id) => drop(self.pending.remove(&id)),
                Change::Code(code) => drop(self.codes.insert(code.setup_id.clone(), code)),
                Change::CodeGone(id) => drop(self.codes.remove(&id)),
            }
        }
    }

    /// The device is here now. Kept with the next change, and by whoever keeps the state.
    pub fn seen(&mut self, device_id: &str, now_ms: u64) {
        if let Some(device) = self.devices.get_mut(device_id) {
            device.last_seen_at_ms = Some(now_ms);
        }
    }

    /// Names a shared secret; see [`TokenKey::generation_of`].
    #[must_use]
    pub fn generation_of(&self, shared: Option<&Secret>) -> Option<String> {
        Some(self.key.generation_of(shared?))
    }

    /// Under which name an operator's client keeps what it wants to find again: that of the person, else of the
    /// credential.
    #[must_use]
    pub fn recovery_scope(&self, who: &Identified) -> Option<String> {
        if who.role != Role::Operator {
            return None;
        }
        let device = who.device_id.as_deref().unwrap_or_default();
        let token = self.devices.get(device).map(|device| device.pairing.as_str());
        let (kind, name) = match (&who.user, token, &who.shared_generation) {
            (Some(user), ..) => ("principal", user.as_str()),
            (None, Some(pairing), _) => ("device-token", pairing),
            (None, None, Some(generation)) => ("shared-auth", generation.as_str()),
            (None, None, None) => ("device", who.device_id.as_deref()?),
        };
        Some(self.key.name_of(&[b"recovery", kind.as_bytes(), name.as_bytes(), device.as_bytes()]))
    }

    /// A paired device.
    #[must_use]
    pub fn device(&self, device_id: &str) -> Option<&Device> {
        self.devices.get(device_id)
    }

    /// All paired devices, by id.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// The requests that have not expired, oldest first.
    #[must_use]
    pub fn pending(&self, now_ms: u64) -> Vec<&Pending> {
        let mut live: Vec<&Pending> =
            self.pending.values().filter(|pending| !admit::is_expired(pending, now_ms)).collect();
        live.sort_by_key(|pending| pending.ts);
        live
    }

    /// A request that has not expired.
    #[must_use]
    pub fn request(&self, request_id: &str, now_ms: u64) -> Option<&Pending> {
        self.pending.get(request_id).filter(|pending| !admit::is_expired(pending, now_ms))
    }
}
