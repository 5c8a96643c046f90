//! One file in the place of another: the new one is complete on the disk before it gets the name.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The age at which the temporary file of an unlocked writer belongs to nobody.
pub(super) const SURELY_DEAD: Duration = Duration::from_secs(60);

/// A complete file, for this user alone, that has no place yet. It is removed when it gets none.
pub(super) struct Temporary {
    /// `None` once the file has its place.
    path: Option<PathBuf>,
    file: File,
}

impl Temporary {
    /// Writes `<beside>.<pid>.<n>.tmp`.
    pub(super) fn write(beside: &Path, text: &str) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = suffixed(beside, &format!(".{}.{n}.tmp", std::process::id()));
        // A new file, so that neither the mode nor the place of one that stands there counts.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut temporary = Self { path: Some(path), file };
        temporary.file.write_all(text.as_bytes())?;
        temporary.file.sync_all()?;
        Ok(temporary)
    }

    /// As [`give_to_owner_of`].
    pub(super) fn give_to_owner_of(&self, replaced: &Path) {
        give_to_owner_of(&self.file, replaced);
    }

    /// Gives the file its place. Whoever looks there sees the old file or this one.
    pub(super) fn rename_to(mut self, target: &Path) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        std::fs::rename(path, target)?;
        self.path = None;
        // The file is in its place; without this only a failure of power could still bring the old one back, and some
        // file systems know no such thing.
        let _not_synced = File::open(dir_of(target)).and_then(|dir| dir.sync_all());
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // The write has failed already; a left-over cannot make it worse, and the next writer removes it.
            let _left_over = std::fs::remove_file(path);
        }
    }
}

/// Gives a file to the owner of the one that it replaces or belongs to, or of the directory when there is none yet: a
/// command run with `sudo` must not lock the gateway out.
pub(super) fn give_to_owner_of(file: &File, other: &Path) {
    let theirs = std::fs::metadata(other).or_else(|_| std::fs::metadata(dir_of(other)));
    if let (Ok(ours), Ok(theirs)) = (file.metadata(), theirs)
        && (ours.uid(), ours.gid()) != (theirs.uid(), theirs.gid())
    {
        // Only root may; everybody else keeps what they wrote.
        let _refused = std::os::unix::fs::fchown(file, Some(theirs.uid()), Some(theirs.gid()));
    }
}

/// Removes the temporary files for `path` that are at least this old.
pub(super) fn remove_left_overs(path: &Path, age: Duration) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return };
    // Clutter is no reason to refuse a write.
    let Ok(entries) = std::fs::read_dir(dir_of(path)) else { return };
    for entry in entries.flatten() {
        let entry_name = entry.file_name();
        let middle = entry_name
            .to_str()
            .and_then(|entry| entry.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".tmp"));
        let is_ours =
            middle.is_some_and(|middle| middle.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
        let is_old = || {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed >= age))
        };
        if is_ours && (age.is_zero() || is_old()) {
            let _clutter = std::fs::remove_file(entry.path());
        }
    }
}

/// The directory that a file is in.
pub(super) fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
