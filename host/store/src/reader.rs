//! Owns the connections that read, and keeps them off the async threads. Never writes: they are opened read-only.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use openclaw_failpoints::failpoint;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::StoreError;
use crate::open::{failure, reader};

/// Readers at once. Reads are short; more would only fight for the same cores.
const READERS: u32 = 2;

#[derive(Clone)]
pub(crate) struct Readers {
    pool: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    path: Arc<PathBuf>,
}

impl Readers {
    pub(crate) fn open(path: &Arc<PathBuf>) -> Result<Self, StoreError> {
        let pool = (0..READERS).map(|_| reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            pool: Arc::new(Mutex::new(pool)),
            permits: Arc::new(Semaphore::new(READERS as usize)),
            path: Arc::clone(path),
        })
    }

    /// Runs `work` on a free connection, in a read transaction of its own.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (pool, path) = (Arc::clone(&self.pool), Arc::clone(&self.path));
        let job = move || {
            failpoint!("store.read");
            let taken = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match taken {
                Some(connection) => connection,
                // A panic in an earlier reader lost its connection.
                None => reader(&path)?,
            };
            let result = connection.transaction().and_then(|view| work(&view));
            pool.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            result.map_err(|error| failure(&path, error))
        };
        tokio::task::spawn_blocking(job).await.map_err(|error| StoreError::Internal(Arc::new(error)))?
    }

    /// Refuses further reads, waits for those that run, and lets the file go.
    pub(crate) async fn close(&self) {
        // An error means that it is closed already.
        drop(self.permits.acquire_many(READERS).await);
        self.permits.close();
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
