//! Setup codes (openclaw-compat §2.6, `AUTH_BOOTSTRAP_TOKEN_INVALID`): whoever runs the gateway hands one to a new
//! device, which pairs by it without being asked about. One code, one device, ten minutes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openclaw_protocol::Scope;
use openclaw_secrets::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::record::{Role, SetupCode};
use super::{Change, Plan, Registry};

/// How long a code is good, in milliseconds.
pub const SETUP_TTL_MS: u64 = 10 * 60 * 1000;
/// Codes that are good at once; beyond it the one that ends first is dropped.
const MOST_CODES: usize = 64;

/// What the device may do that has the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupProfile {
    /// A phone or a desktop app with everything but pairing others.
    Full,
    /// The same without administration.
    Limited,
    /// A machine that offers commands and is never an operator.
    Node,
}

impl SetupProfile {
    /// The word in the answer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Limited => "limited",
            Self::Node => "node",
        }
    }

    fn grants(self) -> (Vec<Role>, Vec<Scope>) {
        let usual = [Scope::Read, Scope::Write, Scope::Approvals, Scope::Questions, Scope::TalkSecrets];
        match self {
            Self::Full => (vec![Role::Operator, Role::Node], [&usual[..], &[Scope::Admin]].concat()),
            Self::Limited => (vec![Role::Operator, Role::Node], usual.to_vec()),
            Self::Node => (vec![Role::Node], Vec::new()),
        }
    }
}

impl Registry {
    /// Opens a code. `setup_id` is a UUID, `code` at least 128 random bits.
    #[must_use]
    pub fn open_setup(&self, profile: SetupProfile, setup_id: &str, code: &Secret, now_ms: u64) -> Plan<u64> {
        let mut changes = Vec::new();
        let mut live: Vec<&SetupCode> = Vec::new();
        for code in self.codes.values() {
            if code.expires_at_ms <= now_ms {
                changes.push(Change::CodeGone(code.setup_id.clone()));
            } else {
                live.push(code);
            }
        }
        if live.len() >= MOST_CODES
            && let Some(first) = live.iter().min_by_key(|code| code.expires_at_ms)
        {
            changes.push(Change::CodeGone(first.setup_id.clone()));
        }
        let (roles, mut scopes) = profile.grants();
        scopes.sort_unstable();
        let expires_at_ms = now_ms.saturating_add(SETUP_TTL_MS);
        changes.push(Change::Code(SetupCode {
            setup_id: setup_id.to_owned(),
            digest: digest(code.expose()),
            roles,
            scopes,
            expires_at_ms,
            device_id: None,
        }));
        Plan { changes, notices: Vec::new(), result: expires_at_ms }
    }

    /// The code that this device may pair by, by its id.
    #[must_use]
    pub fn find_setup(
        &self,
        candidate: &str,
        device_id: &str,
        role: Role,
        scopes: &[Scope],
        now_ms: u64,
    ) -> Option<String> {
        let wanted = digest(candidate.trim());
        let found =
            self.codes.values().find(|code| bool::from(code.digest.as_bytes().ct_eq(wanted.as_bytes())))?;
        let good = found.expires_at_ms > now_ms
            && found.device_id.as_deref().is_none_or(|user| user == device_id)
            && found.roles.contains(&role)
            && Scope::all_covered(&found.scopes, scopes);
        good.then(|| found.setup_id.clone())
    }
}

/// What a person types into the device: the JSON in base64url without padding.
#[must_use]
pub fn encode_setup(payload: &serde_json::Value) -> String {
    URL_SAFE_NO_PAD.encode(payload.to_string())
}

fn digest(code: &str) -> String {
    hex::encode(Sha256::digest(code.as_bytes()))
}
