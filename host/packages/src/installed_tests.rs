use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::signature::PublisherKey;

fn package(version: &str, extra: &str, key: Option<u8>) -> PackageFile {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        "[plugin]\nid = \"shim\"\nkind = \"provider\"\nversion = \"{version}\"\nwit = \"openclaw:plugin@0.1.0\"\nlicense = \"MIT\"\n\
         label = \"Shim\"\n{extra}\n[provider]\napi = [\"x\"]\n"
    );
    std::fs::write(folder.path().join("plugin.toml"), toml).unwrap();
    std::fs::write(folder.path().join("component.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    let packed = PackageFile::pack(folder.path()).unwrap();
    match key {
        Some(seed) => packed.signed(&PublisherKey::from_seed(&[seed; 32])).unwrap(),
        None => packed,
    }
}

const HTTP: &str = "[[http]]\nname = \"api\"\norigin = \"https://api.example\"\n";

struct Folder {
    dir: tempfile::TempDir,
    installed: Installed,
}

fn folder() -> Folder {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installed::in_state(dir.path());
    Folder { dir, installed }
}

impl Folder {
    fn install(&self, package: &PackageFile, consent: &Consent) -> Result<Plan, InstallError> {
        let change = self.installed.change()?;
        let plan = change.plan(package, consent)?;
        change.install(package, "here", 1)?;
        Ok(plan)
    }

    fn refused(&self, package: &PackageFile, consent: &Consent) -> &'static str {
        let before = self.installed.lock().unwrap();
        let code = self.install(package, consent).unwrap_err().code();
        assert_eq!(self.installed.lock().unwrap(), before);
        code
    }
}

#[test]
fn a_package_is_installed_updated_and_removed() {
    let folder = folder();
    let plan = folder.install(&package("1.0.0", "", Some(1)), &Consent::default()).unwrap();
    assert!(plan.previous.is_none() && plan.first_use && plan.widened == plan.reach.facts());
    let lock = folder.installed.lock().unwrap();
    let entry = &lock.plugins["shim"];
    assert_eq!(
        (entry.version.as_str(), entry.source.as_str(), entry.replaces.as_ref()),
        ("1.0.0", "here", None)
    );
    assert!(entry.granted.contains(&"plugs in as a provider".to_owned()));
    for file in ["shim.wasm", "plugins.lock"] {
        let mode =
            std::fs::metadata(folder.dir.path().join("plugins").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(folder.installed.open("shim", entry).unwrap().manifest.plugin.version, "1.0.0");
    let same =
        folder.installed.change().unwrap().plan(&package("1.0.0", "", Some(1)), &Consent::default()).unwrap();
    assert!(same.same && same.widened.is_empty());
    let wider = folder.install(&package("1.1.0", HTTP, Some(1)), &Consent::default()).unwrap();
    let widened: Vec<String> = wider.widened.iter().map(ToString::to_string).collect();
    assert_eq!(widened[0], "sends GET requests to https://api.example/*");
    assert!(!wider.first_use && !wider.same);
    let change = folder.installed.change().unwrap();
    assert!(matches!(folder.installed.change(), Err(InstallError::Busy)));
    assert_eq!(change.uninstall("shim").unwrap().version, "1.1.0");
    assert!(matches!(change.uninstall("shim"), Err(InstallError::Unknown(_))));
    drop(change);
    let left: Vec<_> = std::fs::read_dir(folder.dir.path().join("plugins"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(!left.iter().any(|name| name == "shim.wasm") && left.len() == 2, "{left:?}");
}

#[test]
fn an_id_stays_with_its_publisher_and_goes_no_version_back() {
    let folder = folder();
    let none = Consent::default();
    assert_eq!(folder.refused(&package("1.0.0", "", None), &none), "PLUGIN_UNSIGNED");
    folder.install(&package("1.2.0", "", Some(1)), &none).unwrap();
    assert_eq!(folder.refused(&package("1.3.0", "", Some(2)), &none), "PLUGIN_OTHER_PUBLISHER");
    let unsigned = Consent { unsigned: true, ..Consent::default() };
    assert_eq!(folder.refused(&package("1.3.0", "", None), &unsigned), "PLUGIN_OTHER_PUBLISHER");
    assert_eq!(folder.refused(&package("1.1.9", "", Some(1)), &none), "PLUGIN_DOWNGRADE");
    // Also after it was removed.
    folder.installed.change().unwrap().uninstall("shim").unwrap();
    assert_eq!(folder.refused(&package("1.3.0", "", Some(2)), &none), "PLUGIN_OTHER_PUBLISHER");
    assert_eq!(folder.refused(&package("1.1.9", "", Some(1)), &none), "PLUGIN_DOWNGRADE");
    let back = Consent { downgrade: true, ..Consent::default() };
    folder.install(&package("1.1.9", "", Some(1)), &back).unwrap();
    let other = PublisherKey::from_seed(&[2; 32]).publisher();
    let accepted = Consent { publisher: Some(other.short().to_owned()), ..Consent::default() };
    assert_eq!(folder.refused(&package("1.3.0", "", Some(3)), &accepted), "PLUGIN_OTHER_PUBLISHER");
    folder.install(&package("1.3.0", "", Some(2)), &accepted).unwrap();
    assert_eq!(folder.installed.lock().unwrap().pins["shim"].publisher, other);
    let bare = Consent { unsigned: true, publisher: Some("unsigned".to_owned()), ..Consent::default() };
    folder.install(&package("1.4.0", "", None), &bare).unwrap();
    assert!(folder.installed.lock().unwrap().pins.is_empty());
}

#[test]
fn a_changed_file_is_not_what_was_installed() {
    let folder = folder();
    folder.install(&package("1.0.0", "", Some(1)), &Consent::default()).unwrap();
    let lock = folder.installed.lock().unwrap();
    let entry = &lock.plugins["shim"];
    let file = folder.installed.file("shim");
    let tampered = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(folder.installed.open("shim", entry), Err(InstallError::Tampered { .. })));
    };
    let own = std::fs::read(&file).unwrap();
    let mut flipped = own.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    tampered(&flipped);
    tampered(&own[..own.len() - 3]);
    tampered(package("1.0.0", HTTP, Some(1)).bytes());
    assert!(matches!(folder.installed.describe("shim", entry), Err(InstallError::Tampered { .. })));
    // It has no say in what the next one may do.
    let plan = folder
        .installed
        .change()
        .unwrap()
        .plan(&package("1.1.0", HTTP, Some(1)), &Consent::default())
        .unwrap();
    assert_eq!(plan.widened, plan.reach.facts());
    std::fs::write(&file, own).unwrap();
    assert!(folder.installed.open("shim", entry).is_ok());
}

#[test]
fn a_crash_in_the_middle_leaves_one_that_is_whole() {
    let folder = folder();
    let (old, new) = (package("1.0.0", "", Some(1)), package("1.1.0", "", Some(1)));
    folder.install(&old, &Consent::default()).unwrap();
    folder.install(&new, &Consent::default()).unwrap();
    let mut lock = folder.installed.lock().unwrap();
    let entry = lock.plugins.get_mut("shim").unwrap();
    // As it stands between the two writes.
    entry.replaces = Some((old.digest.clone(), old.manifest_digest.clone()));
    let entry = entry.clone();
    for package in [&old, &new] {
        std::fs::write(folder.installed.file("shim"), package.bytes()).unwrap();
        assert!(
            folder.installed.open("shim", &entry).is_ok()
                && folder.installed.describe("shim", &entry).is_ok()
        );
    }
}

#[test]
fn a_failed_installation_leaves_what_was_there() {
    let folder = folder();
    folder.install(&package("1.0.0", "", Some(1)), &Consent::default()).unwrap();
    let before = folder.installed.lock().unwrap();
    // The staged file cannot be made: a folder has its name.
    let staged = folder.dir.path().join("plugins").join(".shim.wasm.new");
    std::fs::create_dir_all(staged.join("x")).unwrap();
    let change = folder.installed.change().unwrap();
    assert!(matches!(
        change.install(&package("1.1.0", "", Some(1)), "there", 2),
        Err(InstallError::Io { .. })
    ));
    assert_eq!(folder.installed.lock().unwrap(), before);
    assert!(folder.installed.open("shim", &before.plugins["shim"]).is_ok());
}

#[test]
fn a_lock_file_of_another_form_stops_everything() {
    let folder = folder();
    std::fs::create_dir_all(folder.dir.path().join("plugins")).unwrap();
    let file = folder.dir.path().join("plugins").join("plugins.lock");
    for text in ["", "{}", "[]", "{\"form\":2}", "{\"form\":1,\"plugins\":{\"a\":{}}}"] {
        std::fs::write(&file, text).unwrap();
        assert!(matches!(folder.installed.lock(), Err(LockError::Invalid { .. })), "{text}");
    }
}
