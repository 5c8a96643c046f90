//! The gateway's own device identity: an Ed25519 key in the state directory, made when it is first asked for and readable by
//! its owner alone. Nothing is signed with it yet; it is how others recognise this gateway.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use openclaw_protocol::system::Identity;
use sha2::{Digest as _, Sha256};

/// The key's 32 secret bytes, base64url without padding.
const FILE: &str = "identity/gateway.key";

/// The identity of the gateway with this state directory. Blocks while the disk works.
///
/// # Errors
/// When the file cannot be read, made, or is no key; what is there is never replaced.
pub(crate) fn load_or_create(state_dir: &Path) -> io::Result<Identity> {
    let path = state_dir.join(FILE);
    let seed = match fs::read_to_string(&path) {
        Ok(text) => decode(text.trim()).ok_or_else(|| {
            let text = format!("{} is not a key; move it away to get a new one", path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path)?,
        Err(error) => return Err(error),
    };
    let public = SigningKey::from_bytes(&seed).verifying_key();
    Ok(Identity {
        device_id: hex::encode(Sha256::digest(public.as_bytes())),
        public_key: URL_SAFE_NO_PAD.encode(public.as_bytes()),
    })
}

fn decode(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Whole or not at all: the file gets its name last.
fn create(path: &Path) -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let folder = path.parent().unwrap_or(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let staged = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
    file.write_all(URL_SAFE_NO_PAD.encode(seed).as_bytes())?;
    file.sync_all()?;
    fs::rename(&staged, path)?;
    File::open(folder)?.sync_all()?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_identity_stays_and_is_its_owners_alone() {
        let state = tempfile::tempdir().unwrap();
        let made = load_or_create(state.path()).unwrap();
        assert_eq!(load_or_create(state.path()).unwrap(), made);
        assert_eq!((made.device_id.len(), made.public_key.len()), (64, 43));
        let mode = |path: &str| fs::metadata(state.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(FILE), mode("identity")), (0o600, 0o700));
    }

    #[test]
    fn what_is_no_key_is_not_replaced() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("identity")).unwrap();
        fs::write(state.path().join(FILE), "something else").unwrap();
        let error = load_or_create(state.path()).unwrap_err().to_string();
        assert!(error.ends_with("is not a key; move it away to get a new one"), "{error}");
        assert_eq!(fs::read_to_string(state.path().join(FILE)).unwrap(), "something else");
    }
}
