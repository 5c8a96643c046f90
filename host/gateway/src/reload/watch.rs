//! Notices that files may have changed: the system tells of changes in their folders, and a look at the files' own facts
//! every second stands in where it does not (network folders, a folder that was replaced). Reads no file and judges none.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::debug;

/// How often the files' facts are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How many links are followed from a file to its content.
const MAX_LINKS: usize = 16;

/// What is known of a file without reading it: device, inode, length and time of change.
pub(super) type Facts = Option<(u64, u64, u64, i64, i64)>;

/// The files that are watched.
pub(super) struct Changes {
    files: Vec<PathBuf>,
    facts: Vec<Facts>,
    folders: BTreeSet<PathBuf>,
    /// `None` where the system offers no such service.
    watcher: Option<RecommendedWatcher>,
    told: Arc<Notify>,
    look: Interval,
}

impl Changes {
    /// Watches nothing yet.
    pub(super) fn new() -> Changes {
        let told = Arc::new(Notify::new());
        let teller = Arc::clone(&told);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Reading the files is no change of them, and an event that was lost may have been one.
            if event.map_or(true, |event| !event.kind.is_access()) {
                teller.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| debug!(%error, "no events from the file system")).ok();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Changes { files: Vec::new(), facts: Vec::new(), folders: BTreeSet::new(), watcher, told, look }
    }

    /// Watches these files from now on, there or not, with every link on the way to their content.
    pub(super) fn follow(&mut self, files: Vec<PathBuf>) {
        let wanted: BTreeSet<PathBuf> = files.iter().flat_map(|file| folders_of(file)).collect();
        if let Some(watcher) = &mut self.watcher {
            for gone in self.folders.difference(&wanted) {
                // It may be gone altogether.
                watcher.unwatch(gone).ok();
            }
            for new in wanted.difference(&self.folders) {
                if let Err(error) = watcher.watch(new, RecursiveMode::NonRecursive) {
                    debug!(%error, folder = %new.display(), "a folder is not watched");
                }
            }
        }
        self.folders = wanted;
        self.facts = files.iter().map(|file| facts_of(file)).collect();
        self.files = files;
    }

    /// Waits until one of the files may have changed. Cancelled, it loses nothing.
    pub(super) async fn next(&mut self) {
        loop {
            // Both branches keep what they have to tell until somebody asks.
            tokio::select! {
                () = self.told.notified() => return,
                _ = self.look.tick() => {
                    let facts: Vec<Facts> = self.files.iter().map(|file| facts_of(file)).collect();
                    if facts != self.facts {
                        self.facts = facts;
                        return;
                    }
                }
            }
        }
    }
}

pub(super) fn facts_of(file: &Path) -> Facts {
    let facts = std::fs::metadata(file).ok()?;
    Some((facts.dev(), facts.ino(), facts.len(), facts.mtime(), facts.mtime_nsec()))
}

/// The folders in which a change of the file's content can show: its own, and those of the links and of the file that
/// it leads to.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let parent = |file: &Path| match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folders = vec![parent(file)];
    let mut at = file.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = std::fs::read_link(&at) else { break };
        at = parent(&at).join(target);
        folders.push(parent(&at));
    }
    // A folder on the way may be a link itself.
    folders.extend(std::fs::canonicalize(file).ok().as_deref().map(parent));
    folders
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// Far longer than an event takes, and than the look that stands in for it.
    const SOON: Duration = Duration::from_secs(10);

    async fn tells(changes: &mut Changes, change: impl FnOnce()) {
        // What happened before is not what is asked about.
        while timeout(Duration::from_millis(50), changes.told.notified()).await.is_ok() {}
        change();
        timeout(SOON, changes.next()).await.expect("a change was not noticed");
    }

    #[tokio::test]
    async fn every_way_of_saving_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("openclaw.json");
        let mut changes = Changes::new();
        changes.follow(vec![file.clone()]);
        tells(&mut changes, || std::fs::write(&file, "{}").unwrap()).await;
        tells(&mut changes, || std::fs::write(&file, "{a: 1}").unwrap()).await;
        let draft = dir.path().join("draft");
        tells(&mut changes, || {
            std::fs::write(&draft, "{b: 1}").unwrap();
            std::fs::rename(&draft, &file).unwrap();
        })
        .await;
        tells(&mut changes, || std::fs::remove_file(&file).unwrap()).await;
    }

    #[tokio::test]
    async fn a_folder_that_is_swapped_behind_a_link_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        for (version, text) in [("v1", "{}"), ("v2", "{a: 1}")] {
            std::fs::create_dir(dir.path().join(version)).unwrap();
            std::fs::write(dir.path().join(version).join("openclaw.json"), text).unwrap();
        }
        let link =
            |target: &str, name: &str| std::os::unix::fs::symlink(target, dir.path().join(name)).unwrap();
        link("v1", "data");
        link("data/openclaw.json", "openclaw.json");
        let mut changes = Changes::new();
        changes.follow(vec![dir.path().join("openclaw.json")]);
        tells(&mut changes, || {
            link("v2", "data.new");
            std::fs::rename(dir.path().join("data.new"), dir.path().join("data")).unwrap();
        })
        .await;
    }
}
