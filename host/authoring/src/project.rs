//! A new plugin: a template with the author's id in it, and the kit beside it. It builds, passes its tests and runs as it stands.

use std::path::Path;

use crate::error::{AtPath, AuthoringError};
use crate::kit::{self, place, templates};
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
    let (word, name) = (kind.word(), format!("template-{}", kind.word()));
    let (crate_name, own_crate) = (name.replace('-', "_"), id.replace('-', "_"));
    for file in templates() {
        let Some(path) = file.path.strip_prefix(word).and_then(|path| path.strip_prefix('/')) else {
            continue;
        };
        let mut text = file.text.replace(&name, id).replace(&crate_name, &own_crate);
        if path == "Cargo.toml" {
            text = format!("{text}\n{}", kit::workspace(&PLACES));
        }
        place(&folder.join(path), &text)?;
    }
    place(&folder.join(".gitignore"), IGNORED)?;
    place(&folder.join("Cargo.lock"), kit::lock())?;
    kit::unpack(folder)
}
