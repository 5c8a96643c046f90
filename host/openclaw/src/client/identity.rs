//! The command line's own device identity: an Ed25519 key in the state directory, and the proof that it is held
//! (openclaw-compat §3.6). Made when it is first needed, readable by its owner alone, in the original's shape.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use openclaw_protocol::connect::{ClientInfo, DeviceProof};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::output::age::now_ms;

/// What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 §7).
const PRIVATE_PREFIX: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before the 32 bytes of an Ed25519 public key in SPKI (RFC 8410 §4).
const PUBLIC_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A device that can prove itself.
pub(crate) struct Identity {
    key: SigningKey,
    /// Lower-case hex SHA-256 of the public key.
    pub(crate) device_id: String,
}

/// `identity/device.json`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    version: u32,
    device_id: String,
    public_key_pem: String,
    private_key_pem: String,
    #[serde(default)]
    created_at_ms: u64,
}

/// The folder of the identity and of the tokens that belong to it.
pub(crate) fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("identity")
}

impl Identity {
    /// The identity in `folder`, if there is one. What others may read is made private first.
    ///
    /// # Errors
    /// When the file cannot be read or is no identity; it is never replaced.
    pub(crate) fn load(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join("device.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        }
        let file: File = serde_json::from_str(&text)?;
        let seed = unwrap_pem(&file.private_key_pem, PRIVATE_PREFIX)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it holds no Ed25519 key"))?;
        Ok(Some(Self::from_seed(&seed)))
    }

    /// The identity in `folder`; a new one when there is none. Of two commands that make one at once, one wins.
    ///
    /// # Errors
    /// As [`Identity::load`], and when the folder cannot be written.
    pub(crate) fn load_or_create(folder: &Path) -> io::Result<Self> {
        if let Some(found) = Self::load(folder)? {
            return Ok(found);
        }
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let made = Self::from_seed(&seed);
        let file = File {
            version: 1,
            device_id: made.device_id.clone(),
            public_key_pem: wrap_pem("PUBLIC KEY", PUBLIC_PREFIX, made.key.verifying_key().as_bytes()),
            private_key_pem: wrap_pem("PRIVATE KEY", PRIVATE_PREFIX, &seed),
            created_at_ms: now_ms(),
        };
        let fresh = write_beside(folder, "device.json", &serde_json::to_vec_pretty(&file)?)?;
        // A link, and not a rename: it fails when another command was faster.
        let linked = fs::hard_link(&fresh, folder.join("device.json"));
        fs::remove_file(&fresh)?;
        match linked {
            Ok(()) => Ok(made),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Self::load(folder)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
            }
            Err(error) => Err(error),
        }
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let device_id = hex::encode(Sha256::digest(key.verifying_key().as_bytes()));
        Self { key, device_id }
    }

    /// Signs one challenge. `token` is what `auth` carries as its token; `signed_at` the challenge's own time, so that a
    /// wrong clock here does no harm.
    pub(crate) fn prove(
        &self,
        client: &ClientInfo,
        role: &str,
        scopes: &[String],
        signed_at: u64,
        token: &str,
        nonce: &str,
    ) -> DeviceProof {
        let signed = signed_text(&self.device_id, client, role, scopes, signed_at, token, nonce);
        DeviceProof {
            id: self.device_id.clone(),
            public_key: URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes()),
            signature: URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes()),
            signed_at,
            nonce: Some(nonce.to_owned()),
        }
    }
}

/// The text that is signed, in its third version: it also binds the device's platform and family.
fn signed_text(
    device_id: &str,
    client: &ClientInfo,
    role: &str,
    scopes: &[String],
    signed_at: u64,
    token: &str,
    nonce: &str,
) -> String {
    let folded = |text: Option<&str>| text.unwrap_or_default().trim().to_ascii_lowercase();
    [
        "v3",
        device_id,
        &client.id,
        &client.mode,
        role,
        &scopes.join(","),
        &signed_at.to_string(),
        token,
        nonce,
        &folded(Some(&client.platform)),
        &folded(client.device_family.as_deref()),
    ]
    .join("|")
}

/// Writes a private file beside `name` in `folder`, durable, and returns its path. The folder is made when it is missing.
pub(super) fn write_beside(folder: &Path, name: &str, content: &[u8]) -> io::Result<PathBuf> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(format!("{name}.{}.new", Uuid::new_v4()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // What is there is not whole; the first failure is the one to tell.
        fs::remove_file(&path).ok();
        return Err(error);
    }
    Ok(path)
}

fn wrap_pem(label: &str, prefix: &[u8], key: &[u8; 32]) -> String {
    // 48 bytes at most: one line of base64.
    let body = STANDARD.encode([prefix, key].concat());
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn unwrap_pem(pem: &str, prefix: &[u8]) -> Option<[u8; 32]> {
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).ok()?.strip_prefix(prefix)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, VerifyingKey};

    fn client() -> ClientInfo {
        ClientInfo {
            id: "cli".to_owned(),
            mode: "cli".to_owned(),
            version: "1".to_owned(),
            platform: " Linux".to_owned(),
            ..ClientInfo::default()
        }
    }

    #[test]
    fn it_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        assert!(Identity::load(&folder).unwrap().is_none());
        let made = Identity::load_or_create(&folder).unwrap();
        let again = Identity::load_or_create(&folder).unwrap();
        assert_eq!(made.device_id, again.device_id);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("device.json"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left there");
        fs::set_permissions(folder.join("device.json"), Permissions::from_mode(0o644)).unwrap();
        Identity::load(&folder).unwrap().unwrap();
        assert_eq!(mode(&folder.join("device.json")), 0o600);
    }

    /// The key of RFC 8032 §7.1, test 1, as Node's crypto module writes it.
    #[test]
    fn the_originals_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"version": 1, "deviceId": "whatever", "createdAtMs": 1,
            "publicKeyPem": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
            "privateKeyPem": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"}"#;
        fs::write(dir.path().join("device.json"), text).unwrap();
        let identity = Identity::load(dir.path()).unwrap().unwrap();
        let public = hex::encode(identity.key.verifying_key().as_bytes());
        assert_eq!(public, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(identity.device_id.len(), 64);
    }

    #[test]
    fn what_is_no_identity_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("device.json"), "{}").unwrap();
        assert!(Identity::load_or_create(dir.path()).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("device.json")).unwrap(), "{}");
    }

    #[test]
    fn a_proof_is_what_a_gateway_verifies() {
        let identity = Identity::from_seed(&[7; 32]);
        let scopes = ["operator.read".to_owned(), "operator.pairing".to_owned()];
        let proof = identity.prove(&client(), "operator", &scopes, 1_770_000_000_000, "tok", "nonce");
        let raw: [u8; 32] = URL_SAFE_NO_PAD.decode(&proof.public_key).unwrap().try_into().unwrap();
        assert_eq!(proof.id, hex::encode(Sha256::digest(raw)));
        let signed = format!(
            "v3|{}|cli|cli|operator|operator.read,operator.pairing|1770000000000|tok|nonce|linux|",
            proof.id
        );
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(&proof.signature).unwrap()).unwrap();
        VerifyingKey::from_bytes(&raw).unwrap().verify_strict(signed.as_bytes(), &signature).unwrap();
    }
}
