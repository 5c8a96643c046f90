//! What can be wrong with a package or with what an account makes of it.

use std::path::PathBuf;

use crate::sections::SectionError;

/// A package that cannot be used. Nothing of it runs.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file of the package cannot be read.
    #[error("{}: cannot be read: {cause} (a package folder holds plugin.toml, config.schema.json and component.wasm)", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// A file of the package is larger than any real one.
    #[error("{}: is {size} bytes long; the most is {limit}", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The most it may have.
        limit: u64,
    },
    /// `plugin.toml` is not TOML of the known form: the text names line, key and what is expected.
    #[error("{file}: {detail}")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser said.
        detail: String,
    },
    /// A key of `plugin.toml` has a value that cannot work.
    #[error("{file}: {key}: {problem} (fix: {fix})")]
    Manifest {
        /// The file.
        file: String,
        /// The key, as `http[0].origin`.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        fix: String,
    },
    /// `config.schema.json` is not JSON.
    #[error("{file}: is not valid JSON: {cause}")]
    Schema {
        /// The file.
        file: String,
        /// What the parser said.
        #[source]
        cause: serde_json::Error,
    },
    /// The bytes are not those of a component, or not all of them.
    #[error("{file}: {cause}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        #[source]
        cause: SectionError,
    },
    /// A component, but not a package.
    #[error(
        "{file}: carries no manifest, so that it is no plugin package (make one with: openclaw plugins pack FOLDER)"
    )]
    NoManifest {
        /// The file.
        file: String,
    },
    /// Which of two sections counts is not known.
    #[error("{file}: has the section {section} twice (pack it again)")]
    SectionTwice {
        /// The file.
        file: String,
        /// Its name.
        section: &'static str,
    },
    /// Manifest and package differ about the schema.
    #[error("{file}: its manifest and its sections do not agree about a schema (pack it again)")]
    SchemaMissing {
        /// The file.
        file: String,
    },
    /// A folder whose component is a package already.
    #[error("{}: is a package already (install or sign that file itself, or put the bare component there)", file.display())]
    AlreadyPacked {
        /// The component.
        file: PathBuf,
    },
    /// There is a signature, and it does not count.
    #[error("{file}: {problem} (get the package again from its publisher)")]
    Signature {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
}

impl PackageError {
    /// A stable word for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "PLUGIN_UNREADABLE",
            Self::TooLarge { .. } => "PLUGIN_TOO_LARGE",
            Self::Syntax { .. } | Self::Manifest { .. } => "PLUGIN_MANIFEST_INVALID",
            Self::Schema { .. } | Self::SchemaMissing { .. } => "PLUGIN_SCHEMA_INVALID",
            Self::Damaged { .. } => "PLUGIN_DAMAGED",
            Self::NoManifest { .. } => "PLUGIN_NO_MANIFEST",
            Self::SectionTwice { .. } => "PLUGIN_SECTION_TWICE",
            Self::AlreadyPacked { .. } => "PLUGIN_ALREADY_PACKED",
            Self::Signature { .. } => "PLUGIN_SIGNATURE_INVALID",
        }
    }
}

/// Why an account has no value for a secret that its manifest asks for.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretProblem {
    /// It is nowhere. The text is the manifest's own.
    #[error("{hint}")]
    Missing {
        /// The name of the `[[secret]]`.
        name: String,
        /// What a person has to do.
        hint: String,
    },
    /// The configured reference cannot be resolved.
    #[error("{detail}")]
    Unresolved {
        /// The name of the `[[secret]]`.
        name: String,
        /// Why, and what to do.
        detail: String,
    },
    /// The configured file cannot be used.
    #[error("{key} names {}, which {problem} (put the secret alone into a regular file of at most 64 KiB)", file.display())]
    File {
        /// The name of the `[[secret]]`.
        name: String,
        /// The configuration key that names the file.
        key: String,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Why an account cannot have a grant of its manifest.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum GrantError {
    /// The configured address is not usable.
    #[error("{key} is not a usable address: {problem} (write it as https://host or http://host:port/path)")]
    Origin {
        /// The configuration key, or the name of the grant.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// Neither the configuration nor the manifest names an address.
    #[error("no address for the grant {grant}: set {key}")]
    NoOrigin {
        /// The name of the grant.
        grant: String,
        /// The configuration key.
        key: String,
    },
    /// The configuration names no program for a process.
    #[error("no program for the process {process}: set {key} to its name or to its absolute path")]
    NoProgram {
        /// The name of the process.
        process: String,
        /// The configuration key.
        key: String,
    },
    /// A key of the configuration holds something that cannot be used here.
    #[error("{key} {problem}")]
    Value {
        /// The configuration key.
        key: String,
        /// What is wrong, and what to write.
        problem: &'static str,
    },
    /// The value of a secret cannot stand where the manifest puts it.
    #[error(
        "the value of {secret} cannot be used in a {place}: it {problem} (check that it was copied completely and without extra characters)"
    )]
    SecretValue {
        /// The name of the `[[secret]]`.
        secret: String,
        /// `path` or `header`.
        place: &'static str,
        /// What is wrong, without the value.
        problem: &'static str,
    },
    /// The grant needs a secret that this account does not have.
    #[error("the grant {grant} needs the secret {secret}, which has no value")]
    SecretMissing {
        /// The name of the grant.
        grant: String,
        /// The name of the `[[secret]]`.
        secret: String,
    },
}
