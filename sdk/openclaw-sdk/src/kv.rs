//! What an account has to remember. A key has 1 to 256 bytes, a value at most 64 KiB, and all of them together have the quota
//! of the manifest.

use crate::bindings::channel::openclaw::plugin::kv;

pub use kv::{Change, Entry, Error, apply};

/// The value of a key, if it has one.
///
/// # Errors
///
/// [`Error::Unavailable`] when the host cannot read now.
pub async fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    kv::get(key.to_owned()).await
}

/// Sets one value; durable when it returns.
///
/// # Errors
///
/// [`Error::Full`] when there is no room for it: nothing was changed then.
pub async fn put(key: &str, value: Vec<u8>) -> Result<(), Error> {
    kv::apply(vec![Change::Put(Entry { key: key.to_owned(), value })]).await
}

/// Forgets one key; what is not there is forgotten already.
///
/// # Errors
///
/// [`Error::Unavailable`] when the host cannot write now.
pub async fn delete(key: &str) -> Result<(), Error> {
    kv::apply(vec![Change::Delete(key.to_owned())]).await
}

/// All entries whose keys begin with `prefix`, in the order of their keys: as many reads as it takes.
///
/// # Errors
///
/// [`Error::Unavailable`] when the host cannot read now.
pub async fn all(prefix: &str) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let next = kv::scan(prefix.to_owned(), after, u32::MAX).await?;
        let Some(last) = next.last() else { return Ok(entries) };
        after = Some(last.key.clone());
        entries.extend(next);
    }
}
