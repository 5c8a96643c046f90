//! Every turn of an agent as connected clients hear of it, whoever began it: the control plane, HTTP, a hook or a channel. Tells
//! its beginning, its pieces, its messages and its end, and runs nothing itself. A turn that nobody hears costs a look at who
//! is connected.

use std::sync::Arc;

use openclaw_agents::{Turn, TurnError, TurnEvent, TurnRequest};
use openclaw_messaging::LaneError;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::process::Gateway;
use crate::rpc::session_events::{self, Change};
use crate::runs::About;
use crate::telling::{Audience, Teller};
use crate::turns::{NoTurn, stop_word};
use crate::ws::Client;

/// Pieces of text that may wait to become events.
const PIECES: usize = 64;

/// How a turn came to its end.
pub(crate) enum End {
    Turn(Box<Result<Turn, NoTurn>>),
    /// Somebody ended its run, with this word.
    Stopped(&'static str),
}

impl End {
    /// How the turn itself ended.
    pub(crate) fn ended(self) -> Result<Turn, NoTurn> {
        match self {
            End::Turn(ended) => *ended,
            End::Stopped(_) => Err(NoTurn::Turn(TurnError::Aborted)),
        }
    }
}

/// By which a turn says that it has its lane.
pub(crate) struct Beginning(Option<oneshot::Sender<()>>);

impl Beginning {
    pub(crate) fn tell(self) {
        if let Some(beginning) = self.0 {
            // Nobody listens when the run was stopped meanwhile.
            beginning.send(()).unwrap_or_default();
        }
    }
}

/// One turn that is told.
pub(crate) struct Told<'a> {
    gateway: &'a Arc<Gateway>,
    about: &'a About,
    teller: Teller<'a>,
    /// It is one of the control plane's: it can be ended and asked about by its id.
    is_run: bool,
    /// Its beginning was told and its end was not.
    open: bool,
}

impl<'a> Told<'a> {
    pub(crate) fn new(gateway: &'a Arc<Gateway>, about: &'a About, audience: Audience) -> Self {
        let teller = Teller::new(&gateway.hub, about, audience);
        Self { gateway, about, teller, is_run: false, open: false }
    }

    /// A turn that the control plane asked for.
    pub(crate) async fn asked_for(gateway: &'a Arc<Gateway>, about: &'a About) -> Self {
        let mut told = Self::new(gateway, about, Audience::Readers);
        told.is_run = true;
        // Whoever asked waits for an end, even if there is no beginning.
        told.open = true;
        session_events::changed(gateway, about, Change::Reason("send")).await;
        told.teller.phase("preparing_context");
        told
    }

    /// Runs the turn from its beginning to its end.
    pub(crate) async fn whole<T>(
        mut self,
        request: TurnRequest,
        run: impl FnOnce(TurnRequest, Beginning) -> T,
    ) -> Result<Turn, NoTurn>
    where
        T: Future<Output = Result<Turn, NoTurn>>,
    {
        let ended = self.follow(request, run).await.ended();
        self.end(&ended, true).await;
        over(self.gateway, self.about, ended.as_ref().err()).await;
        ended
    }

    /// Runs the turn and tells its pieces. When it returns the lane is free, however the turn ended.
    pub(crate) async fn follow<T>(
        &mut self,
        mut request: TurnRequest,
        run: impl FnOnce(TurnRequest, Beginning) -> T,
    ) -> End
    where
        T: Future<Output = Result<Turn, NoTurn>>,
    {
        request.run_id = Some(self.about.run_id.clone());
        let changes = |client: &Client| client.subscriptions.wants_changes();
        if !self.is_run && !self.teller.is_heard() && !self.gateway.hub.any(changes) {
            return End::Turn(Box::new(run(request, Beginning(None)).await));
        }
        let (sink, mut pieces) = mpsc::channel(PIECES);
        let listener = request.sink.replace(sink);
        let (beginning, mut begun) = oneshot::channel();
        let mut turn = std::pin::pin!(run(request, Beginning(Some(beginning))));
        let mut waiting = true;
        let end = loop {
            let due = self.teller.due();
            // The beginning and the pieces first: the end must not overtake what was before it.
            tokio::select! {
                biased;
                reason = self.about.stopped() => break End::Stopped(reason),
                Ok(()) = &mut begun, if waiting => {
                    waiting = false;
                    self.begun().await;
                }
                Some(piece) = pieces.recv() => {
                    if !self.pieces(piece, &mut pieces, listener.as_ref()).await {
                        pieces.close();
                    }
                }
                // Text that was held back for the sake of the others.
                () = sleep_until(due), if due.is_some() => self.teller.catch_up(),
                ended = &mut turn => break End::Turn(Box::new(ended)),
            }
        };
        if waiting && begun.try_recv().is_ok() {
            self.begun().await;
        }
        while let Ok(piece) = pieces.try_recv() {
            self.pieces(piece, &mut pieces, listener.as_ref()).await;
        }
        end
    }

    /// The turn has its lane.
    async fn begun(&mut self) {
        self.open = true;
        self.teller.begun();
        if self.is_run {
            self.teller.phase("starting_model");
        }
        session_events::changed(self.gateway, self.about, Change::Phase("start")).await;
    }

    /// Tells what is there and hands it on to whoever asked for the turn. Returns whether they still listen.
    async fn pieces(
        &mut self,
        first: TurnEvent,
        more: &mut mpsc::Receiver<TurnEvent>,
        listener: Option<&mpsc::Sender<TurnEvent>>,
    ) -> bool {
        let all: Vec<_> = std::iter::once(first).chain(std::iter::from_fn(|| more.try_recv().ok())).collect();
        self.teller.pieces(&all);
        let Some(listener) = listener else { return true };
        for piece in all {
            if listener.send(piece).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Tells the end of the turn itself, and its messages when they are `stored`.
    pub(crate) async fn end(&mut self, ended: &Result<Turn, NoTurn>, stored: bool) {
        self.open = false;
        match ended {
            Ok(turn) => {
                self.teller.catch_up();
                if let Some(write) = turn.write.as_ref().filter(|_| stored) {
                    session_events::messages(self.gateway, self.about, write).await;
                }
                self.teller.finished(&turn.reply, stop_word(turn.stop_reason));
            }
            Err(error) if error.is_abort() => self.teller.aborted("stop"),
            // Whoever asked was told that nothing begins.
            Err(NoTurn::Lane(LaneError::Full | LaneError::Closed)) if !self.is_run => {}
            Err(error) => self.teller.failed(error),
        }
    }

    /// Tells the end of a run that somebody ended.
    pub(crate) fn stopped(&mut self, reason: &str) {
        self.open = false;
        self.teller.aborted(reason);
    }
}

/// A turn of the session is over, and counts no longer as running.
pub(crate) async fn over(gateway: &Gateway, about: &About, error: Option<&NoTurn>) {
    let failed = error.is_some_and(|error| !error.is_abort());
    session_events::changed(gateway, about, Change::ended(failed)).await;
}

impl Drop for Told<'_> {
    /// Whoever asked for the turn has gone, and the turn with them; or it panics.
    fn drop(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let failed = std::thread::panicking();
        match failed {
            true => self.teller.broke_off(),
            false => self.teller.aborted("disconnect"),
        }
        let (gateway, about) = (Arc::clone(self.gateway), self.about.again());
        // Without a runtime the gateway is gone, and with it everybody who listened.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                session_events::changed(&gateway, &about, Change::ended(failed)).await;
            });
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
