//! Owns where an admitted message waits, and when its turn begins: one at a time in a session. Never decides who is admitted and
//! never runs a turn: `answer` does.
//!
//! The ledger is the queue. Memory holds only so many messages; what does not fit stays in the ledger, its session is
//! remembered as owed, and the next turn of the session looks there. Which messages a turn is told is said by `debounce` and
//! `queue`.

use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::failpoint;
use openclaw_store::{AccountKey, InboundId, InboundRow, Message, QueueMode, Route};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use crate::answer::{End, Wiring};
use crate::batch::Batch;
use crate::debounce::{ALBUM, Added, Key};
use crate::lanes::{LaneError, Ticket};
use crate::queue::{Book, Place, Plan, QueueRules, Running, is_joined};

/// Rows of a session that are read from the ledger at once.
const WINDOW: usize = 256;
/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Turns {
    shared: Arc<Shared>,
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

impl Turns {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self { shared: Arc::new(Shared { wiring, book: Mutex::default() }) }
    }

    /// Whether this message is a command of somebody who may give it.
    pub(crate) fn is_command(&self, account: &AccountKey, message: &Message) -> bool {
        self.shared.wiring.is_command(account, message)
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

    /// Turns of whose answers people have read a part: they are told as they were.
    pub(crate) async fn go_on(&self, begun: Vec<Vec<InboundId>>) {
        let mut book = self.shared.book.lock().await;
        for rows in begun {
            let rows: Arc<[InboundId]> = rows.into();
            book.begun.extend(rows.iter().map(|id| (*id, Arc::clone(&rows))));
        }
    }

    /// The same for several, of which none begins before all wait: what waited together is told together again.
    pub(crate) async fn queue_all(&self, rows: Vec<InboundRow>) {
        let mut book = self.shared.book.lock().await;
        for row in rows {
            let Some(route) = row.route.clone() else { continue };
            failpoint!("messaging.queue");
            // An album has one reaction, as its first piece.
            let piece = row.message.album.is_some() && book.held.has(&Key::of(&row, &route), &row.message);
            if let Some(settings) = self.shared.wiring.accounts.get(&row.account).filter(|_| !piece) {
                self.shared.wiring.reactor.accepted(&row, &settings);
            }
            if !book.known.contains(&row.id) {
                self.queue_one(&mut book, row, route).await;
            }
        }
    }

    async fn queue_one(&self, book: &mut Book, row: InboundRow, route: Route) {
        let wiring = &self.shared.wiring;
        let row = match book.gather(row) {
            Ok(Some(rows)) => return self.line_up(book, rows, true).await,
            Ok(None) => return,
            Err(row) => *row,
        };
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
        let alone = wiring.has_command(&row.account, &row.message);
        let window = wiring.accounts.get(&row.account).map_or(Duration::ZERO, |settings| settings.debounce);
        let (window, waits) = match row.message.album {
            Some(_) => (window.max(ALBUM), true),
            None => (window, !window.is_zero() && is_joined(&row.message)),
        };
        let waits = waits && !alone && book.len() < wiring.options.lanes_total;
        if !(waits && book.held.has(&key, &row.message)) {
            // What this person said before comes first.
            let held = book.held.take(&key);
            if !held.is_empty() {
                self.line_up(book, held, false).await;
            }
        }
        if waits {
            book.known.insert(row.id);
            match book.held.add(key.clone(), row, window, Instant::now()) {
                Added::Begun(number) => wiring.tasks.spawn(self.clone().release(key, number)),
                Added::Joined => {}
                Added::Full(rows) => self.line_up(book, rows, false).await,
            }
            return;
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
        match wiring.store.session_settings(session).await {
            Ok(decided) => rules.with(decided.queue.unwrap_or_default()),
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
        let owed = rows.len() == WINDOW;
        let now = Instant::now();
        for row in rows {
            let Some(route) = row.route.clone() else { continue };
            if book.known.contains(&row.id) {
                continue;
            }
            let place = Place::of(&row, &route);
            let (rows, alone) = match book.gather(row) {
                Ok(Some(rows)) => (rows, true),
                Ok(None) => continue,
                Err(row) => {
                    let alone = wiring.has_command(&row.account, &row.message);
                    (vec![*row], alone)
                }
            };
            book.known.extend(rows.iter().map(|row| row.id));
            if let Some(line) = book.lines.get_mut(session) {
                line.push(place, rows, alone, now);
            }
        }
        if let Some(line) = book.lines.get_mut(session) {
            line.owed = owed;
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
                let alone = |message: &Message| self.shared.wiring.has_command(&account, message);
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
