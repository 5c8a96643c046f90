//! What this program carries for authors, and its place in a plugin's folder: `.openclaw/`, with the SDK, the contract and a stamp that
//! says whose it is.

use std::path::{Path, PathBuf};

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::error::{AtPath, AuthoringError};

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kit"));
/// The most that it unpacks to, in bytes.
const LARGEST: usize = 4 << 20;

/// What the program carries, unpacked in memory: texts with their table and their place there, as `build.rs` writes them.
pub(crate) struct Kit(Vec<(String, String, String)>);

impl Kit {
    pub(crate) fn unpacked() -> Result<Self, AuthoringError> {
        let damaged = |what: &str| AuthoringError::Damaged(what.to_owned());
        // It was packed by the build of this very program.
        let bytes =
            decompress_to_vec_with_limit(PACKED, LARGEST).map_err(|error| damaged(&error.to_string()))?;
        let all = String::from_utf8(bytes).map_err(|error| damaged(&error.to_string()))?;
        let (mut parts, mut rest) = (Vec::new(), all.as_str());
        while !rest.is_empty() {
            let cut = rest.split_once('\n').and_then(|(head, behind)| {
                let mut words = head.splitn(3, ' ');
                let (table, length, place) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
                let (text, behind) = behind.split_at_checked(length)?;
                Some(((table.to_owned(), place.to_owned(), text.to_owned()), behind))
            });
            let (part, behind) = cut.ok_or_else(|| damaged("it is cut off"))?;
            parts.push(part);
            rest = behind;
        }
        Ok(Self(parts))
    }

    /// The files of a table, by their places.
    fn files(&self, wanted: &str) -> impl Iterator<Item = (&str, &str)> {
        let files = self.0.iter().filter(move |(table, ..)| table == wanted);
        files.map(|(_, place, text)| (place.as_str(), text.as_str()))
    }

    fn text(&self, table: &str) -> &str {
        self.files(table).next().map_or("", |(_, text)| text)
    }

    /// The templates, `<kind>/<file>`.
    pub(crate) fn templates(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files("templates")
    }

    /// The versions of the libraries that the SDK was tested with, as a `Cargo.lock`.
    pub(crate) fn lock(&self) -> &str {
        self.text("lock")
    }

    /// The workspace that the SDK's crates and the templates are written for, with these texts in place of others, and without the
    /// words to whoever writes the SDK.
    pub(crate) fn workspace(&self, places: &[(&str, &str)]) -> String {
        let rules =
            self.text("workspace").lines().skip_while(|line| line.starts_with('#') || line.is_empty());
        let text = rules.collect::<Vec<_>>().join("\n") + "\n";
        places.iter().fold(text, |text, (from, to)| text.replace(from, to))
    }

    /// Writes it as `folder/.openclaw`.
    pub(crate) fn unpack(&self, folder: &Path) -> Result<(), AuthoringError> {
        self.write(&folder.join(FOLDER))
    }

    fn write(&self, kit: &Path) -> Result<(), AuthoringError> {
        // The stamp goes first and comes last: half a kit is never taken for a whole one.
        for old in [STAMP, "sdk", "wit"].map(|name| kit.join(name)) {
            let removed =
                if old.is_dir() { std::fs::remove_dir_all(&old) } else { std::fs::remove_file(&old) };
            match removed {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(AuthoringError::File { path: old, cause });
                }
                _ => {}
            }
        }
        for (file, text) in self.files("kit") {
            place(&kit.join(file), text)?;
        }
        place(&kit.join("sdk/Cargo.toml"), &self.workspace(&PLACES))?;
        place(&kit.join("README.md"), README)?;
        place(&kit.join(STAMP), &stamp())
    }
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
    Kit::unpacked()?.write(&kit)?;
    Ok(Refreshed::Written(theirs))
}

/// Writes a file, and the folders above it.
pub(crate) fn place(path: &Path, text: &str) -> Result<(), AuthoringError> {
    let parent = path.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&parent).at(&parent)?;
    std::fs::write(path, text).at(path)
}

fn stamp() -> String {
    format!("{VERSION} {}\n", env!("OPENCLAW_KIT_DIGEST"))
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
        let text = Kit::unpacked().unwrap().workspace(&PLACES);
        assert!(text.starts_with("[workspace]\n"), "{text}");
        assert!(
            text.contains("\nmembers = [\"openclaw-*\"]\n")
                && text.contains("openclaw-sdk = { path = \"openclaw-sdk\" }")
        );
        assert!(!text.contains("sdk/"), "{text}");
    }

    #[test]
    fn the_kit_is_small() {
        let kit = Kit::unpacked().unwrap();
        let size = |(_, text): (&str, &str)| text.len();
        let unpacked = kit.files("kit").map(size).sum::<usize>() + kit.templates().map(size).sum::<usize>();
        println!("{unpacked} bytes, packed {}", PACKED.len());
        assert!(PACKED.len() < 128 * 1024, "{} bytes", PACKED.len());
    }
}
