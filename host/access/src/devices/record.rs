//! What is kept of a device, of a request and of a setup code. The field names are those of the wire and of the store.

use openclaw_protocol::devices::DeviceProfile;
use openclaw_protocol::{Role, Scope};
use serde::{Deserialize, Serialize};

/// How a device came to be paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovedVia {
    /// A person approved the request.
    Manual,
    /// It was on this machine.
    Silent,
    /// It had a setup code.
    Bootstrap,
    /// A trusted proxy named its owner.
    TrustedProxy,
}

/// A request that waits for a person. There is at most one for each device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// A UUID.
    pub request_id: String,
    /// Lower-case hex SHA-256 of the raw public key.
    pub device_id: String,
    /// base64url without padding.
    pub public_key: String,
    /// What the device said about itself.
    #[serde(flatten)]
    pub profile: DeviceProfile,
    /// The role that it asked for last.
    pub role: Role,
    /// All roles that it asks for.
    pub roles: Vec<Role>,
    /// All scopes that it asks for.
    pub scopes: Vec<Scope>,
    /// Whether the device is paired already.
    pub is_repair: bool,
    /// When it was asked last, in Unix milliseconds.
    pub ts: u64,
}

/// The tokens of one device in one role. The tokens themselves are derived and stand nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleToken {
    /// The role.
    pub role: Role,
    /// What a connection by this token may ask for.
    pub scopes: Vec<Scope>,
    /// The shared secret under which a browser's token was made: it ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The newest generation.
    pub generation: u32,
    /// The oldest one that is still good; greater than `generation` when none is.
    pub floor: u32,
    /// Unix milliseconds.
    pub created_at_ms: u64,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at_ms: Option<u64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_ms: Option<u64>,
}

impl RoleToken {
    /// Whether any generation is still good.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.floor <= self.generation
    }
}

/// A paired device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Lower-case hex SHA-256 of the raw public key.
    pub device_id: String,
    /// base64url without padding.
    pub public_key: String,
    /// Tells this pairing from an earlier one of the same device: tokens of that one stay dead.
    pub pairing: String,
    /// What the device said about itself when it was approved. Platform and family are pinned.
    #[serde(flatten)]
    pub profile: DeviceProfile,
    /// The name that a person gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_label: Option<String>,
    /// What it may connect as.
    pub roles: Vec<Role>,
    /// What it may ask for as an operator.
    pub scopes: Vec<Scope>,
    /// How it came in.
    pub approved_via: ApprovedVia,
    /// Unix milliseconds.
    pub created_at_ms: u64,
    /// Unix milliseconds.
    pub approved_at_ms: u64,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at_ms: Option<u64>,
    /// One for each role that ever got one.
    pub tokens: Vec<RoleToken>,
}

impl Device {
    /// The tokens of a role.
    #[must_use]
    pub fn token(&self, role: Role) -> Option<&RoleToken> {
        self.tokens.iter().find(|token| token.role == role)
    }

    pub(super) fn token_mut(&mut self, role: Role) -> Option<&mut RoleToken> {
        self.tokens.iter_mut().find(|token| token.role == role)
    }

    /// The part of `scopes` that belongs to a role: only operators have any.
    #[must_use]
    pub fn scopes_of(&self, role: Role) -> &[Scope] {
        match role {
            Role::Operator => &self.scopes,
            Role::Node => &[],
        }
    }

    /// Whether it may do more than an operator's device.
    pub(super) fn has_other_role(&self) -> bool {
        self.roles.iter().any(|role| *role != Role::Operator)
    }
}

/// A code that lets one new device in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupCode {
    /// Names it without giving it away.
    pub setup_id: String,
    /// Hex SHA-256 of the code.
    pub digest: String,
    /// What the device may connect as.
    pub roles: Vec<Role>,
    /// What it may ask for as an operator.
    pub scopes: Vec<Scope>,
    /// Unix milliseconds.
    pub expires_at_ms: u64,
    /// The device that has used it. It alone may use it again, in case the answer was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
}

/// Adds what is not there yet, and keeps the list in order.
pub(super) fn unite<T: Copy + Ord>(into: &mut Vec<T>, more: &[T]) {
    into.extend_from_slice(more);
    into.sort_unstable();
    into.dedup();
}
