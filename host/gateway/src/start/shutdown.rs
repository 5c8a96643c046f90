//! The signals, and the end of one round: the news to the clients, then the drain.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::process::Gateway;

/// How long all of the drain may take.
const DRAIN: Duration = Duration::from_secs(10);
/// The part of it that requests, sessions and turns get.
const FINISH: Duration = Duration::from_secs(5);
/// What clients are told to expect of a restart, in milliseconds.
const RESTART_EXPECTED_MS: u64 = 1500;

/// What a round is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Run,
    Stop,
    Restart,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// The code is what a shell reports for a process that the signal ended.
    Stop {
        name: &'static str,
        code: i32,
    },
    Restart {
        name: &'static str,
    },
}

/// The signals that this process understands.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    first: Signal,
    second: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            first: signal(SignalKind::user_defined1())?,
            second: signal(SignalKind::user_defined2())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop { name: "SIGINT", code: 130 },
            _ = self.terminate.recv() => Wish::Stop { name: "SIGTERM", code: 143 },
            // The older name of the same wish.
            _ = self.first.recv() => Wish::Restart { name: "SIGUSR1" },
            _ = self.second.recv() => Wish::Restart { name: "SIGUSR2" },
        }
    }

    /// The name of the next one that asks for the end; a restart is no use before the start is done.
    pub(super) async fn end(&mut self) -> &'static str {
        loop {
            if let Wish::Stop { name, .. } = self.next().await {
                return name;
            }
        }
    }
}

/// Ends a round in order: clients are told, components end, turns get their time, the ledger keeps the rest.
pub(super) async fn drain(
    gateway: &Arc<Gateway>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
    order: Order,
) {
    gateway.draining.store(true, Ordering::Relaxed);
    // Nothing more is accepted. Whoever connects during a restart waits in the socket's queue.
    stop.send_replace(true);
    let drain = async {
        match order {
            Order::Restart => gateway.hub.shut_down("gateway restarting", Some(RESTART_EXPECTED_MS)),
            Order::Stop | Order::Run => gateway.hub.shut_down("gateway stopping", None),
        }
        // Components first: what they still admit is in the ledger, and what they still send has its receipt.
        let (_, ()) = tokio::join!(timeout(FINISH, gateway.sockets.drained()), gateway.supervisor.stop_all());
        gateway.messaging.shutdown(FINISH).await;
        // Requests in flight, for as long as the drain lasts.
        drop(served.await);
        gateway.store.close().await;
    };
    match timeout(DRAIN, drain).await {
        Ok(()) => info!("stopped"),
        Err(_) => {
            warn!("stopped; some work was cut off after {} s and goes on at the next start", DRAIN.as_secs())
        }
    }
}
