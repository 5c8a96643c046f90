//! The tokens of devices: derived from one key, so that none is kept and the current one can always be told again.
//!
//! A token names its generation. All generations from the floor to the newest are good: rotating adds one, and the
//! older ones die when a newer one has been seen. Revoking raises the floor above the newest. See decision 15.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use openclaw_protocol::Scope;
use openclaw_secrets::Secret;
use sha2::Sha256;

use super::Registry;
use super::record::{Device, Role};

/// From which all device tokens of a gateway are derived.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(***)")
    }
}

impl TokenKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The key that was kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For keeping it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn mac(&self, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        // A key of any length is accepted; `None` never happens.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in parts {
            // The length in front keeps neighbouring parts apart.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        Some(mac)
    }

    fn device_mac(&self, device: &Device, role: Role, generation: u32) -> Option<Hmac<Sha256>> {
        self.mac(&[
            b"device-token",
            device.device_id.as_bytes(),
            device.pairing.as_bytes(),
            role.as_str().as_bytes(),
            &generation.to_be_bytes(),
        ])
    }

    /// The token of this generation: four bytes that name it and the 32 of the code, in base64url.
    #[must_use]
    pub fn token(&self, device: &Device, role: Role, generation: u32) -> Option<Secret> {
        let code = self.device_mac(device, role, generation)?.finalize().into_bytes();
        let mut bytes = generation.to_be_bytes().to_vec();
        bytes.extend_from_slice(&code);
        Some(Secret::from(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// A name that tells nothing about its parts, in base64url.
    pub(super) fn name_of(&self, parts: &[&[u8]]) -> Option<String> {
        Some(URL_SAFE_NO_PAD.encode(self.mac(parts)?.finalize().into_bytes()))
    }

    /// Names a shared secret without giving it away, not even to somebody who can guess it and reads the store alone.
    #[must_use]
    pub fn generation_of(&self, shared: &Secret) -> Option<String> {
        let code = self.mac(&[b"shared-secret", shared.expose().as_bytes()])?.finalize().into_bytes();
        Some(hex::encode(code.get(..16)?))
    }
}

/// Why a device's token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// There is no such device.
    NotPaired,
    /// It has not been approved for the role.
    RoleMissing,
    /// It never got a token for the role.
    TokenMissing,
    /// Its tokens were revoked.
    Revoked,
    /// It is another text, or a generation that is over.
    Mismatch,
    /// The shared secret under which it was made is no longer the gateway's.
    IssuerStale,
    /// It is right, and does not cover the scopes.
    Scope(u32),
}

impl TokenFault {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotPaired => "device-not-paired",
            Self::RoleMissing => "role-missing",
            Self::TokenMissing => "token-missing",
            Self::Revoked => "token-revoked",
            Self::Mismatch => "token-mismatch",
            Self::IssuerStale => "issuer-generation-stale",
            Self::Scope(_) => "scope-mismatch",
        }
    }
}

impl Registry {
    /// Checks a device's token. `issuer` names the shared secret that the gateway has now. Returns the generation.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify_token(
        &self,
        device_id: &str,
        role: Role,
        scopes: &[Scope],
        candidate: &str,
        issuer: Option<&str>,
    ) -> Result<u32, TokenFault> {
        let device = self.devices.get(device_id).ok_or(TokenFault::NotPaired)?;
        if !device.roles.contains(&role) {
            return Err(TokenFault::RoleMissing);
        }
        let token = device.token(role).ok_or(TokenFault::TokenMissing)?;
        let bytes = URL_SAFE_NO_PAD.decode(candidate.trim()).map_err(|_| TokenFault::Mismatch)?;
        let (named, code) = bytes.split_first_chunk::<4>().ok_or(TokenFault::Mismatch)?;
        let generation = u32::from_be_bytes(*named);
        let mac = self.key.device_mac(device, role, generation).ok_or(TokenFault::Mismatch)?;
        // In constant time.
        mac.verify_slice(code).map_err(|_| TokenFault::Mismatch)?;
        if !token.is_live() {
            return Err(TokenFault::Revoked);
        }
        if generation < token.floor || generation > token.generation {
            return Err(TokenFault::Mismatch);
        }
        if token.issuer.is_some() && token.issuer.as_deref() != issuer {
            return Err(TokenFault::IssuerStale);
        }
        let approved = Scope::all_covered(device.scopes_of(role), scopes);
        if approved && Scope::all_covered(&token.scopes, scopes) {
            Ok(generation)
        } else {
            Err(TokenFault::Scope(generation))
        }
    }
}
