//! One gateway for each state directory: a lock that the kernel frees when its holder dies, however it dies. The file's
//! content says who holds it, for people and for a successor that waits; it is never what decides.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a successor waits for a holder that says it is draining. Longer than the drain itself.
const DRAIN_WAIT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(100);

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    /// `running` or `draining`.
    pub(crate) phase: Phase,
    /// Unix milliseconds.
    pub(crate) created_at: u64,
}

/// What the holder is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Running,
    Draining,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another live process has it; `None` when its note cannot be read.
    Held(Option<Holder>),
    Io(io::Error),
}

/// The held lock. Dropping it, or dying, frees it.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    file: File,
    holder: Holder,
}

impl InstanceLock {
    /// Takes the lock at `path`, waiting only for a holder that is draining.
    pub(crate) async fn take(path: &Path, holder: Holder) -> Result<InstanceLock, LockError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(LockError::Io)?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => {
                    let mut lock = InstanceLock { file, holder };
                    lock.note().map_err(LockError::Io)?;
                    return Ok(lock);
                }
                Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let found = read(&file);
            let draining = found.as_ref().is_some_and(|holder| holder.phase == Phase::Draining);
            // One extra try covers a holder that has locked and not yet written its note.
            let patience = if draining { DRAIN_WAIT } else { POLL };
            if waited >= patience {
                return Err(LockError::Held(found));
            }
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
    }

    /// Tells successors that it is worth waiting.
    pub(crate) fn draining(&mut self) -> io::Result<()> {
        self.holder.phase = Phase::Draining;
        self.note()
    }

    fn note(&mut self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.holder)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&text)?;
        self.file.set_len(text.len() as u64)
    }
}

/// Who holds the lock at `path` now. Nothing is created or written.
pub(crate) fn holder(path: &Path) -> Option<Holder> {
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read(&file),
        // Nobody has it; a gateway that starts at this very moment tries again.
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn read(mut file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(pid: u32) -> Holder {
        Holder { pid, port: 18789, phase: Phase::Running, created_at: 1 }
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_is_refused_and_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.lock");
        let first = InstanceLock::take(&path, holder(1)).await.unwrap();
        let LockError::Held(Some(found)) = InstanceLock::take(&path, holder(2)).await.unwrap_err() else {
            panic!("not held");
        };
        assert_eq!(found, holder(1));
        assert_eq!(super::holder(&path), Some(holder(1)));
        drop(first);
        assert_eq!(super::holder(&path), None);
        assert_eq!(InstanceLock::take(&path, holder(2)).await.unwrap().holder.pid, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_draining_holder_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.lock");
        let mut first = InstanceLock::take(&path, holder(1)).await.unwrap();
        first.draining().unwrap();
        let successor = tokio::spawn({
            let path = path.clone();
            async move { InstanceLock::take(&path, holder(2)).await }
        });
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert!(!successor.is_finished());
        drop(first);
        assert!(successor.await.unwrap().is_ok());
    }
}
