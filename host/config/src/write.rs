//! Writing the file: whole or not at all, one writer at a time, and only over the text that the change was made from.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::ConfigError;
use crate::read::Source;

/// How long a writer waits for another one.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(10);

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The file already had this text; nothing was written.
    Unchanged,
    /// The file is new.
    Created,
    /// The file was replaced; the old one is kept here.
    Replaced {
        /// `<config>.bak`
        backup: PathBuf,
    },
}

/// Changes the file. `change` gets the current text (`None` when there is no file) and returns the new one; the lock is
/// held from before the reading until after the renaming, so that two writers cannot lose each other's change.
/// `base` is the hash of the text that the caller has seen, if it has seen one.
///
/// # Errors
/// What `change` returns, a stale `base`, or a failure of the system; the file is the old one in each case.
pub fn update<F>(path: &Path, base: Option<&str>, change: F) -> Result<Written, ConfigError>
where
    F: FnOnce(Option<&str>) -> Result<String, ConfigError>,
{
    // Renaming onto a symbolic link would replace the link and leave what it points at as it was.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| ConfigError::Unwritable { path, cause }
    };
    create_private_dir(dir).map_err(failed(dir))?;
    let _lock = lock(&target)?;
    let current = Source::read(&target)?;
    if base.is_some_and(|base| current.as_ref().is_none_or(|current| current.hash != base)) {
        return Err(ConfigError::Changed { path: path.to_owned() });
    }
    let new = change(current.as_ref().map(|current| current.text.as_str()))?;
    let written = match &current {
        Some(current) if current.text == new => return Ok(Written::Unchanged),
        Some(current) => {
            let backup = suffixed(path, ".bak");
            replace(&backup, &current.text).map_err(failed(&backup))?;
            Written::Replaced { backup }
        }
        None => Written::Created,
    };
    replace(&target, &new).map_err(failed(&target))?;
    Ok(written)
}

/// Creates a directory, and its parents, for this user alone. One that exists keeps its mode.
///
/// # Errors
/// What the system says.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Puts a file in the place of another, so that a reader sees the old text or the new one, whatever happens.
fn replace(target: &Path, text: &str) -> io::Result<()> {
    let temporary = suffixed(target, &format!(".{}.tmp", std::process::id()));
    let result = write_synced(&temporary, text).and_then(|()| std::fs::rename(&temporary, target));
    if result.is_err() {
        // The write has failed already; a left-over cannot make it worse.
        let _left_over = std::fs::remove_file(&temporary);
        return result;
    }
    match target.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn lock(target: &Path) -> Result<File, ConfigError> {
    let path = suffixed(target, ".lock");
    let failed = |cause| ConfigError::Unwritable { path: path.clone(), cause };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(ConfigError::Locked { path: target.to_owned() });
            }
            // Nothing tells when a file lock is free again.
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_POLL),
        }
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn writes_privately_and_keeps_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/openclaw.json");
        assert_eq!(update(&path, None, |old| Ok(format!("{{}} // {old:?}"))).unwrap(), Written::Created);
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let backup = dir.path().join("state/openclaw.json.bak");
        let written = update(&path, None, |_| Ok("{a: 1}".to_owned())).unwrap();
        assert_eq!(written, Written::Replaced { backup: backup.clone() });
        assert_eq!(std::fs::read_to_string(&backup).unwrap(), "{} // None");
        assert_eq!(mode(&backup), 0o600);
        assert_eq!(update(&path, None, |old| Ok(old.unwrap().to_owned())).unwrap(), Written::Unchanged);
        let names: Vec<_> =
            std::fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "no temporary file is left: {names:?}");
    }

    #[test]
    fn a_stale_base_or_a_refused_change_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw.json");
        std::fs::write(&path, "{}").unwrap();
        let base = Source::read(&path).unwrap().unwrap().hash;
        std::fs::write(&path, "{other: 1}").unwrap();
        let error = update(&path, Some(&base), |_| Ok("{mine: 1}".to_owned())).unwrap_err();
        assert_eq!(error.code(), "CONFIG_CHANGED");
        let refused = ConfigError::Rejected { issues: vec!["a: b".to_owned()] };
        assert_eq!(
            update(&path, None, |_| Err(refused)).unwrap_err().to_string(),
            "Config validation failed: a: b"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{other: 1}");
    }

    #[test]
    fn two_writers_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw.json");
        std::fs::write(&path, "0").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let count =
                            |old: Option<&str>| Ok((old.unwrap().parse::<u32>().unwrap() + 1).to_string());
                        update(&path, None, count).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "40");
    }

    #[test]
    fn a_symbolic_link_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real.json"), dir.path().join("openclaw.json"));
        std::fs::write(&real, "{}").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        update(&link, None, |_| Ok("{a: 1}".to_owned())).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "{a: 1}");
    }
}
