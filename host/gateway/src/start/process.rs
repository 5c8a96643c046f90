//! The process around the gateway: it holds the locks, the sockets and the signals, and lets one gateway after the other
//! run in threads of its own. A restart is the end of one round and the begin of the next; nothing of a round outlives it
//! but the log.
//!
//! Invariants, each with an end-to-end test: a restart that would be refused is refused before anything ends; the port
//! stays open over a restart and is free from the first moment of a stop; a signal is heard at any time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{info, warn};

use super::lock::{Holder, Locks, Phase};
use super::notify::Notifier;
use super::restart::{Asked, Promise, Restarter};
use super::shutdown::{Order, Signals, Wish};
use super::sockets::{Prepared, Sockets};
use super::{Plan, check, force, log_levels, refuse_lock, serve};
use crate::clock::now_ms;
use crate::error::StartError;
use crate::logging::Log;
use crate::options::GatewayOptions;
use crate::settings::Settings;

/// Between the answer to a request for a restart and the restart, so that whoever asked gets the answer.
const ANSWER_GRACE: Duration = Duration::from_millis(200);

/// What every round shares.
pub(super) struct Process {
    pub(super) options: Arc<GatewayOptions>,
    pub(super) log: Log,
    pub(super) sockets: Sockets,
    pub(super) notifier: Notifier,
}

/// One gateway, running.
struct Round {
    /// Its threads. They end with it.
    workers: Runtime,
    task: JoinHandle<Result<(), StartError>>,
    orders: watch::Sender<Order>,
    /// Comes when it serves.
    ready: oneshot::Receiver<()>,
    port: u16,
    settings: Arc<Settings>,
}

/// Where the process is between a wish and its fulfilment.
enum State {
    Running,
    /// Whether the next round could start is being found out.
    Checking {
        found: JoinHandle<Result<Plan, StartError>>,
        reason: String,
        waiting: Vec<oneshot::Sender<Result<Promise, String>>>,
    },
    /// The next round could start, and will.
    Due {
        at: tokio::time::Instant,
        next: Box<Next>,
    },
    Restarting(Box<Next>),
    Stopping,
}

impl State {
    fn due(&self) -> Option<tokio::time::Instant> {
        match self {
            State::Due { at, .. } => Some(*at),
            _ => None,
        }
    }
}

/// What the next round starts with.
struct Next {
    plan: Plan,
    sockets: Prepared,
}

/// Runs until the end. `plan` is what the checks of the start decided.
pub(super) async fn live(mut process: Process, mut plan: Plan, began: Instant) -> Result<(), StartError> {
    let mut signals = Signals::new().map_err(|error| {
        StartError::failed(format!("Gateway failed to start: no signals: {error}"), error)
    })?;
    let started = {
        let opening = open(&mut process, &plan);
        // A signal ends a start that waits for a lock or a port.
        tokio::select! {
            locks = opening => locks.map(Some),
            name = signals.end() => {
                info!("{name}: the start is given up");
                Ok(None)
            }
        }
    };
    let Some(mut locks) = started? else { return Ok(()) };
    let (restarter, mut wishes) = Restarter::new();
    let mut begin = began;
    loop {
        let token = plan.auth.clone();
        let round = Round::begin(&process, plan, &restarter, begin)?;
        let next = round.watch(&mut process, &mut locks, &mut signals, &mut wishes).await?;
        let Some(next) = next else { return Ok(()) };
        begin = Instant::now();
        process.sockets.adopt(next.sockets).await?;
        plan = next.plan;
        if plan.auth.ephemeral && token.ephemeral {
            // Whoever was told the token still has it.
            plan.auth = token;
        }
        process.log.set_levels(log_levels(&process.options, &plan.settings.config()));
    }
}

/// Takes the locks and the port.
async fn open(process: &mut Process, plan: &Plan) -> Result<Locks, StartError> {
    info!("loading configuration…");
    if process.options.force {
        force::free(plan.port).await?;
    }
    let holder =
        Holder { pid: std::process::id(), port: plan.port, phase: Phase::Running, created_at: now_ms() };
    let locks = Locks::take(&process.options, holder).await;
    let locks = match locks {
        Ok(locks) => locks,
        Err(error) => return Err(refuse_lock(error, &process.options.paths.state_dir).await),
    };
    let prepared = process.sockets.prepare(&plan.listen, plan.port).await?;
    process.sockets.adopt(prepared).await?;
    Ok(locks)
}

impl Round {
    fn begin(
        process: &Process,
        plan: Plan,
        restarter: &Restarter,
        began: Instant,
    ) -> Result<Round, StartError> {
        let failed = |what: &str, error: std::io::Error| {
            StartError::failed(format!("Gateway failed to start: {what}: {error}"), error)
        };
        let workers = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("gateway")
            .build()
            .map_err(|error| failed("no threads", error))?;
        let listeners =
            process.sockets.hand_out().map_err(|error| failed("the port cannot be used", error))?;
        let (orders, heard) = watch::channel(Order::Run);
        let (up, ready) = oneshot::channel();
        let (settings, port) = (Arc::clone(&plan.settings), plan.port);
        let host = super::Host {
            options: Arc::clone(&process.options),
            log: process.log.clone(),
            notifier: process.notifier.clone(),
            restarter: restarter.clone(),
            began,
            up,
        };
        let task = workers.spawn(serve(host, plan, listeners, heard));
        Ok(Round { workers, task, orders, ready, port, settings })
    }

    /// Waits for the end of the round and brings it about when somebody wishes it. `Some` when another one follows.
    async fn watch(
        mut self,
        process: &mut Process,
        locks: &mut Locks,
        signals: &mut Signals,
        wishes: &mut mpsc::Receiver<Asked>,
    ) -> Result<Option<Next>, StartError> {
        let mut state = State::Running;
        let mut is_ready = false;
        loop {
            let due = state.due();
            // The round ends, or somebody wishes something, or what was wished is ready.
            tokio::select! {
                ended = &mut self.task => {
                    let ended = ended.unwrap_or_else(|lost| {
                        Err(StartError::failed(format!("Gateway failed: a fault inside it: {lost}"), lost))
                    });
                    // What still hangs in a blocking call must not hold up the end or the next round.
                    self.workers.shutdown_background();
                    ended?;
                    return Ok(match state {
                        State::Restarting(next) => Some(*next),
                        _ => None,
                    });
                }
                served = &mut self.ready, if !is_ready => {
                    is_ready = true;
                    if served.is_ok() && let Err(error) = locks.serving(self.port) {
                        warn!(%error, "the lock does not say since when this gateway serves");
                    }
                }
                wish = signals.next() => match wish {
                    Wish::Stop { name, code } if matches!(state, State::Stopping) => {
                        warn!("{name} again: exiting at once");
                        process.log.close();
                        std::process::exit(code);
                    }
                    Wish::Stop { name, .. } => {
                        info!("{name}: shutting down");
                        self.stop(process, locks);
                        state = State::Stopping;
                    }
                    Wish::Restart { name } => match state {
                        State::Running if self.settings.config().commands.restart == Some(false) => {
                            warn!("{name} restart ignored (not authorized; commands.restart=false)");
                        }
                        State::Running => state = checking(process, format!("signal {name}"), Vec::new()),
                        _ => info!("{name}: the process is restarting or ending already"),
                    },
                },
                Some(asked) = wishes.recv() => match &mut state {
                    State::Running => state = checking(process, asked.reason, vec![asked.answer]),
                    State::Checking { waiting, .. } => waiting.push(asked.answer),
                    State::Due { .. } | State::Restarting(_) => answer([asked.answer], &Ok(Promise::Coalesced)),
                    State::Stopping => {
                        answer([asked.answer], &Err("the gateway is shutting down".to_owned()));
                    }
                },
                found = checked(&mut state) => state = self.decide(process, found, state).await,
                () = moment(due) => {
                    if let State::Due { next, .. } = state {
                        process.notifier.say("RELOADING=1\nSTATUS=restarting");
                        self.orders.send_replace(Order::Restart);
                        state = State::Restarting(next);
                    }
                }
            }
        }
    }

    /// Says what became of a wish, and goes on accordingly.
    async fn decide(&self, process: &mut Process, found: Result<Plan, StartError>, state: State) -> State {
        let State::Checking { reason, waiting, .. } = state else { return state };
        let next = match found {
            Ok(plan) => {
                process.sockets.prepare(&plan.listen, plan.port).await.map(|sockets| Next { plan, sockets })
            }
            Err(error) => Err(error),
        };
        match next {
            Ok(next) => {
                info!("restarting ({reason})");
                let grace = if waiting.is_empty() { Duration::ZERO } else { ANSWER_GRACE };
                answer(waiting, &Ok(Promise::Scheduled));
                State::Due { at: tokio::time::Instant::now() + grace, next: Box::new(next) }
            }
            Err(error) => {
                warn!(
                    "no restart ({reason}): the next start would be refused, and the gateway goes on as it is: {error}"
                );
                answer(waiting, &Err(format!("the next start would be refused: {error}")));
                State::Running
            }
        }
    }

    fn stop(&self, process: &mut Process, locks: &mut Locks) {
        process.notifier.say("STOPPING=1\nSTATUS=draining");
        if let Err(error) = locks.draining() {
            warn!(%error, "the lock does not say that this gateway is draining");
        }
        // With the round's own copies gone the port is free.
        process.sockets.close();
        self.orders.send_replace(Order::Stop);
    }
}

/// Begins to find out whether the next round could start.
fn checking(
    process: &Process,
    reason: String,
    waiting: Vec<oneshot::Sender<Result<Promise, String>>>,
) -> State {
    info!("loading configuration…");
    let (options, passed) = (Arc::clone(&process.options), process.sockets.passed());
    let found = spawn_blocking(move || check(&options, &passed));
    State::Checking { found, reason, waiting }
}

/// What the check found; never, where none runs.
async fn checked(state: &mut State) -> Result<Plan, StartError> {
    let State::Checking { found, .. } = state else { return std::future::pending().await };
    found.await.unwrap_or_else(|lost| {
        Err(StartError::failed(format!("the check broke off inside the gateway: {lost}"), lost))
    })
}

/// The moment of a restart; never, where none is due.
async fn moment(due: Option<tokio::time::Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn answer(
    waiting: impl IntoIterator<Item = oneshot::Sender<Result<Promise, String>>>,
    with: &Result<Promise, String>,
) {
    for asked in waiting {
        // Whoever has gone needs no answer.
        drop(asked.send(with.clone()));
    }
}
