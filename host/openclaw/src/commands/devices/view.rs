//! What the gateway says about devices, as far as it is shown. Other gateways say more, or leave something out; nothing of
//! that makes a list unreadable.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::output::clean;

/// The answer to `device.pair.list` (openclaw-compat §3.13.6).
#[derive(Debug, Default)]
pub(super) struct Devices {
    pub(super) pending: Vec<Pending>,
    pub(super) paired: Vec<Paired>,
}

/// A device that waits, or asks for more than it has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Pending {
    pub(super) request_id: String,
    pub(super) device_id: String,
    public_key: String,
    display_name: Option<String>,
    role: Option<String>,
    roles: Vec<String>,
    scopes: Vec<String>,
    pub(super) remote_ip: Option<String>,
    pub(super) is_repair: bool,
    /// Unix milliseconds.
    pub(super) ts: u64,
}

/// A device that was let in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Paired {
    pub(super) device_id: String,
    public_key: String,
    display_name: Option<String>,
    operator_label: Option<String>,
    client_id: Option<String>,
    role: Option<String>,
    roles: Vec<String>,
    scopes: Vec<String>,
    pub(super) remote_ip: Option<String>,
    pub(super) tokens: Vec<Token>,
}

/// A token of a paired device; never its value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Token {
    pub(super) role: String,
    scopes: Vec<String>,
    revoked_at_ms: Option<u64>,
}

/// What a device asks for, or may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Rights {
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
}

/// How a request stands to what its device has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    NewPairing,
    RoleUpgrade,
    ScopeUpgrade,
    ReApproval,
}

impl Kind {
    /// As the table shows it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::NewPairing => "new pairing",
            Self::RoleUpgrade => "role upgrade",
            Self::ScopeUpgrade => "scope upgrade",
            Self::ReApproval => "re-approval",
        }
    }

    /// What a person should know before the approval.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::NewPairing => "First-time device pairing request.",
            Self::RoleUpgrade => {
                "Already paired. It asks for a role that it does not have, and cannot connect until somebody decides."
            }
            Self::ScopeUpgrade => {
                "Already paired. It asks for scopes that it does not have, and cannot connect until somebody decides."
            }
            Self::ReApproval => {
                "Already paired. Details of the device changed, so it has to be approved again."
            }
        }
    }
}

/// Reads a list. An entry that cannot be understood is left out.
pub(super) fn read(answer: &Value) -> Devices {
    fn entries<T: for<'de> Deserialize<'de>>(answer: &Value, key: &str) -> Vec<T> {
        let list = answer.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|entry| T::deserialize(entry).ok()).collect()
    }
    let mut devices = Devices { pending: entries(answer, "pending"), paired: entries(answer, "paired") };
    devices.pending.retain(|request| !request.request_id.is_empty());
    devices.paired.retain(|device| !device.device_id.is_empty());
    devices
}

impl Devices {
    /// The device that asks, if it is paired. The same id with another key is another device.
    pub(super) fn known(&self, request: &Pending) -> Option<&Paired> {
        self.paired.iter().find(|device| {
            device.device_id == request.device_id
                && (device.public_key == request.public_key
                    || device.public_key.is_empty()
                    || request.public_key.is_empty())
        })
    }

    /// How a request stands to what its device has.
    pub(super) fn kind(&self, request: &Pending) -> Kind {
        let Some(known) = self.known(request) else { return Kind::NewPairing };
        let (wanted, held) = (request.rights(), known.rights());
        let all_in = |few: &[String], many: &[String]| few.iter().all(|one| many.contains(one));
        match (all_in(&wanted.roles, &held.roles), all_in(&wanted.scopes, &held.scopes)) {
            (false, _) => Kind::RoleUpgrade,
            (true, false) => Kind::ScopeUpgrade,
            (true, true) => Kind::ReApproval,
        }
    }

    /// The request that came last.
    pub(super) fn latest(&self) -> Option<&Pending> {
        self.pending.iter().max_by_key(|request| request.ts)
    }
}

impl Pending {
    pub(super) fn rights(&self) -> Rights {
        Rights { roles: roles(&self.roles, self.role.as_ref()), scopes: self.scopes.clone() }
    }

    /// The device's own name for itself, or its id.
    pub(super) fn name(&self) -> String {
        clean(self.display_name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&self.device_id))
    }
}

impl Paired {
    /// What was approved, without roles whose tokens were all taken away.
    pub(super) fn rights(&self) -> Rights {
        let mut approved = roles(&self.roles, self.role.as_ref());
        if !self.tokens.is_empty() {
            let live = |role: &String| {
                self.tokens.iter().any(|token| token.role == *role && token.revoked_at_ms.is_none())
            };
            approved.retain(live);
        }
        Rights { roles: approved, scopes: self.scopes.clone() }
    }

    pub(super) fn name(&self) -> String {
        let names = [&self.operator_label, &self.display_name, &self.client_id];
        let name = names.into_iter().flatten().find(|name| !name.trim().is_empty());
        clean(name.unwrap_or(&self.device_id))
    }

    /// Its tokens by role.
    pub(super) fn token_summary(&self) -> String {
        let revoked = |token: &Token| if token.revoked_at_ms.is_some() { " (revoked)" } else { "" };
        let mut words: Vec<String> =
            self.tokens.iter().map(|token| format!("{}{}", clean(&token.role), revoked(token))).collect();
        words.sort();
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    }

    pub(super) fn role_list(&self) -> String {
        clean(&roles(&self.roles, self.role.as_ref()).join(", "))
    }

    pub(super) fn scope_list(&self) -> String {
        clean(&self.scopes.join(", "))
    }

    /// What the token of `role` may do; what the device may do when it has none.
    pub(super) fn token_scopes(&self, role: &str) -> &[String] {
        let token = self.tokens.iter().find(|token| token.role == role);
        token.map_or(&self.scopes, |token| &token.scopes)
    }
}

impl Rights {
    /// `roles: …; scopes: …`
    pub(super) fn summary(&self) -> String {
        let list =
            |words: &[String]| if words.is_empty() { "none".to_owned() } else { clean(&words.join(", ")) };
        format!("roles: {}; scopes: {}", list(&self.roles), list(&self.scopes))
    }
}

/// The roles of older and newer gateways together, each once.
fn roles(several: &[String], one: Option<&String>) -> Vec<String> {
    let all: BTreeSet<&String> = several.iter().chain(one).filter(|role| !role.trim().is_empty()).collect();
    all.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_compared_with_what_its_device_has() {
        let paired = json!({"deviceId": "d", "publicKey": "k", "role": "operator", "scopes": ["operator.read"],
            "tokens": [{"role": "operator", "scopes": ["operator.read"], "createdAtMs": 1}]});
        let check = |request: Value, expected: Kind| {
            let devices = read(&json!({"pending": [request], "paired": [paired]}));
            assert_eq!(devices.kind(&devices.pending[0]), expected, "{request}");
        };
        let request = |role: &str, scope: &str| json!({"requestId": "r", "deviceId": "d", "publicKey": "k", "roles": [role], "scopes": [scope]});
        check(request("operator", "operator.read"), Kind::ReApproval);
        check(request("operator", "operator.admin"), Kind::ScopeUpgrade);
        check(request("node", "operator.read"), Kind::RoleUpgrade);
        let mut another = request("operator", "operator.read");
        another["publicKey"] = json!("other");
        check(another, Kind::NewPairing);
        let mut stranger = request("operator", "operator.read");
        stranger["deviceId"] = json!("e");
        check(stranger, Kind::NewPairing);
    }

    #[test]
    fn the_last_request_and_readable_entries_are_found() {
        let devices = read(
            &json!({"pending": [{"requestId": "a", "ts": 1}, {"requestId": "b", "ts": 3}, {"ts": 9}, 7]}),
        );
        assert_eq!(devices.pending.len(), 2);
        assert_eq!(devices.latest().unwrap().request_id, "b");
        assert!(read(&Value::Null).latest().is_none());
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        let devices = read(&json!({"pending": [{"requestId": "a", "displayName": "x\u{1b}[2Jy"}]}));
        assert_eq!(devices.pending[0].name(), "x [2Jy");
    }
}
