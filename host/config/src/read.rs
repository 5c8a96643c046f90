//! Reading the file. Nothing is ever written here.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
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

/// Tells whether a file is the one that was judged, also when it cannot be read: the hash of its bytes, or of what the
/// system says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

/// The file as one reading found it.
#[derive(Debug)]
pub struct Observed {
    /// Which file it was; `None` when there was none.
    pub fingerprint: Option<Fingerprint>,
    /// As [`Source::read`].
    pub source: Result<Option<Source>, ConfigError>,
}

/// SHA-256 of a text, lower-case hexadecimal: the `hash` and `baseHash` of the config methods.
#[must_use]
pub fn hash(text: &str) -> String {
    hash_bytes(text.as_bytes())
}

fn hash_bytes(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
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
        Observed::read(path).source
    }

    /// The fingerprint of a file with this text.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.hash.clone())
    }
}

impl Fingerprint {
    /// The fingerprint of the file as it is now; `None` when there is none.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        Observed::read(path).fingerprint
    }

    /// Kind, length, time of change and inode. The kind has its own word, so that this is never the hash of a text.
    fn of_metadata(metadata: &Metadata) -> Self {
        let kind = metadata.mode() >> 12;
        let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        let facts = format!("{kind} {} {seconds} {nanoseconds} {}", metadata.len(), metadata.ino());
        Self(format!("file-{}", hash_bytes(facts.as_bytes())))
    }

    /// Whether it is that of the file's bytes, which a copy of the file shares.
    pub(crate) fn is_of_bytes(&self) -> bool {
        !self.0.starts_with("file-")
    }
}

impl Observed {
    /// Reads the file once for both.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
        let not_text = |problem: String| ConfigError::NotText { path: path.to_owned(), problem };
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Self { fingerprint: None, source: Ok(None) };
            }
            Err(error) => {
                // A link that leads nowhere is still a thing that stands in the file's place.
                let fingerprint = std::fs::symlink_metadata(path).ok();
                let fingerprint = fingerprint.map(|metadata| Fingerprint::of_metadata(&metadata));
                return Self { fingerprint, source: Err(unreadable(error)) };
            }
        };
        let judge =
            |error| Self { fingerprint: Some(Fingerprint::of_metadata(&metadata)), source: Err(error) };
        // Opening a pipe or a device could wait for ever.
        if !metadata.is_file() {
            return judge(not_text("it is not a regular file".to_owned()));
        }
        let too_long = |length: u64| {
            not_text(format!("it has {length} bytes; more than 8 MiB is never a configuration"))
        };
        let limit = MAX_BYTES as u64;
        if metadata.len() > limit {
            return judge(too_long(metadata.len()));
        }
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)) {
            Ok(length) if length as u64 > limit => return judge(too_long(length as u64)),
            Ok(_) => {}
            Err(error) => return judge(unreadable(error)),
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                let source = Source::new(text);
                Self { fingerprint: Some(source.fingerprint()), source: Ok(Some(source)) }
            }
            Err(error) => {
                let problem = format!("it is not UTF-8 (byte {})", error.utf8_error().valid_up_to());
                let fingerprint = Some(Fingerprint(hash_bytes(error.as_bytes())));
                Self { fingerprint, source: Err(not_text(problem)) }
            }
        }
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

    #[test]
    fn every_file_has_a_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw.json");
        assert_eq!(Fingerprint::of(&path), None);
        let mut seen = Vec::new();
        let mut is_new = |of_bytes: bool| {
            let now = Fingerprint::of(&path).unwrap();
            assert_eq!((Fingerprint::of(&path).as_ref(), now.is_of_bytes()), (Some(&now), of_bytes));
            assert!(!seen.contains(&now));
            seen.push(now);
        };
        std::fs::write(&path, "{}").unwrap();
        is_new(true);
        assert_eq!(Source::read(&path).unwrap().unwrap().fingerprint(), Fingerprint::of(&path).unwrap());
        std::fs::write(&path, b"{\xff}").unwrap();
        is_new(true);
        File::create(&path).unwrap().set_len(MAX_BYTES as u64 + 1).unwrap();
        is_new(false);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&path, &path).unwrap();
        is_new(false);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        is_new(false);
    }
}
