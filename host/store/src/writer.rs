//! Owns the one thread that writes. It takes whatever waits, runs it in one transaction, and answers after the commit:
//! the cost of making one write durable is shared by all that came meanwhile.
//!
//! Each job runs in a savepoint, so that a job that fails undoes only itself. A failure that makes SQLite give up the
//! whole transaction (a full disk) is answered to every job of the batch: nobody is told that something is durable which
//! is not. Batches of lazy jobs alone are committed without waiting for the disk. A job that panics has failed, and the thread
//! goes on.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openclaw_failpoints::failpoint;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;
use crate::open::{Opened, failure};

/// Jobs that wait at most; further callers wait for room.
const QUEUE: usize = 1024;
/// Jobs in one transaction at most: bounds how long the first of them waits.
const BATCH: usize = 256;

/// What a job may use to reach the file, and to name it in errors.
pub(crate) struct Ledger<'a> {
    pub(crate) sql: &'a Connection,
    path: &'a Path,
}

impl Ledger<'_> {
    pub(crate) fn fail(&self, error: rusqlite::Error) -> StoreError {
        failure(self.path, error)
    }
}

trait Job: Send {
    fn run(&mut self, ledger: &Ledger<'_>) -> Result<(), StoreError>;
    fn answer(self: Box<Self>, commit: Result<(), StoreError>);
    fn lazy(&self) -> bool;
}

struct Task<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    answer: Answer<T>,
}

enum Answer<T> {
    Now(oneshot::Sender<Result<T, StoreError>>),
    /// Nobody waits. The guard is dropped when the job is over.
    Lazy(Box<dyn Send>),
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&Ledger<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, ledger: &Ledger<'_>) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        // What the job left half done is undone with its savepoint.
        let result = catch_unwind(AssertUnwindSafe(|| {
            failpoint!("store.write");
            work(ledger)
        }));
        let result = result.unwrap_or_else(|_panic| Err(broke_off()));
        let status = result.as_ref().map(|_| ()).map_err(StoreError::clone);
        self.result = Some(result);
        status
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) {
        let result = match (self.result, commit) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        match self.answer {
            // A caller that stopped waiting has no use for the answer.
            Answer::Now(sender) => drop(sender.send(result)),
            Answer::Lazy(guard) => {
                if let Err(error) = result {
                    tracing::error!(code = error.code(), "a transcript was not stored: {error}");
                }
                drop(guard);
            }
        }
    }

    fn lazy(&self) -> bool {
        matches!(self.answer, Answer::Lazy(_))
    }
}

enum Command {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// The way to the writing thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Command>,
}

impl Writer {
    pub(crate) fn start(opened: Opened, path: &Arc<PathBuf>) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let path = Arc::clone(path);
        let thread = std::thread::Builder::new().name("store-writer".into());
        thread
            .spawn(move || Loop { connection: opened.writer, path, full: true, _lock: opened.lock }.run(jobs))
            .map_err(|error| StoreError::Internal(Arc::new(error)))?;
        Ok(Self { queue })
    }

    /// Durable when it returns `Ok`. Dropping the future after the job was queued does not undo it.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Ledger<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let task = Task { work: Some(work), result: None, answer: Answer::Now(sender) };
        self.queue.send(Command::Job(Box::new(task))).await.map_err(|_| StoreError::Closed)?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }

    /// Returns when the job is queued; `guard` is dropped when it is over. A failure is logged.
    pub(crate) async fn write_lazily<F>(&self, work: F, guard: Box<dyn Send>) -> Result<(), StoreError>
    where
        F: FnOnce(&Ledger<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        let task = Task { work: Some(work), result: None, answer: Answer::Lazy(guard) };
        self.queue.send(Command::Job(Box::new(task))).await.map_err(|_| StoreError::Closed)
    }

    /// Finishes what is queued and lets the file go.
    pub(crate) async fn close(&self) {
        let (sender, done) = oneshot::channel();
        if self.queue.send(Command::Close(sender)).await.is_ok() {
            // An error means that the thread is gone already.
            drop(done.await);
        }
    }
}

struct Loop {
    connection: Connection,
    path: Arc<PathBuf>,
    /// Whether `synchronous` is FULL now.
    full: bool,
    _lock: File,
}

impl Loop {
    fn run(mut self, mut jobs: mpsc::Receiver<Command>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = jobs.blocking_recv() {
            let mut next = Some(first);
            let mut closing = None;
            while let Some(command) = next.take() {
                match command {
                    Command::Job(job) => batch.push(job),
                    Command::Close(done) => closing = Some(done),
                }
                if batch.len() < BATCH && closing.is_none() {
                    next = jobs.try_recv().ok();
                }
            }
            self.commit(&mut batch);
            if let Some(done) = closing {
                jobs.close();
                drop(self);
                // A caller that stopped waiting for the end has no use for the news.
                let _ = done.send(());
                return;
            }
        }
    }

    fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        if batch.is_empty() {
            return;
        }
        // What the transaction left half done is rolled back.
        let verdict = catch_unwind(AssertUnwindSafe(|| self.transact(batch)));
        let verdict = verdict.unwrap_or_else(|_panic| Err(broke_off()));
        if let Err(error) = &verdict {
            tracing::error!(
                code = error.code(),
                jobs = batch.len(),
                "the state database refused a write: {error}"
            );
            if !self.connection.is_autocommit() {
                // What cannot be rolled back is rolled back by SQLite when the connection is used again.
                drop(self.connection.execute_batch("ROLLBACK"));
            }
        }
        for job in batch.drain(..) {
            job.answer(verdict.clone());
            failpoint!("store.answered");
        }
    }

    fn transact(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let full = !batch.iter().all(|job| job.lazy());
        let fail = |error| failure(&self.path, error);
        if full != self.full {
            let level = if full { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level).map_err(fail)?;
            self.full = full;
        }
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(fail)?;
        failpoint!("store.begin");
        let ledger = Ledger { sql: &self.connection, path: &self.path };
        for job in batch {
            self.connection.execute_batch("SAVEPOINT job").map_err(fail)?;
            let ran = job.run(&ledger);
            if self.connection.is_autocommit() {
                // SQLite gave the transaction up: what ran before in this batch is undone too.
                return Err(ran.err().unwrap_or(StoreError::Closed));
            }
            let end = if ran.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
            self.connection.execute_batch(end).map_err(fail)?;
            failpoint!("store.wrote");
        }
        failpoint!("store.commit");
        self.connection.execute_batch("COMMIT").map_err(fail)?;
        failpoint!("store.committed");
        Ok(())
    }
}

/// The answer to a job that a panic ended; the panic itself is in the log.
fn broke_off() -> StoreError {
    StoreError::Internal(Arc::new(std::io::Error::other("the write broke off inside the gateway")))
}

#[cfg(test)]
mod tests {
    use crate::Store;
    use crate::StoreError;

    #[tokio::test]
    async fn a_job_that_panics_has_failed_and_the_thread_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&crate::path_in(dir.path())).await.unwrap();
        let broken = store.writer.write::<(), _>(|_| panic!("as asked"));
        // In one transaction, perhaps: what the other one wrote stays.
        let (broken, whole) = tokio::join!(broken, store.writer.write(|_| Ok(7)));
        assert!(matches!(broken, Err(StoreError::Internal(_))), "{broken:?}");
        assert_eq!(whole.unwrap(), 7);
        assert_eq!(store.writer.write(|_| Ok(8)).await.unwrap(), 8);
    }
}
