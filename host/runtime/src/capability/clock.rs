//! Time for guests: `openclaw:plugin/clock`. Sleeping is the only way to wait.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::component::{Accessor, HasSelf};

use super::Guest;
use crate::bindings::channel::openclaw::plugin::clock;

impl clock::Host for Guest {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic_us(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

impl clock::HostWithStore<Guest> for HasSelf<Guest> {
    async fn sleep(accessor: &Accessor<Guest, Self>, ms: u64) -> wasmtime::Result<()> {
        let _held = accessor.with(|mut access| access.get().begin_small())?;
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(())
    }
}
