//! What people do to devices (openclaw-compat §2.11, §3.13.6): approve, reject, remove, rename, and rotate or revoke a
//! token. A device that may not administer the gateway manages only itself.

use openclaw_protocol::Scope;
use openclaw_secrets::Secret;

use super::admit::Ask;
use super::record::{ApprovedVia, Device, Role, unite};
use super::{Change, Notice, Plan, Registry};

/// Who manages.
#[derive(Clone, Debug)]
pub struct Manager {
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The device that it is, if it came in by a device token.
    pub device_id: Option<String>,
}

/// Why it may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The answer.
    pub message: String,
    /// For the log.
    pub reason: &'static str,
}

impl Denied {
    fn new(message: impl Into<String>, reason: &'static str) -> Self {
        Self { message: message.into(), reason }
    }
}

/// A request that was approved.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The request.
    pub request_id: String,
    /// The device as it is now.
    pub device: Device,
}

/// A token that was rotated.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The new one.
    pub token: Option<Secret>,
    /// Whether the caller is the device itself and is told the token.
    pub own: bool,
    /// What the token covers.
    pub scopes: Vec<Scope>,
    /// Unix milliseconds.
    pub rotated_at_ms: u64,
}

impl Manager {
    fn is_admin(&self) -> bool {
        self.scopes.contains(&Scope::Admin)
    }

    /// Another device's affairs are none of a device's business.
    fn is_stranger(&self, device_id: &str) -> bool {
        !self.is_admin() && self.device_id.as_deref().is_some_and(|own| own != device_id)
    }

    /// Whether this caller may see a device's records.
    #[must_use]
    pub fn sees(&self, device_id: &str) -> bool {
        !self.is_stranger(device_id)
    }

    /// The first scope that this caller lacks.
    fn lacks(&self, scopes: &[Scope]) -> Option<Scope> {
        scopes.iter().copied().find(|scope| !self.scopes.iter().any(|held| held.covers(*scope)))
    }

    /// Whether it may change a paired device as a whole.
    fn check_device(&self, device: &Device, message: &str) -> Result<(), Denied> {
        let own = self.device_id.is_some() && !self.is_admin();
        if own && device.has_other_role() {
            return Err(Denied::new(message, "role-management-requires-admin"));
        }
        Ok(())
    }
}

impl Registry {
    /// Approves a request. The device's tokens stay what they are.
    ///
    /// # Errors
    /// When there is no such request, or the caller may not give what it asks for.
    pub fn approve(
        &self,
        by: &Manager,
        request_id: &str,
        now_ms: u64,
        new_id: &str,
    ) -> Result<Plan<Approved>, Denied> {
        let denied = |reason| Denied::new("device pairing approval denied", reason);
        let Some(request) = self.request(request_id.trim(), now_ms) else {
            if by.is_admin() {
                return Err(Denied::new("unknown requestId", "unknown-request"));
            }
            return Err(denied("unknown-request"));
        };
        if by.is_stranger(&request.device_id) {
            return Err(denied("device-ownership-mismatch"));
        }
        if !by.is_admin() && request.roles.iter().any(|role| *role != Role::Operator) {
            return Err(denied("role-management-requires-admin"));
        }
        if let Some(missing) = by.lacks(&request.scopes) {
            return Err(Denied::new(format!("missing scope: {}", missing.as_str()), "caller-missing-scope"));
        }
        let ask = Ask {
            device_id: &request.device_id,
            public_key: &request.public_key,
            profile: request.profile.clone(),
            roles: &request.roles,
            scopes: &request.scopes,
        };
        let mut device =
            ask.approve(self.devices.get(&request.device_id), ApprovedVia::Manual, now_ms, new_id);
        device.approved_via = ApprovedVia::Manual;
        let request_id = request.request_id.clone();
        Ok(Plan {
            changes: vec![Change::Device(Box::new(device.clone())), Change::PendingGone(request_id.clone())],
            notices: vec![
                Notice::Log(format!(
                    "device pairing approved device={} role={}",
                    device.device_id,
                    request.role.as_str()
                )),
                Notice::Resolved {
                    request_id: request_id.clone(),
                    device_id: device.device_id.clone(),
                    approved: true,
                },
                Notice::Changed,
            ],
            result: Approved { request_id, device },
        })
    }

    /// Rejects a request. Answers whose it was.
    ///
    /// # Errors
    /// When there is no such request, or it is another device's.
    pub fn reject(&self, by: &Manager, request_id: &str, now_ms: u64) -> Result<Plan<String>, Denied> {
        let denied = |reason| Denied::new("device pairing rejection denied", reason);
        let Some(request) = self.request(request_id.trim(), now_ms) else {
            let hidden = by.device_id.is_some() && !by.is_admin();
            return Err(if hidden {
                denied("unknown-request")
            } else {
                Denied::new("unknown requestId", "unknown-request")
            });
        };
        if by.is_stranger(&request.device_id) {
            return Err(denied("device-ownership-mismatch"));
        }
        Ok(Plan {
            changes: vec![Change::PendingGone(request.request_id.clone())],
            notices: vec![
                Notice::Log(format!("device pairing rejected device={}", request.device_id)),
                Notice::Resolved {
                    request_id: request.request_id.clone(),
                    device_id: request.device_id.clone(),
                    approved: false,
                },
            ],
            result: request.device_id.clone(),
        })
    }

    /// Forgets a paired device and its open request. Its tokens never work again, not even if it pairs anew.
    ///
    /// # Errors
    /// When there is no such device, or the caller may not.
    pub fn remove(&self, by: &Manager, device_id: &str) -> Result<Plan<()>, Denied> {
        let device_id = device_id.trim();
        let message = "device pairing removal denied";
        if by.is_stranger(device_id) {
            return Err(Denied::new(message, "device-ownership-mismatch"));
        }
        let device =
            self.devices.get(device_id).ok_or_else(|| Denied::new("unknown deviceId", "unknown-device"))?;
        by.check_device(device, message)?;
        let mut changes = vec![Change::DeviceGone(device_id.to_owned())];
        let open = self.pending.values().filter(|pending| pending.device_id == device_id);
        changes.extend(open.map(|pending| Change::PendingGone(pending.request_id.clone())));
        let codes = self.codes.values().filter(|code| code.device_id.as_deref() == Some(device_id));
        changes.extend(codes.map(|code| Change::CodeGone(code.setup_id.clone())));
        Ok(Plan {
            changes,
            notices: vec![
                Notice::Log(format!("device pairing removed device={device_id}")),
                Notice::Changed,
                Notice::Invalidated {
                    device_id: device_id.to_owned(),
                    role: None,
                    reason: "device-pair-removed",
                },
            ],
            result: (),
        })
    }

    /// Gives a device the name that a person calls it by.
    ///
    /// # Errors
    /// When there is no such device, no name, or the caller may not.
    pub fn rename(&self, by: &Manager, device_id: &str, label: &str) -> Result<Plan<String>, Denied> {
        let (device_id, label) = (device_id.trim(), label.trim());
        let message = "device pairing rename denied";
        if label.is_empty() {
            return Err(Denied::new("label required", "label-required"));
        }
        if by.is_stranger(device_id) {
            return Err(Denied::new(message, "device-ownership-mismatch"));
        }
        let device =
            self.devices.get(device_id).ok_or_else(|| Denied::new("unknown deviceId", "unknown-device"))?;
        by.check_device(device, message)?;
        let renamed = Device { operator_label: Some(label.to_owned()), ..device.clone() };
        Ok(Plan {
            changes: vec![Change::Device(Box::new(renamed))],
            notices: vec![
                Notice::Log(format!("device pairing renamed device={device_id} label={label}")),
                Notice::Changed,
            ],
            result: label.to_owned(),
        })
    }

    /// Makes a new token of a role. The old one works until the device has used the new one, which it is told when it
    /// connects next: so nothing that happens in between can leave it without any.
    ///
    /// # Errors
    /// When the device has no such role, or the caller or the device may not have the scopes.
    pub fn rotate(
        &self,
        by: &Manager,
        device_id: &str,
        role: &str,
        scopes: Option<&[Scope]>,
        now_ms: u64,
    ) -> Result<Plan<Rotated>, Denied> {
        let device_id = device_id.trim();
        let denied = |reason| Denied::new("device token rotation denied", reason);
        let role = self.managed_role(by, device_id, role).map_err(denied)?;
        let mut device =
            self.devices.get(device_id).cloned().ok_or_else(|| denied("unknown-device-or-role"))?;
        let baseline = device.scopes_of(role).to_vec();
        let (id, pairing) = (device.device_id.clone(), device.clone());
        let token = device.token_mut(role).ok_or_else(|| denied("unknown-device-or-role"))?;
        let mut wanted = scopes.map_or_else(|| token.scopes.clone(), <[Scope]>::to_vec);
        unite(&mut wanted, &[]);
        if !Scope::all_covered(&baseline, &wanted) {
            return Err(denied("scope-outside-approved-baseline"));
        }
        if role == Role::Operator && by.lacks(&wanted).is_some() {
            return Err(denied("caller-missing-scope"));
        }
        let was_live = token.is_live();
        token.generation = token.generation.saturating_add(1).max(token.floor);
        if !was_live {
            token.floor = token.generation;
        }
        token.scopes.clone_from(&wanted);
        token.rotated_at_ms = Some(now_ms);
        token.revoked_at_ms = None;
        let generation = token.generation;
        let own = by.device_id.as_deref() == Some(device_id);
        let rotated = Rotated {
            token: self.key.token(&pairing, role, generation),
            own,
            scopes: wanted,
            rotated_at_ms: now_ms,
        };
        Ok(Plan {
            notices: vec![
                Notice::Log(format!("device token rotated device={id} role={}", role.as_str())),
                Notice::Changed,
                Notice::Invalidated { device_id: id, role: Some(role), reason: "device-token-rotated" },
            ],
            changes: vec![Change::Device(Box::new(device))],
            result: rotated,
        })
    }

    /// Ends all tokens of a role. The device is told a new one only when it proves itself in another way.
    ///
    /// # Errors
    /// When the device has no such token, or the caller may not.
    pub fn revoke(
        &self,
        by: &Manager,
        device_id: &str,
        role: &str,
        now_ms: u64,
    ) -> Result<Plan<u64>, Denied> {
        let device_id = device_id.trim();
        let denied = |reason| Denied::new("device token revocation denied", reason);
        let role = self.managed_role(by, device_id, role).map_err(denied)?;
        let mut device =
            self.devices.get(device_id).cloned().ok_or_else(|| denied("unknown-device-or-role"))?;
        let id = device.device_id.clone();
        let token = device.token_mut(role).ok_or_else(|| denied("unknown-device-or-role"))?;
        if role == Role::Operator && by.lacks(&token.scopes).is_some() {
            return Err(denied("caller-missing-scope"));
        }
        token.floor = token.generation.saturating_add(1);
        let at = *token.revoked_at_ms.get_or_insert(now_ms);
        Ok(Plan {
            notices: vec![
                Notice::Log(format!("device token revoked device={id} role={}", role.as_str())),
                Notice::Changed,
                Notice::Invalidated { device_id: id, role: Some(role), reason: "device-token-revoked" },
            ],
            changes: vec![Change::Device(Box::new(device))],
            result: at,
        })
    }

    fn managed_role(&self, by: &Manager, device_id: &str, role: &str) -> Result<Role, &'static str> {
        if by.is_stranger(device_id) {
            return Err("device-ownership-mismatch");
        }
        match Role::parse(role.trim()) {
            Some(Role::Node) if !by.is_admin() => Err("role-management-requires-admin"),
            Some(role) => Ok(role),
            None => Err("unknown-device-or-role"),
        }
    }
}
