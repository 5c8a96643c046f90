//! What is kept of files that were replaced: the last five good ones as `.bak`, and bad ones as `.rejected.<stamp>`.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::atomic::{Temporary, dir_of, suffixed};
use crate::read::{Fingerprint, Source};

/// `.bak` and `.bak.1` to `.bak.4`.
const BACKUPS: usize = 5;
const REJECTED: usize = 32;

/// Keeps the text as `<config>.bak`, and moves the older ones on by one name. A kill between two steps leaves a gap in
/// the row, which the next call closes; only the fifth ever gets lost.
pub(super) fn back_up(config: &Path, text: &str) -> io::Result<PathBuf> {
    let name = |n: usize| match n {
        0 => suffixed(config, ".bak"),
        n => suffixed(config, &format!(".bak.{n}")),
    };
    let newest = name(0);
    // After a write that failed it is there already. Copies of it would push out what is older.
    if matches!(Source::read(&newest), Ok(Some(kept)) if kept.text == text) {
        return Ok(newest);
    }
    let temporary = Temporary::write(config, text)?;
    temporary.give_to_owner_of(config);
    let gap = (0..BACKUPS).find(|n| !exists(&name(*n))).unwrap_or(BACKUPS - 1);
    for n in (0..gap).rev() {
        std::fs::rename(name(n), name(n + 1))?;
    }
    temporary.rename_to(&newest)?;
    Ok(newest)
}

/// A bad file under its second name.
pub(super) struct Aside {
    pub(super) path: PathBuf,
    how: How,
}

enum How {
    Linked,
    Copied,
    /// Nothing stands in the old place.
    Moved,
}

impl Aside {
    /// Whether it is the file that was judged; `None` when that cannot be told.
    pub(super) fn shows(&self, judged: &Fingerprint) -> Option<bool> {
        let comparable = matches!(self.how, How::Linked) || judged.is_of_bytes();
        comparable.then(|| Fingerprint::of(&self.path).as_ref() == Some(judged))
    }

    /// For this user alone from now on, if it is a file. Only after it was compared: a file that nobody may read is
    /// another one to [`Fingerprint`] when it can be read.
    pub(super) fn make_private(&self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_file()) {
            // The mode of somebody else's file cannot be changed; it is no more open than it was.
            let _not_ours = std::fs::set_permissions(&self.path, Permissions::from_mode(0o600));
        }
    }

    /// The write comes to nothing: the second name goes again.
    pub(super) fn undo(&self, target: &Path) {
        // The write's own error says more than one from here could.
        let _still_there = match self.how {
            How::Moved => std::fs::rename(&self.path, target),
            How::Linked | How::Copied => std::fs::remove_file(&self.path),
        };
    }
}

/// Gives a bad file a second name, `<config>.rejected.<stamp>`. It keeps the first one, so that there is no moment
/// without a file, except where the system allows nothing but a move: of a directory, or of a file that may not even be
/// read.
pub(super) fn set_aside(config: &Path, target: &Path, stamp: &str) -> io::Result<Aside> {
    let path = free_name(config, stamp);
    let kind = std::fs::symlink_metadata(target)?.file_type();
    let how = if std::fs::hard_link(target, &path).is_ok() {
        How::Linked
    } else if kind.is_file() && copy(target, &path).is_ok() {
        How::Copied
    } else {
        std::fs::rename(target, &path)?;
        How::Moved
    };
    Ok(Aside { path, how })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = std::fs::File::open(from)?;
    let mut copy = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let copied = io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all());
    if copied.is_err() {
        // Half a copy is worth nothing, and the caller has the error.
        let _left_over = std::fs::remove_file(to);
    }
    copied
}

/// `<config>.rejected.<stamp>`, or with a number when there is one of that moment already.
pub(super) fn free_name(config: &Path, stamp: &str) -> PathBuf {
    let first = suffixed(config, &format!(".rejected.{stamp}"));
    let others = (1..).map(|n: u64| suffixed(&first, &format!("-{n}")));
    std::iter::once(first.clone()).chain(others).find(|name| !exists(name)).unwrap_or(first)
}

/// Removes the oldest rejected files; their stamps sort by time.
pub(super) fn forget_old_rejected(config: &Path) {
    let Some(name) = config.file_name().and_then(|name| name.to_str()) else { return };
    let prefix = format!("{name}.rejected.");
    // Clutter is no reason to refuse a write.
    let Ok(entries) = std::fs::read_dir(dir_of(config)) else { return };
    let mut kept: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|entry| entry.starts_with(&prefix)))
        // A directory that stood in the file's place is for a person to look at.
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    kept.sort();
    let surplus = kept.len().saturating_sub(REJECTED);
    for path in kept.iter().take(surplus) {
        let _clutter = std::fs::remove_file(path);
    }
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
