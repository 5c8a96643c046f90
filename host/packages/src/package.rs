//! A whole package: manifest, schema and component, from a folder or from the binary itself.

use std::fmt;
use std::io::Read;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::PackageError;
use crate::manifest::Manifest;

/// The largest files that are read, in bytes.
pub(crate) const LARGEST_TEXT: u64 = 1024 * 1024;
pub(crate) const LARGEST_COMPONENT: u64 = 64 * 1024 * 1024;

/// A plugin. One without a component is known by its manifest and its schema, but cannot be run.
#[derive(Clone, Debug)]
pub struct Package {
    /// `plugin.toml`
    pub manifest: Manifest,
    /// The JSON Schema of the plugin's section; `true` (anything) when the manifest names none.
    pub schema: Arc<Value>,
    /// The code. Only a bundled package may lack it: its section is then judged and kept, and nothing runs.
    pub component: Option<Component>,
    /// It is part of this binary.
    pub bundled: bool,
    /// It is a folder behind a link: its author is at work on it (`plugins dev`).
    pub linked: bool,
}

/// The code of a plugin.
#[derive(Clone, Debug)]
pub struct Component {
    /// The bytes.
    pub wasm: Wasm,
    /// Their SHA-256, lower-case hexadecimal; without the section of the signature, where they have one.
    pub digest: String,
}

impl Component {
    /// A component that was read from somewhere.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { digest: hex::encode(Sha256::digest(&bytes)), wasm: Wasm::Loaded(bytes) }
    }
}

/// The bytes of a component. Cheap to clone.
#[derive(Clone)]
pub enum Wasm {
    /// Part of the binary: not copied.
    Embedded(&'static [u8]),
    /// Read from a file.
    Loaded(Arc<[u8]>),
}

impl Deref for Wasm {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Embedded(bytes) => bytes,
            Self::Loaded(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Wasm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wasm({} bytes)", self.len())
    }
}

/// A package as the build script embeds it.
pub(crate) struct Embedded {
    pub(crate) id: &'static str,
    pub(crate) manifest: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) component: Option<EmbeddedComponent>,
}

/// A component as the build script embeds it.
pub(crate) struct EmbeddedComponent {
    pub(crate) wasm: &'static [u8],
    pub(crate) digest: &'static str,
}

impl Package {
    /// Reads `plugin.toml`, the schema it names, and `component.wasm` from a folder. A folder without a component was
    /// copied incompletely.
    ///
    /// # Errors
    /// When a file is missing or cannot be read, or the manifest does not hold together.
    pub fn from_folder(folder: &Path) -> Result<Self, PackageError> {
        let file = folder.join("plugin.toml");
        let manifest = Manifest::parse(&read_text(&file)?, &file.display().to_string())?;
        let schema = match &manifest.config {
            Some(config) => {
                let file = folder.join(&config.schema);
                parse_schema(&read_text(&file)?, &file.display().to_string())?
            }
            None => Value::Bool(true),
        };
        let bytes = read(&folder.join("component.wasm"), LARGEST_COMPONENT)?;
        let component = Some(Component::new(bytes));
        Ok(Self {
            manifest,
            schema: Arc::new(schema),
            component,
            bundled: false,
            linked: folder.is_symlink(),
        })
    }

    pub(crate) fn from_embedded(embedded: &Embedded) -> Result<Self, PackageError> {
        let name = |file: &str| format!("bundled plugin {}, {file}", embedded.id);
        let manifest = Manifest::parse(embedded.manifest, &name("plugin.toml"))?;
        let schema = match &manifest.config {
            Some(config) => parse_schema(embedded.schema, &name(&config.schema))?,
            None => Value::Bool(true),
        };
        let component = embedded.component.as_ref().map(|component| Component {
            wasm: Wasm::Embedded(component.wasm),
            digest: component.digest.to_owned(),
        });
        Ok(Self { manifest, schema: Arc::new(schema), component, bundled: true, linked: false })
    }

    /// The manifest's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.manifest.plugin.id
    }
}

pub(crate) fn parse_schema(text: &str, file: &str) -> Result<Value, PackageError> {
    serde_json::from_str(text).map_err(|cause| PackageError::Schema { file: file.to_owned(), cause })
}

pub(crate) fn read_text(file: &Path) -> Result<String, PackageError> {
    let bytes = read(file, LARGEST_TEXT)?;
    String::from_utf8(bytes).map_err(|error| PackageError::Syntax {
        file: file.display().to_string(),
        detail: error.utf8_error().to_string(),
    })
}

pub(crate) fn read(file: &Path, limit: u64) -> Result<Vec<u8>, PackageError> {
    let unreadable = |cause| PackageError::Unreadable { file: file.to_owned(), cause };
    let mut bytes = Vec::new();
    let open = std::fs::File::open(file).map_err(unreadable)?;
    let size = open.metadata().map_err(unreadable)?.len();
    if size > limit {
        return Err(PackageError::TooLarge { file: file.to_owned(), size, limit });
    }
    open.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[plugin]
id = "shim"
kind = "provider"
version = "1.0.0"
wit = "openclaw:plugin@0.1.0"
license = "MIT"
label = "Shim"
[config]
schema = "s.json"
[provider]
api = ["openai-completions"]
"#;

    #[test]
    fn reads_a_folder_and_names_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let load = || Package::from_folder(dir.path());
        let missing = |file: &str| {
            let error = load().unwrap_err();
            assert!(error.code() == "PLUGIN_UNREADABLE" && error.to_string().contains(file), "{error}");
        };
        missing("plugin.toml");
        std::fs::write(dir.path().join("plugin.toml"), MANIFEST).unwrap();
        missing("s.json");
        std::fs::write(dir.path().join("s.json"), "{").unwrap();
        assert_eq!(load().unwrap_err().code(), "PLUGIN_SCHEMA_INVALID");
        std::fs::write(dir.path().join("s.json"), "{}").unwrap();
        missing("component.wasm");
        std::fs::write(dir.path().join("component.wasm"), b"abc").unwrap();
        let package = load().unwrap();
        assert_eq!((package.id(), package.bundled), ("shim", false));
        let component = package.component.unwrap();
        assert_eq!(&*component.wasm, b"abc");
        assert_eq!(component.digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        std::fs::write(dir.path().join("plugin.toml"), b"\xff").unwrap();
        assert_eq!(load().unwrap_err().code(), "PLUGIN_MANIFEST_INVALID");
    }

    #[test]
    fn a_bundled_package_may_lack_its_component() {
        let embedded =
            Embedded { id: "shim", manifest: MANIFEST, schema: "{\"type\":\"object\"}", component: None };
        let package = Package::from_embedded(&embedded).unwrap();
        assert_eq!((package.id(), package.bundled), ("shim", true));
        assert!(package.component.is_none());
        assert_eq!(*package.schema, serde_json::json!({"type": "object"}));
    }
}
