//! The bytes of files: one file each in `media/` beside the database, for this user alone. Never knows whose they are.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::open::unavailable;
use crate::{AccountKey, StoreError};

/// Bytes of one piece that is read.
const PIECE: usize = 64 << 10;

/// The folder, and what comes into it.
#[derive(Clone, Debug)]
pub(crate) struct Folder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Makes names that differ within this process; the time tells them from those of others.
    next: AtomicU64,
    /// Bytes that come in, for each account that has any.
    coming: Mutex<HashMap<AccountKey, Weak<AtomicU64>>>,
}

impl Folder {
    /// The folder beside `database`. Made when the first file comes.
    pub(crate) fn beside(database: &Path) -> Self {
        let path = database.with_file_name("media");
        Self(Arc::new(Inner { path, next: AtomicU64::new(0), coming: Mutex::default() }))
    }

    /// The count of an account, shared by all of its files that come in.
    pub(super) fn coming(&self, account: &AccountKey) -> Arc<AtomicU64> {
        let mut all = self.0.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get(account).and_then(Weak::upgrade) {
            return count;
        }
        all.retain(|_, count| count.strong_count() > 0);
        let count = Arc::new(AtomicU64::new(0));
        all.insert(account.clone(), Arc::downgrade(&count));
        count
    }

    pub(super) async fn create(&self) -> Result<Unfinished, StoreError> {
        self.make().await.map_err(|error| self.fail(&error))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let name = format!("{now:x}-{}", self.0.next.fetch_add(1, Ordering::Relaxed));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(self.0.path.join(&name)).await.map_err(|error| self.fail(&error))?;
        Ok(Unfinished { folder: self.clone(), name, file, kept: false })
    }

    async fn make(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        builder.mode(0o700);
        match builder.create(&self.0.path).await {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// A file to be read; `None` when it is not there.
    pub(super) async fn open(&self, name: &str) -> Result<Option<MediaContent>, StoreError> {
        match File::open(self.0.path.join(name)).await {
            Ok(file) => Ok(Some(MediaContent { folder: self.clone(), file })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Removes files that no row names any more. What cannot be removed is removed by the next start.
    pub(crate) async fn remove_all(&self, names: Vec<String>) {
        for name in names {
            if let Err(error) = fs::remove_file(self.0.path.join(&name)).await
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(file = name, "a file of an account is not removed: {error}");
            }
        }
    }

    /// Removes all files but those, and tells how many went.
    pub(super) async fn remove_others(&self, known: HashSet<String>) -> Result<usize, StoreError> {
        let path = self.0.path.clone();
        let sweep = move || {
            let entries = match std::fs::read_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                entries => entries?,
            };
            let mut removed = 0;
            for entry in entries {
                let entry = entry?;
                if !entry.file_name().to_str().is_some_and(|name| known.contains(name)) {
                    std::fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
            Ok(removed)
        };
        let swept = tokio::task::spawn_blocking(sweep).await;
        swept
            .map_err(|lost| StoreError::Internal(Arc::new(lost)))?
            .map_err(|error: io::Error| self.fail(&error))
    }

    fn fail(&self, error: &io::Error) -> StoreError {
        unavailable(&self.0.path, error)
    }
}

/// Counts what one file adds to all that comes in for its account, until it is dropped.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) all: Arc<AtomicU64>,
    pub(super) own: u64,
}

impl Incoming {
    pub(super) fn new(all: Arc<AtomicU64>) -> Self {
        Self { all, own: 0 }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

/// A file that goes with its holder unless it is kept.
#[derive(Debug)]
pub(super) struct Unfinished {
    folder: Folder,
    name: String,
    file: File,
    kept: bool,
}

impl Unfinished {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(piece).await.map_err(|error| self.folder.fail(&error))
    }

    /// The bytes, and that the file is there, are durable when it returns `Ok`.
    pub(super) async fn sync(&mut self) -> Result<(), StoreError> {
        let synced = async {
            self.file.flush().await?;
            self.file.sync_all().await?;
            File::open(&self.folder.0.path).await?.sync_all().await
        };
        synced.await.map_err(|error| self.folder.fail(&error))
    }

    pub(super) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            // One short call; if it fails, the next start removes the file.
            drop(std::fs::remove_file(self.folder.0.path.join(&self.name)));
        }
    }
}

/// A file that is being read. It can be read to its end, even if it is dropped meanwhile.
#[derive(Debug)]
pub struct MediaContent {
    folder: Folder,
    file: File,
}

impl MediaContent {
    /// The next bytes, at most 64 KiB; `None` after the last.
    ///
    /// # Errors
    /// When the disk does not give them.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut piece = Vec::with_capacity(PIECE);
        let read = (&mut self.file).take(PIECE as u64).read_to_end(&mut piece).await;
        read.map_err(|error| self.folder.fail(&error))?;
        Ok((!piece.is_empty()).then_some(piece))
    }
}
