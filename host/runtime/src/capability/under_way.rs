//! What the calls of one instance that are under way hold of the host: how many there are, and how many bytes a guest has
//! handed over with them. Neither is counted by the limit of the instance's own memory, and a guest can begin a call
//! without waiting for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Guest;

/// Most calls at once; the next one traps. Eight times as many as the host makes on an instance.
const CALLS: usize = 512;
/// Most bytes in them together. One call always fits, however long it is: its own bound is the business of its capability.
const BYTES: usize = 32 << 20;

/// The calls of one instance that are under way.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Arc<Mutex<Sum>>);

#[derive(Debug, Default)]
struct Sum {
    calls: usize,
    bytes: usize,
}

/// One call's part; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    sum: Arc<Mutex<Sum>>,
    bytes: usize,
}

/// The calls under way hold too many bytes already: the guest is to wait for one of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Full {
    /// For people.
    pub(crate) const WORDS: &str = "the calls of this instance that are under way hold 32 MiB already";
    /// After how many milliseconds it is worth trying again.
    pub(crate) const AGAIN: u64 = 100;
}

impl UnderWay {
    /// Counts one more call. The outer error is a trap.
    fn begin(&self, bytes: usize) -> wasmtime::Result<Result<Held, Full>> {
        let mut sum = lock(&self.0);
        if sum.calls >= CALLS {
            wasmtime::bail!("an instance may have {CALLS} calls at once under way in the host");
        }
        let all = sum.bytes.saturating_add(bytes);
        if all > BYTES && sum.bytes > 0 && bytes > 0 {
            return Ok(Err(Full));
        }
        sum.calls += 1;
        sum.bytes = all;
        drop(sum);
        Ok(Ok(Held { sum: Arc::clone(&self.0), bytes }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut sum = lock(&self.sum);
        sum.calls = sum.calls.saturating_sub(1);
        sum.bytes = sum.bytes.saturating_sub(self.bytes);
    }
}

fn lock(sum: &Mutex<Sum>) -> MutexGuard<'_, Sum> {
    // No code panics while it holds the lock.
    sum.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guest {
    /// Counts a call that hands over so many bytes, until what is returned is dropped.
    pub(crate) fn begin(&self, bytes: usize) -> wasmtime::Result<Result<Held, Full>> {
        self.under_way.begin(bytes)
    }

    /// Counts a call that hands over nothing worth counting.
    pub(crate) fn begin_small(&self) -> wasmtime::Result<Held> {
        self.begin(0)?.map_err(|Full| wasmtime::format_err!(Full::WORDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_bytes_are_bounded_and_given_back() {
        let under_way = UnderWay::default();
        let begin = |bytes| under_way.begin(bytes).unwrap();
        let long = begin(BYTES + 1).unwrap();
        assert_eq!(begin(1).unwrap_err(), Full);
        drop(long);
        let half = begin(BYTES / 2).unwrap();
        let other = begin(BYTES / 2).unwrap();
        assert_eq!(begin(1).unwrap_err(), Full);
        drop((half, other));
        let many: Vec<_> = (0..CALLS).map(|_| begin(0).unwrap()).collect();
        assert!(under_way.begin(0).unwrap_err().to_string().contains("512 calls at once"));
        drop(many);
        assert!(begin(0).is_ok());
    }
}
