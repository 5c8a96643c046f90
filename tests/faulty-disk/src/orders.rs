//! What is ordered: reading it, and whether a call is to fail. Never makes a call fail itself.

use std::cell::Cell;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Names the file of orders.
const VARIABLE: &str = "FAULTY_DISK";

/// The kinds of calls that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Opening for writing, making a folder.
    Open,
    /// Writing bytes, making room.
    Write,
    /// Waiting until bytes are on the disk.
    Sync,
    /// Changing a file's length.
    Truncate,
    /// Giving a file another name.
    Rename,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Open => "open",
            Kind::Write => "write",
            Kind::Sync => "sync",
            Kind::Truncate => "truncate",
            Kind::Rename => "rename",
        }
    }
}

/// One line.
struct Order {
    calls: String,
    error: i32,
    prefix: Vec<u8>,
    /// Calls that still go well.
    after: u64,
}

/// Tells one content of the file from another.
type Version = (i64, i64, u64, u64);

#[derive(Default)]
struct Orders {
    version: Option<Version>,
    list: Vec<Order>,
}

thread_local! {
    /// Whether this thread is looking at the orders, whose own calls all go well.
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// The error with which this call is to fail, if it is. `path` is asked for only while there are orders.
pub(crate) fn fault(kind: Kind, path: impl FnOnce() -> Option<PathBuf>) -> Option<i32> {
    if LOOKING.try_with(|looking| looking.replace(true)).unwrap_or(true) {
        return None;
    }
    let found = look(kind, path);
    // The thread is ending: nothing is looked at any more.
    let _ = LOOKING.try_with(|looking| looking.set(false));
    found
}

fn look(kind: Kind, path: impl FnOnce() -> Option<PathBuf>) -> Option<i32> {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    static ORDERS: Mutex<Orders> = Mutex::new(Orders { version: None, list: Vec::new() });
    let file = FILE.get_or_init(|| std::env::var_os(VARIABLE).map(PathBuf::from)).as_ref()?;
    let mut orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let version = std::fs::metadata(file)
        .ok()
        .map(|found| (found.mtime(), found.mtime_nsec(), found.ino(), found.len()));
    if version != orders.version {
        let text = version.and_then(|_| std::fs::read_to_string(file).ok()).unwrap_or_default();
        orders.list = text.lines().filter_map(order).collect();
        orders.version = version;
    }
    if orders.list.is_empty() {
        return None;
    }
    let path = path()?;
    let path = path.as_os_str().as_bytes();
    let mut matching = orders.list.iter_mut().filter(|order| {
        let named = order.calls == "all" || order.calls.split(',').any(|word| word == kind.word());
        named && path.starts_with(&order.prefix)
    });
    let order = matching.next()?;
    if order.after > 0 {
        order.after -= 1;
        return None;
    }
    Some(order.error)
}

/// `None` for a line that is not an order: half of one may have been read.
fn order(line: &str) -> Option<Order> {
    let mut words = line.split_whitespace();
    let calls = words.next()?.to_owned();
    let error = match words.next()? {
        "ENOSPC" => libc::ENOSPC,
        "EIO" => libc::EIO,
        "EROFS" => libc::EROFS,
        _ => return None,
    };
    let prefix = Path::new(words.next()?).as_os_str().as_bytes().to_vec();
    let after = match words.next() {
        Some(word) => word.strip_prefix("after=")?.parse().ok()?,
        None => 0,
    };
    Some(Order { calls, error, prefix, after })
}
