//! Owns the life of an admitted message: it waits for its session's lane, its turn runs, and turn and reply are closed in one
//! transaction. Never decides who is admitted and never sends.
//!
//! The ledger is the queue. Memory holds only so many messages; what does not fit stays in the ledger, its session is
//! remembered as owed, and the next turn of the session looks there. Which messages a turn is told is said by `debounce` and
//! `queue`.

use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::{failpoint, hurried};
use openclaw_store::{
    AccountKey, ChatKind, ConversationKey, Draft, InboundId, InboundRow, Message, QueueMode, Route,
    SessionWrite, Store, StoreError, Target, TurnRows,
};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use crate::accounts::{Accounts, draft};
use crate::authority::Authority;
use crate::batch::{Asked, Batch};
use crate::channel::Sender;
use crate::clock::now_ms;
use crate::debounce::{Added, Key};
use crate::heard;
use crate::lanes::{LaneError, Lanes, Ticket};
use crate::outbox::Outbox;
use crate::queue::{Book, Place, Plan, QueueRules, Running, is_joined};
use crate::reaction::Reactor;
use crate::runner::{Heard, TurnReply, TurnRequest, TurnRunner};
use crate::settings::{AccountSettings, ContextVisibility, Options};
use crate::stream::{Preview, Previewing, Writing};
use crate::tags;
use crate::tasks::Tasks;

/// Said when a turn takes too long.
const TIMED_OUT: &str = "⚠️ Request timed out before a response was generated. Please try again, or increase \
                         `agents.defaults.timeoutSeconds` in your config.";
/// Said when a turn panics.
const WENT_WRONG: &str = "⚠️ Something went wrong while processing your request. Please try again, or use /new to start \
                          a fresh session.";
/// Rows of a session that are read from the ledger at once.
const WINDOW: usize = 256;
/// How long a turn that is stopped for a newer message may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(500);

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

/// What a place in a session's lane is good for.
enum Begun {
    Turn(Box<(Batch, Plan)>, Arc<Notify>),
    Nothing,
    /// The ledger cannot be read now.
    Unreadable,
}

/// How a turn came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its messages are closed, or nothing can be done about them.
    Over,
    /// A newer message stopped it: its messages are still owed.
    Interrupted,
}

impl Turns {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self { shared: Arc::new(Shared { wiring, book: Mutex::default() }) }
    }

    /// Whether this message is a command of the chat.
    pub(crate) fn is_command(&self, message: &Message) -> bool {
        self.shared.wiring.runner.is_command(message)
    }

    /// Messages that wait in memory for a place in a lane.
    pub(crate) async fn waiting(&self) -> usize {
        let book = self.shared.book.lock().await;
        book.waiting() + book.held.len()
    }

    /// Queues the turn of a message that the ledger holds as owed.
    pub(crate) async fn queue(&self, row: InboundRow) {
        self.queue_all(vec![row]).await;
    }

    /// The same for several, of which none begins before all wait: what waited together is told together again.
    pub(crate) async fn queue_all(&self, rows: Vec<InboundRow>) {
        let mut book = self.shared.book.lock().await;
        for row in rows {
            let Some(route) = row.route.clone() else { continue };
            failpoint!("messaging.queue");
            if let Some(settings) = self.shared.wiring.accounts.get(&row.account) {
                self.shared.wiring.reactor.accepted(&row, &settings);
            }
            if !book.known.contains(&row.id) {
                self.queue_one(&mut book, row, route).await;
            }
        }
    }

    async fn queue_one(&self, book: &mut Book, row: InboundRow, route: Route) {
        let wiring = &self.shared.wiring;
        let (key, place) = (Key::of(&row, &route), Place::of(&row, &route));
        if wiring.overtakes(&row) {
            // Beside the lane of its session, one at a time.
            let beside = format!("{} overtaking", route.session_key);
            if let Ok(ticket) = wiring.lanes.enter(&beside) {
                book.known.insert(row.id);
                let mut stopped = book.held.take(&key);
                let line = book.lines.get_mut(&route.session_key);
                stopped.extend(line.map_or_else(Vec::new, |line| line.stop(&place)));
                let batch = Batch::one(row, route).and_drop(&stopped, "not told: stopped while it waited");
                self.overtake(batch, stopped, ticket);
                return;
            }
        }
        let alone = wiring.is_command(&row.account, &row.message);
        let window = wiring.accounts.get(&row.account).map_or(Duration::ZERO, |settings| settings.debounce);
        if !alone && !window.is_zero() && is_joined(&row.message) && book.len() < wiring.options.lanes_total {
            book.known.insert(row.id);
            match book.held.add(key.clone(), row, window, Instant::now()) {
                Added::Begun(number) => wiring.tasks.spawn(self.clone().release(key, number)),
                Added::Joined => {}
                Added::Full(rows) => self.line_up(book, rows, false).await,
            }
            return;
        }
        // What this person said before comes first.
        let held = book.held.take(&key);
        if !held.is_empty() {
            self.line_up(book, held, false).await;
        }
        self.line_up(book, vec![row], alone).await;
    }

    /// Lines up a group of texts when it is due.
    async fn release(self, key: Key, number: u64) {
        loop {
            let mut book = self.shared.book.lock().await;
            let Some(due) = book.held.due(&key, number) else { return };
            let now = Instant::now();
            if due <= now {
                let rows = book.held.take(&key);
                self.line_up(&mut book, rows, false).await;
                return;
            }
            drop(book);
            if !self.shared.wiring.tasks.pause(due - now).await {
                // The gateway is shutting down: the ledger goes on with them.
                return;
            }
        }
    }

    /// Puts messages that are told together at the end of their session's line; when there is no room, the session is owed.
    async fn line_up(&self, book: &mut Book, rows: Vec<InboundRow>, alone: bool) {
        let Some((place, route)) =
            rows.first().and_then(|row| row.route.clone().map(|route| (Place::of(row, &route), route)))
        else {
            return;
        };
        let options = &self.shared.wiring.options;
        let session = route.session_key;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let others = book.known.len() - ids.iter().filter(|id| book.known.contains(id)).count();
        let line = book.lines.entry(session.clone()).or_default();
        if line.owed || line.len() >= options.lane_depth || others >= options.lanes_total {
            line.owed = true;
            book.forget(&ids);
        } else {
            let interrupts = !alone && line.runs(&place);
            line.push(place, rows, alone, Instant::now());
            book.known.extend(ids);
            if interrupts {
                self.interrupt(book, &session).await;
            }
        }
        self.ensure(book, &session);
    }

    /// Stops the turn that runs in a session, if its rules say so.
    async fn interrupt(&self, book: &Book, session: &str) {
        let Some(running) = book.lines.get(session).and_then(|line| line.running.as_ref()) else { return };
        let rules = self.rules(session, &running.place).await;
        if rules.mode == QueueMode::Interrupt {
            running.stop.notify_one();
        }
    }

    /// The rules of a session: what was decided about it, else what holds for the account.
    async fn rules(&self, session: &str, place: &Place) -> QueueRules {
        let wiring = &self.shared.wiring;
        let account = &place.conversation.account;
        let rules = wiring.accounts.get(account).map_or_else(QueueRules::default, |settings| settings.queue);
        match wiring.store.session(session).await {
            Ok(known) => rules.with(known.and_then(|known| known.settings.queue).unwrap_or_default()),
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    session,
                    "what was decided about a queue is not read: {error}"
                );
                rules
            }
        }
    }

    /// The ledger holds a turn of the session that could not be queued.
    pub(crate) async fn owe(&self, session: String) {
        let mut book = self.shared.book.lock().await;
        book.lines.entry(session.clone()).or_default().owed = true;
        self.ensure(&mut book, &session);
    }

    /// Sees to it that somebody holds a place in the lane of a session that has something to do.
    fn ensure(&self, book: &mut Book, session: &str) {
        let Some(line) = book.lines.get_mut(session) else { return };
        if line.ticket || !line.has_work() {
            return;
        }
        match self.shared.wiring.lanes.enter(session) {
            Ok(ticket) => {
                line.ticket = true;
                book.wanting.remove(session);
                self.drain(session.to_owned(), ticket);
            }
            Err(LaneError::Full) => drop(book.wanting.insert(session.to_owned())),
            // The gateway is shutting down: the ledger goes on with it.
            Err(LaneError::Closed | LaneError::Deadline(_)) => {}
        }
    }

    /// Runs one turn of the session when its lane is free.
    fn drain(&self, session: String, ticket: Ticket) {
        let turns = self.clone();
        self.shared.wiring.tasks.spawn(async move {
            let mut readable = true;
            if let Ok(lane) = ticket.ready().await {
                let wiring = &turns.shared.wiring;
                match wiring.tasks.survive("the beginning of a turn", turns.begin(&session)).await {
                    Some(Begun::Turn(begun, stop)) => {
                        let (batch, plan) = *begun;
                        let end = wiring.answer_in_spite(batch, &stop).await;
                        turns.ended(&session, plan, end).await;
                    }
                    Some(Begun::Nothing) => {}
                    Some(Begun::Unreadable) | None => readable = false,
                }
                // The next turn of the session must find this one in the transcript.
                drop(lane);
            }
            turns.next(&session, readable).await;
        });
    }

    /// Takes what the next turn of the session closes.
    async fn begin(&self, session: &str) -> Begun {
        let mut waited = false;
        loop {
            let mut book = self.shared.book.lock().await;
            if book.lines.get(session).is_some_and(|line| line.owed) && !self.refill(&mut book, session).await
            {
                return Begun::Unreadable;
            }
            let Some(line) = book.lines.get_mut(session) else { return Begun::Nothing };
            let Some(place) = line.next_place() else { return Begun::Nothing };
            let rules = match line.needs_rules(&place) {
                true => self.rules(session, &place).await,
                false => QueueRules::default(),
            };
            if let Some(quiet) = line.quiet(&place, &rules, Instant::now()).filter(|_| !waited) {
                drop(book);
                waited = true;
                if !self.shared.wiring.tasks.pause(quiet).await {
                    return Begun::Nothing;
                }
                continue;
            }
            let Some(plan) = line.take(&place, rules) else { return Begun::Nothing };
            let stop = Arc::new(Notify::new());
            let all = plan.told.iter().chain(&plan.short).chain(&plan.dropped);
            let ids = all.map(|row| row.id).collect();
            line.running = Some(Running { place, ids, stop: Arc::clone(&stop) });
            let Some(batch) = Batch::of(plan.clone()) else { return Begun::Nothing };
            return Begun::Turn(Box::new((batch, plan)), stop);
        }
    }

    /// Reads what the ledger owes of a session, as much as fits. Returns whether it could be read.
    async fn refill(&self, book: &mut Book, session: &str) -> bool {
        let wiring = &self.shared.wiring;
        let rows = match wiring.store.owed_in(session, WINDOW).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(code = error.code(), session, "owed turns cannot be read: {error}");
                return false;
            }
        };
        let Some(line) = book.lines.get_mut(session) else { return true };
        line.owed = rows.len() == WINDOW;
        let now = Instant::now();
        for row in rows {
            let Some(route) = row.route.clone() else { continue };
            if book.known.insert(row.id) {
                let (place, alone) = (Place::of(&row, &route), wiring.is_command(&row.account, &row.message));
                line.push(place, vec![row], alone, now);
            }
        }
        true
    }

    /// A turn is over: its messages are closed, or wait again.
    async fn ended(&self, session: &str, plan: Plan, end: End) {
        let mut book = self.shared.book.lock().await;
        let running = book.lines.get_mut(session).and_then(|line| line.running.take());
        let Some(Running { place, ids, .. }) = running else { return };
        match end {
            End::Over => book.forget(&ids),
            End::Interrupted => {
                let Some(line) = book.lines.get_mut(session) else { return };
                let rows = plan.told.into_iter().chain(plan.short).chain(plan.dropped);
                let account = place.conversation.account.clone();
                let alone = |message: &Message| self.shared.wiring.is_command(&account, message);
                line.put_back(&place, rows.collect(), alone, Instant::now());
            }
        }
    }

    /// After a turn: goes on with its session, and with one that found no place before.
    async fn next(&self, session: &str, readable: bool) {
        let mut book = self.shared.book.lock().await;
        if let Some(line) = book.lines.get_mut(session) {
            line.ticket = false;
            if !readable {
                // A turn whose beginning broke off is in the ledger still.
                if let Some(Running { ids, .. }) = line.running.take() {
                    line.owed = true;
                    book.forget(&ids);
                }
                // Not at once: whatever fails now would fail again.
                book.wanting.insert(session.to_owned());
                return;
            }
            if line.is_idle() {
                book.lines.remove(session);
            }
        }
        self.ensure(&mut book, session);
        let other = book.wanting.iter().find(|other| *other != session).cloned();
        if let Some(other) = other {
            self.ensure(&mut book, &other);
        }
    }

    /// Looks after sessions that found no place and that no ending turn has looked after: called now and then.
    pub(crate) async fn catch_up(&self) {
        let mut book = self.shared.book.lock().await;
        let all: Vec<_> = book.wanting.iter().cloned().collect();
        for session in all {
            self.ensure(&mut book, &session);
        }
    }

    /// Answers a message that does not wait for its lane, and ends what it stopped.
    fn overtake(&self, batch: Batch, stopped: Vec<InboundRow>, ticket: Ticket) {
        let turns = self.clone();
        self.shared.wiring.tasks.spawn(async move {
            let ids: Vec<_> = stopped.iter().map(|row| row.id).chain([batch.row.id]).collect();
            if let Ok(_lane) = ticket.ready().await {
                // Nobody knows of it, so that nobody stops it.
                turns.shared.wiring.answer_in_spite(batch, &Notify::new()).await;
            }
            let mut book = turns.shared.book.lock().await;
            book.forget(&ids);
        });
    }
}

impl Wiring {
    /// Whether whoever said this may give commands.
    fn may_command(&self, account: &AccountKey, message: &Message) -> bool {
        let settings = self.accounts.get(account);
        settings.is_some_and(|settings| settings.commands.may_command(&message.sender))
    }

    /// Whether the message is a command, and not only looks like one.
    fn is_command(&self, account: &AccountKey, message: &Message) -> bool {
        self.runner.is_command(message) && self.may_command(account, message)
    }

    /// Whether the message must not wait for its session's turn.
    fn overtakes(&self, row: &InboundRow) -> bool {
        self.runner.overtakes(&row.message) && self.may_command(&row.account, &row.message)
    }

    /// What the sender may do beside talking, as things are now.
    async fn authority(&self, settings: Option<&Arc<AccountSettings>>, message: &Message) -> Authority {
        let Some(settings) = settings else { return Authority::default() };
        let rules = &settings.commands;
        // Only a command asks who the owner is.
        let approved = match self.runner.is_command(message) && !rules.owners_named {
            true => self.store.owner().await.unwrap_or_else(|error| {
                tracing::warn!(code = error.code(), "who is the owner cannot be read: {error}");
                None
            }),
            false => None,
        };
        rules.authority(&settings.key.channel, &message.sender, approved.as_deref())
    }

    /// Runs the turn and answers. A panic is answered too, so that its messages are not owed for ever.
    async fn answer_in_spite(&self, batch: Batch, stop: &Notify) -> End {
        let asked = batch.asked();
        match self.tasks.survive("a turn", self.answer(batch, asked.clone(), stop)).await {
            Some(end) => end,
            None => {
                self.tasks
                    .survive("the answer to a turn that panicked", self.finish(asked, said(WENT_WRONG)))
                    .await;
                End::Over
            }
        }
    }

    async fn answer(&self, batch: Batch, asked: Asked, stop: &Notify) -> End {
        failpoint!("messaging.lane");
        let Batch { row, route, first, .. } = batch;
        asked.rows.all().for_each(|id| self.reactor.working(id));
        let settings = self.accounts.get(&row.account);
        let typing = Aborting(tokio::spawn(show_typing(
            Arc::clone(&self.sender),
            row.account.clone(),
            asked.target.clone(),
            self.options.typing_every,
        )));
        let heard = match settings.as_ref().map(|settings| settings.history_limit) {
            Some(limit) if limit > 0 && row.message.conversation.kind != ChatKind::Direct => {
                self.heard(&row, first, limit).await
            }
            Some(_) | None => Vec::new(),
        };
        let authority = self.authority(settings.as_ref(), &row.message).await;
        let context = settings.as_ref().map(|settings| settings.context).unwrap_or_default();
        let direct = row.message.conversation.kind == ChatKind::Direct;
        let history_turns = settings
            .as_ref()
            .filter(|_| direct)
            .and_then(|settings| settings.dm_turns(&row.message.sender.id));
        let (writing, previewing) =
            match settings.as_ref().and_then(|settings| self.preview(&row, &asked, settings)) {
                Some((writing, previewing)) => (writing, Some(previewing)),
                None => (Writing::default(), None),
            };
        let request = TurnRequest {
            history_turns,
            inbound: row.id,
            account: row.account.clone(),
            channel_label: settings
                .as_ref()
                .map_or_else(String::new, |settings| settings.words.label.clone()),
            route,
            message: visible(row.message, context),
            received_at: row.received_at,
            heard,
            authority,
            writing,
        };
        let mut turn = std::pin::pin!(self.run(request));
        let reply = tokio::select! {
            reply = &mut turn => Some(reply),
            () = stop.notified() => {
                self.runner.stop(row.id);
                // It ends by itself, or is dropped: either way what it says is not sent.
                drop(tokio::time::timeout(STOP_GRACE, turn).await);
                None
            }
        };
        if let Some(previewing) = previewing {
            previewing.end().await;
        }
        let Some(reply) = reply else { return End::Interrupted };
        drop(typing);
        failpoint!("messaging.turned");
        self.finish(asked, reply).await;
        End::Over
    }

    /// Begins to show the answer while it is written, where that is wanted and possible.
    fn preview(
        &self,
        row: &InboundRow,
        asked: &Asked,
        settings: &AccountSettings,
    ) -> Option<(Writing, Previewing)> {
        let rules = settings.replies.preview.filter(|_| self.sender.can_edit(&row.account))?;
        if self.is_command(&row.account, &row.message) {
            return None;
        }
        let (reply_to, _) = settings.replies.answers(None, &asked.message_id, asked.rows.told_together());
        let direct = row.message.conversation.kind == ChatKind::Direct;
        let preview = Preview {
            store: self.store.clone(),
            sender: Arc::clone(&self.sender),
            tasks: self.tasks.clone(),
            rows: asked.rows.clone(),
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
    async fn heard(&self, row: &InboundRow, first: InboundId, limit: usize) -> Vec<Heard> {
        match self.store.heard(&row.account, &row.message.target(), first, row.id, limit).await {
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
        let Asked { rows, account, agent, target, message_id, reply_context } = asked;
        let (id, together) = (rows.own, rows.told_together());
        let settings = self.accounts.get(&account);
        let (text, tagged) = tags::take(reply.text.as_deref().unwrap_or_default(), &message_id);
        if settings.is_none() {
            tracing::warn!(account = %account, inbound = id.0, "no reply: the account is not configured any more");
        }
        let draft = settings.and_then(|settings| {
            let text = settings.replies.prefixed(&agent, reply.author.as_ref(), text);
            let (reply_to, reply_all) = settings.replies.answers(tagged, &message_id, together);
            let draft = draft(&settings, target.clone(), &text, Vec::new(), &self.options)?;
            Some(Draft { reply_to, reply_all, reply_context, ..draft })
        });
        let replies = draft.is_some();
        let stored = self.close(rows.clone(), reply.session.clone(), draft).await;
        failpoint!("messaging.closed");
        rows.all().for_each(|id| self.reactor.ended(id, reply.failed));
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
    async fn close(&self, rows: TurnRows, session: Option<SessionWrite>, draft: Option<Draft>) -> bool {
        let id = rows.own;
        for attempt in 1.. {
            match self.store.finish_turn(rows.clone(), session.clone(), draft.clone(), now_ms()).await {
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

/// The message with as much of others' words as the turn is to be told.
fn visible(mut message: Message, context: ContextVisibility) -> Message {
    if context == ContextVisibility::Allowlist && !message.reply_to_self {
        message.quote = None;
    }
    message
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
