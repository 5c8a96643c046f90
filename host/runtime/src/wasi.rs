//! The few WASI interfaces that `std` needs in a guest, all of them inert: empty environment and arguments, closed
//! stdin, stdout and stderr into the plugin's log, and a `poll` that traps.
//!
//! Files, sockets and preopened directories are not linked: a component that imports them does not load.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use openclaw_secrets::Scrubber;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks, io, random};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtx, WasiView};

use crate::capability::Guest;
use crate::capability::log::clean;
use crate::capability::quota::{Budget, Verdict};

/// A context without environment, arguments, files or sockets; what the guest prints goes to its log.
pub(crate) fn context(label: &str, scrubber: &Arc<Scrubber>, lines: u32) -> WasiCtx {
    let budget = Arc::new(Mutex::new(Budget::new(lines)));
    let printed = |stream| Printed {
        plugin: label.into(),
        stream,
        scrubber: Arc::clone(scrubber),
        budget: Arc::clone(&budget),
    };
    WasiCtx::builder().stdout(printed("stdout")).stderr(printed("stderr")).max_random_size(1 << 16).build()
}

/// A table for the few handles that `std` holds; a guest that wants more than [`HANDLES`] traps.
pub(crate) fn table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES);
    table
}

/// Links the inert interfaces.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    cli::environment::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, WasiCliView::cli)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, WasiClocksView::clocks)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, WasiClocksView::clocks)?;
    random::random::add_to_linker::<_, WasiRandom>(linker, |guest| guest.wasi.random())?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, |guest| guest.wasi.random())?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, |guest| guest.wasi.random())?;
    io::error::add_to_linker::<_, HasTable>(linker, |guest| guest.ctx().table)?;
    io::streams::add_to_linker::<_, HasTable>(linker, |guest| guest.ctx().table)?;
    io::poll::add_to_linker::<_, HasNoPoll>(linker, |guest| NoPoll(guest.ctx().table))?;
    Ok(())
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

struct HasNoPoll;

impl HasData for HasNoPoll {
    type Data<'a> = NoPoll<'a>;
}

/// `wasi:io/poll` without the polling: waiting there would stop every other call of the instance.
struct NoPoll<'a>(&'a mut ResourceTable);

const BLOCKED: &str = "a blocking WASI call: it would stop every other call of this instance. \
                       Use `clock.sleep` or `events.next` of openclaw:plugin";

impl io::poll::Host for NoPoll<'_> {
    async fn poll(&mut self, _: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        wasmtime::bail!(BLOCKED)
    }
}

impl io::poll::HostPollable for NoPoll<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        io::poll::HostPollable::ready(self.0, pollable).await
    }

    async fn block(&mut self, _: Resource<DynPollable>) -> wasmtime::Result<()> {
        wasmtime::bail!(BLOCKED)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        io::poll::HostPollable::drop(self.0, pollable)
    }
}

/// What a guest prints, as debug lines of the plugin's log: cut, cleaned and counted like its other lines.
#[derive(Clone)]
struct Printed {
    plugin: Arc<str>,
    stream: &'static str,
    scrubber: Arc<Scrubber>,
    /// Of both streams together.
    budget: Arc<Mutex<Budget>>,
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let verdict = self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if let Verdict::Granted(dropped) = verdict {
            if dropped > 0 {
                tracing::debug!(plugin = %self.plugin, dropped, "lines were dropped: the plugin printed too many");
            }
            let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(PRINTED)).unwrap_or_default());
            tracing::debug!(plugin = %self.plugin, stream = self.stream, "{}", clean(&text, &self.scrubber));
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PRINTED)
    }
}

/// Most handles of WASI resources at once: each is host memory that the guest's own limit does not count.
const HANDLES: usize = 1024;
/// Most bytes of one write.
const PRINTED: usize = 4096;
