//! One gateway for each state directory and for each configuration: locks that the kernel frees when their holder dies,
//! however it dies. A file's content says who holds it, for people and for a successor that waits; it is never what
//! decides, so that neither a file that was left behind nor a reused process number keeps anybody out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use openclaw_config::Env;
use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::clock::now_ms;
use crate::options::GatewayOptions;

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
    /// When it was taken, then when the gateway began to serve; Unix milliseconds.
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
    Held(Subject, Option<Holder>),
    Io(io::Error),
}

/// What only one gateway may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    State,
    Config,
}

/// All that one gateway holds.
#[derive(Debug)]
pub(crate) struct Locks {
    state: InstanceLock,
    /// Only where the configuration does not lie in the state directory, which the first lock covers.
    config: Option<InstanceLock>,
}

impl Locks {
    /// Takes both, waiting only for a holder that is draining.
    pub(crate) async fn take(options: &GatewayOptions, holder: Holder) -> Result<Locks, LockError> {
        let paths = &options.paths;
        let state = InstanceLock::take(&file(&paths.state_dir), holder.clone()).await?;
        let several =
            options.environment.non_blank("OPENCLAW_ALLOW_MULTI_GATEWAY").is_some_and(|word| word == "1");
        let covered = paths.config.parent() == Some(paths.state_dir.as_path());
        let config = match config_file(&paths.config) {
            Some(file) if !several && !covered => match InstanceLock::take(&file, holder).await {
                Ok(lock) => Some(lock),
                Err(LockError::Io(error)) => {
                    // A folder that cannot be written, for instance in an image: nobody edits the file there either.
                    debug!(file = %file.display(), %error, "no lock beside the configuration");
                    None
                }
                Err(LockError::Held(_, found)) => return Err(LockError::Held(Subject::Config, found)),
            },
            _ => None,
        };
        Ok(Locks { state, config })
    }

    /// Tells successors that it is worth waiting.
    pub(crate) fn draining(&mut self) -> io::Result<()> {
        self.each(|holder| holder.phase = Phase::Draining)
    }

    /// A gateway serves there since now.
    pub(crate) fn serving(&mut self, port: u16) -> io::Result<()> {
        let now = now_ms();
        self.each(|holder| (holder.port, holder.created_at) = (port, now))
    }

    fn each(&mut self, change: impl Fn(&mut Holder)) -> io::Result<()> {
        for lock in std::iter::once(&mut self.state).chain(&mut self.config) {
            change(&mut lock.holder);
            lock.note()?;
        }
        Ok(())
    }
}

/// The lock of a state directory.
pub(crate) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("gateway.lock")
}

/// The lock of a configuration, beside it.
fn config_file(config: &Path) -> Option<PathBuf> {
    let mut name = config.file_name()?.to_owned();
    name.push(".gateway.lock");
    Some(config.with_file_name(name))
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
                return Err(LockError::Held(Subject::State, found));
            }
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
    }

    fn note(&mut self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.holder)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&text)?;
        self.file.set_len(text.len() as u64)
    }
}

/// Whether a process of this machine has the file open. A holder in another container has a number that means nothing, or
/// somebody else, here. Where the system does not tell, the note is believed.
pub(crate) fn is_open_in(path: &Path, pid: u32) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return !Path::new("/proc/self/fd").exists();
    };
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|target| target == path))
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
        let LockError::Held(_, Some(found)) = InstanceLock::take(&path, holder(2)).await.unwrap_err() else {
            panic!("not held");
        };
        assert_eq!(found, holder(1));
        assert_eq!(super::holder(&path), Some(holder(1)));
        drop(first);
        assert_eq!(super::holder(&path), None);
        assert_eq!(InstanceLock::take(&path, holder(2)).await.unwrap().holder.pid, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_left_behind_keeps_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.lock");
        // The number of a process that runs: this one.
        let left = serde_json::to_vec(&holder(std::process::id())).unwrap();
        for text in [left.as_slice(), b"", b"garbage", &[0xff; 5000]] {
            std::fs::write(&path, text).unwrap();
            let lock = InstanceLock::take(&path, holder(7)).await.unwrap();
            assert_eq!(super::holder(&path), Some(holder(7)));
            drop(lock);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_gateway_for_each_configuration_unless_several_are_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let options = |state: &str, several: &str| {
            let path = |name: &str| dir.path().join(name).display().to_string();
            let environment = std::collections::BTreeMap::from([
                ("HOME".to_owned(), path("")),
                ("OPENCLAW_STATE_DIR".to_owned(), path(state)),
                ("OPENCLAW_CONFIG_PATH".to_owned(), path("openclaw.json")),
                ("OPENCLAW_ALLOW_MULTI_GATEWAY".to_owned(), several.to_owned()),
            ]);
            let paths = openclaw_config::Paths::resolve(&environment, None).unwrap();
            std::fs::create_dir_all(&paths.state_dir).unwrap();
            GatewayOptions::new(paths, environment)
        };
        let _first = Locks::take(&options("a", ""), holder(1)).await.unwrap();
        let refused = Locks::take(&options("b", ""), holder(2)).await.unwrap_err();
        assert!(matches!(refused, LockError::Held(Subject::Config, Some(found)) if found.pid == 1));
        assert!(Locks::take(&options("b", "1"), holder(2)).await.is_ok());
    }

    #[tokio::test]
    async fn only_a_process_that_has_the_file_open_is_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.lock");
        let lock = InstanceLock::take(&path, holder(1)).await.unwrap();
        assert!(is_open_in(&path, std::process::id()));
        assert!(!is_open_in(&path, 1));
        drop(lock);
        assert!(!is_open_in(&path, std::process::id()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_draining_holder_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.lock");
        let mut first = InstanceLock::take(&path, holder(1)).await.unwrap();
        first.holder.phase = Phase::Draining;
        first.note().unwrap();
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
