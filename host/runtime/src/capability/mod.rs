//! What the host lends to a channel component: one capability, one module.
//!
//! Every call of a guest ends up in one of these modules, and every grant is checked in exactly one place: a path, method
//! or header in [`http`], an endpoint in [`websocket`], a program in [`process`], the bounds of a message in [`inbound`] and of
//! what is kept in [`kv`], the files under way in [`media`], the number of timers in [`events`].

pub(crate) mod clock;
pub(crate) mod events;
pub(crate) mod http;
pub(crate) mod inbound;
pub(crate) mod kv;
pub(crate) mod log;
pub(crate) mod media;
pub(crate) mod process;
pub(crate) mod quota;
pub(crate) mod under_way;
pub(crate) mod websocket;

use std::sync::Arc;
use std::time::Instant;

use openclaw_egress::Egress;
use openclaw_packages::ResolvedGrant;
use openclaw_secrets::Scrubber;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::bindings::channel::openclaw::plugin;
use crate::channel::facts::Facts;
use crate::channel::memory::MemoryLimit;
use crate::contract::Granted;
use events::EventQueue;
use http::Leases;
use inbound::Inbox;
use kv::Kv;
use media::Media;
use process::Processes;
use quota::{Budget, Budgets};
use under_way::UnderWay;
use websocket::Sockets;

/// The data of one instance's store: what its calls may use.
pub(crate) struct Guest {
    /// `<plugin>/<account>`, for logs.
    pub(crate) label: Arc<str>,
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) memory: MemoryLimit,
    pub(crate) started: Instant,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) facts: watch::Sender<Facts>,
    pub(crate) grants: Arc<[ResolvedGrant]>,
    pub(crate) egress: Egress,
    pub(crate) leases: Arc<Leases>,
    /// A permit for each request under way.
    pub(crate) exchanges: Arc<Semaphore>,
    /// A permit for each write to the store under way.
    pub(crate) writes: Arc<Semaphore>,
    pub(crate) scrubber: Arc<Scrubber>,
    pub(crate) sockets: Sockets,
    pub(crate) processes: Processes,
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) media: Arc<dyn Media>,
    /// A permit for each file under way.
    pub(crate) transfers: Arc<Semaphore>,
    pub(crate) budgets: Budgets,
    pub(crate) log: Budget,
    /// Its calls in the host.
    pub(crate) under_way: UnderWay,
    /// Where the host's own I/O runs; guests have other threads.
    pub(crate) io: Handle,
}

/// Bytes that a call may always bring, and what stands beside the largest thing that an instance may send.
const WORDS: usize = 4 << 20;

impl Guest {
    /// Bytes that the host takes from the guest in one call.
    pub(crate) fn words(&self) -> usize {
        let bodies = self.grants.iter().map(|grant| grant.max_body);
        let largest = bodies.chain(self.sockets.max_frames()).max().unwrap_or(0);
        usize::try_from(largest).unwrap_or(usize::MAX).saturating_add(WORDS)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Links what every channel has, and of the rest what was granted. What a component imports beyond these does not load.
pub(crate) fn link(linker: &mut Linker<Guest>, granted: Granted) -> wasmtime::Result<()> {
    plugin::log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::events::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    if granted.http {
        plugin::http::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    }
    if granted.websocket {
        plugin::websocket::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    }
    if granted.process {
        plugin::process::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    }
    plugin::kv::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::media::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::inbound::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    Ok(())
}
