//! `config get`: what the file says at a place, without its secrets.

use serde_json::Value;

use crate::ConfigError;
use crate::basis::Basis;
use crate::include::compose;
use crate::known::is_known;
use crate::path::KeyPath;
use crate::read::Source;
use crate::redact::redact;

/// The value at `path` as the file and its included files have it, with its secrets hidden.
///
/// # Errors
/// [`ConfigError::Unset`] and [`ConfigError::UnknownPath`] tell a key without a value from a key that does not exist.
pub fn get(basis: &Basis<'_>, path: &KeyPath) -> Result<Value, ConfigError> {
    let channels = &basis.plugins.channels;
    let text = Source::read(basis.config)?.map_or_else(String::new, |source| source.text);
    let composed = compose(&text, basis)
        .map_err(|cause| ConfigError::Syntax { path: basis.config.to_owned(), cause })?;
    match path.find(&composed.root.to_value()) {
        Some(value) => Ok(redact(value, path, channels)),
        None if is_known(path, channels) => Err(ConfigError::Unset { path: path.to_string() }),
        None => Err(ConfigError::UnknownPath { path: path.to_string() }),
    }
}
