//! Drives one instance: one store, one long `run_concurrent`, from start to end.
//!
//! Why one store for each account: a trap poisons the whole store, so accounts never share one. Why one long
//! `run_concurrent`: `send` and `probe` must run while `run` waits. What it costs: a single call cannot be cancelled, so
//! deadlines live at the caller and end in dropping the store, which takes under a millisecond.
//!
//! Why nothing in here waits with a time-out: the event loop does not poll its closure while a guest computes, so a timer
//! in here could be starved by the guest it is meant to bound. Time lives outside, in [`super::watchdog`] and the caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use openclaw_secrets::Scrubber;
use tokio::sync::{mpsc, oneshot, watch};
use wasmtime::component::{Accessor, AccessorTask, InstancePre};
use wasmtime::{Engine, Store, UpdateDeadline, WasmCoreDump};

use super::Exit;
use super::watchdog::{Interrupted, Watched};
use crate::bindings::channel_types::{
    Failure, Identity, Outbound, Outcome, Start, Target, WebhookRequest, WebhookResponse,
};
use crate::capability::Guest;
use crate::error::{cut, told};
use crate::exports::{ExportIndices, Exports};

/// Bytes of a failure's `code` and `detail`, by `types.failure` of the contract.
const CODE: usize = 64;
const DETAIL: usize = 4 << 10;

/// A call for the component, with the place for its answer.
pub(crate) enum Call {
    Send(Outbound, oneshot::Sender<Outcome>),
    Probe(oneshot::Sender<Result<Identity, Failure>>),
    Typing(Target, oneshot::Sender<Result<(), Failure>>),
    Webhook(WebhookRequest, oneshot::Sender<WebhookResponse>),
}

/// What the event loop is told.
pub(crate) enum Work {
    Call {
        call: Call,
        /// Set when the component begins: from then on an effect may be visible.
        begun: Arc<AtomicBool>,
    },
    /// `run` returned.
    Ended(Result<(), Failure>),
}

/// Everything that becomes one instance.
pub(crate) struct Instance {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) exports: ExportIndices,
    pub(crate) guest: Guest,
    pub(crate) start: Start,
    pub(crate) work: mpsc::Receiver<Work>,
    /// The way back into `work`, for the end of `run`.
    pub(crate) ended: mpsc::WeakSender<Work>,
}

/// Runs until the instance ends or `retired` says that it must.
pub(crate) async fn drive(instance: Instance, mut retired: watch::Receiver<Option<Exit>>) -> Exit {
    let Instance { engine, pre, exports, guest, start, work, ended } = instance;
    let facts = guest.facts.clone();
    let interrupted = Interrupted::default();
    let mut store = Store::new(&engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_epoch_deadline(1);
    let mark = interrupted.clone();
    store.epoch_deadline_callback(move |_| {
        mark.mark();
        Ok(UpdateDeadline::Yield(1))
    });
    let ran = {
        let life = live(&mut store, pre, exports, start, work, ended);
        let watched = Watched::new(life, interrupted, || {
            facts.send_modify(|facts| facts.strikes = facts.strikes.saturating_add(1))
        });
        // Either branch ends the instance; whatever the other one holds is dropped with the store.
        tokio::select! {
            ran = watched => ran,
            retired = retired.wait_for(Option::is_some) => {
                return retired.ok().and_then(|exit| exit.clone()).unwrap_or(Exit::Stopped);
            }
        }
    };
    match ran {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => Exit::Trapped { memories: memories(&error, &store), reason: told(&error) },
        Err(_runaway) => Exit::Runaway,
    }
}

/// The guest's memories as they were at the trap, where the engine kept them.
fn memories(error: &wasmtime::Error, store: &Store<Guest>) -> Arc<[Vec<u8>]> {
    let dump = error.downcast_ref::<WasmCoreDump>();
    dump.map_or_else(Vec::new, |dump| {
        dump.memories().iter().map(|memory| memory.data(store).to_vec()).collect()
    })
    .into()
}

/// The life of the instance: instantiate, call `run`, and begin every call that arrives until `run` returns.
async fn live(
    store: &mut Store<Guest>,
    pre: InstancePre<Guest>,
    exports: ExportIndices,
    start: Start,
    mut work: mpsc::Receiver<Work>,
    ended: mpsc::WeakSender<Work>,
) -> wasmtime::Result<Exit> {
    let instance = pre.instantiate_async(&mut *store).await?;
    let exports = Arc::new(exports.load(store, &instance)?);
    store
        .run_concurrent(async move |accessor| {
            accessor.spawn(Run { exports: Arc::clone(&exports), start, ended })?;
            while let Some(work) = work.recv().await {
                match work {
                    Work::Ended(Ok(())) => return Ok(Exit::Returned),
                    Work::Ended(Err(failure)) => return Ok(Exit::Failed(failure)),
                    Work::Call { call, begun } => {
                        begun.store(true, Ordering::Release);
                        accessor.spawn(Begun { exports: Arc::clone(&exports), call })?;
                    }
                }
            }
            Ok(Exit::Stopped)
        })
        .await?
}

/// The component's `run`.
struct Run {
    exports: Arc<Exports>,
    start: Start,
    ended: mpsc::WeakSender<Work>,
}

impl AccessorTask<Guest> for Run {
    async fn run(self, accessor: &Accessor<Guest>) -> wasmtime::Result<()> {
        let result = self.exports.run(accessor, self.start).await?;
        let scrubber = scrubber(accessor);
        let result = result.map_err(|failure| bounded(failure, &scrubber));
        if let Some(ended) = self.ended.upgrade() {
            // Fails only when the instance is being dropped, and then nobody asks how it ended.
            ended.send(Work::Ended(result)).await.ok();
        }
        Ok(())
    }
}

/// One call in flight.
struct Begun {
    exports: Arc<Exports>,
    call: Call,
}

impl AccessorTask<Guest> for Begun {
    async fn run(self, accessor: &Accessor<Guest>) -> wasmtime::Result<()> {
        let exports = &self.exports;
        let scrubber = scrubber(accessor);
        let bounded = |failure| bounded(failure, &scrubber);
        // An answer that nobody waits for any more is dropped: its caller has already given up and said so.
        match self.call {
            Call::Send(outbound, reply) => {
                let outcome = match exports.send(accessor, outbound).await? {
                    Outcome::Sent(receipt) => Outcome::Sent(receipt),
                    Outcome::Retryable(failure) => Outcome::Retryable(bounded(failure)),
                    Outcome::Ambiguous(failure) => Outcome::Ambiguous(bounded(failure)),
                    Outcome::Permanent(failure) => Outcome::Permanent(bounded(failure)),
                    Outcome::Unauthorised(failure) => Outcome::Unauthorised(bounded(failure)),
                };
                drop(reply.send(outcome));
            }
            Call::Probe(reply) => drop(reply.send(exports.probe(accessor).await?.map_err(bounded))),
            Call::Typing(target, reply) => {
                if let Some(shown) = exports.typing(accessor, target).await? {
                    drop(reply.send(shown.map_err(bounded)));
                }
            }
            Call::Webhook(request, reply) => {
                if let Some(response) = exports.webhook(accessor, request).await? {
                    drop(reply.send(response));
                }
            }
        }
        Ok(())
    }
}

fn scrubber(accessor: &Accessor<Guest>) -> Arc<Scrubber> {
    accessor.with(|mut access| Arc::clone(&access.get().scrubber))
}

/// A guest's failure as it may be shown and kept: its words can repeat what the vendor said of the URL, which holds the
/// secret. Scrubbed before it is cut, so that no part of a secret is left.
fn bounded(failure: Failure, scrubber: &Scrubber) -> Failure {
    let clean = |text: String, limit| cut(&scrubber.scrub(&text), limit).to_owned();
    let Failure { kind, code, detail, retry_after_ms } = failure;
    Failure { kind, code: clean(code, CODE), detail: clean(detail, DETAIL), retry_after_ms }
}

#[cfg(test)]
mod tests {
    use openclaw_secrets::Secret;

    use super::*;
    use crate::bindings::channel_types::FailureKind;

    #[test]
    fn a_failure_is_free_of_secrets_and_no_longer_than_the_contract_says() {
        let scrubber = Scrubber::new(&[Secret::from("12345:secret-value")]);
        let failure = |code: &str, detail: &str| Failure {
            kind: FailureKind::Permanent,
            code: code.to_owned(),
            detail: detail.to_owned(),
            retry_after_ms: Some(7),
        };
        let seen = bounded(failure("404", "no such path: /bot12345:secret-value/x"), &scrubber);
        assert_eq!((seen.code.as_str(), seen.detail.as_str()), ("404", "no such path: /bot***/x"));
        assert_eq!(seen.retry_after_ms, Some(7));
        let long = bounded(failure(&"c".repeat(100), &"é".repeat(5_000)), &scrubber);
        assert_eq!((long.code.len(), long.detail.len()), (CODE, DETAIL));
    }
}
