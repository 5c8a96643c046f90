//! From a manifest's `[[secret]]` entries to the values of one account. Reads the configuration, a file or a variable
//! on the account's behalf; the component never does.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use openclaw_secrets::{Scrubber, Secret};
use serde_json::Value;

use crate::error::SecretProblem;
use crate::manifest::{Manifest, SecretEntry};

/// The largest file that is read for a secret, in bytes.
const LARGEST_FILE: u64 = 64 * 1024;

/// How references in the configuration and variables become values. The caller knows the spellings; this crate does
/// not.
pub trait SecretLookup {
    /// The secret that `value` at `key` of the section stands for; `None` for a word that means "nothing".
    ///
    /// # Errors
    /// A text for people when the reference cannot be resolved.
    fn config(&self, key: &str, value: &Value) -> Result<Option<Secret>, String>;

    /// The value of an environment variable, if it is set and not blank.
    fn env(&self, name: &str) -> Option<Secret>;
}

/// The secrets of one account by the names of the manifest.
#[derive(Clone, Debug, Default)]
pub struct AccountSecrets(BTreeMap<String, Secret>);

impl AccountSecrets {
    /// Collects the secrets of an account. `section` is the account's merged section; only the default account may
    /// use variables.
    ///
    /// # Errors
    /// The first secret without a value, unless the manifest calls it optional; and any that is configured but cannot
    /// be read.
    pub fn collect(
        manifest: &Manifest,
        section: &Value,
        default_account: bool,
        lookup: &dyn SecretLookup,
    ) -> Result<Self, SecretProblem> {
        let mut found = BTreeMap::new();
        for entry in &manifest.secrets {
            match value_of(entry, section, default_account, lookup)? {
                Some(secret) => {
                    found.insert(entry.name.clone(), secret);
                }
                None if entry.optional => {}
                None => {
                    let hint = manifest.channel.as_ref().and_then(|channel| channel.missing_secret.clone());
                    return Err(SecretProblem::Missing {
                        name: entry.name.clone(),
                        hint: hint.unwrap_or_else(|| missing_hint(entry)),
                    });
                }
            }
        }
        Ok(Self(found))
    }

    /// Adds a secret that the caller found by itself, under the name that the manifest's templates use.
    #[must_use]
    pub fn with(mut self, name: &str, secret: impl Into<Secret>) -> Self {
        self.0.insert(name.to_owned(), secret.into());
        self
    }

    /// The value of a `[[secret]]`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }

    /// Takes these secrets out of text.
    #[must_use]
    pub fn scrubber(&self) -> Scrubber {
        Scrubber::new(self.0.values())
    }
}

fn value_of(
    entry: &SecretEntry,
    section: &Value,
    default_account: bool,
    lookup: &dyn SecretLookup,
) -> Result<Option<Secret>, SecretProblem> {
    if let Some(key) = &entry.config_file
        && let Some(file) = section.get(key).and_then(Value::as_str).filter(|file| !file.trim().is_empty())
    {
        let file = Path::new(file.trim());
        let problem = |problem: String| SecretProblem::File {
            name: entry.name.clone(),
            key: key.clone(),
            file: file.to_owned(),
            problem,
        };
        return read_file(file).map(Some).map_err(problem);
    }
    if let Some(key) = &entry.config
        && let Some(value) = section.get(key)
    {
        let found = lookup
            .config(key, value)
            .map_err(|detail| SecretProblem::Unresolved { name: entry.name.clone(), detail })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    // A second account must not silently answer in the name of the first.
    Ok(entry.env.as_ref().filter(|_| default_account).and_then(|name| lookup.env(name)))
}

fn read_file(file: &Path) -> Result<Secret, String> {
    let metadata = std::fs::symlink_metadata(file).map_err(|error| format!("cannot be read: {error}"))?;
    // A symbolic link could be pointed elsewhere by whoever owns the folder.
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(LARGEST_FILE + 1).read_to_string(&mut text))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > LARGEST_FILE {
        return Err("is too long".to_owned());
    }
    let value = text.trim();
    if value.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Secret::from(value))
}

fn missing_hint(entry: &SecretEntry) -> String {
    let mut places: Vec<String> = Vec::new();
    places.extend(entry.config.iter().map(|key| format!("set {key} in the configuration")));
    places.extend(entry.config_file.iter().map(|key| format!("point {key} at a file")));
    places.extend(entry.env.iter().map(|name| format!("export {name}")));
    format!("{} is missing: {}", entry.name, places.join(", or "))
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
