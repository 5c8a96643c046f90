//! A new plugin: a template with the author's id in it, and the kit beside it. It builds, passes its tests and runs as it stands.

use std::path::Path;

use crate::error::{AtPath, AuthoringError};
use crate::kit::{Kit, place};
use crate::toolchain::Kind;

/// What the workspace of the templates says of the SDK, and what an author's says. `.openclaw/` is no part of his workspace: it has its
/// own, which comes anew with each later program.
const PLACES: [(&str, &str); 2] = [
    ("members = [\"sdk/openclaw-*\"]", "exclude = [\".openclaw\"]"),
    ("path = \"sdk/", "path = \".openclaw/sdk/"),
];
const IGNORED: &str = "/target\n";

impl Kind {
    /// The folder of its template, and the word in a manifest.
    fn word(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Provider => "provider",
        }
    }
}

/// Writes a new plugin into `folder`, which must not be there yet. The id is one that a manifest may have.
///
/// # Errors
/// When something is there, or cannot be written; then nothing is left.
pub fn create(folder: &Path, id: &str, kind: Kind) -> Result<(), AuthoringError> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent).at(parent)?;
    }
    match std::fs::create_dir(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(AuthoringError::Exists(folder.to_owned()));
        }
        made => made.at(folder)?,
    }
    let written = write(folder, id, kind);
    if written.is_err() {
        // Its own error is the one to tell.
        std::fs::remove_dir_all(folder).ok();
    }
    written
}

fn write(folder: &Path, id: &str, kind: Kind) -> Result<(), AuthoringError> {
    let kit = Kit::unpacked()?;
    let (word, name) = (kind.word(), format!("template-{}", kind.word()));
    let (crate_name, own_crate) = (name.replace('-', "_"), id.replace('-', "_"));
    for (path, text) in kit.templates() {
        let Some(path) = path.strip_prefix(word).and_then(|path| path.strip_prefix('/')) else { continue };
        let mut text = text.replace(&name, id).replace(&crate_name, &own_crate);
        if path == "Cargo.toml" {
            text = format!("{text}\n{}", kit.workspace(&PLACES));
        }
        place(&folder.join(path), &text)?;
    }
    place(&folder.join(".gitignore"), IGNORED)?;
    place(&folder.join("Cargo.lock"), kit.lock())?;
    kit.unpack(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_plugin_has_its_id_everywhere_and_never_takes_anothers_place() {
        for kind in [Kind::Channel, Kind::Provider] {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("inner").join("my-chat");
            create(&folder, "my-chat", kind).unwrap();
            let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
            let (cargo, manifest) = (read("Cargo.toml"), read("plugin.toml"));
            assert!(
                cargo.contains("name = \"my-chat\"") && manifest.contains("id = \"my-chat\""),
                "{cargo}\n{manifest}"
            );
            assert!(
                cargo.contains("exclude = [\".openclaw\"]")
                    && cargo.contains("{ path = \".openclaw/sdk/openclaw-sdk\" }")
            );
            assert!(!cargo.contains("= \"sdk/") && !cargo.contains("[\"sdk/"), "{cargo}");
            for name in ["Cargo.toml", "plugin.toml", "config.schema.json", "src/lib.rs"] {
                assert!(!read(name).contains("template"), "{name}: {}", read(name));
            }
            assert!(
                read("Cargo.lock").contains("name = \"wit-bindgen\"")
                    && !read("Cargo.lock").contains("name = \"wasmtime\"")
            );
            let again = create(&folder, "my-chat", kind).unwrap_err();
            assert_eq!(again.code(), "PLUGIN_FOLDER_EXISTS");
        }
    }
}
