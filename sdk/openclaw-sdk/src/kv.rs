//! What an account has to remember. A key has 1 to 256 bytes, a value at most 64 KiB, and all of them together have the quota
//! of the manifest.

use crate::bindings::channel::openclaw::plugin::kv;
use crate::host::Host;

pub use kv::{Change, Entry, Error};

/// Sets one value; durable when it returns.
///
/// # Errors
///
/// [`Error::Full`] when there is no room for it: nothing was changed then.
pub async fn put<H: Host>(host: &H, key: &str, value: Vec<u8>) -> Result<(), Error> {
    host.apply(vec![Change::Put(Entry { key: key.to_owned(), value })]).await
}

/// Forgets one key; what is not there is forgotten already.
///
/// # Errors
///
/// [`Error::Unavailable`] when the host cannot write now.
pub async fn delete<H: Host>(host: &H, key: &str) -> Result<(), Error> {
    host.apply(vec![Change::Delete(key.to_owned())]).await
}

/// All entries whose keys begin with `prefix`, in the order of their keys: as many reads as it takes.
///
/// # Errors
///
/// [`Error::Unavailable`] when the host cannot read now.
pub async fn all<H: Host>(host: &H, prefix: &str) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let after = entries.last().map(|last| last.key.as_str());
        let next = host.scan(prefix, after).await?;
        if next.is_empty() {
            return Ok(entries);
        }
        entries.extend(next);
    }
}
