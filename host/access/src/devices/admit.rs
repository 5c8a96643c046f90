//! What happens to a device that has proven who it is and that it may talk to this gateway (openclaw-compat §2.10): it
//! is let in, or a person is asked. And which token it is told.

use openclaw_protocol::devices::DeviceProfile;
use openclaw_protocol::{ErrorCode, Role, RpcError, Scope};
use openclaw_secrets::Secret;
use serde_json::{Value, json};

use super::newcomer::{Locality, Need, Newcomer, plain};
use super::record::{ApprovedVia, Device, Pending, RoleToken, unite};
use super::{Change, Notice, Plan, Registry};
use crate::refusal::AuthReason;
use crate::shared::AuthMethod;

/// How long a request waits for a person, in milliseconds.
pub const PENDING_TTL_MS: u64 = 5 * 60 * 1000;
/// Requests that wait at once.
const MOST_PENDING: usize = 128;
/// Of which one address may have this many.
const MOST_PENDING_PER_ADDRESS: usize = 16;
/// Paired devices. Beyond it the one that was let in unasked and has been away longest makes room.
const MOST_DEVICES: usize = 2_000;

/// A token, and to whom it is told.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token.
    pub token: Secret,
    /// For which role.
    pub role: Role,
    /// What it covers.
    pub scopes: Vec<Scope>,
    /// Unix milliseconds.
    pub issued_at_ms: u64,
}

/// What a device gets that is let in.
#[derive(Clone, Debug)]
pub struct DeviceGrant {
    /// The token of its role.
    pub token: Option<Issued>,
    /// Tokens of the other roles that a setup code gave it.
    pub others: Vec<Issued>,
}

pub(super) fn is_expired(pending: &Pending, now_ms: u64) -> bool {
    now_ms.saturating_sub(pending.ts) >= PENDING_TTL_MS
}

/// What an approval gives.
struct Approval {
    via: ApprovedVia,
    roles: Vec<Role>,
    scopes: Vec<Scope>,
}

impl Registry {
    /// Lets a device in, or files its request. `new_id` is a UUID for a request or a pairing that does not exist yet.
    #[must_use]
    pub fn admit(&self, who: &Newcomer, now_ms: u64, new_id: &str) -> Plan<Result<DeviceGrant, RpcError>> {
        let known = self.devices.get(&who.device_id);
        if let Some(generation) = who.generation {
            // The token may have been revoked since it was compared.
            let good = known.and_then(|device| device.token(who.role));
            if !good.is_some_and(|token| (token.floor..=token.generation).contains(&generation)) {
                return Plan::nothing(Err(refused(who, &AuthReason::DeviceTokenMismatch)));
            }
        }
        let mine = |code: &super::SetupCode| {
            code.expires_at_ms > now_ms && code.device_id.as_ref().is_none_or(|user| *user == who.device_id)
        };
        if who.setup_id.as_ref().is_some_and(|id| !self.codes.get(id).is_some_and(mine)) {
            // Another device was quicker.
            return Plan::nothing(Err(refused(who, &AuthReason::SetupCodeInvalid)));
        }
        let Some(need) = need(who, known) else {
            if who.lacks_scopes {
                return Plan::nothing(Err(refused(who, &AuthReason::ScopeMismatch)));
            }
            return match known {
                Some(device) => self.grant(who, device.clone(), Vec::new(), now_ms),
                None => Plan::nothing(Err(RpcError::unavailable("connect failed"))),
            };
        };
        let Some(approval) = self.unasked(who, need, known) else {
            let mut plan = self.file(who, need, known, now_ms, new_id);
            if who.lacks_scopes {
                plan.result = refused(who, &AuthReason::ScopeMismatch);
            }
            return Plan { changes: plan.changes, notices: plan.notices, result: Err(plan.result) };
        };
        let mut changes = Vec::new();
        if known.is_none()
            && self.devices.len() >= MOST_DEVICES
            && let Some(oldest) = self.least_missed()
        {
            changes.push(Change::DeviceGone(oldest.device_id.clone()));
        }
        let device = approved(known, who, &approval, now_ms, new_id);
        let mut notices = Vec::new();
        for pending in self.pending.values().filter(|pending| pending.device_id == who.device_id) {
            changes.push(Change::PendingGone(pending.request_id.clone()));
            notices.push(Notice::Resolved {
                request_id: pending.request_id.clone(),
                device_id: pending.device_id.clone(),
                approved: true,
            });
        }
        notices.push(Notice::Changed);
        notices.push(Notice::Log(format!(
            "device pairing auto-approved device={} role={} reason={} via={}",
            who.device_id,
            who.role.as_str(),
            need.reason(),
            match approval.via {
                ApprovedVia::Silent => "locality",
                ApprovedVia::Bootstrap => "setup-code",
                ApprovedVia::TrustedProxy => "trusted-proxy",
                ApprovedVia::Manual => "approval",
            }
        )));
        let mut plan = self.grant(who, device, changes, now_ms);
        plan.notices.splice(0..0, notices);
        plan
    }

    /// What this device gets without a person, if it does.
    fn unasked(&self, who: &Newcomer, need: Need, known: Option<&Device>) -> Option<Approval> {
        if let Some(code) = who.setup_id.as_ref().and_then(|id| self.codes.get(id))
            && code.roles.contains(&who.role)
            && Scope::all_covered(&code.scopes, &who.scopes)
        {
            return Some(Approval {
                via: ApprovedVia::Bootstrap,
                roles: code.roles.clone(),
                scopes: code.scopes.clone(),
            });
        }
        let asked = |via| Some(Approval { via, roles: vec![who.role], scopes: who.scopes.clone() });
        if who.is_silent(need, known.is_some()) {
            return asked(ApprovedVia::Silent);
        }
        let scopes = who.proxy_scopes.as_ref()?;
        let fits = matches!(need, Need::NotPaired | Need::Scopes)
            && who.method == AuthMethod::TrustedProxy
            && who.role == Role::Operator
            && (who.is_page() || who.is_native())
            && Scope::all_covered(scopes, &who.scopes);
        if fits { asked(ApprovedVia::TrustedProxy) } else { None }
    }

    /// Puts the request where people see it. The error is the answer.
    fn file(
        &self,
        who: &Newcomer,
        need: Need,
        known: Option<&Device>,
        now_ms: u64,
        new_id: &str,
    ) -> Plan<RpcError> {
        let mut plan = Plan::nothing(RpcError::unavailable("connect failed"));
        let mut live = Vec::new();
        for pending in self.pending.values() {
            if is_expired(pending, now_ms) {
                plan.changes.push(Change::PendingGone(pending.request_id.clone()));
            } else {
                live.push(pending);
            }
        }
        let before = live.iter().copied().find(|pending| pending.device_id == who.device_id);
        let mut request = Pending {
            request_id: new_id.to_owned(),
            device_id: who.device_id.clone(),
            public_key: who.public_key.clone(),
            profile: who.profile(),
            role: who.role,
            roles: vec![who.role],
            scopes: who.scopes.clone(),
            is_repair: known.is_some(),
            ts: now_ms,
        };
        unite(&mut request.scopes, &[]);
        match before {
            // Asked again: the same request lives on, so that an approval that is being typed still finds it.
            Some(same)
                if same.roles.contains(&who.role)
                    && Scope::all_covered(&same.scopes, &who.scopes)
                    && same.profile.platform == request.profile.platform
                    && same.profile.device_family == request.profile.device_family =>
            {
                request = Pending { ts: now_ms, ..same.clone() };
            }
            // A device that connects in two roles asks for both in one request: else each would push the other out.
            Some(other) => {
                unite(&mut request.roles, &other.roles);
                unite(&mut request.scopes, &other.scopes);
                plan.changes.push(Change::PendingGone(other.request_id.clone()));
                plan.notices.push(Notice::Resolved {
                    request_id: other.request_id.clone(),
                    device_id: other.device_id.clone(),
                    approved: false,
                });
            }
            None => {
                let address =
                    live.iter().filter(|pending| pending.profile.remote_ip == request.profile.remote_ip);
                if live.len() >= MOST_PENDING || address.count() >= MOST_PENDING_PER_ADDRESS {
                    let log =
                        format!("device pairing request dropped device={}: too many wait", who.device_id);
                    plan.notices.push(Notice::Log(log));
                    plan.result = pairing_required(who, need, known, None);
                    return plan;
                }
            }
        }
        plan.result = pairing_required(who, need, known, Some(&request.request_id));
        if before.is_none_or(|before| before.request_id != request.request_id) {
            plan.notices.push(Notice::Requested(Box::new(request.clone())));
            if known.is_some() {
                plan.notices.push(Notice::Log(format!(
                    "security audit: device access upgrade requested reason={} device={} ip={} roleTo={} scopesTo={}",
                    need.reason(),
                    who.device_id,
                    who.address,
                    who.role.as_str(),
                    names(&who.scopes).join(","),
                )));
            }
        }
        plan.changes.push(Change::Pending(Box::new(request)));
        plan
    }

    /// The token of a device that is let in; `device` is as it is to be.
    fn grant(
        &self,
        who: &Newcomer,
        mut device: Device,
        mut changes: Vec<Change>,
        now_ms: u64,
    ) -> Plan<Result<DeviceGrant, RpcError>> {
        let issuer = who.issuer.clone().filter(|_| who.is_browser() && who.method.is_shared_secret());
        match who.generation {
            Some(generation) => {
                if let Some(token) = device.token_mut(who.role) {
                    token.floor = token.floor.max(generation);
                }
            }
            None => ensure(&mut device, who.role, &who.scopes, issuer, now_ms),
        }
        let mut others = Vec::new();
        if let Some(code) = who.setup_id.as_ref().and_then(|id| self.codes.get(id)) {
            for role in code.roles.iter().copied().filter(|role| *role != who.role) {
                let scopes = device.scopes_of(role).to_vec();
                ensure(&mut device, role, &scopes, None, now_ms);
                others.extend(self.issued(&device, role));
            }
            let used = super::SetupCode { device_id: Some(device.device_id.clone()), ..code.clone() };
            if used != *code {
                changes.push(Change::Code(used));
            }
        }
        if who.method == AuthMethod::DeviceToken {
            // It has its token: the code has done what it was for.
            let spent = self.codes.values().filter(|code| code.device_id.as_ref() == Some(&device.device_id));
            changes.extend(spent.map(|code| Change::CodeGone(code.setup_id.clone())));
        }
        let token = self.issued(&device, who.role);
        if self.devices.get(&device.device_id) != Some(&device) {
            device.last_seen_at_ms = Some(now_ms);
            changes.push(Change::Device(Box::new(device)));
        }
        Plan { changes, notices: Vec::new(), result: Ok(DeviceGrant { token, others }) }
    }

    fn issued(&self, device: &Device, role: Role) -> Option<Issued> {
        let token = device.token(role).filter(|token| token.is_live())?;
        Some(Issued {
            token: self.key.token(device, role, token.generation),
            role,
            scopes: token.scopes.clone(),
            issued_at_ms: token.rotated_at_ms.unwrap_or(token.created_at_ms),
        })
    }

    fn least_missed(&self) -> Option<&Device> {
        let unasked = self.devices.values().filter(|device| device.approved_via == ApprovedVia::Silent);
        unasked.min_by_key(|device| device.last_seen_at_ms.unwrap_or(device.approved_at_ms))
    }
}

/// What a person has to be asked for, if anything.
fn need(who: &Newcomer, known: Option<&Device>) -> Option<Need> {
    let Some(device) = known else { return Some(Need::NotPaired) };
    if !device.roles.contains(&who.role) {
        return Some(Need::Role);
    }
    if !Scope::all_covered(device.scopes_of(who.role), &who.scopes) {
        return Some(Need::Scopes);
    }
    let differs = |pinned: Option<&String>, claimed: Option<&str>| {
        let normal = |text: &str| plain(text).unwrap_or_default().to_ascii_lowercase();
        pinned.zip(claimed).is_some_and(|(pinned, claimed)| normal(pinned) != normal(claimed))
    };
    let (pinned, client) = (&device.profile, &who.client);
    let changed = differs(pinned.platform.as_ref(), Some(client.platform.as_str()))
        || differs(pinned.device_family.as_ref(), client.device_family.as_deref());
    changed.then_some(Need::Metadata)
}

/// The device after an approval. Its tokens stay what they are and cover what was added.
fn approved(
    known: Option<&Device>,
    who: &Newcomer,
    approval: &Approval,
    now_ms: u64,
    new_id: &str,
) -> Device {
    let ask = Ask {
        device_id: &who.device_id,
        public_key: &who.public_key,
        profile: who.profile(),
        roles: &approval.roles,
        scopes: &approval.scopes,
    };
    ask.approve(known, approval.via, now_ms, new_id)
}

/// What is approved, by whomever.
pub(super) struct Ask<'a> {
    pub(super) device_id: &'a str,
    pub(super) public_key: &'a str,
    pub(super) profile: DeviceProfile,
    pub(super) roles: &'a [Role],
    pub(super) scopes: &'a [Scope],
}

impl Ask<'_> {
    pub(super) fn approve(
        self,
        known: Option<&Device>,
        via: ApprovedVia,
        now_ms: u64,
        new_id: &str,
    ) -> Device {
        let mut device = known.cloned().unwrap_or_else(|| Device {
            device_id: self.device_id.to_owned(),
            public_key: self.public_key.to_owned(),
            pairing: new_id.to_owned(),
            profile: DeviceProfile::default(),
            operator_label: None,
            roles: Vec::new(),
            scopes: Vec::new(),
            approved_via: via,
            created_at_ms: now_ms,
            approved_at_ms: now_ms,
            last_seen_at_ms: None,
            tokens: Vec::new(),
        });
        // What a person approved stays so when a part is added unasked.
        if device.approved_via != ApprovedVia::Manual {
            device.approved_via = via;
        }
        device.profile = self.profile;
        device.approved_at_ms = now_ms;
        unite(&mut device.roles, self.roles);
        unite(&mut device.scopes, self.scopes);
        let added = self.scopes;
        if let Some(token) = device.token_mut(Role::Operator).filter(|token| token.is_live()) {
            unite(&mut token.scopes, added);
        }
        device
    }
}

/// Sees to it that the role has a live token that covers the scopes and was made under `issuer`.
fn ensure(device: &mut Device, role: Role, scopes: &[Scope], issuer: Option<String>, now_ms: u64) {
    let scopes: &[Scope] = if role == Role::Operator { scopes } else { &[] };
    let Some(token) = device.token_mut(role) else {
        let mut scopes = scopes.to_vec();
        unite(&mut scopes, &[]);
        device.tokens.push(RoleToken {
            role,
            scopes,
            issuer,
            generation: 1,
            floor: 1,
            created_at_ms: now_ms,
            rotated_at_ms: None,
            revoked_at_ms: None,
        });
        return;
    };
    if token.is_live() && token.issuer == issuer {
        if !Scope::all_covered(&token.scopes, scopes) {
            unite(&mut token.scopes, scopes);
        }
        return;
    }
    let next = token.generation.saturating_add(1).max(token.floor);
    *token = RoleToken {
        role,
        scopes: scopes.to_vec(),
        issuer,
        generation: next,
        floor: next,
        created_at_ms: now_ms,
        rotated_at_ms: None,
        revoked_at_ms: None,
    };
}

fn refused(who: &Newcomer, reason: &AuthReason) -> RpcError {
    reason.refuse(&who.client, who.locality != Locality::Remote, false)
}

fn names(scopes: &[Scope]) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.as_str()).collect()
}

/// The answer of §2.10.
fn pairing_required(
    who: &Newcomer,
    need: Need,
    known: Option<&Device>,
    request_id: Option<&str>,
) -> RpcError {
    let mut details = json!({
        "code": "PAIRING_REQUIRED",
        "reason": need.reason(),
        "remediationHint": need.hint(),
        "deviceId": who.device_id,
        "requestedRole": who.role.as_str(),
        "requestedScopes": names(&who.scopes),
    });
    let mut set = |key: &str, value: Value| {
        if let Some(object) = details.as_object_mut() {
            object.insert(key.to_owned(), value);
        }
    };
    if let Some(request_id) = request_id {
        set("requestId", json!(request_id));
    }
    if let Some(device) = known {
        set("approvedRoles", json!(device.roles));
        set("approvedScopes", json!(names(&device.scopes)));
    }
    // A page waits with its person in front of it.
    if request_id.is_some() && who.is("openclaw-control-ui") && who.role == Role::Operator {
        set("recommendedNextStep", json!("wait_then_retry"));
        set("retryable", json!(true));
        set("pauseReconnect", json!(false));
    }
    let message = format!("pairing required: {}", need.requirement());
    RpcError::new(ErrorCode::NotPaired, message).with_details(details)
}
