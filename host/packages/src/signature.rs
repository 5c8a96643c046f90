//! Who made a package: the digest that names its content, the signature over it, and the key of the publisher.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use openclaw_secrets::Secret;
use sha2::{Digest as _, Sha256};

/// What is signed begins so, that a signature of anything else is never one of a package.
const DOMAIN: &[u8] = b"openclaw:package-signature:1\0";
/// The form of the section: version, public key, signature.
const VERSION: u8 = 1;
const LENGTH: usize = 1 + 32 + 64;

/// The digest of a package: lower-case hexadecimal SHA-256 of all its bytes but those of the signature section.
#[must_use]
pub(crate) fn digest_of(unsigned: &[u8]) -> String {
    hex::encode(Sha256::digest(unsigned))
}

/// The name of a publisher: lower-case hexadecimal SHA-256 of the public key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Publisher(String);

impl Publisher {
    fn of(key: &VerifyingKey) -> Self {
        Self(hex::encode(Sha256::digest(key.as_bytes())))
    }

    /// All 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 16 digits, for tables.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }

    /// Whether a person means this publisher: at least the first 16 digits.
    #[must_use]
    pub fn is_meant_by(&self, written: &str) -> bool {
        let written = written.trim().to_ascii_lowercase();
        written.len() >= 16 && self.0.starts_with(&written)
    }
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SignatureProblem {
    #[error("its signature section has another form than this version knows")]
    Form,
    #[error("its signature does not fit its content: it was changed after it was signed")]
    Mismatch,
}

/// Whose signature `section` is, if it is one of the content with this digest.
pub(crate) fn verify(section: &[u8], digest: &str) -> Result<Publisher, SignatureProblem> {
    let (version, rest) = section.split_first().ok_or(SignatureProblem::Form)?;
    let (key, signature) = rest.split_first_chunk::<32>().ok_or(SignatureProblem::Form)?;
    let signature: [u8; 64] = signature.try_into().map_err(|_| SignatureProblem::Form)?;
    if *version != VERSION {
        return Err(SignatureProblem::Form);
    }
    let key = VerifyingKey::from_bytes(key).map_err(|_| SignatureProblem::Form)?;
    key.verify_strict(&message(digest), &signature.into()).map_err(|_| SignatureProblem::Mismatch)?;
    Ok(Publisher::of(&key))
}

fn message(digest: &str) -> Vec<u8> {
    [DOMAIN, digest.as_bytes()].concat()
}

/// The secret key of a publisher.
#[derive(Clone)]
pub struct PublisherKey(SigningKey);

impl fmt::Debug for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublisherKey({})", self.publisher().short())
    }
}

impl PublisherKey {
    /// A key from 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads what [`PublisherKey::to_text`] wrote; `None` when it is something else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim().strip_prefix("openclaw-publisher-key-1:")?, &mut bytes).ok()?;
        Some(Self::from_seed(&bytes))
    }

    /// The key as it stands in its file: one line.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        Secret::from(format!("openclaw-publisher-key-1:{}\n", hex::encode(self.0.as_bytes())))
    }

    /// The name under which its packages are known.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        Publisher::of(&self.0.verifying_key())
    }

    /// The content of the signature section.
    pub(crate) fn sign(&self, digest: &str) -> Vec<u8> {
        let mut section = Vec::with_capacity(LENGTH);
        section.push(VERSION);
        section.extend_from_slice(self.0.verifying_key().as_bytes());
        section.extend_from_slice(&self.0.sign(&message(digest)).to_bytes());
        section
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_for_one_digest_and_one_publisher() {
        let key = PublisherKey::from_seed(&[5; 32]);
        let digest = digest_of(b"content");
        let section = key.sign(&digest);
        assert_eq!(verify(&section, &digest), Ok(key.publisher()));
        assert_eq!(verify(&section, &digest_of(b"other")), Err(SignatureProblem::Mismatch));
        for n in 0..section.len() {
            let mut changed = section.clone();
            changed[n] ^= 1;
            assert!(verify(&changed, &digest).is_err(), "byte {n}");
        }
        for length in [0, 1, 96, 98] {
            let mut other = section.clone();
            other.resize(length, 0);
            assert_eq!(verify(&other, &digest), Err(SignatureProblem::Form), "{length}");
        }
        let text = key.to_text();
        assert_eq!(PublisherKey::from_text(text.expose()).unwrap().publisher(), key.publisher());
        assert!(PublisherKey::from_text("ssh-ed25519 AAAA").is_none());
        assert!(!format!("{key:?}").contains("0505"));
        assert!(key.publisher().is_meant_by(key.publisher().short()) && !key.publisher().is_meant_by("1f"));
    }
}
