//! Reading the file. Nothing is ever written here.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::ConfigError;
use crate::json5::MAX_BYTES;

/// What stood in the file at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The whole text.
    pub text: String,
    /// [`hash`] of the text.
    pub hash: String,
}

/// SHA-256 of a text, lower-case hexadecimal: the `hash` and `baseHash` of the config methods.
#[must_use]
pub fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

impl Source {
    /// The text and its hash.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { hash: hash(&text), text }
    }

    /// Reads the file; `None` when there is none, which is an empty configuration.
    ///
    /// # Errors
    /// When it is not a regular file, longer than 8 MiB, not UTF-8, or cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
        let not_text = |problem: String| ConfigError::NotText { path: path.to_owned(), problem };
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        // Opening a pipe or a device could wait for ever.
        if !metadata.is_file() {
            return Err(not_text("it is not a regular file".to_owned()));
        }
        let limit = MAX_BYTES as u64;
        if metadata.len() > limit {
            return Err(not_text(format!(
                "it has {} bytes; more than 8 MiB is never a configuration",
                metadata.len()
            )));
        }
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            not_text(format!("it is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
        })?;
        Ok(Some(Self::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_missing_from_unusable() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("openclaw.json");
        assert_eq!(Source::read(&file).unwrap(), None);
        std::fs::write(&file, "{}").unwrap();
        let source = Source::read(&file).unwrap().unwrap();
        assert_eq!(source.hash, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        std::fs::write(&file, b"{\xff}").unwrap();
        assert!(Source::read(&file).unwrap_err().to_string().ends_with("it is not UTF-8 (byte 1)"));
        let file = File::create(&file).unwrap();
        file.set_len(MAX_BYTES as u64 + 1).unwrap();
        assert!(Source::read(&dir.path().join("openclaw.json")).unwrap_err().to_string().contains("8 MiB"));
        assert!(Source::read(dir.path()).unwrap_err().to_string().contains("not a regular file"));
    }
}
