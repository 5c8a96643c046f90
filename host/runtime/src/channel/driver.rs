//! Drives one instance: one store, one long `run_concurrent`, from start to end.
//!
//! Why one store for each account: a trap poisons the whole store, so accounts never share one. Why one long
//! `run_concurrent`: `send` and `probe` must run while `run` waits. What it costs: a single call cannot be cancelled, so
//! deadlines live at the caller and end in dropping the store, which takes under a millisecond.
//!
//! Why nothing in here waits with a time-out: the event loop does not poll its closure while a guest computes, so a timer
//! in here could be starved by the guest it is meant to bound. Time lives outside, in [`super::watchdog`] and the caller.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use openclaw_failpoints::failpoint;
use openclaw_secrets::Scrubber;
use tokio::sync::{mpsc, oneshot, watch};
use wasmtime::component::{Accessor, AccessorTask, InstancePre};
use wasmtime::{Engine, Store, UpdateDeadline, WasmCoreDump};

use super::Exit;
use super::watchdog::{Interrupted, Watched};
use crate::bindings::channel_types::{
    Failure, File, Identity, Outbound, Outcome, Reaction, Receipt, Revision, Start, Target, WebhookRequest,
    WebhookResponse,
};
use crate::capability::Guest;
use crate::error::{shown, told};
use crate::exports::{ExportIndices, Exports};

/// Bytes of a failure's `code` and `detail`, by `types.failure` of the contract.
const CODE: usize = 64;
const DETAIL: usize = 4 << 10;

/// Most streams, futures, calls and tasks of one instance at once: each is host memory that its own limit does not count.
const HANDLES: usize = 16_384;
/// Bytes of a name that a component says, and how many facts and ids of one answer are kept.
const NAME: usize = 1 << 10;
const FACTS: usize = 32;
const IDS: usize = 64;

/// A call for the component, with the place for its answer.
pub(crate) enum Call {
    /// With files, which only a component that exports `send-media` is given.
    Send(Outbound, Vec<File>, oneshot::Sender<Outcome>),
    Edit(Revision, oneshot::Sender<Outcome>),
    React(Reaction, oneshot::Sender<Result<(), Failure>>),
    Probe(oneshot::Sender<Result<Identity, Failure>>),
    Typing(Target, oneshot::Sender<Result<(), Failure>>),
    Webhook(WebhookRequest, oneshot::Sender<WebhookResponse>),
}

/// What the event loop is told.
pub(crate) enum Work {
    Call {
        /// Boxed: a queue keeps room for many.
        call: Box<Call>,
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
pub(crate) fn drive(
    instance: Instance,
    mut retired: watch::Receiver<Option<Exit>>,
) -> impl Future<Output = Exit> + Send {
    // Before the future, which would keep room for all of it for as long as the instance lives.
    let Instance { engine, pre, exports, guest, start, work, ended } = instance;
    let facts = guest.facts.clone();
    let words = guest.words();
    let interrupted = Interrupted::default();
    let mut store = Store::new(&engine, guest);
    store.limiter(|guest| &mut guest.memory);
    // One call of the guest may bring as much as the largest thing that it was granted to send.
    store.set_hostcall_fuel(words);
    store.set_max_component_handles(HANDLES);
    if let Some(table) = store.concurrent_resource_table() {
        table.set_max_capacity(HANDLES);
    }
    store.set_epoch_deadline(1);
    let mark = interrupted.clone();
    store.epoch_deadline_callback(move |_| {
        mark.mark();
        Ok(UpdateDeadline::Yield(1))
    });
    async move {
        failpoint!("runtime.instance");
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
}

/// A fault of the host while it drives an instance ends that instance, as a crash of it would.
pub(crate) fn endure(driven: impl Future<Output = Exit>) -> impl Future<Output = Exit> {
    // What the fault left half done is the store, which nobody can reach any more.
    AssertUnwindSafe(driven).catch_unwind().map(|driven| {
        driven.unwrap_or_else(|fault| {
            let text = fault.downcast_ref::<String>().map(String::as_str);
            let words = text.or_else(|| fault.downcast_ref::<&str>().copied()).unwrap_or("no message");
            let reason = format!("a fault of the host while it drove the component: {words}");
            Exit::Trapped { reason, memories: Arc::default() }
        })
    })
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
    call: Box<Call>,
}

impl AccessorTask<Guest> for Begun {
    async fn run(self, accessor: &Accessor<Guest>) -> wasmtime::Result<()> {
        failpoint!("runtime.call");
        let exports = &self.exports;
        let scrubber = scrubber(accessor);
        let bounded = |failure| bounded(failure, &scrubber);
        // An answer that nobody waits for any more is dropped: its caller has already given up and said so.
        match *self.call {
            Call::Send(outbound, files, reply) => {
                let outcome = match files.is_empty() {
                    true => exports.send(accessor, outbound).await?,
                    false => match exports.send_media(accessor, outbound, files).await? {
                        Some(outcome) => outcome,
                        None => return Ok(()),
                    },
                };
                failpoint!("runtime.sent");
                drop(reply.send(outcome_of(outcome, &scrubber)));
            }
            Call::Edit(revision, reply) => {
                if let Some(outcome) = exports.edit(accessor, revision).await? {
                    drop(reply.send(outcome_of(outcome, &scrubber)));
                }
            }
            Call::React(reaction, reply) => {
                if let Some(shown) = exports.react(accessor, reaction).await? {
                    drop(reply.send(shown.map_err(bounded)));
                }
            }
            Call::Probe(reply) => {
                let probed = exports.probe(accessor).await?;
                drop(reply.send(probed.map(|identity| identity_of(identity, &scrubber)).map_err(bounded)));
            }
            Call::Typing(target, reply) => {
                if let Some(shown) = exports.typing(accessor, target).await? {
                    drop(reply.send(shown.map_err(bounded)));
                }
            }
            Call::Webhook(request, reply) => {
                if let Some(response) = exports.webhook(accessor, request).await? {
                    drop(reply.send(response_of(response, &scrubber)));
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
    let clean = |text: String, limit| shown(&text, limit, scrubber);
    let Failure { kind, code, detail, retry_after_ms } = failure;
    Failure { kind, code: clean(code, CODE), detail: clean(detail, DETAIL), retry_after_ms }
}

/// How a send or an edit ended, as it may be shown and kept.
fn outcome_of(outcome: Outcome, scrubber: &Scrubber) -> Outcome {
    match outcome {
        Outcome::Sent(receipt) => Outcome::Sent(receipt_of(receipt, scrubber)),
        Outcome::Retryable(failure) => Outcome::Retryable(bounded(failure, scrubber)),
        Outcome::Ambiguous(failure) => Outcome::Ambiguous(bounded(failure, scrubber)),
        Outcome::Permanent(failure) => Outcome::Permanent(bounded(failure, scrubber)),
        Outcome::Unauthorised(failure) => Outcome::Unauthorised(bounded(failure, scrubber)),
    }
}

/// A guest's words about itself as they may be shown.
fn identity_of(identity: Identity, scrubber: &Scrubber) -> Identity {
    let clean = |text: String| shown(&text, NAME, scrubber);
    Identity {
        id: clean(identity.id),
        username: identity.username.map(clean),
        display_name: identity.display_name.map(clean),
        facts: identity
            .facts
            .into_iter()
            .take(FACTS)
            .map(|(name, value)| (clean(name), clean(value)))
            .collect(),
    }
}

/// A receipt as it may be shown. How long an id may be is for whoever keeps it to say.
fn receipt_of(receipt: Receipt, scrubber: &Scrubber) -> Receipt {
    let mut message_ids = receipt.message_ids;
    message_ids.truncate(IDS);
    message_ids.iter_mut().for_each(|id| scrubber.mask(id));
    Receipt { message_ids }
}

/// A webhook's answer as it may leave: one with a secret in it does not.
fn response_of(response: WebhookResponse, scrubber: &Scrubber) -> WebhookResponse {
    let pairs = response.headers.iter();
    let found = scrubber.finds(&response.body)
        || pairs.into_iter().any(|(_, value)| scrubber.finds(value.as_bytes()));
    match found {
        true => WebhookResponse { status: 500, headers: Vec::new(), body: Vec::new() },
        false => response,
    }
}

#[cfg(test)]
mod tests {
    use openclaw_secrets::Secret;

    use super::*;
    use crate::bindings::channel_types::FailureKind;

    #[tokio::test]
    async fn a_fault_of_the_host_is_the_end_of_one_instance() {
        let exit = endure(async { panic!("as asked") }).await;
        let Exit::Trapped { reason, .. } = exit else { panic!("{exit:?}") };
        assert!(reason.contains("a fault of the host") && reason.ends_with("as asked"), "{reason}");
    }

    #[test]
    fn a_name_a_receipt_and_an_answer_are_free_of_secrets_and_bounded() {
        let scrubber = Scrubber::new(&[Secret::from("12345:secret-value")]);
        let text = "it is 12345:secret-value".to_owned();
        let identity = Identity {
            id: text.clone(),
            username: Some("n".repeat(NAME + 1)),
            display_name: None,
            facts: vec![("f".to_owned(), text.clone()); FACTS + 1],
        };
        let seen = identity_of(identity, &scrubber);
        assert_eq!((seen.id.as_str(), seen.username.unwrap().len()), ("it is ***", NAME));
        assert_eq!((seen.facts.len(), seen.facts[0].1.as_str()), (FACTS, "it is ***"));
        let receipt = receipt_of(Receipt { message_ids: vec![text.clone(); IDS + 1] }, &scrubber);
        assert_eq!((receipt.message_ids.len(), receipt.message_ids[0].as_str()), (IDS, "it is ***"));
        let answer = |body: &str| WebhookResponse { status: 200, headers: Vec::new(), body: body.into() };
        assert_eq!(response_of(answer("ok"), &scrubber).status, 200);
        let refused = response_of(answer(&text), &scrubber);
        assert_eq!((refused.status, refused.body.len()), (500, 0));
    }

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
