//! A package as one file: a component whose custom sections carry the manifest, the schema and the signature.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::PackageError;
use crate::manifest::Manifest;
use crate::package::{
    Component, LARGEST_COMPONENT, LARGEST_TEXT, Package, Wasm, parse_schema, read, read_text,
};
use crate::sections::{self, Custom, SectionError};
use crate::signature::{self, Publisher, PublisherKey};

const MANIFEST: &str = "openclaw:manifest";
const SCHEMA: &str = "openclaw:schema";
const SIGNATURE: &str = "openclaw:signature";

/// The largest package, in bytes.
pub const LARGEST_PACKAGE: u64 = LARGEST_COMPONENT + 2 * LARGEST_TEXT + 4096;

/// A package that holds together and whose signature, if it has one, fits.
#[derive(Clone, Debug)]
pub struct PackageFile {
    /// `plugin.toml`
    pub manifest: Manifest,
    /// The schema of the section; `true` (anything) when the manifest names none.
    pub schema: Arc<Value>,
    /// Lower-case hexadecimal SHA-256 of all bytes but those of the signature section.
    pub digest: String,
    /// As [`Described::manifest_digest`].
    pub manifest_digest: String,
    /// Who signed it.
    pub publisher: Option<Publisher>,
    bytes: Arc<[u8]>,
}

/// What the head of a package says: read without its code, and therefore without a check of its digest.
#[derive(Clone, Debug)]
pub struct Described {
    /// `plugin.toml`
    pub manifest: Manifest,
    /// As [`PackageFile::schema`].
    pub schema: Arc<Value>,
    /// Lower-case hexadecimal SHA-256 of manifest and schema as they stand in the file.
    pub manifest_digest: String,
}

impl PackageFile {
    /// Reads a package from a file.
    ///
    /// # Errors
    /// As [`PackageFile::from_bytes`]; and when the file cannot be read.
    pub fn open(file: &Path) -> Result<Self, PackageError> {
        Self::from_bytes(read(file, LARGEST_PACKAGE)?, &file.display().to_string())
    }

    /// Reads a package. `name` is how errors name it.
    ///
    /// # Errors
    /// When the bytes are no component, carry no manifest or a section twice, the manifest does not hold together, or the
    /// signature does not fit.
    pub fn from_bytes(bytes: Vec<u8>, name: &str) -> Result<Self, PackageError> {
        let parts = Parts::find(Cursor::new(&bytes), bytes.len() as u64, name)?;
        let Described { manifest, schema, manifest_digest } = parts.describe(Cursor::new(&bytes), name)?;
        let unsigned = usize::try_from(parts.unsigned).unwrap_or(bytes.len());
        let digest = signature::digest_of(bytes.get(..unsigned).unwrap_or(&bytes));
        let publisher = match &parts.signature {
            Some(custom) => {
                let section = sections::read_range(Cursor::new(&bytes), &custom.data)
                    .map_err(|error| damaged(name, error))?;
                let problem = |problem| PackageError::Signature { file: name.to_owned(), problem };
                Some(signature::verify(&section, &digest).map_err(|error| problem(error.to_string()))?)
            }
            None => None,
        };
        Ok(Self { manifest, schema, digest, manifest_digest, publisher, bytes: bytes.into() })
    }

    /// Packs a folder with `plugin.toml`, the schema that it names, and `component.wasm`. The result is not signed.
    ///
    /// # Errors
    /// When a file is missing or the package would not hold together.
    pub fn pack(folder: &Path) -> Result<Self, PackageError> {
        let file = folder.join("plugin.toml");
        let text = read_text(&file)?;
        let manifest = Manifest::parse(&text, &file.display().to_string())?;
        let component = folder.join("component.wasm");
        let name = component.display().to_string();
        let mut bytes = read(&component, LARGEST_COMPONENT)?;
        let parts = sections::customs(Cursor::new(&bytes), bytes.len() as u64)
            .map_err(|error| damaged(&name, error))?;
        if parts.iter().any(|custom| [MANIFEST, SCHEMA, SIGNATURE].contains(&custom.name.as_str())) {
            return Err(PackageError::AlreadyPacked { file: component });
        }
        sections::push(&mut bytes, MANIFEST, text.as_bytes());
        if let Some(config) = &manifest.config {
            let file = folder.join(&config.schema);
            let schema = read_text(&file)?;
            parse_schema(&schema, &file.display().to_string())?;
            sections::push(&mut bytes, SCHEMA, schema.as_bytes());
        }
        Self::from_bytes(bytes, &folder.display().to_string())
    }

    /// The same package with this publisher's signature, in place of any other.
    ///
    /// # Errors
    /// Never in practice: what is signed has been read before.
    pub fn signed(&self, key: &PublisherKey) -> Result<Self, PackageError> {
        let name = self.manifest.plugin.id.as_str();
        let parts = Parts::find(Cursor::new(&self.bytes), self.bytes.len() as u64, name)?;
        let unsigned = usize::try_from(parts.unsigned).unwrap_or(self.bytes.len());
        let mut bytes = self.bytes.get(..unsigned).unwrap_or_default().to_vec();
        sections::push(&mut bytes, SIGNATURE, &key.sign(&self.digest));
        Self::from_bytes(bytes, name)
    }

    /// The bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The package for the runtime.
    #[must_use]
    pub fn package(&self) -> Package {
        let component =
            Component { wasm: Wasm::Loaded(Arc::clone(&self.bytes)), digest: self.digest.clone() };
        Package {
            manifest: self.manifest.clone(),
            schema: Arc::clone(&self.schema),
            component: Some(component),
            bundled: false,
            linked: false,
        }
    }
}

impl Described {
    /// Reads what a package says about itself, without its code.
    ///
    /// # Errors
    /// As [`PackageFile::open`], but for the signature, which needs the code.
    pub fn open(file: &Path) -> Result<Self, PackageError> {
        let name = file.display().to_string();
        let unreadable = |cause| PackageError::Unreadable { file: file.to_owned(), cause };
        let mut source = File::open(file).map_err(unreadable)?;
        let size = source.metadata().map_err(unreadable)?.len();
        if size > LARGEST_PACKAGE {
            return Err(PackageError::TooLarge { file: file.to_owned(), size, limit: LARGEST_PACKAGE });
        }
        let parts = Parts::find(&mut source, size, &name)?;
        parts.describe(&mut source, &name)
    }
}

/// Where the parts of a package stand.
struct Parts {
    manifest: Custom,
    schema: Option<Custom>,
    signature: Option<Custom>,
    /// Where the signature section begins; without one, the size of the file.
    unsigned: u64,
}

impl Parts {
    fn find(mut source: impl Read + Seek, size: u64, name: &str) -> Result<Self, PackageError> {
        let rewound = source.rewind().map_err(SectionError::from);
        let customs =
            rewound.and_then(|()| sections::customs(source, size)).map_err(|error| damaged(name, error))?;
        let one = |wanted: &'static str| {
            let mut found = customs.iter().filter(|custom| custom.name == wanted);
            let first = found.next().cloned();
            if found.next().is_some() {
                return Err(PackageError::SectionTwice { file: name.to_owned(), section: wanted });
            }
            Ok(first)
        };
        let manifest = one(MANIFEST)?.ok_or_else(|| PackageError::NoManifest { file: name.to_owned() })?;
        let (schema, signature) = (one(SCHEMA)?, one(SIGNATURE)?);
        if let Some(signature) = &signature
            && signature.whole.end != size
        {
            let problem = "something follows its signature, which has to be the last section".to_owned();
            return Err(PackageError::Signature { file: name.to_owned(), problem });
        }
        let unsigned = signature.as_ref().map_or(size, |signature| signature.whole.start);
        Ok(Self { manifest, schema, signature, unsigned })
    }

    fn describe(&self, mut source: impl Read + Seek, name: &str) -> Result<Described, PackageError> {
        let mut text = |custom: &Custom| {
            let size = custom.data.end - custom.data.start;
            if size > LARGEST_TEXT {
                return Err(PackageError::TooLarge { file: name.into(), size, limit: LARGEST_TEXT });
            }
            let bytes =
                sections::read_range(&mut source, &custom.data).map_err(|error| damaged(name, error))?;
            String::from_utf8(bytes).map_err(|error| PackageError::Syntax {
                file: format!("{name}, section {}", custom.name),
                detail: error.utf8_error().to_string(),
            })
        };
        let manifest_text = text(&self.manifest)?;
        let schema_text = self.schema.as_ref().map(&mut text).transpose()?;
        let manifest = Manifest::parse(&manifest_text, &format!("{name}, plugin.toml"))?;
        let schema = match (&manifest.config, &schema_text) {
            (Some(config), Some(schema)) => parse_schema(schema, &format!("{name}, {}", config.schema))?,
            (None, None) => Value::Bool(true),
            (Some(_), None) | (None, Some(_)) => {
                return Err(PackageError::SchemaMissing { file: name.to_owned() });
            }
        };
        let mut hash = Sha256::new();
        // The length keeps the two apart.
        hash.update((manifest_text.len() as u64).to_le_bytes());
        hash.update(&manifest_text);
        hash.update(schema_text.as_deref().unwrap_or_default());
        Ok(Described { manifest, schema: Arc::new(schema), manifest_digest: hex::encode(hash.finalize()) })
    }
}

fn damaged(file: &str, cause: SectionError) -> PackageError {
    PackageError::Damaged { file: file.to_owned(), cause }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
