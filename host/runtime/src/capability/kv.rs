//! What an account has to remember: `openclaw:plugin/kv`.
//!
//! Here the bounds of keys, values and batches are enforced, once; whose bytes they are and how many there may be is the
//! business of the [`Kv`] that was made for the account.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use openclaw_failpoints::failpoint;
use openclaw_secrets::Scrubber;
use wasmtime::component::{Accessor, HasSelf};

use super::Guest;
use super::under_way::Full;
use crate::bindings::channel::openclaw::plugin::kv;
use crate::channel::facts::Over;

pub use crate::bindings::channel::openclaw::plugin::kv::Change as KvChange;
pub use crate::bindings::channel::openclaw::plugin::kv::Entry as KvEntry;
pub use crate::bindings::channel::openclaw::plugin::kv::Error as KvError;

const KEY: usize = 256;
const VALUE: usize = 64 << 10;
const CHANGES: usize = 128;
/// Bytes of one batch, and of one answer to a scan.
const BATCH: usize = 1 << 20;
const ENTRIES: u32 = 256;

/// An answer of the store that is on its way.
pub type KvAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<T, KvError>> + Send + 'a>>;

/// The bytes of one account. Implemented by the host above this crate, once for each account.
pub trait Kv: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: String) -> KvAnswer<'_, Option<Vec<u8>>>;

    /// At most `limit` entries whose keys begin with `prefix` and come after `after`, in the order of their bytes: no more
    /// than fit `bytes`, but always one.
    fn scan(
        &self,
        prefix: String,
        after: Option<String>,
        limit: u32,
        bytes: usize,
    ) -> KvAnswer<'_, Vec<KvEntry>>;

    /// All changes or none, durable when it returns `Ok`.
    fn apply(&self, changes: Vec<KvChange>) -> KvAnswer<'_, ()>;
}

fn invalid<T>(rule: &str) -> Result<T, KvError> {
    Err(KvError::Invalid(rule.to_owned()))
}

fn check_key(key: &str) -> Result<(), KvError> {
    match key.len() {
        1..=KEY => Ok(()),
        _ => invalid("a key has 1 to 256 bytes"),
    }
}

/// How many bytes they have.
fn check_changes(changes: &[KvChange]) -> Result<usize, KvError> {
    if changes.len() > CHANGES {
        return invalid("at most 128 changes at once");
    }
    let mut bytes = 0;
    for change in changes {
        match change {
            KvChange::Put(entry) => {
                check_key(&entry.key)?;
                if entry.value.len() > VALUE {
                    return invalid("a value has at most 64 KiB");
                }
                bytes += entry.key.len() + entry.value.len();
            }
            KvChange::Delete(key) => {
                check_key(key)?;
                bytes += key.len();
            }
        }
    }
    if bytes > BATCH { invalid("at most 1 MiB at once") } else { Ok(bytes) }
}

fn secret_in(changes: &[KvChange], scrubber: &Scrubber) -> bool {
    changes.iter().any(|change| match change {
        KvChange::Put(entry) => scrubber.finds(entry.key.as_bytes()) || scrubber.finds(&entry.value),
        KvChange::Delete(_) => false,
    })
}

/// Asks the store on the host's threads. What was begun is done, even if the guest drops the call.
async fn ask<T: Send + 'static>(
    accessor: &Accessor<Guest, HasSelf<Guest>>,
    bytes: usize,
    question: impl for<'a> FnOnce(&'a dyn Kv) -> KvAnswer<'a, T> + Send + 'static,
) -> wasmtime::Result<Result<T, KvError>> {
    let begun = accessor.with(|mut access| {
        let guest = access.get();
        let held = guest.begin(bytes)?;
        Ok::<_, wasmtime::Error>(
            held.map(|held| (Arc::clone(&guest.kv), guest.io.clone(), (held, Arc::clone(&guest.writes)))),
        )
    })?;
    let Ok((kv, io, held)) = begun else { return Ok(Err(KvError::Unavailable(Full::AGAIN))) };
    let asked = io.spawn(async move {
        let (_held, writes) = held;
        let _turn = writes.acquire().await;
        failpoint!("runtime.kv");
        question(&*kv).await
    });
    Ok(asked.await.unwrap_or_else(|lost| {
        tracing::error!(%lost, "a plugin's store failed inside the host");
        Err(KvError::Unavailable(1_000))
    }))
}

impl kv::Host for Guest {}

impl kv::HostWithStore<Guest> for HasSelf<Guest> {
    async fn get(
        accessor: &Accessor<Guest, Self>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, KvError>> {
        if let Err(error) = check_key(&key) {
            return Ok(Err(error));
        }
        ask(accessor, 0, |kv| kv.get(key)).await
    }

    async fn scan(
        accessor: &Accessor<Guest, Self>,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<KvEntry>, KvError>> {
        if prefix.len() > KEY || after.as_ref().is_some_and(|after| after.len() > KEY) {
            return Ok(invalid("prefix and after have at most 256 bytes"));
        }
        let limit = limit.clamp(1, ENTRIES);
        // The answer is the host's memory until the guest has it.
        ask(accessor, BATCH, move |kv| kv.scan(prefix, after, limit, BATCH)).await
    }

    async fn apply(
        accessor: &Accessor<Guest, Self>,
        changes: Vec<KvChange>,
    ) -> wasmtime::Result<Result<(), KvError>> {
        let bytes = match check_changes(&changes) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(error)),
        };
        if accessor.with(|mut access| secret_in(&changes, &access.get().scrubber)) {
            return Ok(invalid("a secret of this account stands in it: the host keeps those"));
        }
        let applied = ask(accessor, bytes, |kv| kv.apply(changes)).await?;
        accessor.with(|mut access| match &applied {
            Ok(()) => access.get().within(Over::Kv),
            Err(KvError::Full) => access.get().over(Over::Kv),
            Err(KvError::Invalid(_) | KvError::Unavailable(_)) => {}
        });
        Ok(applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_and_batches_have_bounds() {
        let put =
            |key: usize, value: usize| KvChange::Put(KvEntry { key: "k".repeat(key), value: vec![0; value] });
        let check = |changes: Vec<KvChange>, rule: Option<&str>| match (check_changes(&changes), rule) {
            (Ok(_), None) => {}
            (Err(KvError::Invalid(told)), Some(rule)) => assert!(told.contains(rule), "{told}"),
            other => panic!("{other:?}"),
        };
        check(vec![put(1, 0), put(256, 64 << 10), KvChange::Delete("k".into())], None);
        check(vec![put(0, 1)], Some("1 to 256 bytes"));
        check(vec![put(257, 1)], Some("1 to 256 bytes"));
        check(vec![KvChange::Delete(String::new())], Some("1 to 256 bytes"));
        check(vec![put(1, (64 << 10) + 1)], Some("64 KiB"));
        check((0..129).map(|_| put(1, 0)).collect(), Some("128"));
        check((0..17).map(|_| put(1, 64 << 10)).collect(), Some("1 MiB"));
    }
}
