//! What this program carries for authors, and its place in a plugin's folder: `.openclaw/`, with the SDK, the contract and a stamp that
//! says whose it is.

use std::path::{Path, PathBuf};

use crate::error::{AtPath, AuthoringError};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// One embedded text.
pub(crate) struct File {
    /// Below the place where it belongs.
    pub(crate) path: &'static str,
    pub(crate) text: &'static str,
}

/// The folder beside `plugin.toml`.
const FOLDER: &str = ".openclaw";
const STAMP: &str = "version";
const README: &str = "\
The SDK and the contract of the gateway, as `openclaw` carries them: what this plugin is built on. Do not change anything here:
`openclaw plugins build` writes this folder anew when the program is newer.
";
/// The workspace stands among the crates.
const PLACES: [(&str, &str); 2] =
    [("members = [\"sdk/openclaw-*\"]", "members = [\"openclaw-*\"]"), ("path = \"sdk/", "path = \"")];
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The templates, `<kind>/<file>`.
pub(crate) fn templates() -> &'static [File] {
    TEMPLATES
}

/// The versions of the libraries that the SDK was tested with, as a `Cargo.lock`.
pub(crate) fn lock() -> &'static str {
    LOCK
}

/// The workspace that the SDK's crates and the templates are written for, with these texts in place of others, and without the words to
/// whoever writes the SDK.
pub(crate) fn workspace(places: &[(&str, &str)]) -> String {
    let rules = WORKSPACE.lines().skip_while(|line| line.starts_with('#') || line.is_empty());
    let text = rules.collect::<Vec<_>>().join("\n") + "\n";
    places.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// What became of an unpacked SDK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It is this program's already.
    Current,
    /// It is now; before, it was of this version. None: it was not there.
    Written(Option<String>),
    /// The folder has none of its own: it is built on an SDK elsewhere.
    Elsewhere,
}

/// Makes the SDK beside the plugin in `folder` this program's own, where the plugin has one.
///
/// # Errors
/// When it is a later program's, or a file cannot be written.
pub fn refresh(folder: &Path) -> Result<Refreshed, AuthoringError> {
    let kit = folder.join(FOLDER);
    if !kit.exists() {
        let cargo = folder.join("Cargo.toml");
        let text = std::fs::read_to_string(&cargo).at(&cargo)?;
        if !text.contains(FOLDER) {
            return Ok(Refreshed::Elsewhere);
        }
    }
    let found = std::fs::read_to_string(kit.join(STAMP)).unwrap_or_default();
    if found == stamp() {
        return Ok(Refreshed::Current);
    }
    let theirs = found.split_whitespace().next().map(str::to_owned);
    if let Some(theirs) = theirs.as_ref().filter(|theirs| parts(theirs) > parts(VERSION)) {
        return Err(AuthoringError::NewerKit { folder: kit, theirs: theirs.clone(), own: VERSION });
    }
    write(&kit)?;
    Ok(Refreshed::Written(theirs))
}

/// Writes the kit as `folder/.openclaw`.
pub(crate) fn unpack(folder: &Path) -> Result<(), AuthoringError> {
    write(&folder.join(FOLDER))
}

fn write(kit: &Path) -> Result<(), AuthoringError> {
    // The stamp goes first and comes last: half a kit is never taken for a whole one.
    for old in [STAMP, "sdk", "wit"].map(|name| kit.join(name)) {
        let removed = if old.is_dir() { std::fs::remove_dir_all(&old) } else { std::fs::remove_file(&old) };
        match removed {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(AuthoringError::File { path: old, cause });
            }
            _ => {}
        }
    }
    for file in KIT {
        place(&kit.join(file.path), file.text)?;
    }
    place(&kit.join("sdk/Cargo.toml"), &workspace(&PLACES))?;
    place(&kit.join("README.md"), README)?;
    place(&kit.join(STAMP), &stamp())
}

/// Writes a file, and the folders above it.
pub(crate) fn place(path: &Path, text: &str) -> Result<(), AuthoringError> {
    let parent = path.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&parent).at(&parent)?;
    std::fs::write(path, text).at(path)
}

fn stamp() -> String {
    format!("{VERSION} {DIGEST}\n")
}

/// Versions are compared number by number.
fn parts(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_is_written_anew_when_it_is_not_this_programs() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Cargo.toml"), "path = \".openclaw/sdk/openclaw-sdk\"").unwrap();
        assert_eq!(refresh(dir.path()).unwrap(), Refreshed::Written(None));
        assert_eq!(refresh(dir.path()).unwrap(), Refreshed::Current);
        let kit = dir.path().join(FOLDER);
        let library = kit.join("sdk/openclaw-sdk/src/lib.rs");
        assert!(library.exists() && kit.join("wit/0.2.0/channel.wit").exists());
        // An older one, of which a file is gone today.
        std::fs::write(kit.join(STAMP), "0.0.9 abc\n").unwrap();
        let gone = kit.join("sdk/openclaw-sdk/src/gone.rs");
        std::fs::write(&gone, "").unwrap();
        assert_eq!(refresh(dir.path()).unwrap(), Refreshed::Written(Some("0.0.9".to_owned())));
        assert!(!gone.exists() && library.exists());
        std::fs::write(kit.join(STAMP), "99.0.0 abc\n").unwrap();
        let newer = refresh(dir.path()).unwrap_err();
        assert!(newer.code() == "PLUGIN_SDK_NEWER" && newer.to_string().contains("99.0.0"), "{newer}");
    }

    #[test]
    fn a_plugin_on_an_sdk_elsewhere_gets_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Cargo.toml"), "path = \"../../sdk/openclaw-sdk\"").unwrap();
        assert_eq!(refresh(dir.path()).unwrap(), Refreshed::Elsewhere);
        assert!(!dir.path().join(FOLDER).exists());
    }

    #[test]
    fn the_workspace_leads_to_the_crates() {
        let text = workspace(&PLACES);
        assert!(text.starts_with("[workspace]\n"), "{text}");
        assert!(
            text.contains("\nmembers = [\"openclaw-*\"]\n")
                && text.contains("openclaw-sdk = { path = \"openclaw-sdk\" }")
        );
        assert!(!text.contains("sdk/"), "{text}");
    }

    #[test]
    fn the_kit_is_small() {
        let size: usize = KIT.iter().chain(TEMPLATES).map(|file| file.text.len()).sum::<usize>() + LOCK.len();
        println!("{} files, {size} bytes", KIT.len() + TEMPLATES.len());
        assert!(size < 400 * 1024, "{size} bytes");
    }
}
