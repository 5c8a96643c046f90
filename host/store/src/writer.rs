//! Owns the one thread that writes. It takes whatever waits, runs it in one transaction, and answers after the commit:
//! the cost of making one write durable is shared by all that came meanwhile.
//!
//! Each job runs in a savepoint, so that a job that fails undoes only itself. A failure that makes SQLite give up the
//! whole transaction (a full disk) is answered to every job of the batch: nobody is told that something is durable which
//! is not. Batches of lazy jobs alone are committed without waiting for the disk. A job that panics has failed, and the thread
//! goes on.
//!
//! When the disk has failed, everything is refused at once, and each second it is tried whether it works again. What a failed
//! sync may have left behind is not built upon: the file is opened anew, and the log is folded into it and emptied, before the
//! next write is taken. Lazy jobs were answered before they failed; they are kept meanwhile, and are the first to be written.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_failpoints::failpoint;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;
use crate::health::Health;
use crate::mark::Mark;
use crate::open::{Opened, connect, failure};
use crate::room;

/// Jobs that wait at most; further callers wait for room.
const QUEUE: usize = 1024;
/// Jobs in one transaction at most: bounds how long the first of them waits.
const BATCH: usize = 256;
/// Lazy jobs that wait for a disk that has failed; of further ones the log says that they are lost.
const OWED: usize = 256;
/// How often it is tried whether a disk that has failed works again.
const PROBE: Duration = Duration::from_secs(1);
/// How soon the thread looks at its queue again while writes are refused, which keeps the queue empty.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long a probe waits for another program that holds the file.
const PROBE_WAIT: Duration = Duration::from_millis(250);
/// The same for a write.
const WRITE_WAIT: Duration = Duration::from_secs(5);

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
    /// Tells whoever waits. Returns the job when it has to be run again.
    fn answer(self: Box<Self>, commit: Result<(), StoreError>) -> Option<Box<dyn Job>>;
    fn lazy(&self) -> bool;
}

/// Somebody waits for it.
struct Task<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&Ledger<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, ledger: &Ledger<'_>) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let result = attempt(|| work(ledger));
        let status = result.as_ref().map(|_| ()).map_err(StoreError::clone);
        self.result = Some(result);
        status
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) -> Option<Box<dyn Job>> {
        let result = match (self.result, commit) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        // A caller that stopped waiting has no use for the answer.
        drop(self.answer.send(result));
        None
    }

    fn lazy(&self) -> bool {
        false
    }
}

/// Nobody waits for it.
struct LazyTask<F> {
    work: F,
    result: Result<(), StoreError>,
    /// Dropped when the job is over.
    _guard: Box<dyn Send>,
}

impl<F> Job for LazyTask<F>
where
    F: FnMut(&Ledger<'_>) -> Result<(), StoreError> + Send + 'static,
{
    fn run(&mut self, ledger: &Ledger<'_>) -> Result<(), StoreError> {
        self.result = attempt(|| (self.work)(ledger));
        self.result.clone()
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) -> Option<Box<dyn Job>> {
        match self.result.clone().and(commit) {
            Ok(()) => None,
            Err(error) if error.is_transient() => Some(self),
            Err(error) => {
                not_stored(&error);
                None
            }
        }
    }

    fn lazy(&self) -> bool {
        true
    }
}

/// What a job left half done when it panicked is undone with its savepoint.
fn attempt<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        failpoint!("store.write");
        work()
    }));
    result.unwrap_or_else(|_panic| Err(broke_off()))
}

fn not_stored(error: &StoreError) {
    tracing::error!(code = error.code(), "a transcript was not stored: {error}");
}

enum Command {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// The way to the writing thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Command>,
    health: Health,
}

impl Writer {
    pub(crate) fn start(opened: Opened, path: &Arc<PathBuf>, health: &Health) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let path = Arc::clone(path);
        let thread = std::thread::Builder::new().name("store-writer".into());
        let Opened { writer: connection, lock, mark, lost: _ } = opened;
        let health = health.clone();
        let own = Self { queue, health: health.clone() };
        let writing = Loop {
            connection,
            path,
            full: true,
            health,
            owed: Vec::new(),
            mark,
            tried: Instant::now(),
            _lock: lock,
        };
        thread.spawn(move || writing.run(jobs)).map_err(|error| StoreError::Internal(Arc::new(error)))?;
        Ok(own)
    }

    /// Durable when it returns `Ok`. Dropping the future after the job was queued does not undo it. While writes are refused it
    /// answers at once.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Ledger<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        if let Some(why) = self.health.refusal() {
            return Err(why);
        }
        let (answer, receiver) = oneshot::channel();
        let task = Task { work: Some(work), result: None, answer };
        self.queue.send(Command::Job(Box::new(task))).await.map_err(|_| StoreError::Closed)?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }

    /// Returns when the job is queued; `guard` is dropped when it is over. What the disk does not take now waits until it does.
    pub(crate) async fn write_lazily<F>(&self, work: F, guard: Box<dyn Send>) -> Result<(), StoreError>
    where
        F: FnMut(&Ledger<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        let task = LazyTask { work, result: Ok(()), _guard: guard };
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
    health: Health,
    /// Lazy jobs that wait for the disk, in their order.
    owed: Vec<Box<dyn Job>>,
    mark: Mark,
    /// When it was last tried whether a disk that has failed works again.
    tried: Instant,
    _lock: File,
}

impl Loop {
    fn run(mut self, mut jobs: mpsc::Receiver<Command>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = self.next(&mut jobs) {
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
            match self.health.refusal() {
                None => self.commit(&mut batch),
                Some(why) => self.answer(&mut batch, &Err(why)),
            }
            if let Some(done) = closing {
                jobs.close();
                self.give_up();
                self.fold();
                drop(self);
                // A caller that stopped waiting for the end has no use for the news.
                let _ = done.send(());
                return;
            }
        }
    }

    /// What comes next. While writes are refused it tries now and then whether the disk works again.
    fn next(&mut self, jobs: &mut mpsc::Receiver<Command>) -> Option<Command> {
        loop {
            if self.health.refusal().is_none() {
                return jobs.blocking_recv();
            }
            match jobs.try_recv() {
                Ok(command) => return Some(command),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => std::thread::park_timeout(LOOK_AGAIN),
            }
            if self.tried.elapsed() >= PROBE {
                self.try_again();
                self.tried = Instant::now();
            }
        }
    }

    fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        if batch.is_empty() {
            return;
        }
        let verdict = self.attempt(batch);
        self.answer(batch, &verdict);
    }

    /// Runs the jobs in one transaction. When the disk fails, writes are refused from then on.
    fn attempt(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let mut trouble = None;
        // What the transaction left half done is rolled back.
        let verdict = catch_unwind(AssertUnwindSafe(|| self.transact(batch, &mut trouble)));
        let verdict = verdict.unwrap_or_else(|_panic| Err(broke_off()));
        let verdict = verdict.map_err(|error| self.precisely(error));
        if verdict.is_ok() {
            self.mark.note(&self.connection, self.full);
        }
        if let Err(error) = &verdict {
            if !error.stops_writing() {
                let jobs = batch.len();
                tracing::error!(code = error.code(), jobs, "the state database refused a write: {error}");
            }
            if !self.connection.is_autocommit() {
                // What cannot be rolled back is rolled back by SQLite when the connection is used again.
                drop(self.connection.execute_batch("ROLLBACK"));
            }
        }
        let trouble = verdict.as_ref().err().cloned().or(trouble);
        if let Some(error) = trouble.filter(StoreError::stops_writing) {
            self.health.refuse(&self.precisely(error));
        }
        verdict
    }

    fn answer(&mut self, batch: &mut Vec<Box<dyn Job>>, verdict: &Result<(), StoreError>) {
        for job in batch.drain(..) {
            let Some(job) = job.answer(verdict.clone()) else {
                failpoint!("store.answered");
                continue;
            };
            if self.owed.len() < OWED {
                self.owed.push(job);
            } else if let Err(error) = verdict {
                not_stored(error);
            }
        }
    }

    /// SQLite says only that a call failed where the disk is not full; the system says why.
    fn precisely(&self, error: StoreError) -> StoreError {
        if error.code() != "io" {
            return error;
        }
        room::try_out(&self.path).err().unwrap_or(error)
    }

    /// Tries whether the disk works, and if it does, begins anew upon it. A file that is damaged waits for a person.
    fn try_again(&mut self) {
        if self.health.refusal().is_some_and(|why| !why.is_transient()) {
            return;
        }
        match self.begin_anew() {
            Ok(()) => self.health.accept(),
            Err(error) if error.stops_writing() => self.health.refuse(&error),
            Err(error) => {
                tracing::error!(code = error.code(), "the state database is not opened anew: {error}")
            }
        }
    }

    /// Takes nothing for granted that was written before: what a sync has failed for may be gone from the disk and still be
    /// read from memory. So all of the log goes into the file, which is synced, and the log begins from nothing.
    fn begin_anew(&mut self) -> Result<(), StoreError> {
        room::try_out(&self.path)?;
        if !self.connection.is_autocommit() {
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        self.connection = connect(&self.path)?;
        self.full = true;
        let fail = |error| failure(&self.path, error);
        self.connection.busy_timeout(PROBE_WAIT).map_err(fail)?;
        let held: bool = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(fail)?;
        if held {
            let cause = Arc::new(std::io::Error::other("another program holds the file"));
            return Err(StoreError::Unavailable { code: "busy", path: self.path.to_path_buf(), cause });
        }
        self.mark.clear();
        self.connection.busy_timeout(WRITE_WAIT).map_err(fail)?;
        let mut owed = std::mem::take(&mut self.owed);
        let verdict = match owed.is_empty() {
            true => Ok(()),
            false => self.attempt(&mut owed),
        };
        self.answer(&mut owed, &verdict);
        verdict
    }

    /// Folds the log into the file before the connection does, so that an empty log is known to be meant.
    fn fold(&mut self) {
        let held =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        match held {
            Ok(false) => self.mark.clear(),
            Ok(true) => tracing::debug!("the log stays: another program holds the file"),
            Err(error) => tracing::warn!("the log of the state database stays: {error}"),
        }
    }

    /// One last try for what is owed.
    fn give_up(&mut self) {
        if self.owed.is_empty() {
            return;
        }
        if let Err(error) = self.begin_anew() {
            self.owed.iter().for_each(|_| not_stored(&error));
        }
    }

    /// `trouble` is what a single job met that leaves the others as they are.
    fn transact(
        &mut self,
        batch: &mut [Box<dyn Job>],
        trouble: &mut Option<StoreError>,
    ) -> Result<(), StoreError> {
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
            if let Err(error) = &ran {
                *trouble = Some(error.clone());
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
