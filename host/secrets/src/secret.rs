//! One secret value. It can be exposed on purpose only: there is no `Display`, no `Serialize`, and `Debug` is masked.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A token, key or password. Its memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The value itself. Call this only where the value leaves the process on purpose, or is compared.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret. Both sides are hashed first, so that neither the content nor the length
    /// of the secret shows in the time it takes.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        let own = Sha256::digest(self.0.as_bytes());
        let other = Sha256::digest(candidate.as_bytes());
        own.ct_eq(&other).into()
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the value: tells two secrets apart in logs and caches
    /// without showing either.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(Zeroizing::new(value))
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(Zeroizing::new(value.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        let secret = Secret::from("hunter2-hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(***) Some(Secret(***))");
    }

    #[test]
    fn matches_only_the_same_text() {
        let secret = Secret::from("abc".to_owned());
        assert!(secret.matches("abc"));
        for wrong in ["", "ab", "abcd", "ABC", "abc "] {
            assert!(!secret.matches(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn fingerprint_is_the_head_of_the_sha256() {
        // The digest of "abc" in FIPS 180-2 begins so.
        assert_eq!(Secret::from("abc").fingerprint(), "ba7816bf8f01cfea");
    }
}
