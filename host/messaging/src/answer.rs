//! Owns the turn of the messages that are told together: what the agent is told beside them, what people see meanwhile, and
//! the end: turn and reply are closed in one transaction. Never decides when a turn begins and never sends an answer.

use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::{failpoint, hurried};
use openclaw_store::{
    AccountKey, ChatKind, ConversationKey, Draft, InboundId, InboundRow, Message, Said, SessionWrite, Store,
    StoreError, TurnRows,
};
use tokio::sync::{Notify, watch};

use crate::accounts::Accounts;
use crate::authority::Authority;
use crate::batch::{Asked, Batch};
use crate::blocks::{self, BLOCKS, BlockRules, Blocks};
use crate::channel::Sender;
use crate::clock::now_ms;
use crate::heard;
use crate::lanes::Lanes;
use crate::outbox::Outbox;
use crate::policy;
use crate::reaction::Reactor;
use crate::runner::{Heard, TurnReply, TurnRequest, TurnRunner};
use crate::settings::{AccountSettings, ContextVisibility, Options};
use crate::sofar::SoFar;
use crate::stream::{Following, Known, Preview, Writing};
use crate::tasks::Tasks;
use crate::typing::Typing;

/// Said when a turn takes too long.
const TIMED_OUT: &str = "⚠️ Request timed out before a response was generated. Please try again, or increase \
                         `agents.defaults.timeoutSeconds` in your config.";
/// Said when a turn panics.
const WENT_WRONG: &str = "⚠️ Something went wrong while processing your request. Please try again, or use /new to start \
                          a fresh session.";
/// How long a turn that is stopped for a newer message may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(500);

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

/// How a turn came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its messages are closed, or nothing can be done about them.
    Over,
    /// A newer message stopped it: its messages are still owed.
    Interrupted,
}

impl Wiring {
    /// Whether whoever said this may give commands.
    fn may_command(&self, account: &AccountKey, message: &Message) -> bool {
        let settings = self.accounts.get(account);
        settings.is_some_and(|settings| settings.commands.may_command(&message.sender))
    }

    /// Whether the message is a command, and not only looks like one.
    pub(crate) fn is_command(&self, account: &AccountKey, message: &Message) -> bool {
        self.may_command(account, message) && self.runner.is_command(message)
    }

    /// Whether the message is one, or holds one.
    pub(crate) fn has_command(&self, account: &AccountKey, message: &Message) -> bool {
        self.may_command(account, message) && self.runner.has_command(message)
    }

    /// Whether the message must not wait for its session's turn.
    pub(crate) fn overtakes(&self, row: &InboundRow) -> bool {
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
    pub(crate) async fn answer_in_spite(&self, batch: Batch, stop: &Notify) -> End {
        let asked = batch.asked();
        match self.tasks.survive("a turn", self.answer(batch, asked.clone(), stop)).await {
            Some(end) => end,
            None => {
                let answer = async {
                    if let Some(said) = self.said_by_now(&asked.rows).await {
                        self.finish(asked, said_by_us(WENT_WRONG), SoFar::from(said)).await;
                    }
                };
                self.tasks.survive("the answer to a turn that panicked", answer).await;
                End::Over
            }
        }
    }

    async fn answer(&self, batch: Batch, asked: Asked, stop: &Notify) -> End {
        failpoint!("messaging.lane");
        let Batch { mut row, route, first, .. } = batch;
        asked.rows.all().for_each(|id| self.reactor.working(id));
        let settings = self.accounts.get(&row.account);
        // Something only if the gateway was killed, and then people have read it. Without knowing it, nothing may be said.
        let Some(mut before) = self.said(&asked.rows).await else { return End::Over };
        match before.blocks {
            0 => before.told.clone_from(&row.message.text),
            // It is told what it was told before: that is what the answer answers.
            _ => row.message.text.clone_from(&before.told),
        }
        let (writing, written, known) = Writing::open();
        let typing = self.typing(&row, &asked, settings.as_deref(), &written);
        let heard = match settings.as_ref().map(|settings| settings.history_limit) {
            Some(limit) if limit > 0 && row.message.conversation.kind != ChatKind::Direct => {
                self.heard(&row, first, limit).await
            }
            Some(_) | None => Vec::new(),
        };
        // Whose words are which is not told any more once several messages are one text: none of them are commands.
        let authority = match asked.rows.told_together() {
            true => Authority::default(),
            false => self.authority(settings.as_ref(), &row.message).await,
        };
        let context = settings.as_ref().map(|settings| settings.context).unwrap_or_default();
        let direct = row.message.conversation.kind == ChatKind::Direct;
        let history_turns = settings
            .as_ref()
            .filter(|_| direct)
            .and_then(|settings| settings.dm_turns(&row.message.sender.id));
        let following = settings
            .as_ref()
            .filter(|_| !self.is_command(&row.account, &row.message))
            .and_then(|settings| self.follow(&row, &asked, settings, &before, &written, &known));
        let (following, rules) = following.unzip();
        let rules: Option<BlockRules> = rules.flatten();
        let instructions =
            settings.as_ref().and_then(|settings| policy::instructions_there(settings, &row.message));
        let request = TurnRequest {
            history_turns,
            instructions,
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
            said: before.text.clone(),
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
        if let Some(following) = following {
            following.end().await;
        }
        let said = match rules.is_some() || before.blocks > 0 {
            true => match self.said_by_now(&asked.rows).await {
                Some(said) => said,
                None => return End::Over,
            },
            false => Said::default(),
        };
        let so_far =
            SoFar { before: before.text, said, outset: known.outset(), author: known.author(), rules };
        let reply = match reply {
            Some(reply) => reply,
            // People have read a part of its answer: it is over, and the newer message is told on its own.
            None if so_far.is_told() => TurnReply::default(),
            None => return End::Interrupted,
        };
        drop(typing);
        failpoint!("messaging.turned");
        self.finish(asked, reply, so_far).await;
        End::Over
    }

    /// Begins to show that an answer is being written, where that is wanted.
    fn typing(
        &self,
        row: &InboundRow,
        asked: &Asked,
        settings: Option<&AccountSettings>,
        written: &watch::Receiver<String>,
    ) -> Option<Aborting<()>> {
        let rules =
            settings.and_then(|settings| settings.typing.get(&asked.agent)).copied().unwrap_or_default();
        let named = settings.is_some_and(|settings| policy::names_agent(settings, &row.message));
        let typing = Typing {
            sender: Arc::clone(&self.sender),
            account: row.account.clone(),
            target: asked.target.clone(),
            every: rules.every.unwrap_or(self.options.typing_every),
        };
        typing.show(rules.mode_for(&row.message, named), written.clone())
    }

    /// Begins to show the answer while it is written, where that is wanted and possible, or to send it in blocks.
    fn follow(
        &self,
        row: &InboundRow,
        asked: &Asked,
        settings: &AccountSettings,
        before: &Said,
        written: &watch::Receiver<String>,
        known: &Arc<Known>,
    ) -> Option<(Following, Option<BlockRules>)> {
        if let Some(preview) = self.preview(row, asked, settings) {
            return Some((preview.begin(written.clone()), None));
        }
        let rules = settings.replies.blocks?;
        let blocks = Blocks {
            store: self.store.clone(),
            accounts: self.accounts.clone(),
            outbox: self.outbox.clone(),
            tasks: self.tasks.clone(),
            options: self.options.clone(),
            asked: asked.clone(),
            rules,
            known: Arc::clone(known),
            said: before.clone(),
        };
        Some((blocks.begin(settings, written.clone()), Some(rules)))
    }

    fn preview(&self, row: &InboundRow, asked: &Asked, settings: &AccountSettings) -> Option<Preview> {
        let rules = settings.replies.preview.filter(|_| self.sender.can_edit(&row.account))?;
        let (reply_to, _) = settings.replies.answers(None, &asked.message_id, asked.rows.told_together());
        let direct = row.message.conversation.kind == ChatKind::Direct;
        Some(Preview {
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
        })
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

    /// What was said of the answer in an earlier life; `None` when the end of this one comes before that is known.
    async fn said(&self, rows: &TurnRows) -> Option<Said> {
        for attempt in 1.. {
            let said = self.store.said(rows).await;
            if let Some(known) = self.known_of(said, rows, attempt).await {
                return known;
            }
        }
        None
    }

    /// The same with what was said in this life.
    async fn said_by_now(&self, rows: &TurnRows) -> Option<Said> {
        for attempt in 1.. {
            let said = self.store.said_by_now(rows).await;
            if let Some(known) = self.known_of(said, rows, attempt).await {
                return known;
            }
        }
        None
    }

    /// `None`: ask again.
    async fn known_of(
        &self,
        said: Result<Said, StoreError>,
        rows: &TurnRows,
        attempt: i64,
    ) -> Option<Option<Said>> {
        match said {
            Ok(said) => Some(Some(said)),
            Err(error) if error.is_transient() => {
                let goes_on = self.tasks.pause_for_store(&self.store, attempt).await;
                (!goes_on).then_some(None)
            }
            Err(error) => {
                let code = error.code();
                tracing::error!(code, inbound = rows.own.0, "what was said is not known: {error}");
                Some(None)
            }
        }
    }

    /// Closes the turn with its reply, or with what is left of it.
    async fn finish(&self, mut asked: Asked, reply: TurnReply, so_far: SoFar) {
        asked.rows.ended.clone_from(&reply.withheld);
        let id = asked.rows.own;
        let settings = self.accounts.get(&asked.account);
        if settings.is_none() {
            tracing::warn!(account = %asked.account, inbound = id.0, "no reply: the account is not configured any more");
        }
        let (text, session) = (so_far.rest(&reply), so_far.session(&reply));
        let draft = settings.and_then(|settings| {
            let (author, later) = (reply.author.as_ref(), so_far.said.blocks > 0);
            // After so many blocks the rest comes at once, and what went wrong does in any case.
            let rules = so_far.rules.filter(|_| so_far.said.blocks < BLOCKS && !reply.failed);
            blocks::part(&settings, &asked, &text, author, later, rules, &self.options)
        });
        let replies = draft.is_some();
        let Asked { rows, account, target, .. } = asked;
        let stored = self.close(rows.clone(), session.clone(), draft).await;
        failpoint!("messaging.closed");
        rows.all().for_each(|id| self.reactor.ended(id, reply.failed));
        if stored && replies {
            self.outbox.wake(&ConversationKey { account, target });
        }
        if let Some(write) = session {
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
                said_by_us(WENT_WRONG)
            }
            Err(_) => {
                tracing::warn!(
                    code = "timeout",
                    inbound = id.0,
                    session,
                    "a turn was stopped after {deadline:?}"
                );
                said_by_us(TIMED_OUT)
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
fn said_by_us(text: &str) -> TurnReply {
    TurnReply { text: Some(text.to_owned()), failed: true, ..TurnReply::default() }
}

/// A task that ends with its holder.
pub(crate) struct Aborting<T>(pub(crate) tokio::task::JoinHandle<T>);

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
