//! Where log files lie and when they are replaced: one file a day, moved aside when it grows too long. Never formats
//! a record.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

/// Bytes after which the file of the day is moved to `….1.log`.
pub(super) const ROTATE_AT: u64 = 100 * 1024 * 1024;
/// How many moved files are kept.
const KEPT: u32 = 5;
/// Age after which the files of earlier days are deleted.
const PRUNE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How the path of the log file is found.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// One file that the operator named; its day never changes.
    Fixed(PathBuf),
    /// `<dir>/openclaw[-<profile>]-YYYY-MM-DD.log`.
    Daily {
        /// Mode 0700, ours.
        dir: PathBuf,
        profile: Option<String>,
    },
}

impl Place {
    /// `/tmp/openclaw`, or `/tmp/openclaw-<uid>` when somebody else owns the former or it is no directory.
    pub(super) fn default_dir() -> io::Result<PathBuf> {
        let shared = PathBuf::from("/tmp/openclaw");
        if make_private(&shared).is_ok() {
            return Ok(shared);
        }
        let own = std::env::temp_dir().join(format!("openclaw-{}", own_uid()?));
        make_private(&own)?;
        Ok(own)
    }

    /// The path for a moment in local time.
    pub(super) fn path(&self, at: OffsetDateTime) -> PathBuf {
        match self {
            Place::Fixed(path) => path.clone(),
            Place::Daily { dir, profile } => {
                let profile = profile.as_deref().map(|name| format!("{name}-")).unwrap_or_default();
                dir.join(format!("openclaw-{profile}{}.log", at.date()))
            }
        }
    }
}

/// The owner of this process, which std tells only through `/proc`.
fn own_uid() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

/// Creates `dir` with mode 0700, or accepts it when it is a directory (no link) that belongs to us.
fn make_private(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(dir)?;
    if !found.is_dir() || found.uid() != own_uid()? {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} is not ours", dir.display()),
        ));
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

/// The open file of the day.
#[derive(Debug)]
pub(super) struct Rolling {
    place: Place,
    rotate_at: u64,
    path: PathBuf,
    file: File,
    size: u64,
}

impl Rolling {
    /// Opens (or continues) the file for `now`, and deletes the files of earlier days.
    pub(super) fn open(place: Place, rotate_at: u64, now: OffsetDateTime) -> io::Result<Rolling> {
        let path = place.path(now);
        let (file, size) = append_to(&path)?;
        let rolling = Rolling { place, rotate_at, path, file, size };
        rolling.prune();
        Ok(rolling)
    }

    /// Appends whole lines with one system call, so that two processes never mix theirs.
    pub(super) fn write(&mut self, lines: &[u8], now: OffsetDateTime) -> io::Result<()> {
        let path = self.place.path(now);
        if path != self.path {
            (self.file, self.size) = append_to(&path)?;
            self.path = path;
            self.prune();
        } else if self.size.saturating_add(lines.len() as u64) > self.rotate_at && self.size > 0 {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.size = self.size.saturating_add(lines.len() as u64);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            let from = self.numbered(number);
            if from.exists() {
                fs::rename(from, self.numbered(number + 1))?;
            }
        }
        fs::rename(&self.path, self.numbered(1))?;
        (self.file, self.size) = append_to(&self.path)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        self.path.with_extension(format!("{number}.log"))
    }

    /// Best effort: an old file that cannot be deleted costs space, not service.
    fn prune(&self) {
        let Place::Daily { dir, .. } = &self.place else { return };
        let Ok(entries) = fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = name.starts_with("openclaw-") && name.ends_with(".log");
            let old = entry
                .metadata()
                .and_then(|found| found.modified())
                .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > PRUNE_AFTER));
            if ours && old && entry.path() != self.path {
                drop(fs::remove_file(entry.path()));
            }
        }
    }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_file_has_the_day_and_the_profile_in_its_name() {
        let check = |profile: Option<&str>, expected: &str| {
            let place = Place::Daily { dir: "/d".into(), profile: profile.map(str::to_owned) };
            assert_eq!(place.path(datetime!(2026-08-02 23:59:59 +02:00)), PathBuf::from(expected));
        };
        check(None, "/d/openclaw-2026-08-02.log");
        check(Some("dev"), "/d/openclaw-dev-2026-08-02.log");
    }

    #[test]
    fn a_full_file_is_moved_aside_and_a_new_day_gets_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::Daily { dir: dir.path().to_owned(), profile: None };
        let monday = datetime!(2026-08-03 10:00:00 UTC);
        let mut rolling = Rolling::open(place, 10, monday).unwrap();
        for _ in 0..3 {
            rolling.write(b"12345678\n", monday).unwrap();
        }
        rolling.write(b"next\n", datetime!(2026-08-04 00:00:01 UTC)).unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("openclaw-2026-08-03.log"), "12345678\n");
        assert_eq!(read("openclaw-2026-08-03.1.log"), "12345678\n");
        assert_eq!(read("openclaw-2026-08-03.2.log"), "12345678\n");
        assert_eq!(read("openclaw-2026-08-04.log"), "next\n");
        let mode = fs::metadata(&rolling.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_directory_that_is_a_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        assert!(make_private(&link).is_err());
        assert!(make_private(&dir.path().join("new")).is_ok());
    }
}
