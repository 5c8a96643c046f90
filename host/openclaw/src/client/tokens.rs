//! The tokens that gateways gave to this device, one for each gateway and role. A token is shown to the gateway that
//! gave it and to no other.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use openclaw_secrets::Secret;
use serde::{Deserialize, Serialize};

use super::identity::write_beside;
use crate::output::age::now_ms;

const NAME: &str = "device-auth.json";

/// `identity/device-auth.json`
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    version: u32,
    /// To whom the tokens were given. Those of another device are of no use.
    device_id: String,
    /// By gateway, then by role.
    #[serde(default)]
    gateways: BTreeMap<String, BTreeMap<String, Entry>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    token: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    updated_at_ms: u64,
}

/// The stored tokens of one device.
pub(super) struct Tokens {
    folder: PathBuf,
}

impl Tokens {
    /// Those in `folder`. Nothing is read yet.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The token that `gateway` gave for `role`. A file that cannot be read counts as none: a new token is given then.
    pub(super) fn find(&self, gateway: &str, role: &str) -> Option<Secret> {
        let entry = self.read()?.gateways.remove(gateway)?.remove(role)?;
        Some(Secret::from(entry.token))
    }

    /// Keeps a token in place of an older one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn keep(
        &self,
        device_id: &str,
        gateway: &str,
        role: &str,
        token: &str,
        scopes: Vec<String>,
    ) -> io::Result<()> {
        let mut file = self.read().filter(|file| file.device_id == device_id).unwrap_or_default();
        let roles = file.gateways.entry(gateway.to_owned()).or_default();
        if roles.get(role).is_some_and(|entry| entry.token == token && entry.scopes == scopes) {
            return Ok(());
        }
        roles.insert(role.to_owned(), Entry { token: token.to_owned(), scopes, updated_at_ms: now_ms() });
        self.write(&File { version: 1, device_id: device_id.to_owned(), ..file })
    }

    /// Forgets a token that its gateway no longer takes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn forget(&self, gateway: &str, role: &str) -> io::Result<()> {
        let Some(mut file) = self.read() else { return Ok(()) };
        match file.gateways.get_mut(gateway).and_then(|roles| roles.remove(role)) {
            Some(_) => self.write(&file),
            None => Ok(()),
        }
    }

    fn read(&self) -> Option<File> {
        serde_json::from_str(&fs::read_to_string(self.folder.join(NAME)).ok()?).ok()
    }

    fn write(&self, file: &File) -> io::Result<()> {
        let fresh = write_beside(&self.folder, NAME, &serde_json::to_vec_pretty(file)?)?;
        fs::rename(fresh, self.folder.join(NAME))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_token_belongs_to_one_gateway_and_role() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(dir.path());
        let found =
            |gateway: &str, role: &str| tokens.find(gateway, role).map(|token| token.expose().to_owned());
        assert_eq!(found("local", "operator"), None);
        tokens.keep("me", "local", "operator", "one", vec!["operator.read".to_owned()]).unwrap();
        tokens.keep("me", "wss://far:443", "operator", "two", Vec::new()).unwrap();
        assert_eq!(found("local", "operator").as_deref(), Some("one"));
        assert_eq!(found("wss://far:443", "operator").as_deref(), Some("two"));
        assert_eq!(found("local", "node"), None);
        let mode = fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);

        tokens.forget("local", "operator").unwrap();
        assert_eq!((found("local", "operator"), found("wss://far:443", "operator").is_some()), (None, true));
        tokens.keep("another device", "local", "operator", "three", Vec::new()).unwrap();
        assert_eq!(found("wss://far:443", "operator"), None, "tokens of another device are dropped");
    }
}
