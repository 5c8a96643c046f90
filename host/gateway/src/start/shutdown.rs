//! The end: a signal, the news to the clients, the drain, the exit. A second signal ends the process at once.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use super::lock::InstanceLock;
use crate::process::Gateway;

/// How long all of the drain may take.
const DRAIN: Duration = Duration::from_secs(10);
/// The part of it that requests, sessions and turns get.
const FINISH: Duration = Duration::from_secs(5);

/// The signals that end the gateway.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The name of the next one, and the code that a shell reports for it.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", 130),
            _ = self.terminate.recv() => ("SIGTERM", 143),
        }
    }
}

/// Waits for a signal and ends everything in order.
pub(super) async fn wait(
    mut signals: Signals,
    gateway: &Arc<Gateway>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
    mut lock: InstanceLock,
) {
    let (name, _) = signals.next().await;
    info!("{name}: shutting down");
    gateway.draining.store(true, Ordering::Relaxed);
    if let Err(error) = lock.draining() {
        warn!(%error, "the lock does not say that this gateway is draining");
    }
    // The port is free from here on.
    stop.send_replace(true);
    let drain = async {
        gateway.hub.shut_down("service restart");
        // Components first: what they still admit is in the ledger, and what they still send has its receipt.
        let (_, ()) = tokio::join!(timeout(FINISH, gateway.sockets.drained()), gateway.supervisor.stop_all());
        gateway.messaging.shutdown(FINISH).await;
        // Requests in flight, for as long as the drain lasts.
        drop(served.await);
        gateway.store.close().await;
    };
    tokio::select! {
        drained = timeout(DRAIN, drain) => match drained {
            Ok(()) => info!("stopped"),
            Err(_) => warn!("stopped; some work was cut off after {} s and goes on at the next start", DRAIN.as_secs()),
        },
        (name, code) = signals.next() => {
            warn!("{name} again: exiting at once");
            gateway.log.close();
            process::exit(code);
        }
    }
}
