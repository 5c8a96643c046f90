//! Writing the file: whole or not at all, one writer at a time, and only over what the change was made from. From the
//! first write on there is a file at every moment, the old one or the new one.

mod atomic;
mod kept;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::ConfigError;
use crate::read::{Fingerprint, Source};
use atomic::Temporary;

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
        /// `<config>.bak`; those before it are `.bak.1` to `.bak.4`.
        backup: PathBuf,
    },
}

/// Changes the file. `change` gets the current text (`None` when there is no file) and returns the new one; the lock is
/// held from before the reading until after the renaming, so that two writers cannot lose each other's change.
/// `base` is the hash of the text that the caller has seen, if it has seen one.
///
/// # Errors
/// What `change` returns, a stale `base`, a file that changed meanwhile, or a failure of the system; the file is the
/// old one in each case.
pub(crate) fn update<F>(path: &Path, base: Option<&str>, change: F) -> Result<Written, ConfigError>
where
    F: FnOnce(Option<&str>) -> Result<String, ConfigError>,
{
    let target = resolve(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    let held = Held::take(path, target)?;
    let current = Source::read(&held.target)?;
    if base.is_some_and(|base| current.as_ref().is_none_or(|current| current.hash != base)) {
        return Err(ConfigError::Changed { path: path.to_owned() });
    }
    let new = change(current.as_ref().map(|current| current.text.as_str()))?;
    if current.as_ref().is_some_and(|current| current.text == new) {
        return Ok(Written::Unchanged);
    }
    // Before anything else is moved: this is where a full disk shows.
    let temporary = held.temporary(&new)?;
    let written = match &current {
        Some(current) => {
            let backup = kept::back_up(path, &current.text).map_err(unwritable(path))?;
            Written::Replaced { backup }
        }
        None => Written::Created,
    };
    // An editor knows nothing of our lock.
    if Fingerprint::of(&held.target) != current.as_ref().map(Source::fingerprint) {
        return Err(ConfigError::Changed { path: path.to_owned() });
    }
    temporary.rename_to(&held.target).map_err(unwritable(&held.target))?;
    Ok(written)
}

/// Puts `good_text` in the place of a file that was judged to be bad, which gets the name `<config>.rejected.<stamp>`;
/// the 32 newest of those are kept. Returns that name. The bad one may be anything: no text at all, a file that cannot
/// be read, a directory, a link in a circle.
///
/// # Errors
/// [`ConfigError::Changed`] when what stands there is not what was judged, or a failure of the system. The bad file is
/// in its place then.
pub(crate) fn replace_rejected(
    path: &Path,
    expected: &Fingerprint,
    good_text: &str,
    stamp: &str,
) -> Result<PathBuf, ConfigError> {
    let held = Held::take(path, resolve(path).unwrap_or_else(|_circle| path.to_owned()))?;
    let changed = || ConfigError::Changed { path: path.to_owned() };
    if Fingerprint::of(&held.target).as_ref() != Some(expected) {
        return Err(changed());
    }
    let temporary = held.temporary(good_text)?;
    let aside = kept::set_aside(path, &held.target, stamp).map_err(unwritable(path))?;
    // What got the second name is kept for a person: it has to be what was judged.
    if aside.shows(expected) == Some(false) {
        aside.undo(&held.target);
        return Err(changed());
    }
    aside.make_private();
    if let Err(cause) = temporary.rename_to(&held.target) {
        aside.undo(&held.target);
        return Err(unwritable(&held.target)(cause));
    }
    kept::forget_old_rejected(path);
    Ok(aside.path)
}

/// Keeps a text that was refused as `<config>.rejected.<stamp>`, and the 31 before it. The file itself is not touched.
///
/// # Errors
/// What the system says.
pub(crate) fn save_rejected(path: &Path, text: &str, stamp: &str) -> Result<PathBuf, ConfigError> {
    let _held = Held::take(path, resolve(path).unwrap_or_else(|_circle| path.to_owned()))?;
    let name = kept::free_name(path, stamp);
    let temporary = Temporary::write(path, text).map_err(unwritable(&name))?;
    temporary.rename_to(&name).map_err(unwritable(&name))?;
    kept::forget_old_rejected(path);
    Ok(name)
}

/// Writes a file beside the configuration, such as `<config>.last-good`, for this user alone: whole or not at all. Of
/// several writers the last one wins.
///
/// # Errors
/// What the system says.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), ConfigError> {
    create_private_dir(atomic::dir_of(path)).map_err(unwritable(path))?;
    atomic::remove_left_overs(path, atomic::SURELY_DEAD);
    Temporary::write(path, text).and_then(|temporary| temporary.rename_to(path)).map_err(unwritable(path))
}

/// A time as it stands in the names of files that are set aside: RFC 3339 in UTC, with `-` for `:` and `.`.
#[must_use]
pub fn stamp(at: time::OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let (date, time) = (at.date(), at.time());
    let (hour, minute, second, millisecond) = time.as_hms_milli();
    format!("{date}T{hour:02}-{minute:02}-{second:02}-{millisecond:03}Z")
}

/// Creates a directory, and its parents, for this user alone. One that exists keeps its mode.
///
/// # Errors
/// What the system says.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// The file that a path means. Renaming onto a symbolic link would replace the link and leave what it points at as it
/// was.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match std::fs::canonicalize(path) {
        // A link may point to a file that is yet to be made.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(match std::fs::read_link(path) {
            Ok(target) => atomic::dir_of(path).join(target),
            Err(_no_link) => path.to_owned(),
        }),
        resolved => resolved,
    }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> ConfigError {
    let path = path.to_owned();
    move |cause| ConfigError::Unwritable { path, cause }
}

/// The right to write, until it is dropped.
struct Held {
    target: PathBuf,
    _lock: File,
}

impl Held {
    fn take(path: &Path, target: PathBuf) -> Result<Self, ConfigError> {
        let dir = atomic::dir_of(&target);
        create_private_dir(dir).map_err(unwritable(dir))?;
        let lock = lock(&target)?;
        // Nobody else writes now: what temporary files there are belong to writers that were killed.
        for name in [path, &target] {
            atomic::remove_left_overs(name, Duration::ZERO);
        }
        Ok(Self { target, _lock: lock })
    }

    /// The new text, complete on the disk, under another name.
    fn temporary(&self, text: &str) -> Result<Temporary, ConfigError> {
        let temporary = Temporary::write(&self.target, text).map_err(unwritable(&self.target))?;
        temporary.give_to_owner_of(&self.target);
        Ok(temporary)
    }
}

fn lock(target: &Path) -> Result<File, ConfigError> {
    let path = atomic::suffixed(target, ".lock");
    let failed = |cause| ConfigError::Unwritable { path: path.clone(), cause };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    atomic::give_to_owner_of(&file, target);
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

#[cfg(test)]
mod tests;
