//! A new plugin: a template with the author's id in it, and the kit beside it. It builds, passes its tests and runs as it stands.

use std::path::Path;

use crate::error::{AtPath, AuthoringError};
use crate::kit::{self, place, templates};
use crate::toolchain::Kind;

/// Where the templates' crates find the SDK in this program's own repository, and where an author's does.
const SDK: (&str, &str) = ("path = \"../../", "path = \".openclaw/sdk/");
/// What a plugin of this repository has from its workspace. An author's folder is a workspace by itself.
const WORKSPACE: &str = "
[workspace]
exclude = [\".openclaw\"]

# What `openclaw plugins build` builds: small, because it is loaded and sent around.
[profile.guest]
inherits = \"release\"
opt-level = \"s\"
lto = \"fat\"
codegen-units = 1
panic = \"abort\"
strip = true
";
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
            text = text.replace(SDK.0, SDK.1) + WORKSPACE;
        }
        place(&folder.join(path), &text)?;
    }
    place(&folder.join(".gitignore"), IGNORED)?;
    place(&folder.join("Cargo.lock"), kit::lock())?;
    kit::unpack(folder)
}
