//! Credentials of which the vendor allows one user at a time: two accounts with the same one would throw each other out. The
//! first that starts has it; the second is told who.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_messaging::AccountKey;
use openclaw_packages::{AccountSecrets, Manifest};
use sha2::{Digest, Sha256};

/// Who uses which credential. Keeps fingerprints, never values.
#[derive(Clone, Default)]
pub(crate) struct Exclusive(Arc<Mutex<BTreeMap<[u8; 32], AccountKey>>>);

/// An account's hold on its credentials; free again when dropped.
pub(crate) struct Held {
    registry: Exclusive,
    fingerprints: Vec<[u8; 32]>,
}

impl Exclusive {
    /// Takes the account's exclusive credentials.
    ///
    /// # Errors
    /// What to tell people when another account has one of them; then nothing is taken.
    pub(crate) fn take(
        &self,
        account: &AccountKey,
        manifest: &Manifest,
        secrets: &AccountSecrets,
    ) -> Result<Held, String> {
        let mut held = Held { registry: self.clone(), fingerprints: Vec::new() };
        for entry in &manifest.secrets {
            let (Some(words), Some(secret)) = (&entry.exclusive, secrets.get(&entry.name)) else { continue };
            let mut digest = Sha256::new_with_prefix(format!("{}\n{}\n", account.channel, entry.name));
            digest.update(secret.expose());
            let fingerprint: [u8; 32] = digest.finalize().into();
            let mut holders = self.lock();
            if let Some(other) = holders.get(&fingerprint) {
                return Err(format!("{words}: the account {} uses it", other.account));
            }
            holders.insert(fingerprint, account.clone());
            held.fingerprints.push(fingerprint);
        }
        Ok(held)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], AccountKey>> {
        // The map stays whole even if a panic unwound through its lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut holders = self.registry.lock();
        for fingerprint in &self.fingerprints {
            holders.remove(fingerprint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [plugin]
        id = "chat"
        kind = "channel"
        version = "1.0.0"
        wit = "openclaw:plugin@0.2.0"
        license = "MIT"
        label = "Chat"
        [[secret]]
        name = "token"
        config = "token"
        exclusive = "duplicate token"
        [channel]
        text-limit = 4000
        text-unit = "utf16"
        sender-id-line = "Your id: {id}"
        sender-id-label = "id"
    "#;

    #[test]
    fn one_account_at_a_time_has_a_credential() {
        let manifest = Manifest::parse(MANIFEST, "plugin.toml").unwrap();
        let exclusive = Exclusive::default();
        let take = |account: &str, token: &str| {
            let secrets = AccountSecrets::default().with("token", token.to_owned());
            exclusive.take(&AccountKey::new("chat", account), &manifest, &secrets)
        };
        let first = take("one", "a-secret-token").unwrap();
        let other = take("two", "another-token").unwrap();
        let told = take("three", "a-secret-token").err().unwrap();
        assert_eq!(told, "duplicate token: the account one uses it");
        drop(first);
        let _third = take("three", "a-secret-token").unwrap();
        drop(other);
    }
}
