//! Owns the life of an admitted message: it waits for its session's lane, its turn runs, and turn and reply are closed in one
//! transaction. Never decides who is admitted and never sends.
//!
//! The ledger is the queue. A lane holds only so many turns; what does not fit stays in the ledger, its session is
//! remembered as owed, and each turn that ends looks for the next one there.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::{failpoint, hurried};
use openclaw_store::{
    AccountKey, ChatKind, ConversationKey, Draft, InboundId, InboundRow, Message, Route, SessionWrite, Store,
    StoreError, Target,
};
use tokio::sync::Mutex;

use crate::accounts::{Accounts, draft};
use crate::channel::Sender;
use crate::clock::now_ms;
use crate::heard;
use crate::lanes::{LaneError, Lanes, Ticket};
use crate::outbox::Outbox;
use crate::reaction::Reactor;
use crate::runner::{Heard, TurnReply, TurnRequest, TurnRunner};
use crate::settings::{AccountSettings, Options};
use crate::stream::{Preview, Previewing, Writing};
use crate::tags;
use crate::tasks::Tasks;

/// Said when a turn takes too long.
const TIMED_OUT: &str = "⚠️ Request timed out before a response was generated. Please try again, or increase \
                         `agents.defaults.timeoutSeconds` in your config.";
/// Said when a turn panics.
const WENT_WRONG: &str = "⚠️ Something went wrong while processing your request. Please try again, or use /new to start \
                          a fresh session.";

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Turns {
    shared: Arc<Shared>,
}

/// What turns need of the rest of the crate.
pub(crate) struct Wiring {
    pub(crate) store: Store,
    pub(crate) runner: Arc<dyn TurnRunner>,
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) outbox: Outbox,
    pub(crate) accounts: Accounts,
    pub(crate) lanes: Lanes,
    pub(crate) reactor: Reactor,
    pub(crate) tasks: Tasks,
    pub(crate) options: Options,
}

struct Shared {
    wiring: Wiring,
    book: Mutex<Book>,
}

/// Where the reply to a message goes.
#[derive(Clone)]
struct Asked {
    id: InboundId,
    account: AccountKey,
    agent: String,
    target: Target,
    message_id: String,
    reply_context: Vec<u8>,
}

/// What is in memory of the ledger's open turns. Whoever reads the ledger to find more holds it meanwhile, so that a row is
/// either seen by the reader or finds its session not owed.
#[derive(Default)]
struct Book {
    /// Rows that wait in a lane or run.
    taken: HashSet<InboundId>,
    /// Sessions with rows in the ledger that no lane holds.
    owed: HashSet<String>,
}

impl Turns {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self { shared: Arc::new(Shared { wiring, book: Mutex::default() }) }
    }

    /// Whether this message is a command of the chat.
    pub(crate) fn is_command(&self, message: &Message) -> bool {
        self.shared.wiring.runner.is_command(message)
    }

    /// Queues the turn of a message that the ledger holds as owed.
    pub(crate) async fn queue(&self, row: InboundRow) {
        let Some(route) = row.route.clone() else { return };
        failpoint!("messaging.queue");
        if let Some(settings) = self.shared.wiring.accounts.get(&row.account) {
            self.shared.wiring.reactor.accepted(&row, &settings);
        }
        let mut book = self.shared.book.lock().await;
        if self.shared.wiring.runner.overtakes(&row.message) {
            // Beside the lane of its session, one at a time.
            let beside = format!("{} overtaking", route.session_key);
            if let Ok(ticket) = self.shared.wiring.lanes.enter(&beside)
                && book.taken.insert(row.id)
            {
                self.start(row, route, ticket);
                return;
            }
        }
        if book.owed.contains(&route.session_key) {
            return;
        }
        self.enter(&mut book, row, route);
    }

    /// The ledger holds a turn of the session that could not be queued.
    pub(crate) async fn owe(&self, session_key: String) {
        self.shared.book.lock().await.owed.insert(session_key);
    }

    /// Takes a place in the lane; when there is none, the session is owed. Returns whether there was one.
    fn enter(&self, book: &mut Book, row: InboundRow, route: Route) -> bool {
        if book.taken.contains(&row.id) {
            return true;
        }
        match self.shared.wiring.lanes.enter(&route.session_key) {
            Ok(ticket) => {
                book.taken.insert(row.id);
                self.start(row, route, ticket);
                true
            }
            Err(LaneError::Full) => {
                book.owed.insert(route.session_key);
                false
            }
            // The gateway is shutting down: the ledger goes on with it.
            Err(LaneError::Closed | LaneError::Deadline(_)) => false,
        }
    }

    fn start(&self, row: InboundRow, route: Route, ticket: Ticket) {
        let turns = self.clone();
        self.shared.wiring.tasks.spawn(async move {
            let (id, session_key) = (row.id, route.session_key.clone());
            if let Ok(lane) = ticket.ready().await {
                turns.shared.wiring.answer_in_spite(row, route).await;
                // The next turn of the session must find this one in the transcript.
                drop(lane);
            }
            turns.next(id, &session_key).await;
        });
    }

    /// After a turn: lets go of it and takes what is owed, of its own session first.
    async fn next(&self, ended: InboundId, session_key: &str) {
        let mut book = self.shared.book.lock().await;
        book.taken.remove(&ended);
        let owed = match book.owed.contains(session_key) {
            true => Some(session_key.to_owned()),
            false => book.owed.iter().next().cloned(),
        };
        if let Some(owed) = owed {
            self.take_owed(&mut book, &owed).await;
        }
    }

    /// Looks after sessions that are owed and that no ending turn will look after: called now and then.
    pub(crate) async fn catch_up(&self) {
        let mut book = self.shared.book.lock().await;
        let all: Vec<_> = book.owed.iter().cloned().collect();
        for owed in all {
            self.take_owed(&mut book, &owed).await;
        }
    }

    async fn take_owed(&self, book: &mut Book, owed: &str) {
        if self.shared.wiring.tasks.is_closing() {
            return;
        }
        let limit = self.shared.wiring.options.lane_depth + 1;
        match self.shared.wiring.store.owed_in(owed, limit).await {
            Ok(rows) => {
                let mut all = rows.len() < limit;
                for row in rows {
                    let Some(route) = row.route.clone() else { continue };
                    if !self.enter(book, row, route) {
                        all = false;
                        break;
                    }
                }
                if all {
                    book.owed.remove(owed);
                }
            }
            // It stays owed: the turn that ends next tries again, and so does the next start.
            Err(error) => tracing::error!(code = error.code(), "owed turns cannot be read: {error}"),
        }
    }
}

impl Wiring {
    /// Runs the turn and answers. A panic is answered too, so that the message is not owed for ever.
    async fn answer_in_spite(&self, row: InboundRow, route: Route) {
        let asked = Asked {
            id: row.id,
            account: row.account.clone(),
            agent: route.agent.clone(),
            target: row.message.target(),
            message_id: row.message.id.clone(),
            reply_context: row.message.reply_context.clone(),
        };
        if self.tasks.survive("a turn", self.answer(row, route, asked.clone())).await.is_none() {
            self.tasks
                .survive("the answer to a turn that panicked", self.finish(asked, said(WENT_WRONG)))
                .await;
        }
    }

    async fn answer(&self, row: InboundRow, route: Route, asked: Asked) {
        failpoint!("messaging.lane");
        self.reactor.working(row.id);
        let settings = self.accounts.get(&row.account);
        let typing = Aborting(tokio::spawn(show_typing(
            Arc::clone(&self.sender),
            row.account.clone(),
            asked.target.clone(),
            self.options.typing_every,
        )));
        let heard = match settings.as_ref().map(|settings| settings.history_limit) {
            Some(limit) if limit > 0 && row.message.conversation.kind != ChatKind::Direct => {
                self.heard(&row, limit).await
            }
            Some(_) | None => Vec::new(),
        };
        let (writing, previewing) =
            match settings.as_ref().and_then(|settings| self.preview(&row, &asked, settings)) {
                Some((writing, previewing)) => (writing, Some(previewing)),
                None => (Writing::default(), None),
            };
        let request = TurnRequest {
            inbound: row.id,
            account: row.account.clone(),
            channel_label: settings
                .as_ref()
                .map_or_else(String::new, |settings| settings.words.label.clone()),
            route,
            message: row.message,
            received_at: row.received_at,
            heard,
            writing,
        };
        let reply = self.run(request).await;
        if let Some(previewing) = previewing {
            previewing.end().await;
        }
        drop(typing);
        failpoint!("messaging.turned");
        self.finish(asked, reply).await;
    }

    /// Begins to show the answer while it is written, where that is wanted and possible.
    fn preview(
        &self,
        row: &InboundRow,
        asked: &Asked,
        settings: &AccountSettings,
    ) -> Option<(Writing, Previewing)> {
        let rules = settings.replies.preview.filter(|_| self.sender.can_edit(&row.account))?;
        if self.runner.is_command(&row.message) {
            return None;
        }
        let (reply_to, _) = settings.replies.answers(None, &asked.message_id, false);
        let direct = row.message.conversation.kind == ChatKind::Direct;
        let preview = Preview {
            store: self.store.clone(),
            sender: Arc::clone(&self.sender),
            tasks: self.tasks.clone(),
            id: asked.id,
            conversation: ConversationKey { account: asked.account.clone(), target: asked.target.clone() },
            rules,
            prefix: settings.replies.early_prefix(&asked.agent),
            reply_to,
            reply_context: asked.reply_context.clone(),
            limit: settings.text_limit,
            unit: settings.text_unit,
            after: hurried(self.options.preview_after),
            every: self.options.preview_every * if direct { 1 } else { 3 },
            deadline: self.options.send_deadline,
        };
        Some(preview.begin())
    }

    /// What was said in the group meanwhile. Without it the turn runs all the same.
    async fn heard(&self, row: &InboundRow, limit: usize) -> Vec<Heard> {
        match self.store.heard(&row.account, &row.message.target(), row.id, limit).await {
            Ok(rows) => heard::told(rows.into_iter().map(|row| row.message)),
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    inbound = row.id.0,
                    "what was heard is not told: {error}"
                );
                Vec::new()
            }
        }
    }

    /// Closes the turn with its reply.
    async fn finish(&self, asked: Asked, reply: TurnReply) {
        let Asked { id, account, agent, target, message_id, reply_context } = asked;
        let settings = self.accounts.get(&account);
        let (text, tagged) = tags::take(reply.text.as_deref().unwrap_or_default(), &message_id);
        if settings.is_none() {
            tracing::warn!(account = %account, inbound = id.0, "no reply: the account is not configured any more");
        }
        let draft = settings.and_then(|settings| {
            let text = settings.replies.prefixed(&agent, reply.author.as_ref(), text);
            let (reply_to, reply_all) = settings.replies.answers(tagged, &message_id, false);
            let draft = draft(&settings, target.clone(), &text, Vec::new(), &self.options)?;
            Some(Draft { reply_to, reply_all, reply_context, ..draft })
        });
        let replies = draft.is_some();
        let stored = self.close(id, reply.session.clone(), draft).await;
        failpoint!("messaging.closed");
        self.reactor.ended(id, reply.failed);
        if stored && replies {
            self.outbox.wake(&ConversationKey { account, target });
        }
        if let Some(write) = reply.session {
            self.runner.closed(id, write, stored).await;
        }
    }

    /// Runs the turn in a task of its own, so that its panic or its silence is a reply too.
    async fn run(&self, request: TurnRequest) -> TurnReply {
        let (id, session) = (request.inbound, request.route.session_key.clone());
        let runner = Arc::clone(&self.runner);
        let mut turn = Aborting(tokio::spawn(async move {
            failpoint!("messaging.turn");
            runner.run(request).await
        }));
        let deadline = self.options.turn_deadline;
        match tokio::time::timeout(deadline, &mut turn.0).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => {
                tracing::error!(code = "panic", inbound = id.0, session, "a turn ended abnormally: {error}");
                said(WENT_WRONG)
            }
            Err(_) => {
                tracing::warn!(
                    code = "timeout",
                    inbound = id.0,
                    session,
                    "a turn was stopped after {deadline:?}"
                );
                said(TIMED_OUT)
            }
        }
    }

    /// Stores turn and reply, however long the disk refuses. Returns whether they are stored. When the end comes first, the
    /// ledger still owes the turn.
    async fn close(&self, id: InboundId, session: Option<SessionWrite>, draft: Option<Draft>) -> bool {
        for attempt in 1.. {
            match self.store.finish_turn(id, session.clone(), draft.clone(), now_ms()).await {
                Ok(()) => return true,
                Err(error) if error.is_transient() => {
                    if !self.tasks.pause_for_store(&self.store, attempt).await {
                        return false;
                    }
                }
                Err(StoreError::Conflict(reason)) => {
                    tracing::warn!(code = "conflict", inbound = id.0, "a turn's reply is dropped: {reason}");
                    return false;
                }
                Err(error) => {
                    tracing::error!(code = error.code(), inbound = id.0, "a turn is not stored: {error}");
                    return false;
                }
            }
        }
        false
    }
}

/// A reply of the gateway itself.
fn said(text: &str) -> TurnReply {
    TurnReply { text: Some(text.to_owned()), failed: true, ..TurnReply::default() }
}

/// A task that ends with its holder.
pub(crate) struct Aborting<T>(pub(crate) tokio::task::JoinHandle<T>);

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Shows typing at once and then every so often, until it is dropped. What becomes of it is nobody's business.
async fn show_typing(sender: Arc<dyn Sender>, account: AccountKey, target: Target, every: Duration) {
    failpoint!("messaging.typing");
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Too late is as good as never: the next notice follows.
        let _ = tokio::time::timeout(every, sender.typing(&account, &target)).await;
    }
}
