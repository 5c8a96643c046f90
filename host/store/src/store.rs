//! Owns the handle that the rest of the host holds. What it can do stands in `inbound`, `media`, `pairing`, `sessions`,
//! `outbox` and `upkeep`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use openclaw_failpoints::failpoint;

use crate::health::Health;
use crate::media::Folder;
use crate::open::open;
use crate::reader::Readers;
use crate::writer::Writer;
use crate::{StoreError, TailLoss};

/// Sessions with transcripts that are queued but not yet readable, and how many.
pub(crate) type Unsettled = Arc<Mutex<HashMap<String, usize>>>;

/// The open store; cheap to clone. `close` it at the end, or the file stays locked until the process is gone.
#[derive(Clone)]
pub struct Store {
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) folder: Folder,
    pub(crate) health: Health,
    lost: Option<Arc<TailLoss>>,
    pub(crate) unsettled: Unsettled,
}

impl Store {
    /// Opens `path` (`state/gateway.sqlite`), making it and its directory if need be, brings its schema up to date, checks
    /// it, and flags the sends that a crash interrupted (see [`Store::flagged`]).
    ///
    /// # Errors
    /// `Locked`, `Corrupt`, `TooNew` and `Unavailable`; each says what to do.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = Arc::new(path.to_owned());
        let opening = Arc::clone(&path);
        let opened = tokio::task::spawn_blocking(move || open(&opening))
            .await
            .map_err(|error| StoreError::Internal(Arc::new(error)))??;
        let readers = Readers::open(&path)?;
        let (health, folder) = (Health::default(), Folder::beside(&path));
        let lost = opened.lost.clone().map(Arc::new);
        let writer = Writer::start(opened, &path, &health)?;
        let store = Self { writer, readers, folder, health, lost, unsettled: Unsettled::default() };
        failpoint!("store.opened");
        store.flag_interrupted().await?;
        failpoint!("store.flagged");
        store.sweep_media().await?;
        Ok(store)
    }

    /// Why nothing can be stored now, for instance because the disk is full. Reading goes on; whoever would accept something that
    /// must be stored refuses it. `None`: writes are taken.
    #[must_use]
    pub fn refusal(&self) -> Option<StoreError> {
        self.health.refusal()
    }

    /// What a damaged disk took from the end of the ledger before this start; `None`: nothing.
    #[must_use]
    pub fn tail_loss(&self) -> Option<&TailLoss> {
        self.lost.as_deref()
    }

    /// Returns when writes are taken: at once, or when the disk has been found to take them again.
    pub async fn accepts(&self) {
        self.health.accepts().await;
    }

    /// Finishes queued writes and releases the file. Later calls on any clone answer `Closed`.
    pub async fn close(&self) {
        // The writer goes last: the connection that closes last folds the write-ahead log into the file.
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Counts a queued transcript of a session until it is dropped.
pub(crate) struct UnsettledGuard {
    key: String,
    all: Unsettled,
}

impl UnsettledGuard {
    pub(crate) fn new(all: &Unsettled, key: &str) -> Self {
        *lock(all).entry(key.to_owned()).or_insert(0) += 1;
        Self { key: key.to_owned(), all: Arc::clone(all) }
    }
}

impl Drop for UnsettledGuard {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        if let Some(count) = all.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.key);
            }
        }
    }
}

pub(crate) fn lock(all: &Unsettled) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Where the store lives below the state directory.
pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("state").join("gateway.sqlite")
}
