//! `secrets.*`: who knows the secrets that the rest of the file only refers to.

use std::collections::BTreeMap;
use std::time::Duration;

use openclaw_secrets::Secret;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::secret_ref::{DEFAULT_PROVIDER, SecretSource};

/// How long a provider may take when it does not say (the original's default).
const TIMEOUT_MS: u64 = 5_000;
/// How much a provider may hold or print when it does not say, in bytes (the original's default).
const MOST_BYTES: u64 = 1024 * 1024;

/// `secrets.*`
#[derive(Clone, Debug, Default)]
pub struct SecretProviders {
    /// `secrets.providers`
    pub named: BTreeMap<String, SecretProvider>,
    /// `secrets.defaults`
    pub defaults: SecretDefaults,
}

/// `secrets.defaults`: the provider that a reference to `default` means, by its source.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SecretDefaults {
    /// For source `env`.
    pub env: Option<String>,
    /// For source `file`.
    pub file: Option<String>,
    /// For source `exec`.
    pub exec: Option<String>,
    /// For source `store`.
    pub store: Option<String>,
}

/// `secrets.providers.<name>`
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum SecretProvider {
    /// The environment.
    Env {
        /// The only variables that may be referred to; `None` for all.
        #[serde(default)]
        allowlist: Option<Vec<String>>,
    },
    /// A file.
    File(FileProvider),
    /// A program.
    Exec(ExecProvider),
    /// The original's own store, which this gateway does not have.
    Store,
}

/// A file with secrets.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileProvider {
    /// May begin with `~`.
    pub path: String,
    /// What is in it.
    #[serde(default)]
    pub mode: FileMode,
    timeout_ms: Option<u64>,
    max_bytes: Option<u64>,
}

/// What is in a file with secrets.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum FileMode {
    /// A JSON object; the id of a reference is a JSON pointer into it.
    #[default]
    Json,
    /// One secret; the id of a reference is `value`.
    SingleValue,
}

/// A program that prints secrets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExecProvider {
    /// An absolute path, or one that begins with `~`. `None` when a plugin of the original names the program.
    pub command: Option<String>,
    /// Handed over as they are; no shell sees them.
    pub args: Vec<String>,
    /// Further variables for the program.
    #[serde(deserialize_with = "secrets")]
    pub env: BTreeMap<String, Secret>,
    /// The variables of this gateway that the program gets; no others.
    pub pass_env: Vec<String>,
    /// When not empty, the program must be in one of these directories.
    pub trusted_dirs: Vec<String>,
    /// Others may write to the program's file.
    pub allow_insecure_path: bool,
    /// `command` may be a symbolic link.
    pub allow_symlink_command: bool,
    json_only: Option<bool>,
    timeout_ms: Option<u64>,
    no_output_timeout_ms: Option<u64>,
    max_output_bytes: Option<u64>,
}

impl SecretDefaults {
    /// The default provider of a source, if one is chosen.
    #[must_use]
    pub fn of(&self, source: SecretSource) -> Option<&str> {
        let chosen = match source {
            SecretSource::Env => &self.env,
            SecretSource::File => &self.file,
            SecretSource::Exec => &self.exec,
            SecretSource::Store => &self.store,
        };
        chosen.as_deref().map(str::trim).filter(|name| !name.is_empty())
    }
}

impl SecretProvider {
    /// Which references it can serve.
    #[must_use]
    pub fn source(&self) -> SecretSource {
        match self {
            Self::Env { .. } => SecretSource::Env,
            Self::File(_) => SecretSource::File,
            Self::Exec(_) => SecretSource::Exec,
            Self::Store => SecretSource::Store,
        }
    }
}

impl FileProvider {
    /// How long the file system may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(TIMEOUT_MS))
    }

    /// The largest file, in bytes.
    #[must_use]
    pub fn most_bytes(&self) -> u64 {
        self.max_bytes.unwrap_or(MOST_BYTES)
    }
}

impl ExecProvider {
    /// How long the program may run.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(TIMEOUT_MS))
    }

    /// How long the program may print nothing.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.no_output_timeout_ms.map_or_else(|| self.timeout(), Duration::from_millis)
    }

    /// The most that it may print, in bytes.
    #[must_use]
    pub fn most_bytes(&self) -> u64 {
        self.max_output_bytes.unwrap_or(MOST_BYTES)
    }

    /// Whether what it prints must be the protocol's JSON; otherwise plain text is the value.
    #[must_use]
    pub fn json_only(&self) -> bool {
        self.json_only.unwrap_or(true)
    }
}

impl SecretProviders {
    pub(super) fn from_section(section: Option<&Value>) -> Self {
        let part = |key: &str| section.and_then(|section| section.get(key));
        let named = part("providers")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), SecretProvider::deserialize(value).ok()?)))
            .collect();
        let defaults = part("defaults").and_then(|value| SecretDefaults::deserialize(value).ok());
        Self { named, defaults: defaults.unwrap_or_default() }
    }

    /// The name of the provider that a reference with this source and provider means.
    #[must_use]
    pub(crate) fn meant_by<'n>(&'n self, source: SecretSource, written: &'n str) -> &'n str {
        let fits = self.named.get(written).is_some_and(|found| found.source() == source);
        match self.defaults.of(source) {
            Some(chosen) if written == DEFAULT_PROVIDER && !fits => chosen,
            _ => written,
        }
    }

    /// Whether resolving may wait for a disk or a program, so that a thread that must not wait has to step aside.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        self.named
            .values()
            .any(|provider| matches!(provider, SecretProvider::File(_) | SecretProvider::Exec(_)))
    }
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Secret>, D::Error> {
    let map = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(map.into_iter().map(|(name, value)| (name, Secret::from(value))).collect())
}
