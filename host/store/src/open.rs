//! Owns the file: finding it, locking it, its permissions, its schema and its health at start. Never touches rows.
//!
//! The lock is a file of its own beside the database, held by the operating system and gone with the process, so that a
//! killed gateway leaves nothing behind that somebody has to clean up.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::Cause;
use crate::mark::{self, Mark};
use crate::{StoreError, TailLoss};

/// `oclw`: marks the file as ours, so that another program's database is never taken for it.
const APPLICATION_ID: i64 = 0x6f63_6c77;
/// The newest schema; migrations run one after the other from what the file has.
const SCHEMA: i64 = MIGRATIONS.len() as i64;
const MIGRATIONS: [&str; 11] = [
    include_str!("schema.sql"),
    include_str!("devices.sql"),
    include_str!("schema_sessions.sql"),
    include_str!("kv.sql"),
    include_str!("set_aside.sql"),
    include_str!("media.sql"),
    include_str!("decisions.sql"),
    include_str!("joined.sql"),
    include_str!("previews.sql"),
    include_str!("said.sql"),
    include_str!("summaries.sql"),
];
/// Up to this size the whole file is checked at start; beyond it, the schema alone.
const FULL_CHECK_BYTES: u64 = 16 << 20;

/// The open file: one connection to write with, and the lock that keeps others out.
pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) lock: File,
    pub(crate) mark: Mark,
    pub(crate) lost: Option<TailLoss>,
}

pub(crate) fn open(path: &Path) -> Result<Opened, StoreError> {
    prepare(path).map_err(|error| unavailable(path, &error))?;
    let lock = lock(path)?;
    let lost = mark::judge(path).map_err(|error| unavailable(path, &error))?;
    if let Some(lost) = &lost {
        tracing::error!(code = TailLoss::CODE, pages = lost.pages, "{lost}");
    }
    let writer = connect(path)?;
    let mark = Mark::open(path).map_err(|error| unavailable(path, &error))?;
    Ok(Opened { writer, lock, mark, lost })
}

fn prepare(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(parent)?;
    }
    // SQLite gives the -wal and -shm files the permissions of the database itself.
    private(path)?;
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// Opens a file for this user alone, making it if need be.
pub(crate) fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The file beside the database whose name has this end more.
pub(crate) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let file = private(&beside(path, ".lock")).map_err(|error| unavailable(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(unavailable(path, &error)),
    }
}

/// A connection to write with, to a file that was checked and has today's schema.
pub(crate) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let fail = |error| failure(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(64);
    // First of all, so that a file that is refused stays as it is.
    check(&connection, path)?;
    // The first pragma counts only in a file that is still empty.
    connection
        .execute_batch("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        .map_err(fail)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// A connection for one reader.
pub(crate) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failure(path, error))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let fail = |error| failure(path, error);
    let corrupt = |detail: String| StoreError::Corrupt { path: path.to_owned(), detail };
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(fail)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fail)?;
    if id != APPLICATION_ID && (id != 0 || tables != 0) {
        return Err(corrupt(format!("it is not a gateway's database (application id {id:#x})")));
    }
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
    if found > SCHEMA {
        return Err(StoreError::TooNew { path: path.to_owned(), found, known: SCHEMA });
    }
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size <= FULL_CHECK_BYTES {
        let found: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(fail)?;
        if found != "ok" {
            return Err(corrupt(found));
        }
    }
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let fail = |error| failure(path, error);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
    let done = usize::try_from(found).unwrap_or(0);
    if done == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction().map_err(fail)?;
    for script in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(script).map_err(fail)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
    transaction.pragma_update(None, "user_version", SCHEMA).map_err(fail)?;
    transaction.commit().map_err(fail)
}

pub(crate) fn unavailable(path: &Path, error: &std::io::Error) -> StoreError {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "disk_full",
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => "read_only",
        _ => "io",
    };
    let cause: Cause = std::sync::Arc::new(std::io::Error::new(error.kind(), error.to_string()));
    StoreError::Unavailable { code, path: path.to_owned(), cause }
}

/// Classifies what SQLite said by what the caller can do.
pub(crate) fn failure(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    let code = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            return StoreError::Corrupt { path: path.to_owned(), detail: error.to_string() };
        }
        Some(ErrorCode::DiskFull) => "disk_full",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "read_only",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "busy",
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::OutOfMemory) => "io",
        _ => return StoreError::Internal(std::sync::Arc::new(error)),
    };
    StoreError::Unavailable { code, path: path.to_owned(), cause: std::sync::Arc::new(error) }
}
