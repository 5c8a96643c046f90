//! Notices that a plugin's sources have changed, and waits until whoever changes them has finished. What a build itself writes is no change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::error::CliError;

/// How long nothing may have changed before a build begins.
const SETTLED: Duration = Duration::from_millis(100);
/// Whoever never stops writing is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Folders that hold no sources, whatever is in them.
const APART: &[&str] = &["target", ".git", ".openclaw"];

/// The changes below a folder.
pub(super) struct Changes {
    folder: PathBuf,
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    told: Arc<Notify>,
    /// The first change that nobody knows of yet, and the last.
    pending: Option<(Instant, Instant)>,
}

impl Changes {
    /// Watches from now on.
    pub(super) fn of(folder: &Path) -> Result<Self, CliError> {
        let told = Arc::new(Notify::new());
        let (teller, root) = (Arc::clone(&told), folder.to_owned());
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An event that was lost may have been a change.
            if event.map_or(true, |event| {
                !event.kind.is_access() && event.paths.iter().any(|path| is_source(&root, path))
            }) {
                teller.notify_one();
            }
        });
        let watcher = watcher.map_err(|error| failed(folder, &error))?;
        let mut changes =
            Self { folder: folder.to_owned(), watcher, watched: BTreeSet::new(), told, pending: None };
        changes.watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| failed(folder, &error))?;
        changes.watch_folders()?;
        Ok(changes)
    }

    /// Watches the folders that have come since. The target folder is not among them: it holds thousands.
    fn watch_folders(&mut self) -> Result<(), CliError> {
        let entries = std::fs::read_dir(&self.folder)
            .map_err(|source| CliError::File { path: self.folder.clone(), source })?;
        for folder in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            if is_source(&self.folder, &folder) && self.watched.insert(folder.clone()) {
                self.watcher
                    .watch(&folder, RecursiveMode::Recursive)
                    .map_err(|error| failed(&folder, &error))?;
            }
        }
        self.watched.retain(|folder| folder.is_dir());
        Ok(())
    }

    /// Waits until something has changed and nothing changes any more. Cancelled, it loses nothing.
    pub(super) async fn next(&mut self) {
        loop {
            let Some((first, last)) = self.pending else {
                self.told.notified().await;
                let now = Instant::now();
                self.pending = Some((now, now));
                continue;
            };
            tokio::select! {
                () = self.told.notified() => self.pending = Some((first, Instant::now())),
                () = sleep_until((last + SETTLED).min(first + PATIENCE)) => {
                    self.pending = None;
                    // A folder that cannot be watched now is tried again with the next change.
                    self.watch_folders().ok();
                    return;
                }
            }
        }
    }
}

/// Whether a change of this file is one of the sources.
fn is_source(root: &Path, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(root) else { return false };
    let top = below.components().next().map(|top| top.as_os_str().to_string_lossy());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft =
        name.ends_with('~') || name.ends_with(".swp") || name.starts_with(".#") || name.starts_with('#');
    // Cargo completes the lock file by itself.
    top.is_some_and(|top| !APART.contains(&top.as_ref())) && !draft && name != "Cargo.lock"
}

fn failed(folder: &Path, error: &notify::Error) -> CliError {
    CliError::invalid(format!("{}: changes are not noticed here: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn what_a_build_or_an_editor_writes_is_no_source() {
        let check = |path: &str, source: bool| {
            assert_eq!(is_source(Path::new("/p"), &Path::new("/p").join(path)), source, "{path}");
        };
        check("src/lib.rs", true);
        check("plugin.toml", true);
        check("target/guest/x.wasm", false);
        check("Cargo.lock", false);
        check(".openclaw/version", false);
        check("src/.#lib.rs", false);
        check("src/lib.rs~", false);
        assert!(!is_source(Path::new("/p"), Path::new("/q/src/lib.rs")));
    }

    #[tokio::test]
    async fn several_changes_are_one_and_new_folders_are_watched() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let mut changes = Changes::of(&folder).unwrap();
        let soon = Duration::from_secs(10);
        std::fs::write(folder.join("src/a.rs"), "a").unwrap();
        std::fs::write(folder.join("src/b.rs"), "b").unwrap();
        timeout(soon, changes.next()).await.unwrap();
        std::fs::create_dir_all(folder.join("more/inner")).unwrap();
        timeout(soon, changes.next()).await.unwrap();
        std::fs::write(folder.join("more/inner/c.rs"), "c").unwrap();
        timeout(soon, changes.next()).await.unwrap();
        std::fs::create_dir_all(folder.join("target")).unwrap();
        std::fs::write(folder.join("target/x"), "x").unwrap();
        assert!(timeout(SETTLED * 3, changes.next()).await.is_err());
    }
}
